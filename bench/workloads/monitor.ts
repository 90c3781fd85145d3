import { join } from "node:path";
import { Table as ArrowTable } from "apache-arrow";
import { openSession } from "../../src/engine/session/session.ts";
import { createTable, openTable, type Source, type Table } from "../../src/index.ts";
import { unchecked } from "../../test/support/unchecked-sql.ts";
import { makeParquet, makeRows } from "../data.ts";
import { type BenchContext, contest, type Figure, type Workload } from "../harness.ts";

export const monitorWorkloads: readonly Workload[] = [
  { name: "monitor-append", run: append },
  { name: "monitor-recorded", run: recorded },
];

const rows = 1_000_000;
/** Objects, of which a million would be most of the memory that the run takes. */
const objects = 250_000;

/**
 * Appends with a monitor on commit against the same appends without one: until the append returns, which does not wait
 * for the monitor, and until the monitor and the maintenance are done. How much a monitor adds depends on what the append
 * itself takes, so each kind of source is measured.
 */
async function append({ folder, runs }: BenchContext): Promise<Figure[]> {
  const parquet = await makeParquet(folder, rows);
  const sources = [
    { name: "Parquet", source: { parquet }, count: rows },
    { name: "CSV", source: { csv: await makeCsv(folder, parquet) }, count: rows },
    { name: "Arrow", source: await arrowOf(parquet), count: rows },
    { name: "row objects", source: makeRows(objects), count: objects },
  ];
  const figures: Figure[] = [];
  for (const [index, { name, source, count }] of sources.entries())
    figures.push(...(await appendOf({ folder: join(folder, String(index)), runs }, name, { source, count })));
  return figures;
}

interface Appended {
  readonly source: Source;
  readonly count: number;
}

async function appendOf(
  { folder, runs }: BenchContext,
  name: string,
  { source, count }: Appended,
): Promise<Figure[]> {
  const made = async (kind: string): Promise<Table> => createTable(join(folder, kind), { source });
  const settled = async (table: Table) => {
    const [warning] = (await table.settled()).flatMap(({ warnings }) => warnings);
    if (warning !== undefined) throw new Error(warning.message);
  };
  const appended = async (table: Table) => {
    await table.append(source);
    await settled(table);
  };
  await using watched = await made("watched");
  await using plain = await made("plain");
  await watched.monitors.create({ name: "m", baseline: { version: 0 }, on: "commit" });
  // The first comparison makes the bins, and reads them for the next.
  for (let run = 0; run < 2; run++) for (const table of [watched, plain]) await appended(table);
  const whole = await contest(runs, { subject: () => appended(watched), baseline: () => appended(plain) });
  const until = await contest(runs, {
    subject: () => watched.append(source),
    baseline: () => plain.append(source),
    afterwards: () => Promise.all([watched, plain].map(settled)),
  });
  const note = `${count.toLocaleString("en")} rows of ten columns`;
  return [
    {
      what: `append from ${name} with a monitor on commit, until the append returns`,
      seconds: until.subject,
      baseline: { what: "without", seconds: until.baseline },
      limit: { atMost: 1.15 },
      note,
    },
    {
      what: `append from ${name} with a monitor on commit, the monitor's work included`,
      seconds: whole.subject,
      baseline: { what: "without", seconds: whole.baseline },
      processor: whole.processor,
      note,
    },
  ];
}

async function makeCsv(folder: string, parquet: string): Promise<string> {
  const file = join(folder, "facts.csv");
  await using session = await openSession();
  await session.execute(
    unchecked(`COPY (SELECT * FROM read_parquet('${parquet}')) TO '${file}' (FORMAT csv, HEADER)`),
  );
  return file;
}

async function arrowOf(parquet: string): Promise<ArrowTable> {
  await using session = await openSession();
  const batches = [];
  for await (const batch of session.arrow(unchecked(`SELECT * FROM read_parquet('${parquet}')`)))
    batches.push(batch);
  return new ArrowTable(batches);
}

/** A comparison of recorded counts of 100 columns, by another definition, so that it is not read but made. */
async function recorded({ folder, runs }: BenchContext): Promise<Figure[]> {
  const wide = Array.from({ length: 2_000 }, (_, row) =>
    Object.fromEntries(
      Array.from({ length: 100 }, (_, column) => [`c${column}`, (row * (column + 7)) % 997]),
    ),
  );
  const uri = join(folder, "recorded");
  {
    await using table = await createTable(uri, { source: wide });
    await table.append(wide);
    await table.monitors.create({ name: "m", baseline: { version: 0 } });
    await table.monitors.run("m");
  }
  let effect = 0.1;
  const seconds = await contest(runs, {
    subject: async () => {
      await using table = await openTable(uri);
      effect += 0.001;
      const found = await table.monitors.run({ name: "m", baseline: { version: 0 }, thresholds: { effect } });
      if (found.outcome !== "recorded") throw new Error(found.outcome);
    },
    baseline: async () => {
      await using table = await openTable(uri);
      await table.count();
    },
  });
  return [
    {
      what: "comparison of recorded versions",
      seconds: seconds.subject,
      baseline: { what: "opening the table and counting", seconds: seconds.baseline },
      processor: seconds.processor,
      note: "100 columns; the result is recorded, too",
    },
  ];
}
