import {
  businessValue,
  type Confusion,
  confusionMetrics,
  type ValueMatrix,
  valueError,
} from "./confusion.ts";
import { type LogisticCalibration, logisticCalibration } from "./logistic-calibration.ts";
import { type Metric, type Metrics, metricWithError, undefinedMetric } from "./metric.ts";
import { type BootstrapErrors, bootstrapErrors, countCell } from "./score-cells.ts";
import type { ReliabilityBin, ScoreState } from "./score-fold.ts";

/** All metrics of a binary classifier that has scores. */
export function binaryMetrics(state: ScoreState, value?: ValueMatrix | undefined): Metrics {
  const errors = state.rows === 0 ? {} : bootstrapErrors(state.cells);
  return {
    ...withErrors(confusionMetrics(state.confusion), errors),
    ...rankMetrics(state, errors),
    ...probabilityMetrics(state, errors),
    ...calibrationMetrics(logisticCalibration(state.cells)),
    ...valueMetrics(state.confusion, value),
  };
}

/** The metrics of labels alone, without scores; intervals of what has no formula come from replicates of the counts. */
export function labelMetrics(confusion: Confusion, value?: ValueMatrix | undefined): Metrics {
  const { tp, fp, fn, tn } = confusion;
  const errors = tp + fp + fn + tn === 0 ? {} : bootstrapErrors(countCell([tp, fp, fn, tn]));
  return { ...withErrors(confusionMetrics(confusion), errors), ...valueMetrics(confusion, value) };
}

/** Adds intervals to the metrics that have none; all of them lie between -1 and 1. */
function withErrors(metrics: Metrics, errors: BootstrapErrors): Metrics {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, metric]) => {
      if (metric.value === null || metric.interval !== undefined) return [name, metric];
      const least = name === "mcc" || name === "kappa" ? -1 : 0;
      return [name, metricWithError(metric.value, errors[name], "bootstrap", { least, most: 1 })];
    }),
  );
}

/** Area under the ROC curve with DeLong's standard error, from the sums of a pass. */
export function rocAuc({ ranks, rows, positives }: Pick<ScoreState, "ranks" | "rows" | "positives">): {
  readonly auc: Metric;
  readonly error: number;
} {
  const negatives = rows - positives;
  if (rows === 0) return { auc: undefinedMetric("no_rows"), error: Number.NaN };
  if (positives === 0 || negatives === 0) return { auc: undefinedMetric("one_class"), error: Number.NaN };
  const value = 1 - ranks.positive / (positives * negatives);
  const ofPositives = spread(ranks.positive, ranks.positiveSquares, positives) / negatives ** 2;
  const ofNegatives = spread(ranks.negative, ranks.negativeSquares, negatives) / positives ** 2;
  const error = Math.sqrt(ofPositives / positives + ofNegatives / negatives);
  return { auc: metricWithError(value, error, "delong", { least: 0, most: 1 }), error };
}

/** Sample variance from a sum and a sum of squares; not a number for a single value. */
function spread(sum: number, squares: number, count: number): number {
  return count < 2 ? Number.NaN : Math.max(0, squares - sum ** 2 / count) / (count - 1);
}

function rankMetrics(state: ScoreState, errors: BootstrapErrors): Metrics {
  const { rows, positives } = state;
  const { auc, error } = rocAuc(state);
  const share = { least: 0, most: 1 };
  const none = undefinedMetric(rows === 0 ? "no_rows" : "no_positives");
  const oneClass = positives === 0 || positives === rows;
  return {
    roc_auc: auc,
    gini:
      auc.value === null
        ? auc
        : metricWithError(2 * auc.value - 1, 2 * error, "delong", { least: -1, most: 1 }),
    ks_score: oneClass
      ? undefinedMetric(rows === 0 ? "no_rows" : "one_class")
      : metricWithError(state.ks, errors["ks_score"], "bootstrap", share),
    average_precision:
      positives === 0
        ? none
        : metricWithError(state.averagePrecision, errors["average_precision"], "bootstrap", share),
    pr_auc_trapezoid:
      positives === 0
        ? none
        : metricWithError(state.trapezoidPrecision, errors["pr_auc_trapezoid"], "bootstrap", share),
  };
}

function probabilityMetrics(state: ScoreState, errors: BootstrapErrors): Metrics {
  const { rows, logLoss, brier, meanScore } = state;
  const of = (name: string, value: number, most?: number): Metric =>
    rows === 0
      ? undefinedMetric("no_rows")
      : metricWithError(value, errors[name], "bootstrap", { least: 0, most });
  const width = calibrationErrors(state.equalWidth, rows);
  const count = calibrationErrors(state.equalCount, rows);
  return {
    log_loss: of("log_loss", logLoss),
    brier: of("brier", brier, 1),
    ece: of("ece", width.ece, 1),
    mce: of("mce", width.mce, 1),
    ece_equal_count: of("ece_equal_count", count.ece, 1),
    mean_score: of("mean_score", meanScore, 1),
  };
}

/** Mean (weighted by rows) and largest distance between score and outcome over bins. */
function calibrationErrors(
  bins: readonly ReliabilityBin[],
  rows: number,
): { readonly ece: number; readonly mce: number } {
  const gaps = bins.map((bin) => ({ rows: bin.rows, gap: Math.abs(bin.meanScore - bin.meanTarget) }));
  return {
    ece: gaps.reduce((sum, bin) => sum + bin.rows * bin.gap, 0) / rows,
    mce: gaps.reduce((largest, bin) => Math.max(largest, bin.gap), 0),
  };
}

function calibrationMetrics({ slope, intercept }: LogisticCalibration): Metrics {
  return { calibration_slope: slope, calibration_intercept: intercept };
}

function valueMetrics(confusion: Confusion, matrix: ValueMatrix | undefined): Metrics {
  if (matrix === undefined) return {};
  const { total, perPrediction } = businessValue(confusion, matrix);
  if (total.value === null || perPrediction.value === null)
    return { business_value: total, business_value_per_prediction: perPrediction };
  const rows = confusion.tp + confusion.fp + confusion.tn + confusion.fn;
  const error = valueError(confusion, matrix);
  return {
    business_value: metricWithError(total.value, error * rows, "normal"),
    business_value_per_prediction: metricWithError(perPrediction.value, error, "normal"),
  };
}

/**
 * What costs nothing: to give every row the prior probability, or the larger class. A model that is not better has
 * learned nothing.
 */
export function binaryDummy(rows: number, positives: number): Metrics {
  if (rows === 0) return { accuracy: undefinedMetric("no_rows"), log_loss: undefinedMetric("no_rows") };
  const prior = positives / rows;
  const entropy = [prior, 1 - prior].reduce((sum, p) => sum - (p === 0 ? 0 : p * Math.log(p)), 0);
  const plain = (value: number): Metric => ({ value, low: null, high: null });
  return {
    accuracy: plain(Math.max(prior, 1 - prior)),
    roc_auc: prior === 0 || prior === 1 ? undefinedMetric("one_class") : plain(0.5),
    average_precision: prior === 0 ? undefinedMetric("no_positives") : plain(prior),
    log_loss: plain(entropy),
    brier: plain(prior * (1 - prior)),
  };
}
