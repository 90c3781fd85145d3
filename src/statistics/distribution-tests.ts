import { chiSquareAbove } from "./distributions.ts";
import { pseudoInverse } from "./eigen.ts";
import { solved } from "./linear-system.ts";
import { quantileOf, type SortedSample } from "./samples.ts";

/** A statistic of two samples and its p-value. */
export interface StatisticWithP {
  readonly statistic: number;
  readonly p: number;
}

/**
 * Cramér and von Mises' test of two sorted samples (Anderson 1962): `exact` by default up to 20 values a side, else
 * by its limit. With `shortSeries` the limit's series ends where scipy's does, which is off by up to 10^-7. Null for
 * fewer than two values of a sample.
 */
export function cramerVonMises(
  first: SortedSample,
  second: SortedSample,
  options: { readonly shortSeries?: boolean | undefined; readonly exact?: boolean | undefined } = {},
): StatisticWithP | null {
  const { shortSeries = false, exact = Math.max(first.length, second.length) <= 20 } = options;
  const [n, m] = [first.length, second.length];
  if (Math.min(n, m) < 2) return null;
  const all = n + m;
  const squares = squaredRankDistance(first, second);
  const statistic = squares / (n * m * all) - (4 * n * m - 1) / (6 * all);
  if (exact) return { statistic, p: exactCramerVonMises(squares, n, m) };
  const mean = (1 + 1 / all) / 6;
  const variance =
    ((all + 1) * (4 * n * m * all - 3 * (n ** 2 + m ** 2) - 2 * n * m)) / (45 * all ** 2 * 4 * n * m);
  const scaled = 1 / 6 + (statistic - mean) / Math.sqrt(45 * variance);
  if (scaled < 0.003) return { statistic, p: 1 };
  return { statistic, p: shortSeries ? Math.max(0, 1 - limitBelow(scaled, 1e-7)) : limitAbove(scaled) };
}

/** n Σ (r − i)² + m Σ (s − j)² over the mid-ranks of both samples among all values. */
function squaredRankDistance(first: SortedSample, second: SortedSample): number {
  const [n, m] = [first.length, second.length];
  let [i, j, ofFirst, ofSecond] = [0, 0, 0, 0];
  while (i < n || j < m) {
    const value = Math.min(first[i] ?? Infinity, second[j] ?? Infinity);
    const [startFirst, startSecond] = [i, j];
    while (i < n && first[i] === value) i++;
    while (j < m && second[j] === value) j++;
    const rank = (startFirst + startSecond + 1 + i + j) / 2;
    for (let index = startFirst + 1; index <= i; index++) ofFirst += (rank - index) ** 2;
    for (let index = startSecond + 1; index <= j; index++) ofSecond += (rank - index) ** 2;
  }
  return n * ofFirst + m * ofSecond;
}

/**
 * Share of all orders of both samples whose squared rank distance is at least as large: over a path through the
 * grid of counts, that distance is a function of Σ (i m − j n)², whose distribution grows cell by cell.
 */
function exactCramerVonMises(squares: number, n: number, m: number): number {
  const limit = pathSquares(squares, n, m) - 1e-6 * (n + m);
  let above: readonly Sums[] = [];
  for (let i = 0; i <= n; i++) {
    const row: Sums[] = [];
    for (let j = 0; j <= m; j++) {
      const sums: Sums = i + j === 0 ? new Map([[0, 1]]) : new Map();
      const step = (i * m - j * n) ** 2;
      addShifted(sums, above[j], { step, weight: i / (i + j) });
      addShifted(sums, row[j - 1], { step, weight: j / (i + j) });
      row.push(sums);
    }
    above = row;
  }
  let p = 0;
  for (const [sum, chance] of above[m] ?? []) if (sum >= limit) p += chance;
  return Math.min(1, p);
}

/** Chances by sum of squares. */
type Sums = Map<number, number>;

function addShifted(
  to: Sums,
  from: Sums | undefined,
  { step, weight }: { readonly step: number; readonly weight: number },
): void {
  for (const [sum, chance] of from ?? []) to.set(sum + step, (to.get(sum + step) ?? 0) + chance * weight);
}

/** Anderson's identity: T = n m / N² Σ (F − G)² over all values, so Σ (i m − j n)² follows from the rank distance. */
function pathSquares(squares: number, n: number, m: number): number {
  const all = n + m;
  const statistic = squares / (n * m * all) - (4 * n * m - 1) / (6 * all);
  return statistic * n * m * all ** 2;
}

/** Below a billionth, the leading term of the limit's tail (Zolotarev 1961), where 1 − F has no digits left. */
function limitAbove(x: number): number {
  const tail = x > 6 ? 0 : 1 - limitBelow(x);
  return tail > 1e-9 ? tail : Math.SQRT2 * chiSquareAbove(Math.PI ** 2 * x, 1);
}

/** Limit of Cramér and von Mises' statistic (Anderson and Darling 1952), by Bessel functions of order 1/4. */
function limitBelow(x: number, smallestTerm = 1e-17): number {
  let [sum, ratio] = [0, Math.sqrt(Math.PI)];
  for (let k = 0; k < 100_000; k++) {
    if (k > 0) ratio *= (k - 0.5) / k;
    const y = 4 * k + 1;
    const q = y ** 2 / (16 * x);
    const term =
      (ratio / (Math.PI ** 1.5 * Math.sqrt(x))) * Math.sqrt(y) * Math.exp(-2 * q) * besselScaled(q);
    sum += term;
    if (term < smallestTerm) break;
  }
  return sum;
}

/** e^q K₁⸝₄(q), by the trapezoid rule on its integral, which converges faster than any power. */
function besselScaled(q: number): number {
  const step = 1 / 64;
  let sum = 0.5;
  for (let k = 1; k < 4_000; k++) {
    const t = k * step;
    const exponent = -q * 2 * Math.sinh(t / 2) ** 2;
    if (exponent < -745) break;
    sum += Math.exp(exponent) * Math.cosh(t / 4);
  }
  return sum * step;
}

/** Critical values of Scholz and Stephens' statistic (1987), for significance from 0.25 down to 0.001. */
const andersonLevels = [0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001];
const andersonB0 = [0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085];
const andersonB1 = [-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615];
const andersonB2 = [-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154];

/**
 * Anderson and Darling's test of two sorted samples with mid-ranks (Scholz and Stephens 1987). Its table ends at
 * 0.25 and 0.001, so p is clipped there. Null where all values are equal.
 */
export function andersonDarling(
  first: SortedSample,
  second: SortedSample,
): (StatisticWithP & { readonly clipped: boolean }) | null {
  const [n, m] = [first.length, second.length];
  const all = n + m;
  if (all < 3 || Math.min(first[0] ?? 0, second[0] ?? 0) === Math.max(first[n - 1] ?? 0, second[m - 1] ?? 0))
    return null;
  const variance = andersonVariance(n, m);
  const statistic = (andersonSum(first, second) - 1) / Math.sqrt(variance);
  const critical = andersonB0.map((b0, index) => b0 + (andersonB1[index] ?? 0) + (andersonB2[index] ?? 0));
  if (statistic < (critical[0] ?? 0)) return { statistic, p: 0.25, clipped: true };
  if (statistic > (critical.at(-1) ?? 0)) return { statistic, p: 0.001, clipped: true };
  const logs = andersonLevels.map(Math.log);
  return { statistic, p: Math.exp(parabola(critical, logs, statistic)), clipped: false };
}

function andersonSum(first: SortedSample, second: SortedSample): number {
  const [n, m] = [first.length, second.length];
  const all = n + m;
  let [i, j, sum] = [0, 0, 0];
  while (i < n || j < m) {
    const value = Math.min(first[i] ?? Infinity, second[j] ?? Infinity);
    const [startFirst, startSecond] = [i, j];
    while (i < n && first[i] === value) i++;
    while (j < m && second[j] === value) j++;
    const equal = i - startFirst + j - startSecond;
    const below = (startFirst + i + startSecond + j) / 2;
    const weight = below * (all - below) - (all * equal) / 4;
    for (const [size, count] of [
      [n, (startFirst + i) / 2],
      [m, (startSecond + j) / 2],
    ] as const)
      sum += ((equal / all) * (all * count - below * size) ** 2) / weight / size;
  }
  return (sum * (all - 1)) / all;
}

function andersonVariance(n: number, m: number): number {
  const all = n + m;
  const k = 2;
  const h1 = 1 / n + 1 / m;
  let h = 0;
  for (let index = 1; index < all; index++) h += 1 / index;
  let [g, tail] = [0, 0];
  for (let index = all - 2; index >= 1; index--) {
    tail += 1 / (index + 1);
    g += tail / (all - index);
  }
  const a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * h1;
  const b = (2 * g - 4) * k ** 2 + 8 * h * k + (2 * g - 14 * h - 4) * h1 - 8 * h + 4 * g - 6;
  const c = (6 * h + 2 * g - 2) * k ** 2 + (4 * h - 4 * g + 6) * k + (2 * h - 6) * h1 + 4 * h;
  const d = (2 * h + 6) * k ** 2 - 4 * h * k;
  return (a * all ** 3 + b * all ** 2 + c * all + d) / ((all - 1) * (all - 2) * (all - 3));
}

/** Value at `at` of the parabola that fits points best by squares. */
function parabola(x: readonly number[], y: readonly number[], at: number): number {
  const power = (exponent: number) => x.reduce((sum, value) => sum + value ** exponent, 0);
  const moment = (exponent: number) =>
    x.reduce((sum, value, index) => sum + value ** exponent * (y[index] ?? 0), 0);
  const matrix = [0, 1, 2].map((r) => [0, 1, 2].map((c) => power(r + c)));
  const weights = solved(matrix, [moment(0), moment(1), moment(2)]);
  return weights.reduce((sum, weight, exponent) => sum + weight * at ** exponent, 0);
}

/**
 * Epps and Singleton's test (1986): characteristic functions of two samples at 0.4 and 0.8, in units of half the
 * range of the middle half of all values. Null for fewer than five values a side, or where that range is zero.
 */
export function eppsSingleton(first: SortedSample, second: SortedSample): StatisticWithP | null {
  const [n, m] = [first.length, second.length];
  const pooled = Float64Array.from([...Array.from(first), ...Array.from(second)]).sort();
  const unit = (quantileOf(pooled, 0.75) - quantileOf(pooled, 0.25)) / 2;
  if (Math.min(n, m) < 5 || !(unit > 0)) return null;
  const points = [0.4 / unit, 0.8 / unit];
  const [a, b] = [waves(first, points), waves(second, points)];
  const all = n + m;
  const covariance = a.covariance.map((row, r) =>
    row.map((value, c) => (all / n) * value + (all / m) * (b.covariance[r]?.[c] ?? 0)),
  );
  const { inverse, rank } = pseudoInverse(covariance);
  const difference = a.mean.map((value, index) => value - (b.mean[index] ?? 0));
  let statistic = 0;
  for (const [r, left] of difference.entries())
    for (const [c, right] of difference.entries()) statistic += left * (inverse[r]?.[c] ?? 0) * right;
  statistic *= all;
  if (Math.max(n, m) < 25) statistic /= 1 + all ** -0.45 + 10.1 * (n ** -1.7 + m ** -1.7);
  return { statistic, p: chiSquareAbove(statistic, rank) };
}

function waves(sample: SortedSample, points: readonly number[]) {
  const rows = Array.from(sample, (value) => [
    ...points.map((t) => Math.cos(t * value)),
    ...points.map((t) => Math.sin(t * value)),
  ]);
  const width = 2 * points.length;
  const average = (of: (row: readonly number[]) => number) =>
    rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  const mean = Array.from({ length: width }, (_, c) => average((row) => row[c] ?? 0));
  const covariance = mean.map((left, r) =>
    mean.map((right, c) => average((row) => ((row[r] ?? 0) - left) * ((row[c] ?? 0) - right))),
  );
  return { mean, covariance };
}
