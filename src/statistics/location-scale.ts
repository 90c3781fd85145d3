import { fAbove, studentTwoSided } from "./distributions.ts";
import type { ShiftAlternative } from "./mann-whitney.ts";
import { meanOf, momentsOf, quantileOf, type SortedSample } from "./samples.ts";

/** A statistic with its degrees of freedom and its p-value. */
export interface TestResult {
  readonly statistic: number;
  readonly df: number;
  readonly p: number;
}

/**
 * Student's test of two means, positive where the second is larger; `welch` does not assume equal variances. Null
 * for too few values to have a variance (of each sample, or with equal variances of both), or where all values are
 * equal; two different constants are infinitely far apart. With the `alternative` "greater", p is that of a larger
 * second mean.
 */
export function tTest(
  first: SortedSample,
  second: SortedSample,
  options: { readonly welch: boolean; readonly alternative?: ShiftAlternative | undefined },
): TestResult | null {
  const { welch, alternative = "two-sided" } = options;
  const [a, b] = [momentsOf(first), momentsOf(second)];
  const [n, m] = [a.count, b.count];
  if (a.mean === null || b.mean === null || (welch ? Math.min(n, m) < 2 : n + m < 3)) return null;
  // one value alone has no variance, and adds none to the pooled one
  const [squareA, squareB] = [(a.sd ?? 0) ** 2, (b.sd ?? 0) ** 2];
  const [varianceA, varianceB] = [squareA / n, squareB / m];
  const pooled = ((n - 1) * squareA + (m - 1) * squareB) / (n + m - 2);
  const error = welch ? varianceA + varianceB : pooled * (1 / n + 1 / m);
  if (!(error > 0)) {
    const difference = b.mean - a.mean;
    if (difference === 0) return null;
    return { statistic: difference * Infinity, df: n + m - 2, p: ofAlternative(0, difference, alternative) };
  }
  const df = welch
    ? (varianceA + varianceB) ** 2 / (varianceA ** 2 / (n - 1) + varianceB ** 2 / (m - 1))
    : n + m - 2;
  const statistic = (b.mean - a.mean) / Math.sqrt(error);
  return { statistic, df, p: ofAlternative(studentTwoSided(statistic, df), statistic, alternative) };
}

/** The p-value of an alternative, by the two-sided one of a statistic that is symmetric around 0. */
function ofAlternative(twoSided: number, statistic: number, alternative: ShiftAlternative): number {
  if (alternative === "two-sided") return twoSided;
  const isTail = alternative === "greater" ? statistic > 0 : statistic < 0;
  return isTail ? twoSided / 2 : 1 - twoSided / 2;
}

/** Difference of two means over their pooled deviation (Cohen's d), positive where the second is larger. */
export function cohensD(first: SortedSample, second: SortedSample): number | null {
  const test = tTest(first, second, { welch: false });
  return test === null || !Number.isFinite(test.statistic)
    ? null
    : test.statistic * Math.sqrt(1 / first.length + 1 / second.length);
}

/**
 * Levene's test of equal spread around the mean, or the median (Brown and Forsythe 1974). Null where no value is
 * off its centre by another distance, or a sample has none.
 */
export function leveneTest(
  samples: readonly SortedSample[],
  { center }: { readonly center: "mean" | "median" },
): { readonly statistic: number; readonly p: number } | null {
  if (samples.some(({ length }) => length === 0)) return null;
  const distances = samples.map((sample) => {
    const middle = center === "mean" ? meanOf(sample) : quantileOf(sample, 0.5);
    return Float64Array.from(sample, (value) => Math.abs(value - middle));
  });
  const all = distances.reduce((sum, { length }) => sum + length, 0);
  const grand = distances.reduce((sum, list) => sum + meanOf(list) * list.length, 0) / all;
  let [between, within] = [0, 0];
  for (const list of distances) {
    const mean = meanOf(list);
    between += list.length * (mean - grand) ** 2;
    for (const value of list) within += (value - mean) ** 2;
  }
  const [df1, df2] = [samples.length - 1, all - samples.length];
  if (!(within > 0) || df2 <= 0) return null;
  const statistic = (between / df1) * (df2 / within);
  return { statistic, p: fAbove(statistic, df1, df2) };
}
