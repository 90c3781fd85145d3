import { normalQuantile } from "../../statistics/distributions.ts";
import { scoreInterval } from "../../statistics/proportions.ts";

/** A confidence interval of a share. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/** Wald interval of a share `p` of `n`, the lower end rounded down and the upper up to two decimals. */
export function waldInterval(p: number, n: number, confidence = 0.95): Interval {
  const half = normalQuantile(1 - (1 - confidence) / 2) * Math.sqrt((p * (1 - p)) / n);
  return outwards(p - half, p + half);
}

/**
 * Wilson score interval of a share `p` of `n`, the lower end rounded down and the upper up to two decimals.
 */
export function wilsonInterval(p: number, n: number, confidence = 0.95): Interval {
  const { low, high } = scoreInterval({ count: p * n, of: n }, confidence);
  return outwards(low, high);
}

function outwards(lower: number, upper: number): Interval {
  // a remainder of binary arithmetic must not push an exact bound to the next hundredth
  return {
    lower: Math.max(0, Math.floor(lower * 100 + 1e-9) / 100),
    upper: Math.min(1, Math.ceil(upper * 100 - 1e-9) / 100),
  };
}

/**
 * Bounds around a statistic of reference values, at the given numbers of standard deviations (by default of
 * the population); an absent number means no bound.
 */
export function deviationThresholds(
  reference: readonly number[],
  options: {
    readonly lowerFactor?: number | undefined;
    readonly upperFactor?: number | undefined;
    readonly from: "mean" | "median" | "min" | "max";
    readonly ddof?: 0 | 1 | undefined;
  },
): { readonly lower: number | null; readonly upper: number | null } {
  const mean = reference.reduce((sum, value) => sum + value, 0) / reference.length;
  const squares = reference.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (reference.length - (options.ddof ?? 0)));
  const sorted = [...reference].sort((x, y) => x - y);
  const middle =
    ((sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN) +
      (sorted[Math.ceil((sorted.length - 1) / 2)] ?? Number.NaN)) /
    2;
  const from = { mean, median: middle, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }[
    options.from
  ];
  return {
    lower: options.lowerFactor === undefined ? null : from - options.lowerFactor * deviation,
    upper: options.upperFactor === undefined ? null : from + options.upperFactor * deviation,
  };
}
