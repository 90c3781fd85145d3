import { type SqlExpression, sql } from "../../sql/sql.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import { exactOf } from "../measures/exact-number.ts";
import { hasNan, isWide, type Measure, measures, nanProbe } from "../measures/measures.ts";
import { isNumeric } from "../model/column.ts";
import {
  type AggregatePlan,
  type CheckPlan,
  type CheckUse,
  type ColumnUse,
  type Expectation,
  toJson,
  toNumber,
} from "../model/expectation.ts";
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
          const observed = measure.exact?.(values) ?? measure.value(values);
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
        aggregates: {
          v: which === "min" ? sql`min(${column.sql})` : sql`max(${column.sql})`,
          ...nanProbe(column),
        },
        conditions: (alias) => ({ ok: boundsSql(alias("v"), min, max, use.check.params) }),
        byExtremes: column,
        judge: ({ v, ok, ...others }) =>
          hasNan(others)
            ? { success: false, observed: "NaN" }
            : {
                success: ok === true,
                observed: isNumeric(column.class) ? observedNumber(exactOf(v)) : toJson(v),
              },
      };
    },
  };
}

/** The expression of the quantile of a share, by the check's interpolation. */
type Quantile = (value: SqlExpression, share: number) => SqlExpression;

function quantilePlan(use: CheckUse, column: ColumnUse, quantile: Quantile): AggregatePlan {
  const shares = list(use.check.params, "quantiles").map(Number);
  const value = use.dialect.toDouble(column.sql);
  return {
    kind: "aggregate",
    aggregates: {
      ...Object.fromEntries(shares.map((share, index) => [`q${index}`, quantile(value, share)])),
      ...nanProbe(column),
    },
    judge: (values) => {
      const isNan = hasNan(values);
      const found = shares.map((_, index) => (isNan ? Number.NaN : toNumber(values[`q${index}`])));
      const success = found.every((item, index) => withinBounds(item, rangeOf(use, index)));
      const observed = found.map(observedNumber);
      return { success, observed, observedValue: { quantiles: shares, values: observed } };
    },
  };
}

/** The range of a quantile as bounds. */
function rangeOf(use: CheckUse, index: number): JsonObject {
  const range = list(use.check.params, "value_ranges")[index];
  const [low, high] = Array.isArray(range) ? (range as readonly JsonValue[]) : [];
  return {
    ...(low === null || low === undefined ? {} : { min_value: low }),
    ...(high === null || high === undefined ? {} : { max_value: high }),
  };
}

/**
 * The value at the rank (n - 1) · share, rounded to the nearest whole rank, and to the even one between two, as
 * NumPy's `nearest`: the number of values is counted first, so that the rank is known.
 */
function nearestPlan(use: CheckUse, column: ColumnUse): CheckPlan {
  return {
    kind: "rounds",
    aggregates: { present: sql`count(${column.sql})` },
    next: ({ present }) => {
      const count = toNumber(present) ?? 0;
      // the discrete quantile of a share is the value whose rank is the first that is not below n · share
      return quantilePlan(use, column, (value, share) =>
        use.dialect.quantileDiscrete(
          value,
          count === 0 ? 0.5 : (halfToEven((count - 1) * share) + 0.5) / count,
        ),
      );
    },
  };
}

function halfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest === 0.5) return below % 2 === 0 ? below : below + 1;
  return rest < 0.5 ? below : below + 1;
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
      "Quantiles lie within ranges; each is the value at the nearest rank, of `linear` interpolation, `discrete` (SQL's percentile_disc) or `approximate`.",
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
        values: ["nearest", "linear", "discrete", "approximate"],
        about: "nearest (default), linear, discrete or approximate",
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
      const isReversed = list(params, "value_ranges").some((range) => {
        const [low, high] = Array.isArray(range) ? (range as readonly JsonValue[]) : [];
        return typeof low === "number" && typeof high === "number" && low > high;
      });
      if (isReversed)
        return {
          param: "value_ranges",
          problem: "has a range whose lowest value is above its highest",
          advice: "Pass pairs of [lowest, highest]",
        };
      return undefined;
    },
    message: (params) =>
      `quantiles ${list(params, "quantiles").join(", ")} of ${text(params, "column")} must lie in their ranges`,
    plan: (use) => {
      const column = use.column("column", ["integer", "decimal", "float", "double"]);
      switch (text(use.check.params, "interpolation")) {
        case "linear":
          return quantilePlan(use, column, use.dialect.quantile);
        case "discrete":
          return quantilePlan(use, column, use.dialect.quantileDiscrete);
        case "approximate":
          return quantilePlan(use, column, use.dialect.quantileApproximate);
        default:
          return nearestPlan(use, column);
      }
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
