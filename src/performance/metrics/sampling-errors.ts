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

/** Standard deviation (ddof 0) of what one row is worth. */
function valueDeviation({ tp, fp, tn, fn }: Confusion, [[ofTn, ofFp], [ofFn, ofTp]]: ValueMatrix): number {
  const rows = tp + fp + tn + fn;
  const mean = (tn * ofTn + fp * ofFp + fn * ofFn + tp * ofTp) / rows;
  const squares = tn * ofTn ** 2 + fp * ofFp ** 2 + fn * ofFn ** 2 + tp * ofTp ** 2;
  return Math.sqrt(Math.max(0, squares / rows - mean ** 2));
}
