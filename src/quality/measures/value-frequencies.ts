import type { Session } from "../../engine/core/contract.ts";
import { joinSql, type SqlSelect, sql } from "../../sql/sql.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { toNumber } from "../model/expectation.ts";

/** A number and how often it occurs. */
export interface ValueFrequency {
  readonly value: number;
  readonly count: number;
}

/** Up to so many different numbers of a column are kept as they are; quantiles of more are estimated. */
export const mostFrequencies = 100;

/**
 * The finite numbers of some columns in ascending order, each with how often it occurs; `null` for a column of
 * more than {@link mostFrequencies} different ones.
 */
export async function valueFrequencies(
  session: Session,
  relation: SqlSelect,
  columns: readonly string[],
): Promise<(readonly ValueFrequency[] | null)[]> {
  if (columns.length === 0) return [];
  const values = joinSql(columns.map((column) => sql`CAST(${duckdbDialect.identifier(column)} AS DOUBLE)`));
  const each = sql`SELECT unnest([${values}]) AS x, unnest(range(${columns.length})) AS c FROM (${relation})`;
  const rows = await session.rows(
    sql`SELECT c, x + 0 AS x, count(*) AS n FROM (${each}) WHERE isfinite(x) GROUP BY c, x + 0 ORDER BY c, x`,
  );
  const found = columns.map((): ValueFrequency[] => []);
  for (const row of rows)
    found[toNumber(row["c"]) ?? 0]?.push({ value: toNumber(row["x"]) ?? 0, count: toNumber(row["n"]) ?? 0 });
  return found.map(bounded);
}

/** The frequencies of the numbers of both. */
export function mergeFrequencies(
  one: readonly ValueFrequency[],
  other: readonly ValueFrequency[],
): readonly ValueFrequency[] | null {
  const counts = new Map<number, number>();
  for (const { value, count } of [...one, ...other]) counts.set(value, (counts.get(value) ?? 0) + count);
  return bounded([...counts].map(([value, count]) => ({ value, count })).sort((a, b) => a.value - b.value));
}

function bounded(frequencies: readonly ValueFrequency[]): readonly ValueFrequency[] | null {
  return frequencies.length > mostFrequencies ? null : frequencies;
}
