import { binomialDensity } from "./beta.ts";

/** Counts of two samples (rows) in two groups (columns). */
export type TwoByTwo = readonly [readonly [number, number], readonly [number, number]];

/**
 * Fisher's exact test: the probabilities, given the sums of rows and columns, of a table no more likely than this
 * one, and of a first count that is as large or larger (`greater`), or as small or smaller (`less`).
 */
export function fisherExact([[a, b], [c, d]]: TwoByTwo): {
  readonly twoSided: number;
  readonly less: number;
  readonly greater: number;
} {
  const [row, column, all] = [a + b, a + c, a + b + c + d];
  const low = Math.max(0, row + column - all);
  const high = Math.min(row, column);
  const density = (count: number) => hypergeometric(count, { row, column, all });
  const here = density(a);
  let [twoSided, less, greater] = [0, 0, 0];
  for (let count = low; count <= high; count++) {
    const p = density(count);
    // tables that are equally likely by arithmetic may differ in the last digits
    if (p <= here * (1 + 1e-12)) twoSided += p;
    if (count <= a) less += p;
    if (count >= a) greater += p;
  }
  return { twoSided: Math.min(1, twoSided), less: Math.min(1, less), greater: Math.min(1, greater) };
}

/** Probability that `count` of a row's members are in a column, by three binomial densities (Loader 2000). */
function hypergeometric(
  count: number,
  { row, column, all }: { readonly row: number; readonly column: number; readonly all: number },
): number {
  if (row === 0 || row === all) return 1;
  const share = row / all;
  const rest = (all - row) / all;
  const inColumn = binomialDensity(count, column - count, share, rest);
  const outside = binomialDensity(row - count, all - row - column + count, share, rest);
  return (inColumn * outside) / binomialDensity(row, all - row, share, rest);
}
