import { type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";

/** Digits of the widest decimal of the engine, of Delta, Parquet and Arrow. */
export const widestDecimal = 38;

/**
 * SQL that is true where a decimal of the widest kind has more digits than its type: the engine adds up sums of
 * decimals in 128 bits, which hold 39, and gives them as DECIMAL(38).
 */
export function exceedsDigits(value: SqlExpression, scale: number): SqlExpression {
  const digits = "9".repeat(widestDecimal);
  const text = `${digits.slice(scale)}.${digits.slice(0, scale)}`;
  const bound = (sign: string) =>
    sql`CAST(${quoteText(`${sign}${text}`)} AS DECIMAL(${widestDecimal},${scale}))`;
  return sql`${value} NOT BETWEEN ${bound("-")} AND ${bound("")}`;
}
