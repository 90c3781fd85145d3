/** A confidence interval of a share. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/**
 * Standard normal quantile for a two-sided confidence such as 0.95, by Acklam's rational approximation
 * (relative error below 1.2e-9).
 */
function normalQuantile(p: number): number {
  const a = [
    -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1,
    2.506628277459239,
  ];
  const b = [
    -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1,
    -1.328068155288572e1, 1,
  ];
  const c = [
    -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968,
    2.938163982698783,
  ];
  const d = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1];
  const horner = (coefficients: readonly number[], x: number) =>
    coefficients.reduce((sum, value) => sum * x + value, 0);
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    return horner(c, q) / horner(d, q);
  }
  if (p > 1 - 0.02425) return -normalQuantile(1 - p);
  const q = p - 0.5;
  return (q * horner(a, q * q)) / horner(b, q * q);
}

/** Share of a standard normal distribution below `z`, off by less than 1e-7 (Abramowitz and Stegun, 26.2.17). */
export function shareBelow(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail =
    (Math.exp(-(z ** 2) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z < 0 ? tail : 1 - tail;
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
  const z = normalQuantile(1 - (1 - confidence) / 2);
  const centre = p + z ** 2 / (2 * n);
  const half = z * Math.sqrt((p * (1 - p) + z ** 2 / (4 * n)) / n);
  return outwards((centre - half) / (1 + z ** 2 / n), (centre + half) / (1 + z ** 2 / n));
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
