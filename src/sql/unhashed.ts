import { type SqlExpression, sql } from "./sql.ts";

/**
 * Types that the engine may not look up in a file's Bloom filters: DuckDB 1.5 hashes the text of bytes (`\x03`)
 * instead of them, and 0 and -0, which are equal, as two values; it would skip row groups that hold what is looked for.
 */
const hashedWrong: ReadonlySet<string> = new Set(["BLOB", "FLOAT", "DOUBLE"]);

/**
 * A column of Parquet files, by its engine type, as SQL for which the engine does not ask their Bloom filters where it
 * would ask in vain: the optimizer does not see through TRY, as it does through `coalesce(x, x)`.
 *
 * @returns `column` itself for other types
 */
export function unhashed(column: SqlExpression, type: string): SqlExpression {
  return hashedWrong.has(type) ? sql`try(${column})` : column;
}
