import {
  type Metric,
  type Metrics,
  metricWithError,
  plainMetric,
  shareMetric,
  undefinedMetric,
  z95,
} from "./metric.ts";

/** Mean and sample deviation of a loss. */
interface Moments {
  readonly mean: number;
  readonly sd: number;
}

/** What the metrics of a regression are made of; NaN where rows do not define it. */
export interface RegressionSums {
  readonly rows: number;
  readonly error: Moments;
  readonly off: Moments;
  readonly square: Moments;
  readonly smape: Moments;
  readonly huber: Moments;
  readonly pinball: Readonly<Record<"0.1" | "0.5" | "0.9", Moments>>;
  /** Of absolute error over target, where the target is not 0. */
  readonly relative: Moments;
  /** Of squared differences of logarithms, where both are above -1. */
  readonly logs: Moments;
  readonly logRows: number;
  readonly zeroTargets: number;
  readonly under: number;
  readonly maxOff: number;
  readonly medianOff: { readonly value: number; readonly low: number; readonly high: number };
  /** Of absolute targets: mean, variance, and covariance with the absolute errors. */
  readonly sizeMean: number;
  readonly sizeVariance: number;
  readonly offSize: number;
  readonly targetVariance: number;
  readonly errorVariance: number;
  /** Covariance of squared errors with squared distances of targets from their mean, and the variance of these. */
  readonly squareSpread: number;
  readonly spreadVariance: number;
  readonly correlation: number;
  readonly spearman: number;
  /** Mean distance of targets from their median. */
  readonly middleOff: number;
}

const none: Metric = undefinedMetric("no_rows");

/** Names of all metrics of a regression. */
const regressionMetricNames = [
  "mae",
  "mse",
  "rmse",
  "mean_error",
  "std_error",
  "median_ae",
  "max_error",
  "r2",
  "explained_variance",
  "mape",
  "smape",
  "wape",
  "rmsle",
  "pinball_0.1",
  "pinball_0.5",
  "pinball_0.9",
  "huber_1",
  "underestimate_share",
  "correlation",
  "spearman",
] as const;

/** The metrics of a regression; intervals are normal by the delta method. Errors are prediction less target. */
export function regressionMetrics(sums: RegressionSums | undefined): Metrics {
  if (sums === undefined || sums.rows === 0)
    return Object.fromEntries(regressionMetricNames.map((name) => [name, none]));
  const { rows } = sums;
  const mean = (moments: Moments): Metric =>
    metricWithError(moments.mean, moments.sd / Math.sqrt(rows), "normal", { least: 0 });
  const { value, low, high } = sums.medianOff;
  return {
    mae: mean(sums.off),
    mse: mean(sums.square),
    rmse: rootMetric(sums.square, rows),
    mean_error: metricWithError(sums.error.mean, sums.error.sd / Math.sqrt(rows), "normal"),
    std_error: rows < 2 ? undefinedMetric("too_few_rows") : plainMetric(sums.error.sd),
    median_ae: { value, low, high, interval: "order" },
    max_error: plainMetric(sums.maxOff),
    r2: r2(sums),
    explained_variance:
      sums.targetVariance === 0
        ? undefinedMetric("constant_target")
        : plainMetric(1 - sums.errorVariance / sums.targetVariance),
    mape: relativeError(sums),
    smape: mean(sums.smape),
    wape: wape(sums),
    rmsle: sums.logRows < rows ? undefinedMetric("value_below_minus_one") : rootMetric(sums.logs, rows),
    "pinball_0.1": mean(sums.pinball["0.1"]),
    "pinball_0.5": mean(sums.pinball["0.5"]),
    "pinball_0.9": mean(sums.pinball["0.9"]),
    huber_1: mean(sums.huber),
    underestimate_share: shareMetric(sums.under, rows, "no_rows"),
    correlation: correlation(sums.correlation, sums),
    spearman: correlation(sums.spearman, sums),
  };
}

/** Root of a mean, with the error of the mean divided by twice the root. */
function rootMetric({ mean, sd }: Moments, rows: number): Metric {
  const root = Math.sqrt(mean);
  return metricWithError(root, root === 0 ? undefined : sd / Math.sqrt(rows) / (2 * root), "normal", {
    least: 0,
  });
}

function r2({ rows, square, targetVariance, squareSpread, spreadVariance }: RegressionSums): Metric {
  if (rows < 2) return undefinedMetric("too_few_rows");
  if (targetVariance === 0) return undefinedMetric("constant_target");
  const unexplained = square.mean / targetVariance;
  const variance = square.sd ** 2 - 2 * unexplained * squareSpread + unexplained ** 2 * spreadVariance;
  const error = Math.sqrt(Math.max(0, variance) / rows) / targetVariance;
  return metricWithError(1 - unexplained, error, "normal", { most: 1 });
}

function relativeError({ rows, relative, zeroTargets }: RegressionSums): Metric {
  if (zeroTargets === rows) return undefinedMetric("zero_targets");
  return metricWithError(relative.mean, relative.sd / Math.sqrt(rows - zeroTargets), "normal", { least: 0 });
}

function wape({ rows, off, sizeMean, sizeVariance, offSize }: RegressionSums): Metric {
  if (sizeMean === 0) return undefinedMetric("zero_targets");
  const ratio = off.mean / sizeMean;
  const variance = off.sd ** 2 - 2 * ratio * offSize + ratio ** 2 * sizeVariance;
  return metricWithError(ratio, Math.sqrt(Math.max(0, variance) / rows) / sizeMean, "normal", { least: 0 });
}

/** A correlation with Fisher's interval. */
function correlation(value: number, { rows, targetVariance }: RegressionSums): Metric {
  if (rows < 2) return undefinedMetric("too_few_rows");
  if (targetVariance === 0) return undefinedMetric("constant_target");
  if (!Number.isFinite(value)) return undefinedMetric("constant_prediction");
  if (rows < 4 || Math.abs(value) >= 1) return plainMetric(value);
  const half = z95 / Math.sqrt(rows - 3);
  return {
    value,
    low: Math.tanh(Math.atanh(value) - half),
    high: Math.tanh(Math.atanh(value) + half),
    interval: "fisher",
  };
}

/** What the median and the mean of the targets would have done as predictions. */
export function regressionDummy(sums: RegressionSums | undefined): Metrics {
  if (sums === undefined || sums.rows === 0) return { mae: none, rmse: none };
  return { mae: plainMetric(sums.middleOff), rmse: plainMetric(Math.sqrt(sums.targetVariance)) };
}
