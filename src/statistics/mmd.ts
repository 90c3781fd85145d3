/** A symmetric matrix, row after row. */
export interface SquareMatrix {
  readonly size: number;
  readonly values: Float64Array;
}

/** Squared Euclidean distances between all points. */
export function squaredDistances(points: readonly (readonly number[])[]): SquareMatrix {
  const size = points.length;
  const values = new Float64Array(size * size);
  for (const [i, a] of points.entries())
    for (let j = i + 1; j < size; j++) {
      let sum = 0;
      for (const [axis, value] of a.entries()) sum += (value - (points[j]?.[axis] ?? 0)) ** 2;
      values[i * size + j] = sum;
      values[j * size + i] = sum;
    }
  return { size, values };
}

/** Half the median of the squared distances between different points: the usual σ² of a Gaussian kernel. */
export function medianVariance({ size, values }: SquareMatrix): number {
  const sorted = Float64Array.from(values).sort();
  const others = size * size - size;
  return (sorted[size + Math.floor(others / 2) - 1] ?? 0) / 2;
}

/** exp(−d² / (2 σ²)) of each distance; without any spread, 1 for equal points and 0 for others. */
export function gaussianKernel({ size, values }: SquareMatrix, variance: number): SquareMatrix {
  const kernel = values.map((squared) =>
    squared === 0 ? 1 : variance > 0 ? Math.exp(-squared / (2 * variance)) : 0,
  );
  return { size, values: kernel };
}

/** Squared maximum mean discrepancy of the first points and the others (Gretton et al. 2012). */
export interface MmdTest {
  /** Unbiased, so it may be negative. */
  readonly mmd2: number;
  /** The discrepancies of random splits into as many points, in no order. */
  readonly permuted: readonly number[];
}

/** Tests whether the first `first` points come from the distribution of the others. */
export function mmdTest(
  kernel: SquareMatrix,
  first: number,
  options: { readonly permutations: number; readonly permutation: () => readonly number[] },
): MmdTest {
  const indexes = Array.from({ length: kernel.size }, (_, index) => index);
  const permuted = Array.from({ length: options.permutations }, () =>
    discrepancy(kernel, options.permutation(), first),
  );
  return { mmd2: discrepancy(kernel, indexes, first), permuted };
}

function discrepancy({ size, values }: SquareMatrix, order: readonly number[], first: number): number {
  const isFirst = new Uint8Array(size);
  for (let position = 0; position < first; position++) isFirst[order[position] ?? 0] = 1;
  const sums = [0, 0, 0];
  for (let i = 0; i < size; i++)
    for (let j = i + 1; j < size; j++) {
      const kind = (isFirst[i] ?? 0) + (isFirst[j] ?? 0);
      sums[kind] = (sums[kind] ?? 0) + (values[i * size + j] ?? 0);
    }
  const second = size - first;
  const [ofSecond = 0, between = 0, ofFirst = 0] = sums;
  return (
    (2 * ofFirst) / (first * (first - 1)) +
    (2 * ofSecond) / (second * (second - 1)) -
    (2 * between) / (first * second)
  );
}
