import { seededNumbers, shuffled } from "../../statistics/generator.ts";
import { gaussianKernel, medianVariance, mmdTest, squaredDistances } from "../../statistics/mmd.ts";
import type { Discrepancy } from "../comparison/multivariate-record.ts";
import type { StandardRows } from "./reconstruction.ts";

/** Rows of a side that are compared with all others, and random splits. */
const [mostRows, permutations] = [1_000, 199];

/** A Gaussian kernel with the median heuristic of the baseline; null with fewer than two rows of a side. */
export function discrepancyOf({ baseline, current }: StandardRows): Discrepancy | null {
  const points = (columns: readonly Float64Array[]) =>
    Array.from({ length: Math.min(mostRows, columns[0]?.length ?? 0) }, (_, row) =>
      columns.map((column) => column[row] ?? 0),
    );
  const [first, second] = [points(baseline), points(current)];
  if (first.length < 2 || second.length < 2) return null;
  const variance = medianVariance(squaredDistances(first));
  const kernel = gaussianKernel(squaredDistances([...first, ...second]), variance);
  const random = seededNumbers(1);
  const order = Array.from({ length: first.length + second.length }, (_, index) => index);
  const { mmd2, permuted } = mmdTest(kernel, first.length, {
    permutations,
    permutation: () => shuffled(order, random),
  });
  const above = permuted.filter((value) => value >= mmd2).length;
  return {
    mmd2,
    p: (1 + above) / (1 + permutations),
    permutations,
    rows: { baseline: first.length, current: second.length },
  };
}
