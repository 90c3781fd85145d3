import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { openSession } from "../../src/engine/session/session.ts";
import { createTable, driftBaseline } from "../../src/index.ts";
import { unchecked } from "../../test/support/unchecked-sql.ts";
import type { BenchContext, Figure, Workload } from "../harness.ts";

/** Values of each table; `VARVE_BENCH_ROWS` sets the rows of the narrow one. */
const rows = Number(process.env["VARVE_BENCH_ROWS"] ?? 2_000_000);

interface Shape {
  readonly rows: number;
  readonly numbers: number;
  readonly texts: number;
}

/**
 * Two versions of a table compared, beside Evidently's preset and NannyML's default methods: each in a process of
 * its own, from its start to the verdict. One with many rows, one with many columns.
 */
export const driftWorkloads: readonly Workload[] = [
  {
    name: "drift-rows",
    run: (context) => besidePeers(context, { rows, numbers: 6, texts: 4 }),
  },
  {
    name: "drift-columns",
    run: (context) => besidePeers(context, { rows: Math.ceil(rows / 10), numbers: 60, texts: 40 }),
  },
  { name: "drift-stored", run: (context) => storedBaseline(context, { rows, numbers: 6, texts: 4 }) },
];

/**
 * A file against a baseline that is stored as JSON, and a new version of a table against the bins and counts that its
 * monitor keeps of the baseline, where the result is recorded, too.
 */
async function storedBaseline({ folder, runs }: BenchContext, shape: Shape): Promise<Figure[]> {
  const files = [await makeVersion(folder, shape, 0), await makeVersion(folder, shape, 1_000_003)] as const;
  const uri = join(folder, "watched");
  {
    await using table = await createTable(uri, { source: { parquet: files[0] } });
    // one version for the bins, and one for each run
    for (let version = 0; version <= runs; version++) await table.append({ parquet: files[1] });
    await table.monitors.create({ name: "m", baseline: { version: 0 } });
  }
  const job = fileURLToPath(new URL("drift-job.mjs", import.meta.url));
  const versions: Outcome[] = [];
  for (let version = 1; version <= runs + 1; version++)
    versions.push(await outcomeOf(process.execPath, [job, `${uri}@v${version}`]));
  const json = join(folder, "baseline.json");
  await writeFile(json, JSON.stringify(await driftBaseline({ parquet: files[0] })));
  const stored: Outcome[] = [];
  for (let run = 0; run < runs; run++) stored.push(await outcomeOf(process.execPath, [job, json, files[1]]));
  const figure = (what: string, outcomes: readonly Outcome[]): Figure => {
    const median = medianOutcome(outcomes);
    const { seconds, columns, processor } = median;
    const note = `${shape.rows.toLocaleString("en")} rows, ${columns} columns, ${memory(median)}, ${processor.toFixed(2)} s of CPU`;
    return { what, seconds, note };
  };
  return [
    figure("drift of a version, baseline stored", versions.slice(1)),
    figure("drift of a file, baseline as JSON", stored),
  ];
}

/** What a process says of itself. */
interface Outcome {
  readonly seconds: number;
  readonly processor: number;
  readonly peakBytes: number;
  readonly columns: number;
}

const peers = [
  { name: "Evidently's preset", argument: "evidently", atLeast: 50 },
  { name: "NannyML", argument: "nannyml", atLeast: 10 },
] as const;

async function besidePeers({ folder, runs }: BenchContext, shape: Shape): Promise<Figure[]> {
  const files = [await makeVersion(folder, shape, 0), await makeVersion(folder, shape, 1_000_003)];
  const job = fileURLToPath(new URL("drift-job.mjs", import.meta.url));
  const own: Outcome[] = [];
  for (let run = 0; run < runs; run++) own.push(await outcomeOf(process.execPath, [job, ...files]));
  const varve = medianOutcome(own);
  const note = `2 × ${shape.rows.toLocaleString("en")} rows, ${shape.numbers + shape.texts} columns`;
  const figure = { what: "drift of two files", seconds: varve.seconds };
  const python = process.env["VARVE_DRIFT_PYTHON"];
  if (python === undefined) {
    console.error("drift: Evidently and NannyML are not installed (name a Python in VARVE_DRIFT_PYTHON)");
    return [{ ...figure, note: `${note}, ${memory(varve)}, ${varve.processor.toFixed(2)} s of CPU` }];
  }
  const script = fileURLToPath(new URL("../drift_peers.py", import.meta.url));
  const figures: Figure[] = [];
  for (const { name, argument, atLeast } of peers) {
    const theirs = await outcomeOf(python, [script, argument, ...files]);
    if (theirs.columns !== varve.columns)
      throw new Error(`${name} compared ${theirs.columns} columns, varve ${varve.columns}`);
    figures.push({
      ...figure,
      baseline: { what: name, seconds: theirs.seconds },
      processor: { seconds: varve.processor, baseline: theirs.processor },
      limit: { atLeast },
      note: `${note}, ${memory(varve)} against ${memory(theirs)}`,
    });
  }
  return figures;
}

function memory({ peakBytes }: Outcome): string {
  return `${(peakBytes / 1e6).toFixed(0)} MB`;
}

/** The run with the median of processor seconds. */
function medianOutcome(outcomes: readonly Outcome[]): Outcome {
  const sorted = outcomes.toSorted((a, b) => a.processor - b.processor);
  const middle = sorted[sorted.length >> 1];
  if (middle === undefined) throw new Error("a workload needs at least one run");
  return middle;
}

/** Runs a process whose last line says what it took. */
async function outcomeOf(command: string, parameters: readonly string[]): Promise<Outcome> {
  const child = spawn(command, parameters, {
    // the peers warn of much
    stdio: ["ignore", "pipe", command === process.execPath ? "inherit" : "ignore"],
  });
  let last = "";
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith("{")) last = line;
  if (last === "") throw new Error(`no answer of: ${[command, ...parameters].join(" ")}`);
  return JSON.parse(last) as Outcome;
}

/** A Parquet file; of the second version, a sixth of the numbers has moved. */
async function makeVersion(folder: string, shape: Shape, seed: number): Promise<string> {
  const file = join(folder, `drift-${shape.numbers}-${seed}.parquet`);
  const numbers = Array.from({ length: shape.numbers }, (_, index) => numberColumn(index, seed));
  const texts = Array.from({ length: shape.texts }, (_, index) => textColumn(index, seed));
  await using session = await openSession();
  await session.execute(
    unchecked(
      `COPY (SELECT ${[...numbers, ...texts].join(", ")} FROM range(${shape.rows}) t(i)) TO '${file}' (FORMAT parquet)`,
    ),
  );
  return file;
}

function share(column: number, seed: number): string {
  return `((hash(i * 31 + ${column * 7919 + seed}) % 1000000) / 1e6)`;
}

/** Uniform, normal, log-normal, whole, few-valued and zero-inflated numbers. */
function numberColumn(index: number, seed: number): string {
  const [first, second] = [share(index, seed), share(index + 1_000, seed)];
  const normal = `(sqrt(-2 * ln(1 - ${first})) * cos(2 * pi() * ${second}))`;
  const kinds = [
    first,
    `${normal} + ${seed === 0 ? 0 : 0.3}`,
    `exp(${normal})`,
    `CAST(${first} * 100000 AS INTEGER)`,
    `CAST(${first} * 15 AS INTEGER)`,
    `CASE WHEN ${first} < 0.3 THEN 0 ELSE round(${second} * 1000, 2) END`,
  ];
  return `${kinds[index % kinds.length]} AS n${index}`;
}

/** Texts of 5, 300 and 900 values, and of 12 with nulls. */
function textColumn(index: number, seed: number): string {
  const value = share(index + 2_000, seed);
  const kinds = [
    `'c' || floor(${value} * 5)`,
    `'city ' || floor(${value} * 300)`,
    `'product ' || floor(${value} ** 3 * 900)`,
    `CASE WHEN ${value} < 0.05 THEN NULL ELSE 'k' || floor(${value} * 12) END`,
  ];
  return `${kinds[index % kinds.length]} AS t${index}`;
}
