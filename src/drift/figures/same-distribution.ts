import { chiSquareAbove } from "../../statistics/distributions.ts";
import { fisherExact } from "../../statistics/fisher.ts";
import { sumOf } from "../../util/sum.ts";
import { type BinCounts, rowsOf } from "./bin-counts.ts";

/** Test of whether two histograms are samples of one distribution: the p-value of a verdict. */
export interface SameDistributionTest {
  readonly name: "chi2" | "fisher";
  /** Null for Fisher's test, which has none. */
  readonly statistic: number | null;
  readonly df: number | null;
  readonly p: number;
  /** Bins that are left after small ones were pooled. */
  readonly pooledBins: number;
}

interface Cell {
  readonly baseline: number;
  readonly current: number;
  readonly all: number;
}

/**
 * Contingency test over two samples. Bins that expect few rows are pooled, smallest first, until none expects
 * less than one and at most a fifth of them less than five; two bins of which one expects less than ten are
 * compared exactly. One bin, or a side without rows, gives a p-value of 1.
 */
export function sameDistribution(counts: BinCounts): SameDistributionTest {
  const rows = rowsOf(counts);
  const all = rows.baseline + rows.current;
  const smaller = all === 0 ? 0 : Math.min(rows.baseline, rows.current) / all;
  const cells = pooledCells(counts, smaller);
  const [first, second] = cells;
  if (first === undefined || second === undefined || smaller === 0)
    return { name: "chi2", statistic: 0, df: 0, p: 1, pooledBins: cells.length };
  if (cells.length === 2 && first.all * smaller < 10) {
    const { twoSided } = fisherExact([
      [first.baseline, second.baseline],
      [first.current, second.current],
    ]);
    return { name: "fisher", statistic: null, df: null, p: twoSided, pooledBins: 2 };
  }
  const statistic = contingencyStatistic(cells, rows);
  const df = cells.length - 1;
  return { name: "chi2", statistic, df, p: chiSquareAbove(statistic, df), pooledBins: cells.length };
}

/** Pearson's statistic of two samples over cells that are not empty. */
function contingencyStatistic(
  cells: readonly Cell[],
  { baseline, current }: { readonly baseline: number; readonly current: number },
): number {
  const all = baseline + current;
  const sum = sumOf(
    cells,
    (cell) => (cell.baseline / baseline - cell.current / current) ** 2 / (cell.all / all),
  );
  return ((baseline * current) / all) * sum;
}

/**
 * Cells from the smallest on, pooled. The two smallest are either untouched cells or pools, and pools grow, so two
 * sorted queues give them without sorting again.
 */
function pooledCells({ baseline, current }: BinCounts, smaller: number): Cell[] {
  const single = baseline
    .map((count, bin) => ({ baseline: count, current: current[bin] ?? 0, all: count + (current[bin] ?? 0) }))
    .filter(({ all }) => all > 0)
    .sort((a, b) => a.all - b.all || a.baseline - b.baseline);
  const pools: Cell[] = [];
  let [nextSingle, nextPool] = [0, 0];
  const left = () => single.length - nextSingle + pools.length - nextPool;
  const next = (): Cell | undefined => {
    const [one, pool] = [single[nextSingle], pools[nextPool]];
    if (pool !== undefined && (one === undefined || pool.all <= one.all)) return pools[nextPool++];
    return one === undefined ? undefined : single[nextSingle++];
  };
  let small = single.filter(({ all }) => all * smaller < 5).length;
  while (left() > 2) {
    const smallest =
      Math.min(single[nextSingle]?.all ?? Infinity, pools[nextPool]?.all ?? Infinity) * smaller;
    if (smallest >= 1 && small <= 0.2 * left()) break;
    const [a, b] = [next(), next()];
    if (a === undefined || b === undefined) break;
    const pool = { baseline: a.baseline + b.baseline, current: a.current + b.current, all: a.all + b.all };
    const isSmall = (cell: Cell) => (cell.all * smaller < 5 ? 1 : 0);
    small += isSmall(pool) - isSmall(a) - isSmall(b);
    pools.push(pool);
  }
  return [...single.slice(nextSingle), ...pools.slice(nextPool)].sort((a, b) => a.all - b.all);
}
