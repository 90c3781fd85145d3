import type { Relation, Session } from "../../engine/core/contract.ts";
import { sql } from "../../sql/sql.ts";
import type { JsonValue } from "../../util/json.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { toJson, toNumber } from "../model/expectation.ts";

/** One value and the number of rows that have it; null counts as a value here. */
export interface ValueCount {
  readonly value: JsonValue;
  readonly count: number;
}

/** Equal-width bins [a, b), the last one closed; `edges` has one more item than `frequencies`. */
export interface BinnedHistogram {
  readonly edges: readonly number[];
  readonly frequencies: readonly number[];
}

/** The most frequent values of a column, null as a bin of its own, at most `limit` of them. */
export async function valueHistogram(
  session: Session,
  relation: Relation,
  column: string,
  limit = 1000,
): Promise<ValueCount[]> {
  const name = duckdbDialect.identifier(column);
  const rows = await session.rows(
    sql`SELECT ${name} AS value, count(*) AS n FROM (${relation.sql}) GROUP BY ${name} ORDER BY n DESC, value LIMIT ${limit}`,
  );
  return rows.map((row) => ({ value: toJson(row["value"]), count: toNumber(row["n"]) ?? 0 }));
}

/**
 * Counts of a numeric column in equal-width bins between its finite extremes; `null` if it has no finite
 * value.
 */
export async function binnedHistogram(
  session: Session,
  relation: Relation,
  column: string,
  bins: number,
): Promise<BinnedHistogram | null> {
  const value = duckdbDialect.toDouble(duckdbDialect.identifier(column));
  const finite = sql`SELECT ${value} AS v FROM (${relation.sql}) WHERE ${duckdbDialect.identifier(column)} IS NOT NULL AND isfinite(${value})`;
  const [extremes] = await session.rows(sql`SELECT min(v) AS low, max(v) AS high FROM (${finite})`);
  const [low, high] = [toNumber(extremes?.["low"]), toNumber(extremes?.["high"])];
  if (low === null || high === null) return null;
  const width = (high - low) / bins;
  const bin =
    width === 0
      ? sql`0`
      : sql`least(${bins - 1}, CAST(floor((v - CAST(${low} AS DOUBLE)) / CAST(${width} AS DOUBLE)) AS INTEGER))`;
  const rows = await session.rows(sql`SELECT ${bin} AS bin, count(*) AS n FROM (${finite}) GROUP BY bin`);
  const frequencies = Array.from({ length: width === 0 ? 1 : bins }, () => 0);
  for (const row of rows) frequencies[toNumber(row["bin"]) ?? 0] = toNumber(row["n"]) ?? 0;
  const edges =
    width === 0
      ? [low, high]
      : Array.from({ length: bins + 1 }, (_, index) => (index === bins ? high : low + index * width));
  return { edges, frequencies };
}
