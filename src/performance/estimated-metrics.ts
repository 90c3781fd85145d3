import type { PartEvaluation } from "./evaluation/evaluation.ts";
import type { Problem } from "./evaluation/request.ts";
import { businessValue, type Confusion, confusionMetrics, type ValueMatrix } from "./metrics/confusion.ts";
import type { ExpectedState } from "./metrics/expected-fold.ts";
import { z95 } from "./metrics/metric.ts";

/** Metrics of a binary classifier that are estimated without outcomes. */
export type BinaryMetric =
  | "roc_auc"
  | "average_precision"
  | "accuracy"
  | "precision"
  | "recall"
  | "specificity"
  | "f1"
  | "log_loss"
  | "brier"
  | "true_positive"
  | "false_positive"
  | "true_negative"
  | "false_negative"
  | "business_value";

/** The same of several classes; means over classes, each against the rest. */
export type ClassesMetric =
  | "roc_auc_macro"
  | "average_precision_macro"
  | "accuracy"
  | "precision_macro"
  | "recall_macro"
  | "specificity_macro"
  | "f1_macro"
  | "log_loss";

/** The same of regressions. */
export type LossMetric = "mae" | "mape" | "mse" | "rmse" | "msle" | "rmsle";

/** Metrics that are estimated without outcomes. */
export type EstimatedMetric = BinaryMetric | ClassesMetric | LossMetric;

/** What an estimated metric cannot be below or above. */
interface MetricLimits {
  readonly least: number | null;
  readonly most: number | null;
}

/** A metric between 0 and 1. */
const share: MetricLimits = { least: 0, most: 1 };
const positive: MetricLimits = { least: 0, most: null };

/** The limits of the estimated metrics. */
export const estimatedLimits: Readonly<Record<EstimatedMetric, MetricLimits>> = {
  roc_auc: share,
  average_precision: share,
  accuracy: share,
  precision: share,
  recall: share,
  specificity: share,
  f1: share,
  log_loss: positive,
  brier: share,
  true_positive: positive,
  false_positive: positive,
  true_negative: positive,
  false_negative: positive,
  business_value: { least: null, most: null },
  roc_auc_macro: share,
  average_precision_macro: share,
  precision_macro: share,
  recall_macro: share,
  specificity_macro: share,
  f1_macro: share,
  mae: positive,
  mape: positive,
  mse: positive,
  rmse: positive,
  msle: positive,
  rmsle: positive,
};

export const binaryNames: readonly BinaryMetric[] = [
  "roc_auc",
  "average_precision",
  "accuracy",
  "precision",
  "recall",
  "specificity",
  "f1",
  "log_loss",
  "brier",
  "true_positive",
  "false_positive",
  "true_negative",
  "false_negative",
  "business_value",
];

export const classesNames: readonly ClassesMetric[] = [
  "roc_auc_macro",
  "average_precision_macro",
  "accuracy",
  "precision_macro",
  "recall_macro",
  "specificity_macro",
  "f1_macro",
  "log_loss",
];

export const lossNames: readonly LossMetric[] = ["mae", "mape", "mse", "rmse", "msle", "rmsle"];

/** The metrics that are estimated of a kind of problem. */
export function estimatedNames(problem: Problem): readonly EstimatedMetric[] {
  return { binary: binaryNames, multiclass: classesNames, regression: lossNames, ranking: [] }[problem];
}

/** The value of a metric that is expected of rows without outcomes. */
export function expectedValue(
  metric: BinaryMetric,
  state: ExpectedState,
  value: ValueMatrix | undefined,
): number | null {
  if (state.rows === 0) return null;
  switch (metric) {
    case "roc_auc":
      return state.auc;
    case "average_precision":
      return state.averagePrecision;
    case "log_loss":
      return state.logLoss;
    case "brier":
      return state.brier;
    default:
      return countedValue(metric, state.confusion, value);
  }
}

function countedValue(
  metric: BinaryMetric,
  counts: Confusion,
  value: ValueMatrix | undefined,
): number | null {
  switch (metric) {
    case "true_positive":
      return counts.tp;
    case "false_positive":
      return counts.fp;
    case "true_negative":
      return counts.tn;
    case "false_negative":
      return counts.fn;
    case "business_value":
      return value === undefined ? null : businessValue(counts, value).total.value;
    default:
      return confusionMetrics(counts)[metric]?.value ?? null;
  }
}

/** The value of a metric on rows with outcomes. */
export function realisedValue(metric: EstimatedMetric, part: PartEvaluation): number | null {
  const { confusion, metrics } = part;
  if (isCount(metric))
    return confusion === undefined || "matrix" in confusion
      ? null
      : countedValue(metric, confusion, undefined);
  if (metric !== "msle") return metrics[metric]?.value ?? null;
  const root = metrics["rmsle"]?.value ?? null;
  return root === null ? null : root ** 2;
}

type CountMetric = "true_positive" | "false_positive" | "true_negative" | "false_negative";

function isCount(metric: EstimatedMetric): metric is CountMetric {
  return metric.endsWith("_positive") || metric.endsWith("_negative");
}

/** Standard error of a metric of `rows` rows, from that of the baseline. */
export function scaledError(
  metric: EstimatedMetric,
  baseline: Omit<PartEvaluation, "kind" | "column" | "name">,
  rows: number,
): number | undefined {
  const { confusion, labelled, unscored, metrics } = baseline;
  const judged = labelled - unscored;
  if (judged === 0 || rows === 0) return undefined;
  if (isCount(metric)) {
    if (confusion === undefined || "matrix" in confusion) return undefined;
    const count = countedValue(metric, confusion, undefined) ?? 0;
    return Math.sqrt(rows * (count / judged) * (1 - count / judged));
  }
  const scale = metric === "business_value" ? Math.sqrt(rows / judged) : Math.sqrt(judged / rows);
  if (metric !== "msle") return times(metricError(metrics[metric]), scale);
  // The derivative of the square.
  const root = metrics["rmsle"];
  return times(metricError(root), 2 * (root?.value ?? 0) * scale);
}

/** The standard error of a metric, by its interval. */
function metricError(metric: PartEvaluation["metrics"][string] | undefined): number | undefined {
  const { value = null, low = null, high = null, interval } = metric ?? {};
  if (value === null || low === null || high === null) return undefined;
  // A side that was cut at a limit of the metric is too short.
  if (interval === "normal" || interval === "delong" || interval === "bootstrap")
    return Math.max(high - value, value - low) / z95;
  return (high - low) / 2 / z95;
}

function times(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}
