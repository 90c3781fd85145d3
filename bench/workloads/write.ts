import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import parquetjs from "parquetjs-lite";
import { openSession } from "../../src/engine/session/session.ts";
import { createTable } from "../../src/index.ts";
import type { Suite } from "../../src/quality/model/suite.ts";
import { check, suite } from "../../src/quality/suite/builder.ts";
import { unchecked } from "../../test/support/unchecked-sql.ts";
import { makeParquet, makeRows } from "../data.ts";
import { type BenchContext, contest, type Figure, type Workload } from "../harness.ts";

const millions = 3_000_000;

/** Ten checks of single rows, of the kinds that suites are made of. */
const tenRowChecks = suite("bench", [
  check.notNull("id"),
  check.notNull("placed"),
  check.between("amount", { min: 0, max: 99_999 }),
  check.between("price", { min: 0, max: 1100 }, { onFail: "quarantine" }),
  check.oneOf(
    "class",
    Array.from({ length: 12 }, (_, at) => `class ${at}`),
    { onFail: "quarantine" },
  ),
  check.matches("reference", "^order [0-9a-f]+$", { onFail: "quarantine" }),
  check.notNull("paid"),
  check.between("share", { min: 0, max: 1000 }),
  check.sql("discount IS NULL OR discount < 50000"),
  check.sql("price >= 0 OR amount = 0"),
]);

export const writeWorkloads: readonly Workload[] = [
  { name: "append-parquet", run: (context) => appendParquet(context, undefined, 1.3) },
  { name: "append-gate", run: (context) => appendParquet(context, tenRowChecks, 1.8) },
  { name: "append-rows", run: appendRows },
];

/** Appends a Parquet file against the engine's own COPY of the same rows with statistics. */
async function appendParquet(
  { folder, runs }: BenchContext,
  gate: Suite | undefined,
  limit: number,
): Promise<Figure[]> {
  const file = await makeParquet(folder, millions);
  const table = await createTable(join(folder, "table"), { source: { parquet: file } });
  const seconds = await contest(runs, {
    subject: () => table.append({ parquet: file }, gate === undefined ? {} : { gate }),
    baseline: async (run) => {
      const target = join(folder, `copy-${run}.parquet`);
      const session = await openSession();
      await session.execute(
        unchecked(
          `COPY (SELECT * FROM read_parquet('${file}')) TO '${target}' (FORMAT parquet, RETURN_STATS)`,
        ),
      );
      await session.close();
    },
  });
  await table.close();
  const what = gate === undefined ? "append of a Parquet file" : "append with ten row checks";
  return [
    {
      what,
      seconds: seconds.subject,
      baseline: { what: "engine COPY … TO", seconds: seconds.baseline },
      processor: seconds.processor,
      limit: { atMost: limit },
      note: `${millions.toLocaleString("en")} rows`,
    },
  ];
}

/** Appends row objects against parquetjs-lite writing them to one file. */
async function appendRows({ folder, runs }: BenchContext): Promise<Figure[]> {
  const rows = makeRows(200_000);
  await mkdir(join(folder, "plain"));
  const table = await createTable(join(folder, "table"), { source: rows.slice(0, 10) });
  let written = 0;
  const seconds = await contest(runs, {
    subject: () => table.append(rows),
    baseline: async () => {
      if (written++ > 0) await writeWithParquetjs(join(folder, "plain", "rows.parquet"), rows);
    },
  });
  await table.close();
  return [
    {
      what: "append of row objects",
      seconds: seconds.subject,
      baseline: { what: "parquetjs-lite", seconds: seconds.baseline },
      processor: seconds.processor,
      limit: { atLeast: 15 },
      note: "200,000 rows",
    },
  ];
}

async function writeWithParquetjs(file: string, rows: readonly Record<string, unknown>[]): Promise<void> {
  const schema = new parquetjs.ParquetSchema({
    id: { type: "INT64" },
    placed: { type: "TIMESTAMP_MILLIS" },
    amount: { type: "INT64" },
    price: { type: "DOUBLE" },
    class: { type: "UTF8" },
    customer: { type: "UTF8" },
    reference: { type: "UTF8" },
    paid: { type: "BOOLEAN" },
    share: { type: "DOUBLE" },
    discount: { type: "INT64", optional: true },
  });
  const writer = await parquetjs.ParquetWriter.openFile(schema, file);
  for (const row of rows)
    await writer.appendRow(row["discount"] === null ? { ...row, discount: undefined } : row);
  await writer.close();
}
