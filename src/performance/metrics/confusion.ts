import { type Metric, type Metrics, plainMetric, shareMetric, undefinedMetric } from "./metric.ts";

/** Rows by what was predicted and what was true; numbers may be expected counts, which have fractions. */
export interface Confusion {
  readonly tp: number;
  readonly fp: number;
  readonly tn: number;
  readonly fn: number;
}

/** Gain or cost of one row: `[[tn, fp], [fn, tp]]`. */
export type ValueMatrix = readonly [readonly [number, number], readonly [number, number]];

/** The metrics of counts alone. Shares have Wilson intervals, the others none (see `score-cells.ts`). */
export function confusionMetrics(counts: Confusion): Metrics {
  const { tp, fp, tn, fn } = counts;
  const rows = tp + fp + tn + fn;
  return {
    accuracy: shareMetric(tp + tn, rows, "no_rows"),
    balanced_accuracy: balancedAccuracy(counts),
    precision: shareMetric(tp, tp + fp, "no_positive_predictions"),
    recall: shareMetric(tp, tp + fn, "no_positives"),
    specificity: shareMetric(tn, tn + fp, "no_negatives"),
    fpr: shareMetric(fp, tn + fp, "no_negatives"),
    fnr: shareMetric(fn, tp + fn, "no_positives"),
    f1: fScore(counts, 1),
    f2: fScore(counts, 2),
    f0_5: fScore(counts, 0.5),
    mcc: matthews(counts),
    kappa: kappa(counts),
    jaccard: shareMetric(tp, tp + fp + fn, "no_positives"),
    prevalence: shareMetric(tp + fn, rows, "no_rows"),
    selection_rate: shareMetric(tp + fp, rows, "no_rows"),
  };
}

function balancedAccuracy({ tp, fp, tn, fn }: Confusion): Metric {
  if (tp + fn === 0 || tn + fp === 0)
    return undefinedMetric(tp + fp + tn + fn === 0 ? "no_rows" : "one_class");
  return plainMetric((tp / (tp + fn) + tn / (tn + fp)) / 2);
}

/** F score with weight `beta` of recall. Undefined only where nothing is positive, neither predicted nor true. */
export function fScore({ tp, fp, fn }: Confusion, beta: number): Metric {
  const whole = (1 + beta ** 2) * tp + beta ** 2 * fn + fp;
  return whole === 0 ? undefinedMetric("no_positives") : plainMetric(((1 + beta ** 2) * tp) / whole);
}

function matthews({ tp, fp, tn, fn }: Confusion): Metric {
  if (tp + fp + tn + fn === 0) return undefinedMetric("no_rows");
  if (tp + fn === 0 || tn + fp === 0) return undefinedMetric("one_class");
  if (tp + fp === 0 || tn + fn === 0) return undefinedMetric("constant_prediction");
  const root = Math.sqrt(tp + fp) * Math.sqrt(tp + fn) * Math.sqrt(tn + fp) * Math.sqrt(tn + fn);
  return plainMetric((tp * tn - fp * fn) / root);
}

function kappa({ tp, fp, tn, fn }: Confusion): Metric {
  const rows = tp + fp + tn + fn;
  if (rows === 0) return undefinedMetric("no_rows");
  const chance = ((tp + fp) * (tp + fn) + (tn + fn) * (tn + fp)) / rows ** 2;
  return chance === 1
    ? undefinedMetric("one_class")
    : plainMetric(((tp + tn) / rows - chance) / (1 - chance));
}

/** Value of all rows, and of one. */
export function businessValue(
  { tp, fp, tn, fn }: Confusion,
  [[ofTn, ofFp], [ofFn, ofTp]]: ValueMatrix,
): { readonly total: Metric; readonly perPrediction: Metric } {
  const rows = tp + fp + tn + fn;
  if (rows === 0) return { total: undefinedMetric("no_rows"), perPrediction: undefinedMetric("no_rows") };
  const total = tn * ofTn + fp * ofFp + fn * ofFn + tp * ofTp;
  return { total: plainMetric(total), perPrediction: plainMetric(total / rows) };
}

/** The value of rows that chance deals, with its normal interval: rows are independent, so squares add up. */
export function valueError({ tp, fp, tn, fn }: Confusion, [[ofTn, ofFp], [ofFn, ofTp]]: ValueMatrix): number {
  const rows = tp + fp + tn + fn;
  const mean = (tn * ofTn + fp * ofFp + fn * ofFn + tp * ofTp) / rows;
  const squares = tn * ofTn ** 2 + fp * ofFp ** 2 + fn * ofFn ** 2 + tp * ofTp ** 2;
  return Math.sqrt(Math.max(0, squares / rows - mean ** 2) / rows);
}
