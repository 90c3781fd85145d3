import type { EngineRow, EngineValue } from "../../engine/core/contract.ts";
import { type SqlExpression, type SqlName, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import type { Bins, Counts } from "./bins.ts";

/** A measure of a relation, with the bins in which its rows are counted. */
export interface Binning {
  /** Over the relation's columns; numbers for numeric bins, texts or numbers for categories. */
  readonly value: SqlExpression;
  /** Of categories: the value before it becomes DOUBLE, if it is an integer. */
  readonly integer?: SqlExpression | undefined;
  readonly bins: Bins;
  /** The relation's column that the value is of. */
  readonly column: string;
  /** May hold NaN. */
  readonly isFloat: boolean;
  /** The counts of all rows, if they are known already. */
  readonly counted?: Counts | undefined;
  /** Another way to count the rows of a large side, which is faster than by `value`. */
  readonly shortcut?: Shortcut | undefined;
}

/**
 * What the categories of a measure follow from. `presence`: rows have one category or none. `truth`: false and true.
 * `moment`: those of a part of the calendar, by microseconds since 1970.
 */
export type Shortcut =
  | { readonly by: "presence" | "truth"; readonly value: SqlExpression }
  | { readonly by: "moment"; readonly value: SqlExpression; readonly part: CalendarPart };

export type CalendarPart = "hour" | "weekday" | "month";

/** A measure with its number among those of a run, which names its column: `v0`, `v1` and so on. */
export type Indexed<B extends Bins> = Omit<Binning, "bins"> & { readonly bins: B; readonly index: number };

/** Rows whose measures are counted. */
export interface RowSource {
  readonly rows: number;
  /** Whether the rows have a slice each; else all are the slice `""`. */
  readonly isSliced: boolean;
  /** Whether there are so few that exact quantiles are computed. */
  readonly isSmall: boolean;
  /** Whether there are so few that planning a query for each column takes longer than counting. */
  readonly isTiny: boolean;
  /** The rows with their `slice`, if they have one, and the columns of these measures. */
  columns(measures: readonly Indexed<Bins>[]): SqlSelect;
}

/** The slice that a row of aggregates is about. */
export function sliceOf(row: EngineRow): string {
  return String(row["slice"] ?? "");
}

/** The counts of a measure in a slice. */
export interface Counted<C extends Counts> {
  readonly index: number;
  readonly name: string;
  readonly count: C;
  /** Of a part of the calendar: the first and last moment of the slice. */
  readonly span?: readonly [number | null, number | null] | undefined;
}

/** The values of columns with the number of their measure, `c` and `v`, and the columns that are kept. */
export function stacked(
  from: SqlSelect,
  indexes: readonly number[],
  kept: readonly SqlExpression[] = [],
): SqlSelect {
  const numbers = indexes.map((index) => sql`${index}`);
  const columns = [...kept, sql`unnest([${numbers}]) AS c`, sql`unnest([${indexes.map(valueName)}]) AS v`];
  return sql`SELECT ${columns} FROM (${from})`;
}

/**
 * The values of a column `v` with the number of their rows, `n`; integers become DOUBLE after they are grouped.
 *
 * @param kept columns, each with a comma after it, by which the rows are grouped, too
 */
export function groupedValues(
  from: SqlSelect,
  {
    isInteger,
    kept = sql``,
    known = sql`v IS NOT NULL`,
  }: {
    readonly isInteger: boolean;
    readonly kept?: SqlExpression | undefined;
    readonly known?: SqlExpression | undefined;
  },
): SqlSelect {
  const groups = sql`SELECT ${kept}v, count(*) AS n FROM (${from}) WHERE ${known} GROUP BY ${kept}v`;
  // Beyond 2^53, several may become one.
  return isInteger
    ? sql`SELECT ${kept}CAST(v AS DOUBLE) AS v, CAST(sum(n) AS BIGINT) AS n FROM (${groups}) GROUP BY ALL`
    : groups;
}

/** The column of a measure. */
export function valueName(index: number): SqlName {
  return plainName(`v${index}`);
}

/** Mean and deviation from sums around a centre; null where they are not finite. */
export function meanAndDeviation({
  count,
  sum,
  squares,
  centre,
}: {
  readonly count: number;
  readonly sum: EngineValue;
  readonly squares: EngineValue;
  readonly centre: number;
}): { readonly mean: number | null; readonly sd: number | null } {
  if (count === 0 || typeof sum !== "number" || typeof squares !== "number") return { mean: null, sd: null };
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  const variance = Math.max(0, squares - sum ** 2 / count) / (count - 1);
  return { mean: finite(centre + sum / count), sd: count < 2 ? null : finite(Math.sqrt(variance)) };
}

/** A number of the engine. */
export function numberOf(value: EngineValue | undefined): number {
  return Number(value ?? 0);
}

/** A list of the engine; null is empty. */
export function listOf(value: EngineValue | undefined): readonly EngineValue[] {
  return Array.isArray(value) ? value : [];
}
