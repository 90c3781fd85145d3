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
  "msle",
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

/** Metrics of which more is better, without what says of which classes or ranks they are. */
const gains: ReadonlySet<string> = new Set([
  "accuracy",
  "balanced_accuracy",
  "precision",
  "recall",
  "specificity",
  "f1",
  "f2",
  "f0_5",
  "mcc",
  "kappa",
  "jaccard",
  "roc_auc",
  "roc_auc_ovo",
  "gini",
  "ks_score",
  "average_precision",
  "pr_auc_trapezoid",
  "business_value",
  "business_value_per_prediction",
  "r2",
  "explained_variance",
  "correlation",
  "spearman",
  "ndcg",
  "dcg",
  "hit_rate",
  "mrr",
  "map",
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

/** Whether more or less of one of varve's metrics is better; `undefined` where neither is. */
export function betterOf(metric: string): "higher" | "lower" | undefined {
  return descriptions.has(metric) ? undefined : (knownBetterOf(metric) ?? "higher");
}

/** The same of any name; `undefined`, too, for one that is not among varve's metrics. */
export function knownBetterOf(metric: string): "higher" | "lower" | undefined {
  if (losses.has(metric) || /^pinball_0\.\d+$/.test(metric)) return "lower";
  const name = metric.replace(/_(?:macro|micro|weighted|at_\d+)$/, "");
  return gains.has(name) || /^top_\d+_accuracy$/.test(metric) ? "higher" : undefined;
}
