import { type SqlExpression, sql } from "../../sql/sql.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import { hasNan, nanProbe } from "../measures/measures.ts";
import {
  type AggregatePlan,
  type CheckPlan,
  type CheckUse,
  type ColumnUse,
  type Expectation,
  toNumber,
} from "../model/expectation.ts";
import { list, text } from "../model/params.ts";
import { columnParam, observedNumber, withinBounds } from "./common.ts";

/** Quantiles of a column against ranges. */
export const quantiles: Expectation = {
  kind: "expect_column_quantile_values_to_be_between",
  level: "aggregate",
  summary:
    "The quantiles are within their ranges; a quantile is the value at the nearest rank, or by `interpolation` linear, discrete (SQL's percentile_disc) or approximate.",
  params: {
    column: columnParam,
    quantiles: { type: "numbers", atLeast: 1, required: true, about: "a list of shares from 0 to 1" },
    value_ranges: {
      type: "pairs",
      atLeast: 1,
      required: true,
      about: "a list of [minimum, maximum] pairs, null for no bound",
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
        problem: "has a share outside 0 to 1",
        advice: "Pass shares between 0 and 1",
      };
    if (shares.length !== list(params, "value_ranges").length)
      return {
        param: "value_ranges",
        problem: "must have one range for each quantile",
        advice: "Pass as many ranges as quantiles",
      };
    const ranges = list(params, "value_ranges").map((range) =>
      Array.isArray(range) ? (range as readonly JsonValue[]) : [],
    );
    const isBound = (value: JsonValue) => value === null || /^(number|bigint)$/.test(typeof value);
    if (!ranges.every((range) => range.every(isBound)))
      return {
        param: "value_ranges",
        problem: "has a bound that is not a number",
        advice: "Pass pairs of [minimum, maximum], null for no bound",
      };
    if (ranges.some(([low = null, high = null]) => low !== null && high !== null && low > high))
      return {
        param: "value_ranges",
        problem: "has a minimum above its maximum",
        advice: "Pass pairs of [minimum, maximum]",
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
};

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
