import type { Confusion, ValueMatrix } from "./confusion.ts";

/** What sampling errors are computed from: counts of the baseline, and the spread of its ranks. */
export interface BaselineCounts {
  readonly confusion: Confusion;
  /** Variance (ddof 0) over positives of the share of negatives that score lower; of the rarer class as positives. */
  readonly rankVariance: number;
}

/** Error of one metric at `n` rows as NannyML has it, from counts of the baseline; undefined where it has none. */
export function nannymlError(
  metric: string,
  { confusion, rankVariance }: BaselineCounts,
  n: number,
  value: ValueMatrix | undefined,
): number | undefined {
  const { tp, fp, tn, fn } = confusion;
  const rows = tp + fp + tn + fn;
  const ofShare = (part: number, whole: number) => {
    const share = part / whole;
    return Math.sqrt((share * (1 - share)) / (n * (whole / rows)));
  };
  const ofCount = (count: number) => Math.sqrt(n * (count / rows) * (1 - count / rows));
  switch (metric) {
    case "accuracy":
      return ofShare(tp + tn, rows);
    case "precision":
      return ofShare(tp, tp + fp);
    case "recall":
      return ofShare(tp, tp + fn);
    case "specificity":
      return ofShare(tn, tn + fp);
    case "f1": {
      const relevant = tp + fp + fn;
      return (relevant / (tp + (fp + fn) / 2)) * ofShare(tp, relevant);
    }
    case "roc_auc":
      return Math.sqrt(rankVariance / (n * (Math.min(tp + fn, tn + fp) / rows)));
    case "true_positive":
      return ofCount(tp);
    case "true_negative":
      return ofCount(tn);
    case "false_positive":
      return ofCount(fp);
    case "false_negative":
      return ofCount(fn);
    case "business_value":
      return value === undefined ? undefined : Math.sqrt(n) * valueDeviation(confusion, value);
    default:
      return undefined;
  }
}

/** The same of several classes. */
export interface BaselineClasses {
  /** Rows by true class (first index) and predicted class. */
  readonly matrix: readonly (readonly number[])[];
  /** Of each class, as {@link BaselineCounts} has it. */
  readonly rankVariances: readonly number[];
  /** Standard errors of the average precision of all rows, of each class. */
  readonly precisionErrors: readonly (number | undefined)[];
}

/**
 * Error of a mean over classes at `n` rows as NannyML has it: the classes as if they were independent, the area under
 * the curve times 1.2, f1 as if it were a share, and the average precision as if the classes were one. Undefined where
 * it has none.
 */
export function nannymlClassesError(
  metric: string,
  { matrix, rankVariances, precisionErrors }: BaselineClasses,
  n: number,
): number | undefined {
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  const rows = sum(matrix.map(sum));
  const counts = matrix.map((line, own) => {
    const [tp, positives] = [line[own] ?? 0, sum(line)];
    const predicted = sum(matrix.map((other) => other[own] ?? 0));
    return { tp, positives, predicted, tn: rows - positives - predicted + tp };
  });
  const ofShare = (part: number, whole: number) => ((part / whole) * (1 - part / whole) * rows) / (n * whole);
  const together = (variances: readonly number[]) => Math.sqrt(sum(variances)) / variances.length;
  switch (metric) {
    case "accuracy":
      return Math.sqrt(ofShare(sum(counts.map(({ tp }) => tp)), rows));
    case "precision_macro":
      return together(counts.map(({ tp, predicted }) => ofShare(tp, predicted)));
    case "recall_macro":
      return together(counts.map(({ tp, positives }) => ofShare(tp, positives)));
    case "specificity_macro":
      return together(counts.map(({ tn, positives }) => ofShare(tn, rows - positives)));
    case "f1_macro":
      return together(counts.map(({ tp, positives, predicted }) => ofShare(tp, positives + predicted - tp)));
    case "average_precision_macro": {
      const variances = precisionErrors.map((error) => ((error ?? Number.NaN) ** 2 * rows) / n);
      const error = Math.sqrt(sum(variances) / variances.length);
      return Number.isNaN(error) ? undefined : error;
    }
    case "roc_auc_macro":
      return (
        1.2 *
        together(
          counts.map(({ positives }, own) => {
            const rarer = Math.min(positives, rows - positives);
            return ((rankVariances[own] ?? 0) * rows) / (n * rarer);
          }),
        )
      );
    default:
      return undefined;
  }
}

/** Standard deviation (ddof 0) of what one row is worth. */
function valueDeviation({ tp, fp, tn, fn }: Confusion, [[ofTn, ofFp], [ofFn, ofTp]]: ValueMatrix): number {
  const rows = tp + fp + tn + fn;
  const mean = (tn * ofTn + fp * ofFp + fn * ofFn + tp * ofTp) / rows;
  const squares = tn * ofTn ** 2 + fp * ofFp ** 2 + fn * ofFn ** 2 + tp * ofTp ** 2;
  return Math.sqrt(Math.max(0, squares / rows - mean ** 2));
}
