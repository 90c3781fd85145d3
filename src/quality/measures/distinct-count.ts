import type { Relation, Session } from "../../engine/core/contract.ts";
import { joinSql, type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { duckdbDialect } from "../model/dialect-duckdb.ts";
import { toNumber } from "../model/expectation.ts";

/** Number of distinct values of a column, without null. */
export interface DistinctCount {
  readonly count: number;
  readonly exact: boolean;
}

/** A column to count: `guess` is the engine's rough estimate, off by up to a half. */
export interface CountedColumn {
  readonly name: string;
  readonly guess: number;
  /** Whether every row has a value, so that the column may be a key. */
  readonly complete: boolean;
}

/** Up to this many distinct values are counted exactly; above, a sample is counted. */
const counted = 2 ** 14;
/**
 * A complete column with a greater share of distinct values may be a key, which only an exact count can tell.
 */
const keyShare = 0.95;

/**
 * Counts the distinct values of columns in one pass: exactly up to about 16,000, and above that from a sample
 * of about 16,000, chosen by hash, which is off by one to two percent. Columns that may be keys are counted
 * exactly in one more pass.
 */
export async function countDistinct(
  session: Session,
  relation: Relation,
  columns: readonly CountedColumn[],
  rows: number,
): Promise<DistinctCount[]> {
  if (columns.length === 0 || rows === 0) return columns.map(() => ({ count: 0, exact: true }));
  const halvings = columns.map(({ guess }) => Math.max(0, Math.ceil(Math.log2(guess / counted))));
  const sampled = await counts(
    session,
    relation,
    columns.map(({ name }, index) => sampledCount(duckdbDialect.identifier(name), halvings[index] ?? 0)),
  );
  const estimates = sampled.map((count, index) => ({
    count: Math.min(rows, count * 2 ** (halvings[index] ?? 0)),
    exact: halvings[index] === 0,
  }));
  const near = estimates.flatMap(({ count, exact }, index) =>
    !exact && columns[index]?.complete === true && count > keyShare * rows ? [index] : [],
  );
  if (near.length === 0) return estimates;
  const exact = await counts(
    session,
    relation,
    near.map((index) => sql`count(DISTINCT ${duckdbDialect.identifier(columns[index]?.name ?? "")})`),
  );
  return estimates.map((estimate, index) =>
    near.includes(index) ? { count: exact[near.indexOf(index)] ?? 0, exact: true } : estimate,
  );
}

/**
 * Counts distinct hashes of 64 bits, so that long texts take no memory; two of several thousand values have
 * the same hash in one of 10^10 columns.
 */
function sampledCount(name: SqlName, halvings: number): SqlExpression {
  const chosen =
    halvings === 0
      ? sql`${name} IS NOT NULL`
      : sql`${name} IS NOT NULL AND hash(${name}) % ${2 ** halvings} = 0`;
  return sql`count(DISTINCT hash(${name})) FILTER (WHERE ${chosen})`;
}

/**
 * Number of columns counted at once: each count holds the values that it saw, so a wide table would need
 * gigabytes.
 */
const atATime = 50;

async function counts(
  session: Session,
  relation: Relation,
  aggregates: readonly SqlExpression[],
): Promise<number[]> {
  const results: number[] = [];
  for (let from = 0; from < aggregates.length; from += atATime) {
    const some = aggregates.slice(from, from + atATime);
    const select = joinSql(some.map((aggregate, index) => sql`${aggregate} AS d${index}`));
    const [row] = await session.rows(sql`SELECT ${select} FROM (${relation.sql})`);
    for (const index of some.keys()) results.push(toNumber(row?.[`d${index}`]) ?? 0);
  }
  return results;
}
