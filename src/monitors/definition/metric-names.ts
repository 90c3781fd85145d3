import type { Problem } from "../../performance/evaluation/request.ts";

/** Metrics of each kind of problem that a monitor may watch (spec/model-performance.md). */
const names: Readonly<Record<Problem, readonly string[]>> = {
  binary: [
    ...["accuracy", "balanced_accuracy", "precision", "recall", "specificity", "fpr", "fnr"],
    ...["f1", "f2", "f0_5", "mcc", "kappa", "jaccard", "prevalence", "selection_rate"],
    ...["roc_auc", "gini", "ks_score", "average_precision", "pr_auc_trapezoid"],
    ...["log_loss", "brier", "mean_score", "ece", "mce", "ece_equal_count"],
    ...["calibration_slope", "calibration_intercept", "business_value", "business_value_per_prediction"],
  ],
  multiclass: [
    ...["accuracy", "balanced_accuracy", "mcc", "kappa", "log_loss", "roc_auc_macro", "roc_auc_ovo_macro"],
    ...["precision", "recall", "specificity", "f1"].flatMap((name) =>
      ["macro", "weighted", "micro"].map((mean) => `${name}_${mean}`),
    ),
    ...[1, 2, 3, 5, 10].map((k) => `top_${k}_accuracy`),
  ],
  regression: [
    ...[
      "mae",
      "mse",
      "rmse",
      "mean_error",
      "std_error",
      "median_ae",
      "max_error",
      "r2",
      "explained_variance",
    ],
    ...["mape", "smape", "wape", "rmsle", "pinball_0.1", "pinball_0.5", "pinball_0.9", "huber_1"],
    ...["underestimate_share", "correlation", "spearman"],
  ],
  ranking: ["ndcg", "dcg", "precision", "recall", "hit_rate", "mrr", "map"].flatMap((name) =>
    [1, 3, 5, 10].map((k) => `${name}_at_${k}`),
  ),
};

/** The metrics that a monitor of a problem may name. */
export function metricNamesOf(problem: Problem): readonly string[] {
  return names[problem];
}
