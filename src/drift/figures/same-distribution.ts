import { chiSquareAbove } from "../../statistics/distributions.ts";
import { fisherExact } from "../../statistics/fisher.ts";
import { sumOf } from "../../util/sum.ts";
import { type BinCounts, rowsOf } from "./bin-counts.ts";

/** Test of whether two histograms are samples of one distribution: the p-value of a verdict. */
export interface SameDistributionTest {
  readonly name: "chi2" | "g" | "fisher" | "tails";
  /** Null for the exact tests, which have none. */
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
 *
 * The test is Pearson's chi-square, or the likelihood-ratio test if that one's p-value is larger: ranges end at the
 * baseline's quantiles, so the shares of a larger current side vary, and Pearson's statistic divides by them.
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
  const df = cells.length - 1;
  const pearson = pearsonStatistic(cells, rows);
  const ratio = likelihoodRatio(cells, rows);
  const [name, statistic] = ratio < pearson ? (["g", ratio] as const) : (["chi2", pearson] as const);
  return { name, statistic, df, p: chiSquareAbove(statistic, df), pooledBins: cells.length };
}

/** How much of the level the tails have; the bins have the rest. */
const tailsPart = 0.1;

/**
 * The test of bins, joined with that of the rows beyond the baseline's extremes: bins that are cut at them cannot show
 * a wider spread of few rows. Each is held to its part of the level, so both together are held to the whole.
 *
 * @param outside rows of the current side beyond the baseline's least and largest values
 * @param values rows of both sides that could be there, those of the baseline being inside
 */
export function withTails(
  test: SameDistributionTest,
  outside: number,
  values: { readonly baseline: number; readonly current: number },
): SameDistributionTest {
  const tails = outsideAtLeast(outside, values) / tailsPart;
  const bins = test.p / (1 - tailsPart);
  if (tails >= bins) return { ...test, p: Math.min(1, bins) };
  return { ...test, name: "tails", statistic: null, df: null, p: tails };
}

/**
 * Probability that so many of `current` rows or more lie beyond the extremes of `baseline` rows of the same continuous
 * distribution; ties make it smaller. All gaps between the baseline's rows are alike, so it is that of the first two
 * gaps: at most one row of the baseline is among the first `outside` + 1 of all.
 */
function outsideAtLeast(
  outside: number,
  { baseline, current }: { readonly baseline: number; readonly current: number },
): number {
  if (outside === 0 || baseline < 2) return 1;
  // the product of the chances that each is no row of the baseline, for all but one
  let chance = 1;
  for (let drawn = 0; drawn < outside && chance > 0; drawn++)
    chance *= (current - drawn) / (baseline + current - drawn);
  const left = baseline + current - outside;
  return Math.min(1, chance * ((current - outside + (outside + 1) * baseline) / left));
}

interface Rows {
  readonly baseline: number;
  readonly current: number;
}

/** Pearson's statistic of two samples over cells that are not empty. */
function pearsonStatistic(cells: readonly Cell[], { baseline, current }: Rows): number {
  const all = baseline + current;
  const sum = sumOf(
    cells,
    (cell) => (cell.baseline / baseline - cell.current / current) ** 2 / (cell.all / all),
  );
  return ((baseline * current) / all) * sum;
}

/** Twice the logarithm of the likelihood ratio (G) of two samples over cells that are not empty. */
function likelihoodRatio(cells: readonly Cell[], { baseline, current }: Rows): number {
  const all = baseline + current;
  const part = (count: number, rows: number, cell: Cell) =>
    count === 0 ? 0 : count * Math.log((count * all) / (cell.all * rows));
  // Of equal shares, rounding may leave less than 0.
  return Math.max(
    0,
    2 * sumOf(cells, (cell) => part(cell.baseline, baseline, cell) + part(cell.current, current, cell)),
  );
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
