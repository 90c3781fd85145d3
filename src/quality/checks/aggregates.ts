import { sql } from "../../sql/sql.ts";
import { exactOf } from "../measures/exact-number.ts";
import { hasNan, isWide, type Measure, measures, nanProbe } from "../measures/measures.ts";
import { isNumeric } from "../model/column.ts";
import { type Expectation, toJson, toNumber } from "../model/expectation.ts";
import { boundsText, flag, number, text } from "../model/params.ts";
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
import { quantiles } from "./quantiles.ts";

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
    summary: `The ${measure.about} is within the bounds; without any value, it is unknown and fails.`,
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
    summary: `The ${which === "min" ? "smallest" : "largest"} value is within the bounds; without any value, it is unknown and fails.`,
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

/** Checks of measures of all rows against bounds; they name no rows, so they only warn or reject. */
export const aggregates: readonly Expectation[] = [
  ...measures.filter((measure) => !own.has(measure.name)).map(fromMeasure),
  extreme("min"),
  extreme("max"),
  quantiles,
  {
    kind: "expect_column_max_age_to_be_less_than",
    level: "aggregate",
    summary: "The newest time is at most `seconds` before now, by the injected clock.",
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
    summary: "Every time is at most `seconds` before now, and not after now unless `allow_future` is true.",
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
