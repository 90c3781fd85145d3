import type { Session } from "../../engine/core/contract.ts";
import { joinSql, type SqlSelect, sql } from "../../sql/sql.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { toNumber } from "../model/expectation.ts";

/**
 * Number of values in one bucket: magnitudes above γ^(index-1) and up to γ^index, where γ is 1.01/0.99; with
 * `sign` 0, values next to zero.
 */
export interface QuantileBucket {
  /** -1, 0 or 1. */
  readonly sign: number;
  readonly index: number;
  readonly count: number;
}

/**
 * A DDSketch of finite numbers (Masson et al. 2019): a quantile read from it is off by at most one percent of
 * its value. Buckets of parts add up exactly to the buckets of all. Magnitudes below 1e-12 count as zero, and
 * so do the smallest magnitudes beyond 2,048 buckets.
 */
export type QuantileSketch = readonly QuantileBucket[];

const accuracy = 0.01;
const gamma = (1 + accuracy) / (1 - accuracy);
const nextToZero = 1e-12;
const mostBuckets = 2048;

/** Sketches the finite values of one numeric column of a relation. */
export async function sketchQuantiles(
  session: Session,
  relation: SqlSelect,
  column: string,
): Promise<QuantileSketch> {
  const values = sql`SELECT CAST(${duckdbDialect.identifier(column)} AS DOUBLE) AS x, 0 AS c FROM (${relation})`;
  const [sketch] = await sketchValues(session, values, 1);
  return sketch ?? [];
}

/** Like {@link sketchQuantiles}, for several columns in one pass. */
export async function sketchQuantilesTogether(
  session: Session,
  relation: SqlSelect,
  columns: readonly string[],
): Promise<QuantileSketch[]> {
  const values = joinSql(columns.map((column) => sql`CAST(${duckdbDialect.identifier(column)} AS DOUBLE)`));
  const each = sql`SELECT unnest([${values}]) AS x, unnest(range(${columns.length})) AS c FROM (${relation})`;
  return sketchValues(session, each, columns.length);
}

/** `values`: rows of a number `x` and the index `c` of its column. */
async function sketchValues(session: Session, values: SqlSelect, columns: number): Promise<QuantileSketch[]> {
  const buckets = Array.from({ length: columns }, (): QuantileBucket[] => []);
  const rows = await session.rows(
    sql`SELECT c, CASE WHEN abs(x) > ${nextToZero} THEN CAST(sign(x) AS INTEGER) ELSE 0 END AS s, CASE WHEN abs(x) > ${nextToZero} THEN CAST(ceil(ln(abs(x)) / ${Math.log(gamma)}) AS INTEGER) ELSE 0 END AS i, count(*) AS n FROM (${values}) WHERE isfinite(x) GROUP BY c, s, i`,
  );
  for (const row of rows)
    buckets[toNumber(row["c"]) ?? 0]?.push({
      sign: toNumber(row["s"]) ?? 0,
      index: toNumber(row["i"]) ?? 0,
      count: toNumber(row["n"]) ?? 0,
    });
  return buckets.map(ordered);
}

/** Merges two sketches. */
export function mergeQuantiles(a: QuantileSketch, b: QuantileSketch): QuantileSketch {
  const counts = new Map<string, QuantileBucket>();
  for (const bucket of [...a, ...b]) {
    const key = `${bucket.sign}/${bucket.index}`;
    counts.set(key, { ...bucket, count: bucket.count + (counts.get(key)?.count ?? 0) });
  }
  return ordered([...counts.values()]);
}

/**
 * Estimates a quantile of a sketch by linear interpolation, `share` from 0 to 1; `null` for a sketch of
 * nothing.
 */
export function estimateQuantile(sketch: QuantileSketch, share: number): number | null {
  return interpolatedQuantile(
    sketch.map(({ sign, index, count }) => ({
      value: sign === 0 ? 0 : (sign * 2 * gamma ** index) / (gamma + 1),
      count,
    })),
    share,
  );
}

/**
 * The quantile of values in ascending order, each with how often it occurs, by linear interpolation between the
 * two values next to its rank, as `quantile_cont` of SQL; `null` without values.
 */
export function interpolatedQuantile(
  values: readonly { readonly value: number; readonly count: number }[],
  share: number,
): number | null {
  const total = values.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return null;
  const rank = share * (total - 1);
  const [low, high] = [valueAt(values, Math.floor(rank)), valueAt(values, Math.ceil(rank))];
  const part = rank - Math.floor(rank);
  return part === 0 ? low : low * (1 - part) + high * part;
}

function valueAt(
  values: readonly { readonly value: number; readonly count: number }[],
  rank: number,
): number {
  let seen = 0;
  for (const { value, count } of values) {
    seen += count;
    if (seen > rank) return value;
  }
  return values.at(-1)?.value ?? Number.NaN;
}

/** Buckets ordered from the smallest value to the largest, with their number limited. */
function ordered(buckets: readonly QuantileBucket[]): QuantileSketch {
  const sorted = [...buckets].sort((a, b) => a.sign - b.sign || a.sign * (a.index - b.index));
  if (sorted.length <= mostBuckets) return sorted;
  const magnitudes = sorted.filter(({ sign }) => sign !== 0).sort((a, b) => a.index - b.index);
  const limit = magnitudes[magnitudes.length - mostBuckets]?.index ?? 0;
  const zero = sorted
    .filter(({ sign, index }) => sign === 0 || index <= limit)
    .reduce((sum, { count }) => sum + count, 0);
  const kept = sorted.filter(({ sign, index }) => sign !== 0 && index > limit);
  return ordered([...kept, { sign: 0, index: 0, count: zero }]);
}
