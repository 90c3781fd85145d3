import { describe, expect, it } from "vitest";
import { symmetricEigen } from "../../src/statistics/eigen.ts";
import { legacyGenerator } from "../../src/statistics/mersenne-twister.ts";
import { gaussianKernel, medianVariance, mmdTest, squaredDistances } from "../../src/statistics/mmd.ts";

describe("numpy's legacy generator", () => {
  it("gives the orders that numpy gives for seed 0", () => {
    const { permutation } = legacyGenerator(0);
    expect(permutation(10)).toEqual([2, 8, 4, 9, 1, 6, 7, 3, 0, 5]);
    expect(permutation(10)).toEqual([3, 5, 1, 2, 9, 8, 0, 6, 7, 4]);
  });
});

describe("maximum mean discrepancy", () => {
  it("is far above all permutations where two samples lie apart, and does not depend on the order of rows", () => {
    const points = Array.from({ length: 40 }, (_, row) => [row < 20 ? row : row + 100]);
    const distances = squaredDistances(points);
    const kernel = gaussianKernel(distances, medianVariance(distances));
    const { permutation } = legacyGenerator(7);
    const test = mmdTest(kernel, 20, { permutations: 50, permutation: () => permutation(40) });
    expect(test.permuted.every((value) => value < test.mmd2)).toBe(true);
    const mirrored = squaredDistances([...points.slice(0, 20).reverse(), ...points.slice(20).reverse()]);
    const other = mmdTest(gaussianKernel(mirrored, medianVariance(mirrored)), 20, {
      permutations: 0,
      permutation: () => [],
    });
    expect(other.mmd2).toBeCloseTo(test.mmd2, 12);
  });
});

describe("eigenvectors of a symmetric matrix", () => {
  it("turn it into a diagonal, largest value first", () => {
    const matrix = [
      [4, 1, -2],
      [1, 3, 0.5],
      [-2, 0.5, 5],
    ];
    const { values, vectors } = symmetricEigen(matrix);
    expect([...values].sort((a, b) => b - a)).toEqual([...values]);
    for (const [index, vector] of vectors.entries()) {
      const image = matrix.map((row) =>
        row.reduce((sum, value, column) => sum + value * (vector[column] ?? 0), 0),
      );
      for (const [row, value] of image.entries())
        expect(value).toBeCloseTo((values[index] ?? 0) * (vector[row] ?? 0), 10);
    }
  });
});
