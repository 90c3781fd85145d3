import type { Correction } from "../../statistics/correction.ts";
import { newcombeInterval } from "../../statistics/proportions.ts";
import { type Bracket, type Cell, ksBracket, wassersteinBracket } from "../figures/cells.ts";
import { binsForRows, type Distances, distancesOf } from "../figures/distances.ts";
import { type SameDistributionTest, sameDistribution, withTails } from "../figures/same-distribution.ts";
import {
  type Binned,
  binnedCategories,
  binnedNumbers,
  cellsOf,
  expectedUnseen,
  quantileOfCells,
  type Sides,
} from "../profile/binned.ts";
import type { CategoryBins, CategoryCounts, Counts, NumericBins, NumericCounts } from "../profile/bins.ts";
import type { Measure } from "../profile/column-bins.ts";
import type { DriftBin, ShareChange, SideSummary } from "./drift-record.ts";

/** How verdicts are reached (spec/drift.md). */
export interface DriftRule {
  readonly threshold: number;
  readonly alpha: number;
  readonly correction: Correction;
  readonly minRows: number;
}

/** The figures of two sides of one measure. */
export interface Comparison {
  readonly rows: Sides<number>;
  /** Numbers of bins that numbers are compared in; undefined if the rows do not suffice for two. */
  readonly bins: number | undefined;
  readonly binned: Binned | null;
  readonly distances: Distances | null;
  readonly test: SameDistributionTest | null;
  readonly ks: (Bracket & { readonly at: number | null }) | null;
  readonly wasserstein: Bracket | null;
  readonly wassersteinScaled: Bracket | null;
  readonly summary: Sides<SideSummary> | null;
  /** Spread of the baseline: (q95 − q05) / 3.29, else its deviation. */
  readonly scale: number | null;
  readonly shares: Readonly<
    Record<"null" | "nan" | "rare" | "unseen" | "below" | "above", ShareChange | null>
  >;
  /** Share of rows that an equal sample has of values that the baseline has not, with the rows that show it. */
  readonly expectedUnseen: { readonly count: number; readonly of: number };
}

/** Compares the counts of both sides. */
export function compareCounts(measure: Measure, sides: Sides<Counts>, threshold: number): Comparison {
  const { bins } = measure;
  const { baseline, current } = sides;
  if (bins.form === "numeric" && baseline.form === "numeric" && current.form === "numeric")
    return compareNumbers(bins, { baseline, current }, threshold);
  if (bins.form === "category" && baseline.form === "category" && current.form === "category")
    return compareCategories(measure, bins, { baseline, current });
  throw new Error("varve internal error: counts of other bins. Please report this.");
}

function compareNumbers(bins: NumericBins, sides: Sides<NumericCounts>, threshold: number): Comparison {
  const rows = { baseline: sides.baseline.rows, current: sides.current.rows };
  const count = rows.baseline > 0 && rows.current > 0 ? binsForRows(rows, threshold) : undefined;
  const cells = cellsOf(bins, sides);
  const summary = {
    baseline: summaryOf(sides.baseline, cells, "baseline"),
    current: summaryOf(sides.current, cells, "current"),
  };
  const scale = scaleOf(summary.baseline);
  const wasserstein = finiteBracket(wassersteinBracket(cells));
  const binned = count === undefined ? null : binnedNumbers(bins, sides, count);
  const { below, above } = tailShares(bins, binned ?? binnedNumbers(bins, sides, 2), rows);
  const { distances, test } = figuresOf(binned);
  const { nulls, nans } = plainShares(sides, rows);
  // Member by member: spreading other objects into one takes ten times the memory of the result.
  return {
    binned,
    distances,
    test,
    rows,
    bins: count,
    ks: ksOf(cells),
    wasserstein,
    wassersteinScaled: scale === null || wasserstein === null ? null : scaled(wasserstein, scale),
    summary,
    scale,
    shares: { null: nulls, nan: nans, rare: null, unseen: null, below, above },
    expectedUnseen: { count: 0, of: rows.baseline },
  };
}

function compareCategories({ kind }: Measure, bins: CategoryBins, sides: Sides<CategoryCounts>): Comparison {
  const { baseline, current } = sides;
  const rows = { baseline: baseline.rows, current: current.rows };
  const isCategory = kind === "category";
  const otherLabel = isCategory && bins.known !== null ? "unseen" : "other";
  const hasUnseen = (isCategory && bins.known !== null) || kind === "discrete";
  const cells = kind === "discrete" ? valueCells(bins, sides) : [];
  const wasserstein = wassersteinBracket(cells);
  const summary =
    kind === "discrete"
      ? {
          baseline: summaryOf({ ...baseline, quantiles: null }, cells, "baseline"),
          current: summaryOf({ ...current, quantiles: null }, cells, "current"),
        }
      : null;
  const scale = summary === null ? null : scaleOf(summary.baseline);
  const binned = binnedCategories(bins, sides, { pool: isCategory || kind === "discrete", otherLabel });
  const { distances, test } = figuresOf(binned);
  const { nulls, nans } = plainShares(sides, rows);
  return {
    binned,
    distances,
    test,
    rows,
    bins: undefined,
    ks: ksOf(cells),
    wasserstein,
    wassersteinScaled: scale === null || wasserstein === null ? null : scaled(wasserstein, scale),
    summary,
    scale,
    shares: {
      null: nulls,
      nan: nans,
      rare: isCategory ? rareShare(binned, rows) : null,
      unseen: hasUnseen ? change(baseline.unseen, current.unseen, rows) : null,
      below: null,
      above: null,
    },
    expectedUnseen: expectedUnseen(baseline),
  };
}

function figuresOf(binned: Binned | null): Pick<Comparison, "distances" | "test"> {
  const distances = binned === null ? null : distancesOf(binned.counts);
  return { distances, test: binned === null || distances === null ? null : testOf(binned) };
}

function testOf({ tested, outside }: Binned): SameDistributionTest {
  const test = sameDistribution(tested);
  return outside === null || outside === undefined ? test : withTails(test, outside.rows, outside.of);
}

/** Values of a discrete column as cells; none if a side has values without a bin, whose place is not known. */
function valueCells({ values }: CategoryBins, { baseline, current }: Sides<CategoryCounts>): Cell[] {
  if (baseline.unseen + current.unseen > 0) return [];
  return values.flatMap((value, index) => {
    const [a, b] = [baseline.values[index] ?? 0, current.values[index] ?? 0];
    return typeof value === "number" ? [{ low: value, high: value, baseline: a, current: b }] : [];
  });
}

function ksOf(cells: readonly Cell[]): Comparison["ks"] {
  const ks = ksBracket(cells);
  if (ks === null) return null;
  const { low, high, exact, at } = ks;
  return { low, high, exact, at: at !== null && Number.isFinite(at) ? at : null };
}

function finiteBracket(bracket: Bracket | null): Bracket | null {
  return bracket === null || !Number.isFinite(bracket.high) ? null : bracket;
}

function scaled({ low, high, exact }: Bracket, scale: number): Bracket {
  return { low: low / scale, high: high / scale, exact };
}

/** The spread of a side in units of a deviation, hardly moved by outliers; null for a constant. */
function scaleOf({ q05, q95, sd }: SideSummary): number | null {
  const robust = q05 === null || q95 === null ? 0 : (q95 - q05) / 3.29;
  if (robust > 0) return robust;
  return sd !== null && sd > 0 ? sd : null;
}

function summaryOf(
  { mean, sd, quantiles }: Pick<NumericCounts, "mean" | "sd" | "quantiles">,
  cells: readonly Cell[],
  side: keyof Sides<unknown>,
): SideSummary {
  const at = (share: number, index: number) => quantiles?.[index] ?? quantileOfCells(cells, side, share);
  const [q05, q25, median, q75, q95] = [0.05, 0.25, 0.5, 0.75, 0.95].map(at);
  const iqr = typeof q25 === "number" && typeof q75 === "number" ? q75 - q25 : null;
  return { mean, sd, median: median ?? null, iqr, q05: q05 ?? null, q95: q95 ?? null };
}

function plainShares(
  { baseline, current }: Sides<Counts>,
  rows: Sides<number>,
): { readonly nulls: ShareChange | null; readonly nans: ShareChange | null } {
  return {
    nulls: change(baseline.nulls, current.nulls, rows),
    nans: change(baseline.nans, current.nans, rows),
  };
}

/** Shares of values below the least and above the largest edge. */
function tailShares(
  bins: NumericBins,
  { labels, counts }: Binned,
  rows: Sides<number>,
): { readonly below: ShareChange | null; readonly above: ShareChange | null } {
  if (bins.quantiles.length === 0) return { below: null, above: null };
  const share = (label: string) => {
    const index = labels.findIndex((other) => other.label === label);
    return change(counts.baseline[index] ?? 0, counts.current[index] ?? 0, rows);
  };
  return { below: share("below"), above: share("above") };
}

/** Share of rows whose values are one bin together: they are not among those with most rows. */
function rareShare({ rare = -1, counts }: Binned, rows: Sides<number>): ShareChange | null {
  return change(counts.baseline[rare] ?? 0, counts.current[rare] ?? 0, rows);
}

/**
 * Shares of different values among the values of both sides.
 *
 * @param shares those that were counted apart, of identifiers and sequences
 */
export function distinctChange(
  { kind, part }: Pick<Measure, "kind" | "part">,
  sides: Sides<Counts>,
  shares: Sides<number | null>,
): ShareChange | null {
  if (part !== null) return null;
  const known = (side: keyof Sides<Counts>) => {
    const { nulls, nans, rows, ...counts } = sides[side];
    const [of, share] = [rows - nulls - nans, shares[side]];
    const isCategory = kind === "category" || kind === "discrete" || kind === "boolean";
    const own = isCategory && "distinct" in counts ? counts.distinct : share === null ? null : share * of;
    return { of, count: own === null ? null : Math.round(own) };
  };
  const [before, after] = [known("baseline"), known("current")];
  if (before.count === null || after.count === null || before.of === 0 || after.of === 0) return null;
  const { low, high } = newcombeInterval(
    { count: before.count, of: before.of },
    { count: after.count, of: after.of },
  );
  return { baseline: before.count / before.of, current: after.count / after.of, low, high };
}

function change(baseline: number, current: number, rows: Sides<number>): ShareChange | null {
  if (rows.baseline === 0 || rows.current === 0) return null;
  const { low, high } = newcombeInterval(
    { count: baseline, of: rows.baseline },
    { count: current, of: rows.current },
  );
  return { baseline: baseline / rows.baseline, current: current / rows.current, low, high };
}

/** Most bins of a record. */
const mostBins = 20;

/** The bins with the largest parts, and the sum of the others. */
export function largestBins({ binned, distances }: Comparison): DriftBin[] {
  if (binned === null || distances === null) return [];
  const { labels, counts } = binned;
  const total = (side: readonly number[]) => side.reduce((sum, count) => sum + count, 0);
  const [n, m] = [total(counts.baseline), total(counts.current)];
  const bins = labels
    .map(({ label, low, high }, index) => ({
      label,
      low,
      high,
      baseline: (counts.baseline[index] ?? 0) / n,
      current: (counts.current[index] ?? 0) / m,
      part: distances.parts[index] ?? 0,
    }))
    .sort((a, b) => b.part - a.part);
  if (bins.length <= mostBins) return bins;
  const rest = bins.slice(mostBins - 1);
  const sum = (of: "baseline" | "current" | "part") => rest.reduce((all, bin) => all + bin[of], 0);
  const label = `${rest.length} other bins`;
  return [
    ...bins.slice(0, mostBins - 1),
    { label, low: null, high: null, baseline: sum("baseline"), current: sum("current"), part: sum("part") },
  ];
}
