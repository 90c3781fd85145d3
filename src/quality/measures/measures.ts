import { type SqlExpression, sql } from "../../sql/sql.ts";
import type { ColumnClass } from "../model/column.ts";
import type { Dialect } from "../model/dialect.ts";
import { type AggregateValues, type ColumnUse, toNumber } from "../model/expectation.ts";
import { exactOf, type Measured, subtractExactly } from "./exact-number.ts";

/**
 * A number computed from all rows by plain aggregates, shared by checks, profiles and the history of metrics.
 *
 * `value` is `null` if there is nothing to measure (no row, all null); it is never 0 then.
 */
export interface Measure {
  readonly name: string;
  readonly columns: 0 | 1 | 2;
  readonly accepts?: readonly ColumnClass[] | undefined;
  readonly about: string;
  readonly aggregates: (
    dialect: Dialect,
    columns: readonly ColumnUse[],
  ) => Readonly<Record<string, SqlExpression>>;
  readonly value: (values: AggregateValues) => number | null;
  /** The value with every digit, where a number may not hold them. */
  readonly exact?: ((values: AggregateValues) => Measured | null) | undefined;
}

/**
 * Aggregate by which NaN is found in a column of floats: it sorts above every number, so that the largest value
 * is NaN if any is. Other columns have none.
 */
export function nanProbe({ class: kind, sql: value }: ColumnUse): Readonly<Record<string, SqlExpression>> {
  return kind === "float" || kind === "double" ? { top: sql`max(${value})` } : {};
}

/** Whether {@link nanProbe} has found NaN. */
export function hasNan({ top }: AggregateValues): boolean {
  return typeof top === "number" && Number.isNaN(top);
}

/** A measure of magnitudes; NaN if one of them is, although the engine's aggregate passes over it. */
function nanAware(measure: Measure): Measure {
  return {
    ...measure,
    aggregates: (dialect, columns) => ({
      ...measure.aggregates(dialect, columns),
      ...(columns[0] === undefined ? {} : nanProbe(columns[0])),
    }),
    value: (values) => (hasNan(values) ? Number.NaN : measure.value(values)),
    exact:
      measure.exact === undefined
        ? undefined
        : (values) => (hasNan(values) ? Number.NaN : (measure.exact?.(values) ?? null)),
  };
}

const numeric: readonly ColumnClass[] = ["integer", "decimal", "float", "double", "boolean"];
const plainNumbers: readonly ColumnClass[] = ["integer", "decimal", "float", "double"];

const first = (columns: readonly ColumnUse[]): SqlExpression => columns[0]?.sql ?? sql`NULL`;
const second = (columns: readonly ColumnUse[]): SqlExpression => columns[1]?.sql ?? sql`NULL`;

function single(
  name: string,
  about: string,
  aggregate: (dialect: Dialect, value: SqlExpression) => SqlExpression,
  accepts: readonly ColumnClass[] = plainNumbers,
): Measure {
  return {
    name,
    columns: 1,
    accepts,
    about,
    aggregates: (dialect, columns) => ({ v: aggregate(dialect, first(columns)) }),
    value: ({ v }) => toNumber(v),
  };
}

/** A number of so many digits that a sum of a few values may exceed what the engine can hold. */
export function isWide({ class: kind, type }: ColumnUse): boolean {
  if (type === "HUGEINT" || type === "UHUGEINT") return true;
  return kind === "decimal" && Number(/\((\d+)/.exec(type)?.[1] ?? 0) > 28;
}

const asDouble = (dialect: Dialect, value: SqlExpression): SqlExpression => dialect.toDouble(value);

/** Limit of squares: the engines refuse to square larger magnitudes, NaN and infinities. */
export const largestSquared = 1e150;
/** Limits of third and fourth powers. */
const [largestCubed, largestToFourth] = [1e100, 1e75];

/** A value if it can be squared (or is within another limit), else null. */
export function squarable(value: SqlExpression, limit = largestSquared): SqlExpression {
  return sql`CASE WHEN abs(${value}) <= ${limit} THEN ${value} END`;
}

/**
 * A measure that uses squares or higher powers; NaN if a value cannot be squared, where the engines, and with
 * them the write, would fail.
 */
function ofPowers(
  name: string,
  about: string,
  aggregate: (dialect: Dialect, ...values: SqlExpression[]) => SqlExpression,
  columns: 1 | 2 = 1,
  limit = largestSquared,
): Measure {
  return {
    name,
    columns,
    accepts: plainNumbers,
    about,
    aggregates: (dialect, used) => {
      const values = used.slice(0, columns).map((column) => asDouble(dialect, column.sql));
      const largest = used.flatMap(({ class: kind }, index) =>
        kind === "float" || kind === "double"
          ? [[`largest_${index}`, sql`max(abs(${values[index] ?? sql`NULL`}))`] as const]
          : [],
      );
      return {
        v: aggregate(dialect, ...values.map((value) => squarable(value, limit))),
        ...Object.fromEntries(largest),
      };
    },
    value: ({ v, largest_0, largest_1 }) =>
      [largest_0, largest_1].every((largest) => (toNumber(largest) ?? 0) <= limit) ? toNumber(v) : Number.NaN,
  };
}

function squared(measure: Measure): Measure {
  const square = (value: number | null) => (value === null ? null : value * value);
  return { ...measure, value: (values) => square(measure.value(values)) };
}

const kurtosis = ofPowers(
  "kurtosis",
  "excess kurtosis",
  (dialect, value = sql`NULL`) => dialect.kurtosis(raisable(value)),
  1,
  largestToFourth,
);

/**
 * A value, or 0 if its fourth power is too small for a double, because the engine fails when it divides by
 * such a power.
 */
function raisable(value: SqlExpression): SqlExpression {
  return sql`CASE WHEN abs(${value}) < ${1 / largestToFourth} THEN 0 ELSE ${value} END`;
}

/**
 * Measures by name; `variance` and `stdev` are those of the sample (ddof 1), and those of the population have
 * `_population` in their names.
 */
export const measures: readonly Measure[] = [
  {
    name: "row_count",
    columns: 0,
    about: "number of rows",
    aggregates: () => ({ v: sql`count(*)` }),
    value: ({ v }) => toNumber(v),
  },
  {
    name: "completeness",
    columns: 1,
    about: "share of rows with a value",
    aggregates: (_, columns) => ({ present: sql`count(${first(columns)})`, rows: sql`count(*)` }),
    value: ({ present, rows }) =>
      toNumber(rows) === 0 ? null : (toNumber(present) ?? 0) / (toNumber(rows) ?? 1),
  },
  {
    name: "zeros",
    columns: 1,
    accepts: plainNumbers,
    about: "number of rows with a zero",
    aggregates: (dialect, columns) => ({ v: dialect.countIf(sql`${first(columns)} = 0`) }),
    value: ({ v }) => toNumber(v),
  },
  single("mean", "arithmetic mean", (dialect, value) => sql`avg(${asDouble(dialect, value)})`, numeric),
  {
    ...single("sum", "sum", (_, value) => sql`sum(${value})`),
    aggregates: (dialect, columns) => ({
      v: sql`sum(${columns.some(isWide) ? dialect.toDouble(first(columns)) : first(columns)})`,
    }),
    exact: ({ v }) => exactOf(v),
  },
  nanAware(single("min", "smallest value", (_, value) => sql`min(${value})`)),
  single("max", "largest value", (_, value) => sql`max(${value})`),
  ofPowers("stdev", "sample standard deviation", (dialect, value = sql`NULL`) => dialect.deviation(value, 1)),
  ofPowers("stdev_population", "population standard deviation", (dialect, value = sql`NULL`) =>
    dialect.deviation(value, 0),
  ),
  squared(
    ofPowers("variance", "sample variance", (dialect, value = sql`NULL`) => dialect.deviation(value, 1)),
  ),
  squared(
    ofPowers("variance_population", "population variance", (dialect, value = sql`NULL`) =>
      dialect.deviation(value, 0),
    ),
  ),
  ofPowers("skewness", "skewness", (dialect, value = sql`NULL`) => dialect.skewness(value), 1, largestCubed),
  {
    // the kurtosis of a constant column is undefined and the engines differ, so it is set to 0
    ...kurtosis,
    aggregates: (dialect, columns) => ({
      ...kurtosis.aggregates(dialect, columns),
      low: sql`min(${first(columns)})`,
      high: sql`max(${first(columns)})`,
    }),
    value: ({ low, high, ...values }) =>
      low === null || low === undefined ? null : low === high ? 0 : kurtosis.value(values),
  },
  nanAware({
    name: "range",
    columns: 1,
    accepts: plainNumbers,
    about: "range (largest minus smallest value)",
    aggregates: (_, columns) => ({ low: sql`min(${first(columns)})`, high: sql`max(${first(columns)})` }),
    value: ({ low, high }) =>
      low === null || low === undefined ? null : (toNumber(high) ?? 0) - (toNumber(low) ?? 0),
    exact: ({ low, high }) => {
      const [least, most] = [exactOf(low), exactOf(high)];
      return least === null || most === null ? null : subtractExactly(most, least);
    },
  }),
  nanAware(single("median", "median", (dialect, value) => dialect.quantile(asDouble(dialect, value), 0.5))),
  nanAware({
    name: "interquartile_range",
    columns: 1,
    accepts: plainNumbers,
    about: "interquartile range",
    aggregates: (dialect, columns) => ({
      low: dialect.quantile(asDouble(dialect, first(columns)), 0.25),
      high: dialect.quantile(asDouble(dialect, first(columns)), 0.75),
    }),
    value: ({ low, high }) =>
      low === null || low === undefined ? null : (toNumber(high) ?? 0) - (toNumber(low) ?? 0),
  }),
  lengthMeasure("min_length", "min"),
  lengthMeasure("max_length", "max"),
  {
    name: "approximate_distinct",
    columns: 1,
    about: "number of distinct values",
    aggregates: (dialect, columns) => ({ v: dialect.distinctApproximate(first(columns)) }),
    value: ({ v }) => toNumber(v),
  },
  ofPowers(
    "correlation",
    "Pearson correlation",
    (dialect, a = sql`NULL`, b = sql`NULL`) => dialect.correlation(a, b),
    2,
  ),
  {
    name: "ratio_of_sums",
    columns: 2,
    accepts: plainNumbers,
    about: "ratio of the sums",
    aggregates: (dialect, columns) => ({
      a: sql`sum(${asDouble(dialect, first(columns))})`,
      b: sql`sum(${asDouble(dialect, second(columns))})`,
    }),
    value: ({ a, b }) =>
      toNumber(a) === null || toNumber(b) === null ? null : (toNumber(a) ?? 0) / (toNumber(b) ?? 0),
  },
];

/** The measure of a name. */
export function measureNamed(name: string): Measure | undefined {
  return measures.find((measure) => measure.name === name);
}

function lengthMeasure(name: string, aggregate: "min" | "max"): Measure {
  return {
    name,
    columns: 1,
    accepts: ["string", "binary"],
    about: `${aggregate === "min" ? "shortest" : "longest"} length`,
    aggregates: (dialect, columns) => ({
      v: sql`${aggregate === "min" ? sql`min` : sql`max`}(${dialect.length(first(columns), columns[0]?.class ?? "string")})`,
    }),
    value: ({ v }) => toNumber(v),
  };
}
