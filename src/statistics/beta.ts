import { deviance, stirlingError } from "./gamma.ts";
import { rootOf } from "./root.ts";

/**
 * Regularized incomplete beta function: the share of a beta distribution below x. Pass 1 − x where x is near 1 and
 * the difference is known more precisely than x.
 */
export function betaBelow(a: number, b: number, x: number, rest = 1 - x): number {
  if (!(x > 0)) return 0;
  if (!(rest > 0)) return 1;
  return x < (a + 1) / (a + b + 2) ? betaFraction(a, b, x, rest) : 1 - betaFraction(b, a, rest, x);
}

/** The value that a share `p` of a beta distribution lies below. */
export function betaQuantile(a: number, b: number, p: number): number {
  if (p <= 0) return 0;
  if (p >= 1) return 1;
  return rootOf((x) => betaBelow(a, b, x) - p, 0, 1);
}

/** Γ(a + b + 1) / (Γ(a + 1) Γ(b + 1)) · x^a (1 − x)^b: for whole numbers, the probability of a of a + b events. */
export function binomialDensity(a: number, b: number, x: number, rest = 1 - x): number {
  if (x === 0) return a === 0 ? 1 : 0;
  if (rest === 0) return b === 0 ? 1 : 0;
  const n = a + b;
  if (a === 0) return Math.exp(n * (x < 0.5 ? Math.log1p(-x) : Math.log(rest)));
  if (b === 0) return Math.exp(n * (rest < 0.5 ? Math.log1p(-rest) : Math.log(x)));
  const errors = stirlingError(n) - stirlingError(a) - stirlingError(b);
  const exponent = errors - deviance(a, n * x) - deviance(b, n * rest);
  return Math.exp(exponent) * Math.sqrt(n / (2 * Math.PI * a * b));
}

/** Continued fraction, evaluated by Lentz's method (Abramowitz and Stegun, 26.5.8). */
function betaFraction(a: number, b: number, x: number, rest: number): number {
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1) || tiny);
  let fraction = d;
  for (let m = 1; m < 1_000_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d || tiny);
    c = 1 + even / c || tiny;
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d || tiny);
    c = 1 + odd / c || tiny;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return (fraction * binomialDensity(a, b, x, rest) * b) / (a + b);
}
