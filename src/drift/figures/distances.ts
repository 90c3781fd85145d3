import { sumOf } from "../../util/sum.ts";
import { type BinCounts, type BinShares, type RowCounts, rowsOf, sharesOf } from "./bin-counts.ts";

/** Figures of two histograms over the same bins (`spec/drift.md`). */
export interface Distances {
  /** Bins in which a side has rows. */
  readonly bins: number;
  /** Jensen-Shannon distance to base 2, from 0 to 1. */
  readonly js: number;
  /** What `js` is on average for two samples of one distribution. */
  readonly floor: number;
  /** `js` above its floor: the effect that is compared with the threshold. */
  readonly effect: number;
  /** Part of each bin in `js` squared, in the order of the counts; they add up to 1, or are all 0. */
  readonly parts: readonly number[];
  /** Total variation: the share of rows that would have to change their bin. */
  readonly moved: number;
  /** Population stability index over all bins given, with half a row added to each. */
  readonly psi: number;
  /** Part of each bin in `psi`, in the order of the counts. */
  readonly psiParts: readonly number[];
  /** What `psi` is on average for two samples of one distribution. */
  readonly psiExpected: number;
  readonly hellinger: number;
  /** Kullback and Leibler's divergence of the baseline from the current side, in nats, with half a row added. */
  readonly klBaselineCurrent: number;
  readonly klCurrentBaseline: number;
  /** The largest difference of a share, and its bin. */
  readonly lInfinity: { readonly value: number; readonly bin: number };
}

/** The figures of two histograms; null where a side has no rows. */
export function distancesOf(counts: BinCounts): Distances | null {
  const shares = sharesOf(counts);
  if (shares.length === 0) return null;
  const rows = rowsOf(counts);
  const parts = shares.map(jensenShannonPart);
  const squared = Math.max(
    0,
    sumOf(parts, (part) => part),
  );
  const floorSquared = noiseFloorSquared(shares.length, rows);
  const largest = shares.reduce((best, share) => (gap(share) > gap(best) ? share : best));
  const all = counts.baseline.length;
  const smoothed = counts.baseline.map((count, bin) =>
    smoothedShares(count, counts.current[bin] ?? 0, rows, all),
  );
  const psiParts = smoothed.map(([p, q]) => (q - p) * Math.log(q / p));
  return {
    bins: shares.length,
    js: Math.sqrt(squared),
    floor: Math.sqrt(floorSquared),
    effect: Math.sqrt(Math.max(0, squared - floorSquared)),
    parts: partsOfBins(all, shares, parts, squared),
    moved: sumOf(shares, gap) / 2,
    psi: sumOf(psiParts, (part) => part),
    psiParts,
    psiExpected: (all - 1) * (1 / rows.baseline + 1 / rows.current),
    hellinger: hellingerOf(shares),
    klBaselineCurrent: sumOf(smoothed, ([p, q]) => p * Math.log(p / q)),
    klCurrentBaseline: sumOf(smoothed, ([p, q]) => q * Math.log(q / p)),
    lInfinity: { value: gap(largest), bin: largest.bin },
  };
}

/** The square of the Jensen-Shannon distance that noise alone gives on average. */
function noiseFloorSquared(bins: number, { baseline, current }: RowCounts): number {
  return ((bins - 1) / (8 * Math.LN2)) * (1 / baseline + 1 / current);
}

/** Highest noise floor of ranges: a threshold above it must not give a column other bins, and so another effect. */
const highestFloor = 0.1;

/**
 * The largest number of bins of `choices` (from the largest down) whose noise floor exceeds neither the threshold nor
 * 0.1, for so many rows; undefined where all do.
 */
export function binsForRows(
  rows: RowCounts,
  threshold: number,
  choices: readonly number[] = [20, 10, 5, 4, 2],
): number | undefined {
  const floor = Math.min(threshold, highestFloor);
  return choices.find((bins) => noiseFloorSquared(bins, rows) <= floor ** 2);
}

/** Rows that each side needs for a comparison over two bins at a threshold. */
export function rowsNeeded(threshold: number): number {
  return Math.ceil(2 / (8 * Math.LN2 * Math.min(threshold, highestFloor) ** 2));
}

/** Hellinger distance over shares. The sum of squares does not cancel as 1 − Σ√(pq) does. */
export function hellingerOf(shares: readonly BinShares[]): number {
  return Math.sqrt(
    sumOf(shares, ({ baseline, current }) => (Math.sqrt(baseline) - Math.sqrt(current)) ** 2) / 2,
  );
}

function gap({ baseline, current }: BinShares): number {
  return Math.abs(current - baseline);
}

function jensenShannonPart({ baseline, current }: BinShares): number {
  const middle = (baseline + current) / 2;
  const side = (share: number) => (share === 0 ? 0 : (share * Math.log2(share / middle)) / 2);
  return side(baseline) + side(current);
}

function smoothedShares(
  baseline: number,
  current: number,
  rows: RowCounts,
  bins: number,
): readonly [number, number] {
  return [(baseline + 0.5) / (rows.baseline + bins / 2), (current + 0.5) / (rows.current + bins / 2)];
}

function partsOfBins(
  length: number,
  shares: readonly BinShares[],
  parts: readonly number[],
  squared: number,
): number[] {
  const all = new Array<number>(length).fill(0);
  if (squared > 0) for (const [index, { bin }] of shares.entries()) all[bin] = (parts[index] ?? 0) / squared;
  return all;
}
