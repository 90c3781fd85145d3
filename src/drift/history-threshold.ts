import { medianDeviation, quantileOf, sortedSample } from "../statistics/samples.ts";

/** How a threshold follows from a column's past (spec/drift.md, "Thresholds from history"). */
export interface HistoryRule {
  /** Quiet versions that it takes; default 8. */
  readonly min?: number | undefined;
  /** Deviations above the median; default 3. */
  readonly k?: number | undefined;
  /** The threshold without a history, below which none from history lies; default 0.1. */
  readonly least?: number | undefined;
}

/** A threshold with where it comes from. */
export interface ThresholdFromHistory {
  readonly threshold: number;
  readonly source: "history" | "default";
  /** Effects that were used: 0 for `default`. */
  readonly versions: number;
}

/** The factor that makes the median distance from the median of normal values their deviation. */
const deviationOfNormal = 1.4826;

/**
 * The threshold of a column's effect: `max(least, median + k · 1.4826 · MAD)` of its effects in quiet versions, at most
 * 1. Call it with the `effect` of that column's records, of one slice and against one baseline, in the versions whose
 * verdict was `none`; the version to be judged is not among them. Effects of `null` are left out. With fewer than `min`
 * effects it is `least`. Median and MAD (the median distance from it) are not moved by a few bad versions among the
 * quiet ones, as a mean and a deviation would be.
 */
export function historyThreshold(
  effects: readonly (number | null)[],
  { min = 8, k = 3, least = 0.1 }: HistoryRule = {},
): ThresholdFromHistory {
  const sample = sortedSample(effects);
  if (sample.length < Math.max(1, min)) return { threshold: least, source: "default", versions: 0 };
  const bound = quantileOf(sample, 0.5) + k * deviationOfNormal * medianDeviation(sample);
  return { threshold: Math.min(1, Math.max(least, bound)), source: "history", versions: sample.length };
}
