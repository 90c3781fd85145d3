/**
 * How far ln Γ(x + 1) lies above Stirling's x ln x − x + ½ ln(2πx), for x > 0. Densities are computed from this
 * small term, because ln Γ itself is so large for many rows that its rounding would show (Loader, "Fast and
 * accurate computation of binomial probabilities", 2000).
 */
export function stirlingError(x: number): number {
  let [sum, shifted] = [0, x];
  while (shifted < 15) {
    sum += (shifted + 0.5) * Math.log1p(1 / shifted) - 1;
    shifted += 1;
  }
  const s = 1 / shifted ** 2;
  const series =
    1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - (s * 691) / 360360))));
  return sum + series / shifted;
}

/** x ln(x / mean) + mean − x, without cancellation where x is near the mean. */
export function deviance(x: number, mean: number): number {
  const difference = x - mean;
  if (Math.abs(difference) >= 0.1 * (x + mean)) return x * Math.log(x / mean) + mean - x;
  const v = difference / (x + mean);
  let sum = difference * v;
  let power = 2 * x * v;
  for (let odd = 3; odd < 200; odd += 2) {
    power *= v * v;
    const next = sum + power / odd;
    if (next === sum) break;
    sum = next;
  }
  return sum;
}

/** mean^x e^−mean / Γ(x + 1): for whole x, the probability of x events. */
export function poissonDensity(x: number, mean: number): number {
  if (mean === 0) return x === 0 ? 1 : 0;
  if (x === 0) return Math.exp(-mean);
  return Math.exp(-stirlingError(x) - deviance(x, mean)) / Math.sqrt(2 * Math.PI * x);
}

/** Regularized upper incomplete gamma function Q(a, x): the share of a gamma distribution of shape `a` above x. */
export function gammaAbove(a: number, x: number): number {
  if (!(x > 0)) return 1;
  if (x === Infinity) return 0;
  return x < a + 1 ? 1 - gammaSeries(a, x) : gammaFraction(a, x);
}

/** Terms after which a series ends in any case; shapes up to 10^10 need fewer. */
const mostTerms = 1_000_000;

function gammaSeries(a: number, x: number): number {
  let [term, sum] = [1, 1];
  for (let n = 1; n < mostTerms; n++) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return sum * poissonDensity(a, x);
}

/** Legendre's continued fraction, evaluated by Lentz's method (Abramowitz and Stegun, 6.5.31). */
function gammaFraction(a: number, x: number): number {
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1; n < mostTerms; n++) {
    const numerator = -n * (n - a);
    b += 2;
    d = 1 / (numerator * d + b || tiny);
    c = b + numerator / c || tiny;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return fraction * a * poissonDensity(a, x);
}
