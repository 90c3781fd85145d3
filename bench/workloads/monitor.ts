import { join } from "node:path";
import { createTable, openTable, type Table } from "../../src/index.ts";
import { makeParquet } from "../data.ts";
import { type BenchContext, contest, type Figure, type Workload } from "../harness.ts";

export const monitorWorkloads: readonly Workload[] = [
  { name: "monitor-append", run: append },
  { name: "monitor-recorded", run: recorded },
];

const rows = 1_000_000;

/** An append with a monitor on commit, its maintenance included, against the same append without one. */
async function append({ folder, runs }: BenchContext): Promise<Figure[]> {
  const file = { parquet: await makeParquet(folder, rows) };
  const made = async (name: string, isWatched: boolean): Promise<Table> => {
    const table = await createTable(join(folder, name), { source: file });
    if (!isWatched) return table;
    await table.monitors.create({ name: "m", baseline: { version: 0 }, on: "commit" });
    // The first comparison makes the bins.
    await table.append(file);
    await table.settled();
    return table;
  };
  await using watched = await made("watched", true);
  await using plain = await made("plain", false);
  const appended = async (table: Table) => {
    await table.append(file);
    await table.settled();
  };
  const seconds = await contest(runs, {
    subject: () => appended(watched),
    baseline: () => appended(plain),
  });
  return [
    {
      what: "append with a monitor on commit",
      seconds: seconds.subject,
      baseline: { what: "without", seconds: seconds.baseline },
      processor: seconds.processor,
      limit: { atMost: 1.15 },
      note: "1,000,000 rows of ten columns, the monitor's work included",
    },
  ];
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
