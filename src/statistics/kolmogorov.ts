import { binomialDensity } from "./beta.ts";

/** Kolmogorov's two-sided question, or whether the first (`greater`) or the second sample (`less`) is smaller. */
export type KsAlternative = "two-sided" | "greater" | "less";

/** Distance of two sorted samples' distribution functions. */
export interface KsDistance {
  /** sup |F − G|, from 0 to 1; one-sided, the largest F − G (`greater`) or G − F (`less`). */
  readonly statistic: number;
  /** The statistic times the product of both sizes, a whole number. */
  readonly steps: number;
  /** The first value at which the statistic is reached. */
  readonly location: number;
  /** 1 where the first sample's function lies above there: its values are smaller. */
  readonly sign: 1 | -1;
}

/** Kolmogorov's distance of two samples in ascending order, without NaN, each with a value. */
export function ksDistance(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  alternative: KsAlternative = "two-sided",
): KsDistance {
  const [n, m] = [first.length, second.length];
  let [i, j, steps, location, sign]: [number, number, number, number | undefined, 1 | -1] = [
    0,
    0,
    0,
    undefined,
    1,
  ];
  while (i < n || j < m) {
    const value = Math.min(first[i] ?? Infinity, second[j] ?? Infinity);
    while (i < n && first[i] === value) i++;
    while (j < m && second[j] === value) j++;
    const difference = i * m - j * n;
    const distance =
      alternative === "greater" ? difference : alternative === "less" ? -difference : Math.abs(difference);
    if (location === undefined || distance > steps) {
      [steps, location] = [Math.max(0, distance), value];
      sign = difference < 0 ? -1 : 1;
    }
  }
  return { statistic: steps / (n * m), steps, location: location ?? Number.NaN, sign };
}

/**
 * Exact probability that the distance of two samples of one continuous distribution is at least `steps` / (n m). It
 * adds up, over the grid of both samples' counts, the chance that a path has been too far off: only positive
 * terms, so tiny p-values keep their digits. Costs n · m steps.
 */
export function ksExact(
  { steps }: Pick<KsDistance, "steps">,
  n: number,
  m: number,
  alternative: KsAlternative = "two-sided",
): number {
  if (steps === 0) return 1;
  const outside = (i: number, j: number) => {
    const difference = i * m - j * n;
    if (alternative === "greater") return difference >= steps;
    return alternative === "less" ? -difference >= steps : Math.abs(difference) >= steps;
  };
  const chance = new Float64Array(m + 1);
  for (let j = 1; j <= m; j++) chance[j] = outside(0, j) ? 1 : (chance[j - 1] ?? 0);
  for (let i = 1; i <= n; i++) {
    chance[0] = outside(i, 0) ? 1 : (chance[0] ?? 0);
    for (let j = 1; j <= m; j++)
      chance[j] = outside(i, j) ? 1 : ((chance[j] ?? 0) * i + (chance[j - 1] ?? 0) * j) / (i + j);
  }
  return Math.min(1, chance[m] ?? 1);
}

/** Kolmogorov's limit: the probability that √n times the distance exceeds `x`, for many rows. */
export function kolmogorovLimit(x: number): number {
  if (!(x > 0)) return 1;
  if (x < 1) return 1 - limitBelow(x);
  let sum = 0;
  for (let k = 1; k < 100; k++) {
    const term = Math.exp(-2 * (k * x) ** 2);
    sum += k % 2 === 1 ? term : -term;
    if (term < sum * 1e-17) break;
  }
  return Math.min(1, 2 * sum);
}

/** The same distribution from its other end, by Jacobi's identity. */
function limitBelow(x: number): number {
  let sum = 0;
  for (let k = 1; k < 100; k += 2) {
    const term = Math.exp(-((k * Math.PI) ** 2) / (8 * x ** 2));
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return (Math.sqrt(2 * Math.PI) / x) * sum;
}

/**
 * Probability that a sample of `n` is at least `d` off its own distribution (two-sided): exact up to 140 rows and
 * in the tail, else by Pelz and Good's expansion (relative error below 10^-5).
 */
function ksOneSample(d: number, n: number): number {
  if (d >= 1) return 0;
  if (d <= 0.5 / n) return 1;
  const squared = n * d ** 2;
  // beyond these, both sides at once have a negligible chance
  if (d >= 0.5 || squared > (n <= 140 ? 4 : 2.2)) return Math.min(1, 2 * oneSidedOneSample(d, n));
  if (n <= 140 || n * d ** 1.5 <= 1.4) return 1 - matrixPower(d, n);
  return Math.min(1, Math.max(0, 1 - pelzGood(d * Math.sqrt(n), n)));
}

/**
 * Limit of the two-sided p-value of two samples of `n` and `m`: as if one sample of n m / (n + m) rows were compared
 * with its own distribution. A half is rounded to the even number, as scipy does. Null for one row a side.
 */
export function ksTwoSampleLimit(d: number, n: number, m: number): number | null {
  const weight = (n * m) / (n + m);
  const half = weight % 1 === 0.5;
  const rows = half ? 2 * Math.round(weight / 2) : Math.round(weight);
  return rows === 0 ? null : ksOneSample(d, rows);
}

/** Expansion of P(D < z / √n) in 1/√n (Pelz and Good 1976; Simard and L'Ecuyer 2011). */
function pelzGood(z: number, n: number): number {
  const [z2, z4, z6] = [z ** 2, z ** 4, z ** 6];
  const sums = [0, 0, 0, 0, 0];
  const add = (index: number, term: number) => {
    sums[index] = (sums[index] ?? 0) + term;
  };
  for (let k = 0; k < 60; k++) {
    const half = (Math.PI * (k + 0.5)) ** 2;
    const weight = 2 * Math.exp(-half / (2 * z2));
    add(0, weight);
    add(1, weight * (half - z2));
    add(2, weight * (6 * z6 + 2 * z4 + half * (2 * z4 - 5 * z2) + half ** 2 * (1 - 2 * z2)));
    const third = half ** 3 * (5 - 30 * z2) + half ** 2 * (-60 * z2 + 212 * z4);
    add(3, weight * (third + half * (135 * z4 - 96 * z6) - 30 * z6 - 90 * z ** 8));
    const whole = (Math.PI * k) ** 2;
    const wholeWeight = 2 * Math.exp(-whole / (2 * z2));
    add(2, -wholeWeight * 2 * z4 * whole);
    add(4, wholeWeight * (3 * whole * z2 - whole ** 2));
  }
  const [s0, s1, s2, s3, s4] = sums as [number, number, number, number, number];
  const root = Math.sqrt(Math.PI / 2);
  const second = s2 / (72 * z ** 7) / n;
  const third = (s3 / (6480 * z ** 10) + s4 / (216 * z6)) / n ** 1.5;
  return root * (s0 / z + s1 / (6 * z4) / Math.sqrt(n) + second + third);
}

/** Smirnov's one-sided distribution (Birnbaum and Tingey 1951). */
function oneSidedOneSample(d: number, n: number): number {
  let sum = 0;
  for (let j = 0; j <= Math.floor(n * (1 - d)); j++) {
    const share = d + j / n;
    if (share >= 1) break;
    sum += (binomialDensity(j, n - j, share) * d) / share;
  }
  return sum;
}

/** P(D < d) by the power of a matrix (Marsaglia, Tsang and Wang 2003), with the exponent kept apart. */
function matrixPower(d: number, n: number): number {
  const k = Math.floor(n * d) + 1;
  const size = 2 * k - 1;
  let base = startMatrix(size, k - n * d);
  let [baseExponent, result, exponent] = [0, identity(size), 0];
  for (let power = n; power > 0; power = Math.floor(power / 2)) {
    if (power % 2 === 1) {
      result = product(result, base, size);
      exponent += baseExponent;
    }
    base = product(base, base, size);
    baseExponent *= 2;
    const scale = base[(k - 1) * size + k - 1] ?? 1;
    if (scale > 1e140) {
      base = base.map((value) => value * 1e-140);
      baseExponent += 140;
    }
    const middle = result[(k - 1) * size + k - 1] ?? 1;
    if (middle > 1e140) {
      result = result.map((value) => value * 1e-140);
      exponent += 140;
    }
  }
  let answer = result[(k - 1) * size + k - 1] ?? 0;
  for (let i = 1; i <= n; i++) {
    answer = (answer * i) / n;
    if (answer < 1e-140) {
      answer *= 1e140;
      exponent -= 140;
    }
  }
  return answer * 10 ** exponent;
}

function startMatrix(size: number, h: number): Float64Array {
  const matrix = new Float64Array(size * size);
  const set = (i: number, j: number, value: number) => {
    matrix[i * size + j] = value;
  };
  const get = (i: number, j: number) => matrix[i * size + j] ?? 0;
  for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) set(i, j, i - j + 1 < 0 ? 0 : 1);
  for (let i = 0; i < size; i++) {
    set(i, 0, get(i, 0) - h ** (i + 1));
    set(size - 1, i, get(size - 1, i) - h ** (size - i));
  }
  set(size - 1, 0, get(size - 1, 0) + (2 * h - 1 > 0 ? (2 * h - 1) ** size : 0));
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) for (let g = 2; g <= i - j + 1; g++) set(i, j, get(i, j) / g);
  return matrix;
}

function identity(size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++) matrix[i * size + i] = 1;
  return matrix;
}

function product(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const c = new Float64Array(size * size);
  for (let i = 0; i < size; i++)
    for (let k = 0; k < size; k++) {
      const value = a[i * size + k] ?? 0;
      if (value === 0) continue;
      for (let j = 0; j < size; j++)
        c[i * size + j] = (c[i * size + j] ?? 0) + value * (b[k * size + j] ?? 0);
    }
  return c;
}

/** Hodges' approximation (1958) of the one-sided p-value of two samples. */
export function ksOneSidedLimit(d: number, n: number, m: number): number {
  const [large, small] = [Math.max(n, m), Math.min(n, m)];
  const z = Math.sqrt((n * m) / (n + m)) * d;
  const correction = (2 * z * (large + 2 * small)) / Math.sqrt(large * small * (large + small)) / 3;
  return Math.min(1, Math.exp(-2 * z ** 2 - correction));
}
