import { type SqlExpression, sql } from "../../sql/sql.ts";
import { isWide, type Measure, measures } from "../measures/measures.ts";
import { isNumeric } from "../model/column.ts";
import { type CheckUse, type ColumnUse, type Expectation, toJson, toNumber } from "../model/expectation.ts";
import { boundsText, flag, list, number, text } from "../model/params.ts";
import {
  boundsSql,
  columnParam,
  countLimits,
  type Limits,
  numericBounds,
  observedNumber,
  ordered,
  refuseBounds,
  shareLimits,
  typedBounds,
  withinBounds,
} from "./common.ts";

/** The possible ranges of these measures. */
const limits: Readonly<Record<string, Limits>> = {
  completeness: shareLimits,
  correlation: { lowest: -1, highest: 1 },
  ...Object.fromEntries(
    [
      "zeros",
      "stdev",
      "stdev_population",
      "variance",
      "variance_population",
      "range",
      "interquartile_range",
    ].map((name) => [name, countLimits]),
  ),
  ...Object.fromEntries(
    ["min_length", "max_length", "approximate_distinct"].map((name) => [name, countLimits]),
  ),
};

/** Great Expectations has its own names for these; the others follow the pattern. */
const own = new Set(["row_count", "min", "max"]);
const needsBounds = new Set(["sum"]);

function fromMeasure(measure: Measure): Expectation {
  const pair = measure.columns === 2;
  return {
    kind: pair
      ? `expect_column_pair_${measure.name}_to_be_between`
      : `expect_column_${measure.name}_to_be_between`,
    level: "aggregate",
    summary: `The ${measure.about} lies within bounds; unknown (no values) fails them.`,
    params: {
      ...(pair ? { column_A: columnParam, column_B: columnParam } : { column: columnParam }),
      ...numericBounds,
    },
    refuse: refuseBounds(needsBounds.has(measure.name), limits[measure.name]),
    message: (params) =>
      `${measure.about} of ${pair ? `${text(params, "column_A")}, ${text(params, "column_B")}` : text(params, "column")} must be ${boundsText(params)}`,
    plan: (use) => {
      const columns = pair
        ? [use.column("column_A", measure.accepts), use.column("column_B", measure.accepts)]
        : [use.column("column", measure.accepts)];
      const rounded =
        measure.name === "sum" && columns.some(isWide) ? { details: { arithmetic: "double" } } : {};
      return {
        kind: "aggregate",
        aggregates: measure.aggregates(use.dialect, columns),
        judge: (values) => {
          const observed = measure.value(values);
          return {
            success: withinBounds(observed, use.check.params),
            observed: observedNumber(observed),
            ...rounded,
          };
        },
      };
    },
  };
}

/**
 * The smallest and largest value are compared in SQL, in the column's own type, so that int64, decimals and
 * times stay exact.
 */
function extreme(which: "min" | "max"): Expectation {
  return {
    kind: `expect_column_${which}_to_be_between`,
    level: "aggregate",
    summary: `The ${which === "min" ? "smallest" : "largest"} value lies within bounds; no value at all fails them.`,
    params: { column: columnParam, ...typedBounds },
    refuse: refuseBounds(true),
    message: (params) =>
      `${which === "min" ? "smallest" : "largest"} ${text(params, "column")} must be ${boundsText(params)}`,
    plan: (use) => {
      const column = use.column("column", ordered);
      const [min, max] = [use.bound("min_value", column), use.bound("max_value", column)];
      return {
        kind: "aggregate",
        aggregates: { v: which === "min" ? sql`min(${column.sql})` : sql`max(${column.sql})` },
        conditions: (alias) => ({ ok: boundsSql(alias("v"), min, max, use.check.params) }),
        byExtremes: column,
        judge: ({ v, ok }) => ({
          success: ok === true,
          observed: isNumeric(column.class) ? observedNumber(toNumber(v)) : toJson(v),
        }),
      };
    },
  };
}

function quantiles(
  use: CheckUse,
  column: ColumnUse,
  shares: readonly number[],
): Readonly<Record<string, SqlExpression>> {
  const value = use.dialect.toDouble(column.sql);
  const how = text(use.check.params, "interpolation");
  const make =
    how === "linear"
      ? use.dialect.quantile
      : how === "approximate"
        ? use.dialect.quantileApproximate
        : use.dialect.quantileDiscrete;
  return Object.fromEntries(shares.map((share, index) => [`q${index}`, make(value, share)]));
}

/** Checks of measures of all rows against bounds; they name no rows, so they only warn or reject. */
export const aggregates: readonly Expectation[] = [
  ...measures.filter((measure) => !own.has(measure.name)).map(fromMeasure),
  extreme("min"),
  extreme("max"),
  {
    kind: "expect_column_quantile_values_to_be_between",
    level: "aggregate",
    summary:
      "Quantiles lie within ranges; an actual value by default, `linear` interpolation or `approximate` on demand.",
    params: {
      column: columnParam,
      quantiles: { type: "numbers", atLeast: 1, required: true, about: "a list of shares between 0 and 1" },
      value_ranges: {
        type: "pairs",
        atLeast: 1,
        required: true,
        about: "a list of [lowest, highest] pairs, null for no bound",
      },
      interpolation: {
        type: "enum",
        values: ["nearest", "linear", "approximate"],
        about: "nearest (default), linear or approximate",
      },
    },
    refuse: (params) => {
      const shares = list(params, "quantiles");
      if (shares.some((share) => typeof share !== "number" || share < 0 || share > 1))
        return {
          param: "quantiles",
          problem: "holds a share outside 0 to 1",
          advice: "Pass shares between 0 and 1",
        };
      if (shares.length !== list(params, "value_ranges").length)
        return {
          param: "value_ranges",
          problem: "has not one range for each quantile",
          advice: "Pass as many ranges as quantiles",
        };
      return undefined;
    },
    message: (params) =>
      `quantiles ${list(params, "quantiles").join(", ")} of ${text(params, "column")} must lie in their ranges`,
    plan: (use) => {
      const shares = list(use.check.params, "quantiles").map(Number);
      const ranges = list(use.check.params, "value_ranges");
      return {
        kind: "aggregate",
        aggregates: quantiles(use, use.column("column", ["integer", "decimal", "float", "double"]), shares),
        judge: (values) => {
          const observed = shares.map((_, index) => toNumber(values[`q${index}`]));
          const success = observed.every((value, index) => {
            const range = ranges[index];
            const [low, high] = Array.isArray(range) ? range : [];
            return withinBounds(value, {
              min_value: low === null ? undefined : low,
              max_value: high === null ? undefined : high,
            });
          });
          return { success, observed, observedValue: { quantiles: shares, values: observed } };
        },
      };
    },
  },
  {
    kind: "expect_column_max_age_to_be_less_than",
    level: "aggregate",
    summary: "The newest time in the column is at most so many seconds before now (the injected clock's).",
    params: {
      column: columnParam,
      seconds: { type: "number", min: 0, required: true, about: "an age in seconds" },
    },
    message: (params) =>
      `newest ${text(params, "column")} must be less than ${number(params, "seconds")} s old`,
    plan: (use) => {
      const column = use.column("column", ["date", "timestamp", "timestamp_ntz"]);
      return {
        kind: "aggregate",
        aggregates: { newest: sql`max(${use.dialect.epochMilliseconds(column.sql, column.class)})` },
        judge: ({ newest }) => {
          const timestamp = toNumber(newest);
          const age = timestamp === null ? null : (use.now - timestamp) / 1000;
          return {
            success: age !== null && age <= (number(use.check.params, "seconds") ?? 0),
            observed: age,
          };
        },
      };
    },
  },
  {
    kind: "expect_column_values_to_be_recent",
    level: "row",
    summary:
      "Each time is at most so many seconds before now, and with `allow_future` false (the default) not after it.",
    params: {
      column: columnParam,
      seconds: { type: "number", min: 0, required: true, about: "an age in seconds" },
      allow_future: { type: "boolean", about: "true to allow times after now" },
    },
    message: (params) => `${text(params, "column")} must be less than ${number(params, "seconds")} s old`,
    plan: (use) => {
      const column = use.column("column", ["date", "timestamp", "timestamp_ntz"]);
      const time = use.dialect.epochMilliseconds(column.sql, column.class);
      const oldest = Math.floor(use.now - (number(use.check.params, "seconds") ?? 0) * 1000);
      const latest = flag(use.check.params, "allow_future") ? sql`` : sql` AND ${time} <= ${use.now}`;
      return {
        kind: "row",
        pass: sql`(${time} >= ${oldest}${latest})`,
        missing: sql`${column.sql} IS NULL`,
        nullsExactly: true,
        shows: [column],
        byExtremes: column,
      };
    },
  },
];
