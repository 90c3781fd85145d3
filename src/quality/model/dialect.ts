import type { JsonValue } from "../../util/json.ts";
import type { ColumnClass } from "./column.ts";

/**
 * How the parts of a check are written in one engine's SQL.
 *
 * Checks are put together from these and from what both engines share: comparison, `IN`, `CASE`, `coalesce`,
 * `count`, `sum`, `min`, `max`, `IS [NOT] DISTINCT FROM`, `lag … OVER`. A method that an engine cannot offer
 * is absent, and checks that need it are refused for that engine.
 */
export interface Dialect {
  readonly name: "duckdb" | "spark";
  identifier(name: string): string;
  string(value: string): string;
  /** A JSON scalar as a value to be compared with a column of class `kind`. */
  literal(value: JsonValue, kind: ColumnClass): string;
  /** True where a float is NaN; only for float classes. */
  isNan(sql: string): string;
  toDouble(sql: string): string;
  toText(sql: string): string;
  /** Whether the value is one of the literals, at least one; null where it is null. */
  isOneOf(sql: string, literals: readonly string[], kind: ColumnClass): string;
  /** Whether the text holds a match of the pattern anywhere. */
  matches(sql: string, pattern: string): string;
  like(sql: string, pattern: string): string;
  /** Characters of a text, bytes of a binary. */
  length(sql: string, kind: ColumnClass): string;
  /** Bytes of a text in UTF-8. */
  bytes(sql: string): string;
  countIf(condition: string): string;
  /** An aggregate over the rows of `scope` only. */
  filtered(aggregate: string, scope: string | undefined): string;
  /** Standard deviation with `ddof` 1 (sample) or 0 (population). */
  deviation(sql: string, ddof: 0 | 1): string;
  /** Linear (type 7) interpolation between order statistics. */
  quantile(sql: string, share: number): string;
  /** An actual value of the column at or next to the rank. */
  quantileDiscrete(sql: string, share: number): string;
  quantileApproximate(sql: string, share: number): string;
  distinctApproximate(sql: string): string;
  correlation(a: string, b: string): string;
  /** Of a sample: the population's, times sqrt(n (n - 1)) / (n - 2). */
  skewness(sql: string): string;
  kurtosis(sql: string): string;
  isJson(sql: string): string;
  /**
   * Whether the text is a time of this strftime format, `undefined`: any date or time that the engine reads.
   */
  isTime(sql: string, format: string | undefined): string;
  canCast(sql: string, type: string): string;
  /** Milliseconds since 1970 UTC of a date or time. */
  epochMilliseconds(sql: string, kind: ColumnClass): string;
  /** A list of the non-null values of some expressions, in their order. */
  listOf(items: readonly string[]): string;
}

/** Numbers as SQL: exact digits, with the words for the values that digits cannot write. */
export function numberText(value: number | bigint): string {
  if (typeof value === "bigint") return value.toString();
  if (Number.isFinite(value)) return Object.is(value, -0) ? "0" : String(value);
  return Number.isNaN(value) ? "'NaN'" : value > 0 ? "'Infinity'" : "'-Infinity'";
}

/**
 * Digits that a decimal needs to hold the number exactly; no decimal holds one that is written with an
 * exponent.
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
 * What a text of a type looks like where engines would read more, each something else: fractions as integers,
 * `12:30` or `2024` as times.
 */
export function textOfType(type: string): string | undefined {
  if (/^(TINYINT|SMALLINT|INTEGER|BIGINT)$/.test(type)) return "^\\s*[+-]?[0-9]+\\s*$";
  return type === "DATE" || type === "TIMESTAMP" ? "^\\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}" : undefined;
}
