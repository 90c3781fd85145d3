import { join } from "node:path";
import { openSession } from "../src/engine/session/session.ts";
import { unchecked } from "../test/support/unchecked-sql.ts";

/**
 * Columns of a realistic fact table, made from the row number alone: keys, times, measures, texts of few,
 * some and many values, nulls.
 *
 * Ten columns: int64, timestamp, int32, double, three texts, boolean, float, int32 with nulls.
 */
export const factColumns = (i: string): string => `${i} AS id,
  TIMESTAMPTZ '2024-01-01 00:00:00Z' + to_microseconds(${i} * 1000003) AS placed,
  (${i} * 7919 % 100000)::INTEGER AS amount,
  (hash(${i}) % 1000000) / 997.0 AS price,
  'class ' || (hash(${i}) % 12) AS class,
  'customer number ' || (hash(${i} + 1) % 200) AS customer,
  'order ' || md5(${i}::VARCHAR)[:18] AS reference,
  ${i} % 3 = 0 AS paid,
  ((${i} % 1000) / 7.0)::FLOAT AS share,
  CASE WHEN ${i} % 5 = 0 THEN NULL ELSE (${i} % 50000)::INTEGER END AS discount`;

/** Writes `rows` rows to one Parquet file and returns its name. */
export async function makeParquet(folder: string, rows: number): Promise<string> {
  const file = join(folder, `facts-${rows}.parquet`);
  const session = await openSession();
  try {
    await session.execute(
      unchecked(`COPY (SELECT ${factColumns("i")} FROM range(${rows}) t(i)) TO '${file}' (FORMAT parquet)`),
    );
  } finally {
    await session.close();
  }
  return file;
}

/** Row objects with the columns of {@link makeParquet}, as a program would hold them. */
export function makeRows(count: number): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, i) => ({
    id: i,
    placed: new Date(1_704_067_200_000 + i * 1000),
    amount: (i * 7919) % 100_000,
    price: ((i * 31) % 1_000_000) / 997,
    class: `class ${i % 12}`,
    customer: `customer number ${(i * 17) % 200}`,
    reference: `order ${(i * 2_654_435_761).toString(16).padStart(18, "0")}`,
    paid: i % 3 === 0,
    share: (i % 1000) / 8,
    discount: i % 5 === 0 ? null : i % 50_000,
  }));
}
