import { normalTwoSided } from "../../statistics/distributions.ts";

/**
 * Number of deviations that a value of Student's distribution with `freedom` degrees exceeds as seldom as a
 * normal value exceeds `factor` deviations.
 */
export function studentFactor(factor: number, freedom: number): number {
  if (!(factor > 0) || !Number.isFinite(factor)) return factor;
  if (freedom > largestSeries) return expanded(factor, freedom);
  const wanted = normalWithin(factor);
  let [low, high] = [factor, factor];
  while (within(high, freedom) < wanted && high < 1e12) high *= 2;
  for (let step = 0; step < 80; step++) {
    const middle = (low + high) / 2;
    if (within(middle, freedom) < wanted) low = middle;
    else high = middle;
  }
  return high;
}

/** From here on an expansion is exact to seven digits, and the finite series long. */
const largestSeries = 100;

/** Fisher and Cornish's expansion (Abramowitz and Stegun, 26.7.5). */
function expanded(z: number, freedom: number): number {
  const first = (z ** 3 + z) / 4;
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  return z + first / freedom + second / freedom ** 2;
}

/** Probability that a value of Student's distribution lies within ±t (Abramowitz and Stegun, 26.7.3 and 26.7.4). */
function within(t: number, freedom: number): number {
  const angle = Math.atan2(t, Math.sqrt(freedom));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const odd = freedom % 2 === 1;
  let term = odd ? cosine : 1;
  let sum = freedom === 1 ? 0 : term;
  for (let power = odd ? 3 : 2; power <= freedom - 2; power += 2) {
    term *= ((power - 1) / power) * cosine ** 2;
    sum += term;
  }
  return odd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
}

/** Probability that a standard normal value lies within ±z. */
function normalWithin(z: number): number {
  return 1 - normalTwoSided(z);
}
