import { sumOf } from "../util/sum.ts";
import { chiSquareAbove } from "./distributions.ts";

/** Pearson's and the likelihood-ratio (G) test of independence of a table of counts. */
export interface Contingency {
  readonly statistic: number;
  readonly df: number;
  readonly p: number;
  readonly gStatistic: number;
  readonly gP: number;
  /** What each cell would count on average, were rows and columns independent. */
  readonly expected: readonly (readonly number[])[];
  /** Cramér's V, from 0 to 1. */
  readonly v: number;
}

/**
 * Tests a table of which each row and each column has a count; null otherwise. With `yates`, each cell of a table
 * of one degree of freedom comes nearer to what is expected by up to a half.
 */
export function contingencyTest(
  table: readonly (readonly number[])[],
  { yates = false }: { readonly yates?: boolean | undefined } = {},
): Contingency | null {
  const rowSums = table.map((row) => sumOf(row, (count) => count));
  const columns = (table[0] ?? []).map((_, column) => sumOf(table, (row) => row[column] ?? 0));
  const all = sumOf(rowSums, (sum) => sum);
  if (rowSums.some((sum) => sum === 0) || columns.some((sum) => sum === 0) || columns.length === 0)
    return null;
  const expected = rowSums.map((row) => columns.map((column) => (row * column) / all));
  const df = (rowSums.length - 1) * (columns.length - 1);
  let [statistic, likelihood] = [0, 0];
  for (const [r, row] of table.entries())
    for (const [c, count] of row.entries()) {
      const mean = expected[r]?.[c] ?? Number.NaN;
      const observed = yates && df === 1 ? nearer(count, mean) : count;
      statistic += (observed - mean) ** 2 / mean;
      if (observed > 0) likelihood += 2 * observed * Math.log(observed / mean);
    }
  const freedom = Math.min(rowSums.length, columns.length) - 1;
  return {
    statistic,
    df,
    p: chiSquareAbove(statistic, df),
    gStatistic: likelihood,
    gP: chiSquareAbove(likelihood, df),
    expected,
    v: freedom === 0 ? 0 : Math.sqrt(statistic / (all * freedom)),
  };
}

/** A table of two samples without the columns in which neither has a count. */
export function occupiedColumns(table: readonly (readonly number[])[]): number[][] {
  const kept = (table[0] ?? []).map((_, column) => table.some((row) => (row[column] ?? 0) > 0));
  return table.map((row) => row.filter((_, column) => kept[column]));
}

function nearer(count: number, mean: number): number {
  return count + Math.sign(mean - count) * Math.min(0.5, Math.abs(mean - count));
}
