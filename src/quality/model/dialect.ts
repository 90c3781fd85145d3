import { type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { numberDigits } from "../../sql/sql-text.ts";
import type { JsonValue } from "../../util/json.ts";
import type { ColumnClass } from "./column.ts";
import type { TimeFormat } from "./time-format.ts";

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
  /**
   * Whether the text as a whole is like the pattern. `mark` is the character that takes its meaning from
   * the next one; without it, none does.
   */
  like(value: SqlExpression, pattern: string, mark?: string): SqlExpression;
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
  /** Whether the text is JSON by RFC 8259. */
  readonly isJson?: ((value: SqlExpression) => SqlExpression) | undefined;
  /** Codes of strftime formats that {@link Dialect.isTime} can read. */
  readonly timeCodes: ReadonlySet<string>;
  /** Whether the text as a whole is a time in the format. */
  isTime(value: SqlExpression, format: TimeFormat): SqlExpression;
  /** Whether the text is a value of the type, by {@link textOfType} and in the engine's range. */
  canCast(value: SqlExpression, type: CastType): SqlExpression;
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

/** The class of a number that is compared with a column: a double beside floats that cannot hold it. */
export function literalClass(value: number | bigint, column: ColumnClass): ColumnClass {
  return column === "float" && !Number.isFinite(Math.fround(Number(value))) ? "double" : column;
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

/** A type that text can be tested to hold a value of. */
export type CastType = (typeof castTypes)[number];

export const castTypes = ["BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP"] as const;

const date = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}";
const zone = "(?:Z|[+-](?:0[0-9]|1[0-8])(?::?[0-5][0-9])?)";
const time = `(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\\.[0-9]{1,6})?${zone}?)?`;

const castPatterns: Readonly<Record<CastType, string>> = {
  BOOLEAN: "^(?i:true|false|t|f|yes|no|y|n|1|0)$",
  INTEGER: "^[+-]?[0-9]+$",
  BIGINT: "^[+-]?[0-9]+$",
  DOUBLE: "^(?:[+-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?|NaN|-?Infinity)$",
  DATE: `^${date}$`,
  TIMESTAMP: `^${date}(?:[ T]${time})?$`,
};

/**
 * The form of the whole text that is accepted for a type. Engines accept more, each something else: fractions
 * and `1_000` as integers, `2024-01-01junk` as dates, `12:30` or `2024` as times.
 */
export function textOfType(type: CastType): string {
  return castPatterns[type];
}
