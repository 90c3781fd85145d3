import { join } from "node:path";
import { openSession } from "../../src/engine/session/session.ts";
import { createTable } from "../../src/index.ts";
import { unchecked } from "../../test/support/unchecked-sql.ts";
import { makeParquet } from "../data.ts";
import { type BenchContext, contest, type Figure, type Workload } from "../harness.ts";

export const readWorkloads: readonly Workload[] = [
  { name: "aggregate-as-of", run: aggregate },
  { name: "arrow-out", run: arrowOut },
  { name: "arrow-memory", run: arrowMemory },
];

const grouped =
  "SELECT class, count(*) AS n, sum(amount) AS amount, avg(price) AS price, max(placed) AS last FROM t GROUP BY class ORDER BY class";

/** An aggregate over a version that is not the newest, against the engine over the same data files. */
async function aggregate({ folder, runs }: BenchContext): Promise<Figure[]> {
  const file = await makeParquet(folder, 2_000_000);
  const table = await createTable(join(folder, "table"), { source: { parquet: file } });
  for (let version = 1; version < 6; version++) await table.append({ parquet: file });
  const past = await table.at(3);
  const paths: string[] = [];
  for await (const files of (await past.log.files()).all())
    for (const add of files) paths.push(await past.log.context.localFile(add.path));
  const session = await openSession();
  const seconds = await contest(runs, {
    subject: async () => {
      for await (const row of (await past.sql(grouped)).rows())
        if (row["n"] === 0n) throw new Error("an empty group");
    },
    baseline: () =>
      session.rows(
        unchecked(
          grouped.replace("FROM t", `FROM read_parquet([${paths.map((path) => `'${path}'`).join(", ")}])`),
        ),
      ),
  });
  await session.close();
  await table.close();
  return [
    {
      what: "aggregate as of a version",
      seconds: seconds.subject,
      baseline: { what: "engine over the same files", seconds: seconds.baseline },
      processor: seconds.processor,
      limit: { atMost: 1.2 },
      note: "8,000,000 rows in 4 files",
    },
  ];
}

/** All rows as Arrow batches, against the engine reading them into its own memory. */
async function arrowOut({ folder, runs }: BenchContext): Promise<Figure[]> {
  const rows = 2_000_000;
  const file = await makeParquet(folder, rows);
  const table = await createTable(join(folder, "table"), { source: { parquet: file } });
  const version = table.snapshot();
  const session = await openSession();
  const seconds = await contest(runs, {
    subject: async () => {
      let read = 0;
      for await (const batch of version.batches()) read += batch.numRows;
      if (read !== rows) throw new Error(`${read} rows came out`);
    },
    baseline: () => session.execute(unchecked(`SELECT * FROM read_parquet('${file}')`)),
  });
  await session.close();
  await table.close();
  return [
    {
      what: "rows out as Arrow",
      seconds: seconds.subject,
      baseline: { what: "engine's own read", seconds: seconds.baseline },
      processor: seconds.processor,
      limit: { atMost: 3 },
      note: "2,000,000 rows of ten columns",
    },
  ];
}

/**
 * Peak memory of reading batches one by one must not grow with the table: the heap and buffers beside the
 * engine's own limit.
 */
async function arrowMemory({ folder }: BenchContext): Promise<Figure[]> {
  const figures: Figure[] = [];
  const peaks: number[] = [];
  for (const rows of [1_000_000, 6_000_000]) {
    const file = await makeParquet(folder, rows);
    const table = await createTable(join(folder, `table-${rows}`), {
      source: { parquet: file },
      memoryLimit: 256e6,
    });
    let peak = 0;
    for await (const batch of table.snapshot().batches()) {
      if (batch.numRows === 0) throw new Error("an empty batch");
      const { heapUsed, external } = process.memoryUsage();
      peak = Math.max(peak, heapUsed + external);
    }
    peaks.push(peak);
    await table.close();
  }
  const [small = 0, large = 0] = peaks;
  figures.push({
    what: "GB of JavaScript memory at most while batches of 6,000,000 rows pass",
    seconds: large / 1e9,
    baseline: { what: "of 1,000,000 rows", seconds: small / 1e9 },
    limit: { atMost: 1.5 },
  });
  return figures;
}
