import { legacyGenerator } from "../../statistics/mersenne-twister.ts";
import { gaussianKernel, mmdTest, squaredDistances } from "../../statistics/mmd.ts";

/** Rows of a side that are compared at most, because the test costs the square of their number. */
const mostRows = 2_000;

/**
 * Share of 100 random splits whose maximum mean discrepancy is at least as large, up to rounding. The kernel's width is
 * the median distance within the baseline, zeros included.
 */
export function evidentlyMmd(first: readonly number[], second: readonly number[]): number | string {
  if (first.length < 2 || second.length < 2) return "fewer than two values";
  const [a, b] = [first.slice(0, mostRows), second.slice(0, mostRows)];
  const width = nearestMedian(squaredDistances(a.map((value) => [value])).values) / 2;
  const distances = squaredDistances([...a, ...b].map((value) => [value]));
  const kernel = gaussianKernel(distances, width === 0 ? 0.5 : width);
  const generator = legacyGenerator(0);
  const { mmd2, permuted } = mmdTest(kernel, a.length, {
    permutations: 100,
    permutation: () => generator.permutation(kernel.size),
  });
  return permuted.filter((value) => value >= mmd2 - 1e-12).length / permuted.length;
}

/** The value nearest to the middle of all; of two equally near, the one with an even index. */
function nearestMedian(values: Float64Array): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[roundHalfEven((sorted.length - 1) / 2)] ?? 0;
}

function roundHalfEven(value: number): number {
  const down = Math.floor(value);
  return value - down === 0.5 ? down + (down % 2) : Math.round(value);
}
