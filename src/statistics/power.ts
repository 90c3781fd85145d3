import { noncentralStudentAbove, normalAbove, normalQuantile, studentQuantile } from "./distributions.ts";
import { rootOf } from "./root.ts";

/** Sizes of two samples. */
interface Sizes {
  readonly first: number;
  readonly second: number;
}

/** Probability that Student's two-sided test at `alpha` sees means that lie `effect` deviations apart. */
export function tTestPower(effect: number, { first, second }: Sizes, alpha: number): number {
  const df = first + second - 2;
  const shift = Math.abs(effect) / Math.sqrt(1 / first + 1 / second);
  const limit = studentQuantile(1 - alpha / 2, df);
  return noncentralStudentAbove(limit, df, shift) + noncentralStudentAbove(limit, df, -shift);
}

/** The same for a normal test, whose deviation is known. */
export function zTestPower(effect: number, { first, second }: Sizes, alpha: number): number {
  const shift = Math.abs(effect) / Math.sqrt(1 / first + 1 / second);
  const limit = normalQuantile(1 - alpha / 2);
  return normalAbove(limit - shift) + normalAbove(limit + shift);
}

/** The smallest effect, in deviations, that Student's test at `alpha` sees with probability `power`. */
export function smallestEffect(sizes: Sizes, alpha: number, power: number): number {
  let high = 1;
  while (tTestPower(high, sizes, alpha) < power && high < 1e6) high *= 2;
  return rootOf((effect) => tTestPower(effect, sizes, alpha) - power, 0, high);
}
