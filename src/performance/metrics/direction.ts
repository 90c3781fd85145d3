/** Metrics of which less is better. */
const losses: ReadonlySet<string> = new Set([
  "fpr",
  "fnr",
  "log_loss",
  "brier",
  "ece",
  "mce",
  "ece_equal_count",
  "mae",
  "mse",
  "rmse",
  "std_error",
  "median_ae",
  "max_error",
  "mape",
  "smape",
  "wape",
  "rmsle",
  "huber_1",
]);

/** Metrics that say what the rows or the predictions are like, and not how good the model is. */
const descriptions: ReadonlySet<string> = new Set([
  "prevalence",
  "selection_rate",
  "mean_score",
  "mean_error",
  "underestimate_share",
  "calibration_slope",
  "calibration_intercept",
]);

/** Whether more or less of a metric is better; `undefined` where neither is. */
export function betterOf(metric: string): "higher" | "lower" | undefined {
  if (descriptions.has(metric)) return undefined;
  return losses.has(metric) || metric.startsWith("pinball_") ? "lower" : "higher";
}
