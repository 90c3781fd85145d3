import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createTable, runSuite } from "../../src/index.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { makeParquet } from "../data.ts";
import { type BenchContext, contest, type Figure, medianSeconds, type Workload } from "../harness.ts";

const rows = 2_000_000;
const classes = Array.from({ length: 12 }, (_, at) => `class ${at}`);

/** Twenty checks of every sort; `quality_gx.py` and `quality_deequ.py` have the same for other tools. */
const twentyChecks = suite("bench", [
  check.notNull("id"),
  check.notNull("placed"),
  check.unique("id"),
  check.between("amount", { min: 0, max: 99_999 }),
  check.between("price", { min: 0, max: 1100 }),
  check.oneOf("class", classes),
  check.noneOf("customer", ["nobody", ""]),
  check.matches("reference", "^order [0-9a-f]+$"),
  check.length("reference", { min: 10, max: 30 }),
  check.notNull("paid"),
  check.between("share", { min: 0, max: 1000 }),
  check.between("discount", { min: 0, max: 49_999 }),
  check.greater("id", "discount", { orEqual: true, mostly: 0.5 }),
  check.rowCount({ min: 1 }),
  check.columns([
    "id",
    "placed",
    "amount",
    "price",
    "class",
    "customer",
    "reference",
    "paid",
    "share",
    "discount",
  ]),
  check.measure("mean", "price", { min: 100, max: 1000 }),
  check.measure("stdev", "price", { min: 1 }),
  check.measure("max", "amount", { max: 99_999 }),
  check.measure("unique_value_count", "customer", { max: 200 }),
  check.expect("expect_column_distinct_values_to_be_in_set", { column: "class", value_set: classes }),
]);

export const qualityWorkloads: readonly Workload[] = [{ name: "quality-twenty-checks", run: twentyOnAppend }];

async function twentyOnAppend({ folder, runs }: BenchContext): Promise<Figure[]> {
  const file = await makeParquet(folder, rows);
  const table = await createTable(join(folder, "table"), { source: { parquet: file } });
  const seconds = await contest(runs, {
    subject: () => table.append({ parquet: file }, { gate: twentyChecks }),
    baseline: () => table.append({ parquet: file }),
  });
  await table.close();
  const note = `${rows.toLocaleString("en")} rows of ten columns`;
  const figures: Figure[] = [
    {
      what: "append with twenty mixed checks",
      seconds: seconds.subject,
      baseline: { what: "the same append without", seconds: seconds.baseline },
      processor: seconds.processor,
      limit: { atMost: 1.4 },
      note,
    },
  ];
  return [...figures, ...(await besideOthers({ folder, runs }, file, note))];
}

/** What other tools take for the same checks of the same rows, in processes of their own. */
interface Peer {
  readonly name: string;
  readonly script: string;
  /** How many of the script's checks have to pass. */
  readonly checks: number;
  readonly atLeast: number;
}

const peers: readonly Peer[] = [
  { name: "Great Expectations on pandas", script: "quality_gx.py", checks: 20, atLeast: 20 },
  {
    name: "PyDeequ on Spark, without the check of column names",
    script: "quality_deequ.py",
    checks: 20,
    atLeast: 10,
  },
];

/**
 * Warm: the checks alone, in a process that has run them before; varve and Deequ read the file, Great
 * Expectations has its rows in memory. Cold: from the start of a process to its first verdict, for all of
 * them.
 */
async function besideOthers({ folder, runs }: BenchContext, file: string, note: string): Promise<Figure[]> {
  const python = process.env["VARVE_GX_PYTHON"];
  if (python === undefined) {
    console.error(
      "quality-twenty-checks: without the other tools (name a Python that has them in VARVE_GX_PYTHON)",
    );
    return [];
  }
  const suiteFile = join(folder, "suite.json");
  await writeFile(suiteFile, JSON.stringify(twentyChecks.json));
  const started = process.cpuUsage();
  const warm = await medianSeconds(runs, () => runSuite(twentyChecks, { parquet: file }));
  const used = process.cpuUsage(started);
  const processor = (used.user + used.system) / 1e6 / (runs + 1);
  const cold = await medianSeconds(runs, () => checkInProcess(suiteFile, file));
  const figures: Figure[] = [];
  for (const peer of peers) {
    const theirs = await secondsOfPeer(python, peer, file);
    figures.push(
      {
        what: "the checks alone, warm",
        seconds: warm,
        baseline: { what: `${peer.name}, warm`, seconds: theirs.warm },
        processor: { seconds: processor, baseline: theirs.processor },
        limit: { atLeast: peer.atLeast },
        note,
      },
      {
        what: "varve check, cold",
        seconds: cold,
        baseline: { what: `${peer.name}, cold`, seconds: theirs.cold },
        limit: { atLeast: 1 },
        note,
      },
    );
  }
  return figures;
}

/** The command line as its users run it. */
async function checkInProcess(suiteFile: string, file: string): Promise<void> {
  const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
  const child = spawn(process.execPath, [main, "check", suiteFile, file], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`varve check ended with code ${String(code)}`);
}

interface PeerSeconds {
  readonly cold: number;
  readonly warm: number;
  /** Of the warm validation, all threads and processes. */
  readonly processor: number;
}

/**
 * Runs a peer's script, which validates three times: until the first verdict from its start, and the last
 * validation alone.
 */
async function secondsOfPeer(python: string, peer: Peer, file: string): Promise<PeerSeconds> {
  const script = fileURLToPath(new URL(`../${peer.script}`, import.meta.url));
  const start = performance.now();
  const child = spawn(python, [script, file], { stdio: ["ignore", "pipe", "ignore"] });
  let cold = 0;
  let warm = 0;
  let processor = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{"seconds"')) continue;
    const { seconds, passed, ...rest } = JSON.parse(line) as {
      readonly seconds: number;
      readonly processor: number;
      readonly passed: number;
    };
    if (passed !== peer.checks)
      throw new Error(`${peer.name} passed ${passed} of ${peer.checks} checks: the suites are not the same`);
    if (cold === 0) cold = (performance.now() - start) / 1000;
    warm = seconds;
    processor = rest.processor;
  }
  if (cold === 0) throw new Error(`${peer.name} gave no verdict; run ${script} to see why`);
  return { cold, warm, processor };
}
