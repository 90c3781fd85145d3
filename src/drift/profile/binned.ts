import { sumOf } from "../../util/sum.ts";
import type { BinCounts } from "../figures/bin-counts.ts";
import type { Cell } from "../figures/cells.ts";
import {
  boundariesOf,
  type CategoryBins,
  type CategoryCounts,
  distinct,
  fineSteps,
  type NumericBins,
  type NumericCounts,
  numberAfter,
} from "./bins.ts";

/** A bin with its name; `low` and `high` are the bounds of a range of numbers. */
export interface BinLabel {
  readonly label: string;
  readonly low: number | null;
  readonly high: number | null;
}

/** Rows of both sides in the same labelled bins. */
export interface Binned {
  readonly labels: readonly BinLabel[];
  readonly counts: BinCounts;
}

/** Two sides of a comparison. */
export interface Sides<T> {
  readonly baseline: T;
  readonly current: T;
}

/** Rows of numbers in null, NaN, points, `below`, about `count` ranges and `above`; bins without rows are left out. */
export function binnedNumbers(bins: NumericBins, sides: Sides<NumericCounts>, count: number): Binned {
  const boundaries = boundariesOf(bins);
  const edges = distinct(bins.quantiles.filter((_, index) => index % (fineSteps / count) === 0));
  const ranges = new Map<string, { label: BinLabel; baseline: number; current: number }>();
  const add = (key: string, label: BinLabel, baseline: number, current: number) => {
    const before = ranges.get(key) ?? { label, baseline: 0, current: 0 };
    ranges.set(key, { label, baseline: before.baseline + baseline, current: before.current + current });
  };
  const labelOf = binNames(bins, edges);
  for (let index = 0; index <= boundaries.length; index++) {
    const [a, b] = [sides.baseline.cells[index] ?? 0, sides.current.cells[index] ?? 0];
    const { key, ...label } = labelOf(boundaries[index - 1], boundaries[index]);
    add(key, label, a, b);
  }
  add("NaN", plainLabel("NaN"), sides.baseline.nans, sides.current.nans);
  add("null", plainLabel("null"), sides.baseline.nulls, sides.current.nulls);
  const filled = [...ranges.values()].filter(({ baseline, current }) => baseline + current > 0);
  return {
    labels: filled.map(({ label }) => label),
    counts: {
      baseline: filled.map(({ baseline }) => baseline),
      current: filled.map(({ current }) => current),
    },
  };
}

/** The bin that a cell belongs to. */
function binNames({ points, quantiles }: NumericBins, edges: readonly number[]) {
  const isPoint = new Set(points);
  const [first = Infinity, last = -Infinity] = [quantiles[0], quantiles.at(-1)];
  return (low: number | undefined, high: number | undefined): BinLabel & { readonly key: string } => {
    if (low !== undefined && isPoint.has(low) && high === numberAfter(low))
      return { key: `=${low}`, label: `= ${low}`, low, high: low };
    if (low === undefined || low < first)
      return {
        key: "below",
        label: quantiles.length === 0 ? "other" : "below",
        low: null,
        high: bound(first),
      };
    if (low > last) return { key: "above", label: "above", low: bound(last), high: null };
    // The last edge belongs to the last range.
    const bin = Math.min(
      edges.findLastIndex((edge) => edge <= low),
      Math.max(0, edges.length - 2),
    );
    const [from = last, to = last] = [edges[bin], edges[bin + 1]];
    const isLast = bin >= edges.length - 2;
    const label =
      from === to ? `${shortNumber(from)}` : `[${shortNumber(from)}, ${shortNumber(to)}${isLast ? "]" : ")"}`;
    return { key: `[${bin}`, label, low: from, high: to };
  };
}

function bound(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** A number as text of labels, to five digits. */
function shortNumber(value: number): string {
  return String(Number(value.toPrecision(5)));
}

/** Cells of both sides in order, for the brackets of Kolmogorov's and Wasserstein's distances; infinities included. */
export function cellsOf(bins: NumericBins, { baseline, current }: Sides<NumericCounts>): Cell[] {
  const boundaries = boundariesOf(bins);
  const least = smaller(baseline.min, current.min, Math.min);
  const most = smaller(baseline.max, current.max, Math.max);
  return Array.from({ length: boundaries.length + 1 }, (_, index) => {
    const low = boundaries[index - 1] ?? least ?? -Infinity;
    const next = boundaries[index] ?? most ?? Infinity;
    const high = next === numberAfter(low) ? low : Math.max(low, next);
    return { low, high, baseline: baseline.cells[index] ?? 0, current: current.cells[index] ?? 0 };
  }).filter((cell) => cell.baseline + cell.current > 0);
}

function smaller(
  a: number | null,
  b: number | null,
  choose: (a: number, b: number) => number,
): number | null {
  if (a === null || b === null) return a ?? b;
  return choose(a, b);
}

/** A quantile of a side by its cells, linear within a cell; null without values. */
export function quantileOfCells(
  cells: readonly Cell[],
  side: keyof Sides<unknown>,
  share: number,
): number | null {
  const all = sumOf(cells, (cell) => cell[side]);
  if (all === 0) return null;
  let rank = share * all;
  for (const cell of cells) {
    const count = cell[side];
    if (count > 0 && rank <= count) {
      const value = cell.low === cell.high ? cell.low : cell.low + (cell.high - cell.low) * (rank / count);
      return Number.isFinite(value) ? value : null;
    }
    rank -= count;
  }
  return null;
}

/**
 * Rows in the values with a bin, `rare`, `unseen` and null. With `pool`, values that expect under five rows on a side
 * count as rare: the baseline's most frequent values are partly so by chance. Where one row of the baseline has a
 * value, an equal sample has others of that kind, so `rare` and `unseen` are one bin.
 */
export function binnedCategories(
  bins: CategoryBins,
  { baseline, current }: Sides<CategoryCounts>,
  { pool, otherLabel }: { readonly pool: boolean; readonly otherLabel: string },
): Binned {
  const labels: BinLabel[] = [];
  const counts = { baseline: [] as number[], current: [] as number[] };
  const add = (label: BinLabel, a: number, b: number) => {
    if (a + b === 0) return;
    labels.push(label);
    counts.baseline.push(a);
    counts.current.push(b);
  };
  const all = baseline.rows + current.rows;
  const smallerShare = all === 0 ? 0 : Math.min(baseline.rows, current.rows) / all;
  let [rareBaseline, rareCurrent] = [baseline.rare + baseline.singles, current.rare + current.singles];
  for (const [index, value] of bins.values.entries()) {
    const [a, b] = [baseline.values[index] ?? 0, current.values[index] ?? 0];
    if (pool && (a + b) * smallerShare < 5) {
      rareBaseline += a;
      rareCurrent += b;
    } else {
      const number = typeof value === "number" ? value : null;
      add({ label: bins.labels?.[index] ?? String(value), low: number, high: number }, a, b);
    }
  }
  if (singleRows(baseline) > 0)
    add(plainLabel("rare or unseen"), rareBaseline + baseline.unseen, rareCurrent + current.unseen);
  else {
    add(plainLabel("rare"), rareBaseline, rareCurrent);
    add(plainLabel(otherLabel), baseline.unseen, current.unseen);
  }
  add(plainLabel("NaN"), baseline.nans, current.nans);
  add(plainLabel("null"), baseline.nulls, current.nulls);
  return { labels, counts };
}

/** Rows of a baseline whose value no other of its rows has: about as many rows of an equal sample are unseen. */
export function singleRows({ values, singles }: CategoryCounts): number {
  return singles + values.filter((count) => count === 1).length;
}

function plainLabel(label: string): BinLabel {
  return { label, low: null, high: null };
}
