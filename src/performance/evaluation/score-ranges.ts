import type { Session } from "../../engine/core/contract.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import type { StagedRows } from "./staged-rows.ts";
import { streamColumns } from "./streamed-columns.ts";

/** About as many rows are sorted at once. */
const rowsOfRange = 250_000;
/** Each range is a pass over all rows, so that more ranges would take time by the square of the rows. */
const mostRanges = 64;
/** One in so many rows is looked at for the bounds of the ranges; by hash, because rows may follow a rhythm. */
const stride = 101;

/** Conditions on one range of the values of a column: which rows lie in it, and which lie below. */
export interface ValueRange {
  readonly inRange: SqlExpression;
  readonly isBelow: SqlExpression;
}

/**
 * Streams staged rows in descending order of a score as `streamColumns` does, one range of scores after the other, so
 * that the engine never sorts all rows at once.
 *
 * @param selectOf the query of the rows that a condition is true of, in descending order; the conditions of all ranges
 * together are true of each row with a score once
 */
export async function streamDescending(
  session: Session,
  { staged, score }: { readonly staged: StagedRows; readonly score: SqlExpression },
  selectOf: (inRange: SqlExpression) => SqlSelect,
  take: (columns: readonly Float64Array[], rows: number) => void,
): Promise<void> {
  const ranges = await valueRanges(session, staged, score);
  for (const { inRange } of ranges.reverse()) await streamColumns(session, selectOf(inRange), take);
}

/** Ranges of a number, ascending, of about as many rows each; each known number, also NaN, lies in one of them. */
export async function valueRanges(
  session: Session,
  { table, rows }: StagedRows,
  value: SqlExpression,
): Promise<ValueRange[]> {
  const count = Math.min(mostRanges, Math.ceil(rows / rowsOfRange));
  const bounds = count <= 1 ? [] : await evenBounds(session, { table, value, count });
  return [undefined, ...bounds].map((low, index) => {
    const high = bounds[index];
    const isBelow = low === undefined ? sql`false` : sql`${value} < ${asDouble(low)}`;
    const isBelowEnd = high === undefined ? sql`true` : sql`${value} < ${asDouble(high)}`;
    return { inRange: sql`(NOT (${isBelow}) AND ${isBelowEnd})`, isBelow };
  });
}

async function evenBounds(
  session: Session,
  { table, value, count }: { readonly table: SqlExpression; readonly value: SqlExpression; count: number },
): Promise<number[]> {
  const shares = Array.from({ length: count - 1 }, (_, index) => asDouble((index + 1) / count));
  const [row] = await session.rows(
    sql`SELECT quantile_disc(${value}, [${shares}]) AS bounds FROM ${table} WHERE hash(rn) % ${stride} = 0 AND isfinite(${value})`,
  );
  const found = Array.isArray(row?.["bounds"]) ? row["bounds"].map(Number) : [];
  return [...new Set(found.map((bound) => bound + 0))].sort((one, other) => one - other);
}

function asDouble(value: number): SqlExpression {
  return sql`CAST(${quoteText(String(value))} AS DOUBLE)`;
}
