import type { PartEvaluation } from "./evaluation/evaluation.ts";
import { businessValue, type Confusion, confusionMetrics, type ValueMatrix } from "./metrics/confusion.ts";
import type { ExpectedState } from "./metrics/expected-fold.ts";
import { z95 } from "./metrics/metric.ts";

/** Metrics that are estimated without outcomes. */
export type EstimatedMetric =
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

/** What an estimated metric cannot be below or above. */
interface MetricLimits {
  readonly least: number | null;
  readonly most: number | null;
}

/** The estimated metrics with their limits. */
export const estimatedMetrics: Readonly<Record<EstimatedMetric, MetricLimits>> = {
  roc_auc: { least: 0, most: 1 },
  average_precision: { least: 0, most: 1 },
  accuracy: { least: 0, most: 1 },
  precision: { least: 0, most: 1 },
  recall: { least: 0, most: 1 },
  specificity: { least: 0, most: 1 },
  f1: { least: 0, most: 1 },
  log_loss: { least: 0, most: null },
  brier: { least: 0, most: 1 },
  true_positive: { least: 0, most: null },
  false_positive: { least: 0, most: null },
  true_negative: { least: 0, most: null },
  false_negative: { least: 0, most: null },
  business_value: { least: null, most: null },
};

export const estimatedNames = Object.keys(estimatedMetrics) as readonly EstimatedMetric[];

/** The value of a metric that is expected of rows without outcomes. */
export function expectedValue(
  metric: EstimatedMetric,
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
  metric: EstimatedMetric,
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
  const { confusion } = part;
  if (metric.includes("_positive") || metric.includes("_negative"))
    return confusion === undefined || "matrix" in confusion
      ? null
      : countedValue(metric, confusion, undefined);
  return part.metrics[metric]?.value ?? null;
}

/** Standard error of a metric of `rows` rows, from that of the baseline. */
export function scaledError(
  metric: EstimatedMetric,
  baseline: Omit<PartEvaluation, "kind" | "column" | "name">,
  rows: number,
): number | undefined {
  const { confusion, labelled, unscored } = baseline;
  const judged = labelled - unscored;
  if (confusion === undefined || "matrix" in confusion || judged === 0 || rows === 0) return undefined;
  const count = {
    true_positive: confusion.tp,
    false_positive: confusion.fp,
    true_negative: confusion.tn,
    false_negative: confusion.fn,
  }[metric as "true_positive"];
  if (count !== undefined) return Math.sqrt(rows * (count / judged) * (1 - count / judged));
  const { low, high } = baseline.metrics[metric] ?? {};
  if (low === undefined || high === undefined || low === null || high === null) return undefined;
  const error = (high - low) / 2 / z95;
  return metric === "business_value" ? error * Math.sqrt(rows / judged) : error * Math.sqrt(judged / rows);
}
