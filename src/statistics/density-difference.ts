import { solved } from "./linear-system.ts";
import { squaredDistances } from "./mmd.ts";

/** Integral of the squared difference of two densities, and the same of random splits. */
export interface DensityDifference {
  readonly lsdd: number;
  readonly permuted: readonly number[];
}

/**
 * Least-squares estimate of ∫(p − q)² over Gaussian kernels at some of the points (Sugiyama et al. 2013). The first
 * `first` points are one sample; a ridge keeps the weights of near kernels apart.
 */
export function densityDifference(
  points: readonly (readonly number[])[],
  first: number,
  options: {
    readonly centres: readonly number[];
    readonly variance: number;
    readonly ridge: number;
    readonly permutations: readonly (readonly number[])[];
  },
): DensityDifference {
  const { centres, variance, ridge } = options;
  const dimensions = points[0]?.length ?? 1;
  const distances = squaredDistances(points);
  const between = (i: number, j: number) => distances.values[i * distances.size + j] ?? 0;
  const scale = (Math.PI * variance) ** (dimensions / 2);
  const overlap = centres.map((a) => centres.map((b) => scale * Math.exp(-between(a, b) / (4 * variance))));
  const damped = overlap.map((row, r) => row.map((value, c) => value + (r === c ? ridge : 0)));
  const kernel = centres.map((centre) =>
    points.map((_, row) => Math.exp(-between(centre, row) / (2 * variance))),
  );
  const estimate = (order: readonly number[]) => {
    const mean = (row: readonly number[], from: number, to: number) => {
      let sum = 0;
      for (let index = from; index < to; index++) sum += row[order[index] ?? 0] ?? 0;
      return sum / (to - from);
    };
    const h = kernel.map((row) => mean(row, 0, first) - mean(row, first, points.length));
    const weights = solved(damped, h);
    const fitted = overlap.map((row) => row.reduce((sum, value, c) => sum + value * (weights[c] ?? 0), 0));
    return h.reduce(
      (sum, value, index) => sum + (weights[index] ?? 0) * (2 * value - (fitted[index] ?? 0)),
      0,
    );
  };
  return {
    lsdd: estimate(points.map((_, index) => index)),
    permuted: options.permutations.map(estimate),
  };
}
