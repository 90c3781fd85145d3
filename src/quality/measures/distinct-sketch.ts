import type { Session } from "../../engine/core/contract.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { toNumber } from "../model/expectation.ts";

/**
 * A HyperLogLog sketch of a set of values: 1,024 registers of one byte, so that the number of distinct values
 * has a standard error of 3.25 %.
 *
 * The registers depend neither on the order of the values nor on how they are split into parts, so sketches
 * of parts merge into the sketch of all (Flajolet et al. 2007; the estimate is Ertl's of 2017, which needs no
 * tables and no corrections). Values are hashed by the MD5 of their text, because the engine's own hash may
 * change between versions.
 */
export type DistinctSketch = Uint8Array;

const indexBits = 10;
const size = 1 << indexBits;
/** Bits of the hash in which leading zeros are counted. */
const valueBits = 32;

/**
 * Sketches one column of a relation, without nulls. `few`: the column is known to hold few distinct values.
 */
export async function sketchDistinct(
  session: Session,
  relation: SqlSelect,
  column: string,
  few: boolean,
): Promise<DistinctSketch> {
  const name = duckdbDialect.identifier(column);
  const values = sql`SELECT ${few ? sql`DISTINCT ` : sql``}${name} AS v FROM (${relation}) WHERE ${name} IS NOT NULL`;
  const [sketch] = await sketchHashes(
    session,
    sql`SELECT ${hashOf(sql`v`)} AS h, 0 AS c FROM (${values})`,
    1,
  );
  return sketch ?? new Uint8Array(size);
}

/**
 * Like {@link sketchDistinct}, for several columns in one pass: with few rows and many columns, separate
 * passes would cost more than the rows.
 */
export async function sketchDistinctTogether(
  session: Session,
  relation: SqlSelect,
  columns: readonly string[],
): Promise<DistinctSketch[]> {
  const hashes = joinSql(columns.map((column) => hashOf(duckdbDialect.identifier(column))));
  const each = sql`SELECT unnest([${hashes}]) AS h, unnest(range(${columns.length})) AS c FROM (${relation})`;
  return sketchHashes(session, sql`SELECT * FROM (${each}) WHERE h IS NOT NULL`, columns.length);
}

function hashOf(value: SqlExpression): SqlExpression {
  return sql`md5_number_lower(CAST(${value} AS VARCHAR))`;
}

/** `hashed`: rows of a hash `h` and the index `c` of its column. */
async function sketchHashes(session: Session, hashed: SqlSelect, columns: number): Promise<DistinctSketch[]> {
  const sketches = Array.from({ length: columns }, () => new Uint8Array(size));
  // the most leading zeros are those of the smallest number
  const rows = await session.rows(
    sql`SELECT c, h >> ${64 - indexBits} AS register, min((h >> ${64 - indexBits - valueBits}) & ${2 ** valueBits - 1}) AS least FROM (${hashed}) GROUP BY c, register`,
  );
  for (const row of rows) {
    const sketch = sketches[toNumber(row["c"]) ?? 0];
    if (sketch !== undefined)
      sketch[toNumber(row["register"]) ?? 0] = Math.clz32(toNumber(row["least"]) ?? 0) + 1;
  }
  return sketches;
}

/** Merges two sketches. */
export function mergeDistinct(a: DistinctSketch, b: DistinctSketch): DistinctSketch {
  return a.map((rank, index) => Math.max(rank, b[index] ?? 0));
}

/** Estimated number of distinct values that the sketch has seen. */
export function estimateDistinct(sketch: DistinctSketch): number {
  const counts = new Array<number>(valueBits + 2).fill(0);
  for (const rank of sketch) counts[rank] = (counts[rank] ?? 0) + 1;
  let z = size * tau(1 - (counts[valueBits + 1] ?? 0) / size);
  for (let rank = valueBits; rank >= 1; rank--) z = (z + (counts[rank] ?? 0)) / 2;
  z += size * sigma((counts[0] ?? 0) / size);
  return Math.round(size ** 2 / (2 * Math.LN2 * z));
}

/** x + Σ x^(2^k) 2^(k-1): the contribution of empty registers. */
function sigma(x: number): number {
  if (x === 1) return Infinity;
  let [power, weight, sum] = [x, 1, x];
  for (let before = -1; sum !== before; weight += weight) {
    power *= power;
    before = sum;
    sum += power * weight;
  }
  return sum;
}

/** (1 - x - Σ (1 - x^(2^-k))² 2^-k) / 3: the contribution of saturated registers. */
function tau(x: number): number {
  if (x === 0 || x === 1) return 0;
  let [root, weight, sum] = [x, 1, 1 - x];
  for (let before = -1; sum !== before; ) {
    root = Math.sqrt(root);
    before = sum;
    weight /= 2;
    sum -= (1 - root) ** 2 * weight;
  }
  return sum / 3;
}
