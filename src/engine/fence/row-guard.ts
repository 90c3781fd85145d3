import { isVarveError } from "../../errors.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";

/** The engine's message when a guard ends a statement; no text of a caller's is the same by chance. */
const stopped = "varve ends this here: a guarded row fails (5d0f6b1e)";

/**
 * A condition that is true for every row, and ends the whole statement at the first row for which one of
 * `fails` is true (null is not).
 *
 * The conditions are combined before they are compared, so that the engine evaluates each over whole vectors,
 * not over the rows that the previous one left.
 */
export function guardSql(fails: readonly SqlExpression[]): SqlExpression {
  return sql`CASE WHEN (${joinSql(fails, sql` OR `)}) IS NOT DISTINCT FROM true THEN error(${quoteText(stopped)}) ELSE true END`;
}

/** Whether a statement ended because a row failed its {@link guardSql}. */
export function isGuardStop(error: unknown): boolean {
  return isVarveError(error) && error.message.includes(stopped);
}
