import { type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { numberDigits } from "../../sql/sql-text.ts";
import type { JsonValue } from "../../util/json.ts";
import type { ColumnClass } from "./column.ts";

/**
 * How the parts of a check are written in one engine's SQL.
 *
 * Checks are composed from these and from what both engines share: comparison, `IN`, `CASE`, `coalesce`,
 * `count`, `sum`, `min`, `max`, `IS [NOT] DISTINCT FROM`, `lag … OVER`. A method that an engine does not
 * support is absent, and checks that need it are refused for that engine.
 */
export interface Dialect {
  readonly name: "duckdb" | "spark";
  identifier(name: string): SqlName;
  string(value: string): SqlExpression;
  /** A JSON scalar as a literal to be compared with a column of class `kind`. */
  literal(value: JsonValue, kind: ColumnClass): SqlExpression;
  /** True if a float is NaN; only for float classes. */
  isNan(value: SqlExpression): SqlExpression;
  toDouble(value: SqlExpression): SqlExpression;
  toText(value: SqlExpression): SqlExpression;
  /** Whether the value is one of the literals, of which there is at least one; null if the value is null. */
  isOneOf(value: SqlExpression, literals: readonly SqlExpression[], kind: ColumnClass): SqlExpression;
  /** Whether the text contains a match of the pattern. */
  matches(value: SqlExpression, pattern: string): SqlExpression;
  like(value: SqlExpression, pattern: string): SqlExpression;
  /** Number of characters of a text, or of bytes of a binary. */
  length(value: SqlExpression, kind: ColumnClass): SqlExpression;
  /** Number of bytes of a text in UTF-8. */
  bytes(value: SqlExpression): SqlExpression;
  countIf(condition: SqlExpression): SqlExpression;
  /** An aggregate over only the rows of `scope`. */
  filtered(aggregate: SqlExpression, scope: SqlExpression | undefined): SqlExpression;
  /** Standard deviation with `ddof` 1 (sample) or 0 (population). */
  deviation(value: SqlExpression, ddof: 0 | 1): SqlExpression;
  /** Linear (type 7) interpolation between order statistics. */
  quantile(value: SqlExpression, share: number): SqlExpression;
  /** An actual value of the column at or next to the rank. */
  quantileDiscrete(value: SqlExpression, share: number): SqlExpression;
  quantileApproximate(value: SqlExpression, share: number): SqlExpression;
  distinctApproximate(value: SqlExpression): SqlExpression;
  correlation(a: SqlExpression, b: SqlExpression): SqlExpression;
  /** Sample skewness: that of the population times sqrt(n (n - 1)) / (n - 2). */
  skewness(value: SqlExpression): SqlExpression;
  kurtosis(value: SqlExpression): SqlExpression;
  isJson(value: SqlExpression): SqlExpression;
  /**
   * Whether the text is a time in this strftime format; without a format, any date or time that the engine
   * can read.
   */
  isTime(value: SqlExpression, format: string | undefined): SqlExpression;
  canCast(value: SqlExpression, type: SqlExpression): SqlExpression;
  /** Milliseconds since 1970-01-01 UTC of a date or time. */
  epochMilliseconds(value: SqlExpression, kind: ColumnClass): SqlExpression;
  /** A list of the non-null values of some expressions, in their order. */
  listOf(items: readonly SqlExpression[]): SqlExpression;
}

/** A number as SQL: exact digits, or the names of values that have no digits. */
export function numberText(value: number | bigint): SqlExpression {
  if (typeof value === "bigint") return numberDigits(value);
  if (Number.isFinite(value)) return Object.is(value, -0) ? sql`0` : numberDigits(value);
  return Number.isNaN(value) ? sql`'NaN'` : value > 0 ? sql`'Infinity'` : sql`'-Infinity'`;
}

/**
 * Number of digits that a decimal needs to hold the number exactly; one that is written with an exponent does
 * not fit any decimal.
 */
export function digitsOfNumber(value: number | bigint): {
  readonly whole: number;
  readonly fraction: number;
} {
  const [, whole, fraction] = /^-?0*(\d*)(?:\.(\d+))?$/.exec(value.toString()) ?? [];
  if (whole === undefined) return { whole: Number.POSITIVE_INFINITY, fraction: 0 };
  return { whole: whole.length, fraction: fraction?.length ?? 0 };
}

/**
 * The form of text that is accepted for a type. Engines accept more, each something else: fractions as
 * integers, `12:30` or `2024` as times.
 */
export function textOfType(type: string): string | undefined {
  if (/^(TINYINT|SMALLINT|INTEGER|BIGINT)$/.test(type)) return "^\\s*[+-]?[0-9]+\\s*$";
  return type === "DATE" || type === "TIMESTAMP" ? "^\\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}" : undefined;
}
