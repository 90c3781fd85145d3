import { betaBelow } from "./beta.ts";
import { gammaAbove, poissonDensity } from "./gamma.ts";
import { rootOf } from "./root.ts";

/** Share of a standard normal distribution above `z`, precise in both tails. */
export function normalAbove(z: number): number {
  const tail = gammaAbove(0.5, z ** 2 / 2) / 2;
  return z < 0 ? 1 - tail : tail;
}

/** Share of a standard normal distribution below `z`, precise in both tails. */
export function normalBelow(z: number): number {
  return normalAbove(-z);
}

/** Probability that a standard normal value is at least as far from zero as `z`. */
export function normalTwoSided(z: number): number {
  return gammaAbove(0.5, z ** 2 / 2);
}

/** The value that a share `p` of a standard normal distribution lies below. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : Number.NaN;
  if (p > 0.5) return -normalQuantile(1 - p);
  return p === 0.5 ? 0 : rootOf((z) => normalBelow(z) - p, -39, 0);
}

/** Share of a chi-square distribution with `df` degrees of freedom above `x`; 1 without any degree. */
export function chiSquareAbove(x: number, df: number): number {
  return df <= 0 ? 1 : gammaAbove(df / 2, x / 2);
}

/** Probability that a value of Student's distribution is at least as far from zero as `t`. */
export function studentTwoSided(t: number, df: number): number {
  if (!Number.isFinite(t)) return Number.isNaN(t) ? Number.NaN : 0;
  return betaBelow(df / 2, 0.5, df / (df + t ** 2), t ** 2 / (df + t ** 2));
}

/** Share of Student's distribution above `t`. */
function studentAbove(t: number, df: number): number {
  const tail = studentTwoSided(t, df) / 2;
  return t < 0 ? 1 - tail : tail;
}

/** The value that a share `p` of Student's distribution lies below. */
export function studentQuantile(p: number, df: number): number {
  if (p < 0.5) return -studentQuantile(1 - p, df);
  let high = 2;
  while (studentAbove(high, df) > 1 - p && high < 1e300) high *= 2;
  return rootOf((t) => 1 - p - studentAbove(t, df), 0, high);
}

/** Share of Snedecor's F distribution above `x`. */
export function fAbove(x: number, df1: number, df2: number): number {
  if (!(x > 0)) return 1;
  if (x === Infinity) return 0;
  return betaBelow(df2 / 2, df1 / 2, df2 / (df2 + df1 * x), (df1 * x) / (df2 + df1 * x));
}

/**
 * Share of Student's noncentral distribution above `t` ≥ 0 (Lenth, AS 243, 1989); a negative `shift` gives the tail
 * below −t of the positive one.
 */
export function noncentralStudentAbove(t: number, df: number, shift: number): number {
  const x = t ** 2 / (df + t ** 2);
  const mean = shift ** 2 / 2;
  let below = normalBelow(-shift);
  let rest = 1;
  for (let j = 0; j < 100_000; j++) {
    const p = poissonDensity(j, mean);
    const q = Math.sign(shift) * poissonDensity(j + 0.5, mean);
    below += (p * betaBelow(j + 0.5, df / 2, x) + q * betaBelow(j + 1, df / 2, x)) / 2;
    rest -= p;
    if (j > mean && rest < 1e-15) break;
  }
  return 1 - below;
}
