import { normalTwoSided } from "../distributions.ts";

/** Sums over the rows of one class, as whole numbers, so that they are exact and the same in any order of the rows. */
export interface PlacementSums {
  readonly rows: number;
  /** By model: twice the rows of the other class that each row is ranked right with, equal scores counting half. */
  readonly first: bigint;
  readonly second: bigint;
  /** Squares of the second model's less the first one's. */
  readonly squares: bigint;
}

/** Two areas under curves over the same rows. */
export interface PairedAuc {
  readonly first: number;
  readonly second: number;
  /** The second less the first. */
  readonly difference: number;
  /** Standard error of the difference; null where a class has fewer than two rows. */
  readonly error: number | null;
  /** Null without an error. */
  readonly z: number | null;
  readonly p: number | null;
}

/**
 * DeLong's test of two areas under ROC curves that come from the same rows (DeLong, DeLong and Clarke-Pearson, 1988);
 * null where one class has no row.
 */
export function pairedAuc(positives: PlacementSums, negatives: PlacementSums): PairedAuc | null {
  const pairs = 2 * positives.rows * negatives.rows;
  if (pairs === 0) return null;
  const [first, second] = [Number(positives.first) / pairs, Number(positives.second) / pairs];
  const difference = Number(positives.second - positives.first) / pairs;
  const variance =
    spread(positives) / (2 * negatives.rows) ** 2 / positives.rows +
    spread(negatives) / (2 * positives.rows) ** 2 / negatives.rows;
  if (Number.isNaN(variance)) return { first, second, difference, error: null, z: null, p: null };
  const error = Math.sqrt(variance);
  const z = difference === 0 ? 0 : difference / error;
  return { first, second, difference, error, z, p: normalTwoSided(z) };
}

/** Sample variance of the differences of placements. */
function spread({ rows, first, second, squares }: PlacementSums): number {
  if (rows < 2) return Number.NaN;
  const sum = second - first;
  const count = BigInt(rows);
  return Number(count * squares - sum * sum) / (rows * (rows - 1));
}
