import { sumOf } from "../../util/sum.ts";
import type { BinCounts } from "../figures/bin-counts.ts";
import type { Cell } from "../figures/cells.ts";
import {
  boundariesOf,
  type CategoryBins,
  type CategoryCounts,
  type CategoryValue,
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
  /** The counts for the test: small tails belong to the range next to them, and few unseen values to the rare ones. */
  readonly tested: BinCounts;
  /** Of numbers, rows of the current side beyond the baseline's extremes, and rows of both sides that have such a place. */
  readonly outside?: { readonly rows: number; readonly of: Sides<number> } | null | undefined;
  /** Position of the bin of rare values, with the unseen ones or without, among the labels: values may have its name. */
  readonly rare?: number | undefined;
}

/** Two sides of a comparison. */
export interface Sides<T> {
  readonly baseline: T;
  readonly current: T;
}

/**
 * Fewer rows than a side expects in a bin make it no bin of its own. The baseline chose its most frequent values
 * partly because chance favoured them, and they fall back: rows of both sides together do not favour one.
 */
const leastExpected = 10;

function expectsFew(count: number, { baseline, current }: Sides<{ readonly rows: number }>): boolean {
  const all = baseline.rows + current.rows;
  return all === 0 || (count * Math.min(baseline.rows, current.rows)) / all < leastExpected;
}

/**
 * Rows of numbers in null, NaN, points, `below`, about `count` ranges and `above`; bins without rows are left out.
 * Points that expect few rows belong to the range around them.
 */
export function binnedNumbers(bins: NumericBins, sides: Sides<NumericCounts>, count: number): Binned {
  const boundaries = boundariesOf(bins);
  const edges = distinct(bins.quantiles.filter((_, index) => index % (fineSteps / count) === 0));
  const ranges = new Map<string, { readonly label: BinLabel; baseline: number; current: number }>();
  const add = ({ key, label, low, high }: NamedBin, baseline: number, current: number) => {
    const known = ranges.get(key);
    if (known === undefined) ranges.set(key, { label: { label, low, high }, baseline, current });
    else {
      known.baseline += baseline;
      known.current += current;
    }
  };
  const nameOf = binNames(bins, edges);
  for (let index = 0; index <= boundaries.length; index++) {
    const [a, b] = [sides.baseline.cells[index] ?? 0, sides.current.cells[index] ?? 0];
    const isPoint = !expectsFew(a + b, sides);
    add(nameOf(boundaries[index - 1], boundaries[index], isPoint), a, b);
  }
  add({ key: "NaN", ...plainLabel("NaN") }, sides.baseline.nans, sides.current.nans);
  add({ key: "null", ...plainLabel("null") }, sides.baseline.nulls, sides.current.nulls);
  const filled = [...ranges].filter(([, { baseline, current }]) => baseline + current > 0);
  return {
    labels: filled.map(([, { label }]) => label),
    counts: countsOf(filled.map(([, bin]) => bin)),
    tested: countsOf(withoutSmallTails(filled, sides)),
    outside: outsideOf(filled),
  };
}

/** Rows beyond the baseline's extremes; null where the baseline has some, so that the bins are of another. */
function outsideOf(bins: readonly (readonly [string, BinRows])[]): Binned["outside"] {
  const rowsOf = (side: keyof BinRows, isCounted: (key: string) => boolean) =>
    sumOf(bins, ([key, rows]) => (isCounted(key) ? rows[side] : 0));
  const isRange = (key: string) => key.startsWith("[");
  const isTail = (key: string) => key === "below" || key === "above";
  if (rowsOf("baseline", isTail) > 0) return null;
  const outside = rowsOf("current", isTail);
  return {
    rows: outside,
    of: { baseline: rowsOf("baseline", isRange), current: rowsOf("current", isRange) + outside },
  };
}

interface BinRows {
  readonly baseline: number;
  readonly current: number;
}

function countsOf(bins: readonly BinRows[]): BinCounts {
  return { baseline: bins.map(({ baseline }) => baseline), current: bins.map(({ current }) => current) };
}

/** No row of the baseline is beyond its own extremes, so that a tail is more often large than a bin of equal samples. */
function withoutSmallTails(
  bins: readonly (readonly [string, BinRows])[],
  sides: Sides<NumericCounts>,
): readonly BinRows[] {
  const isRange = ([key]: readonly [string, BinRows]) => key.startsWith("[");
  const ends = { below: bins.findIndex(isRange), above: bins.findLastIndex(isRange) };
  const merged = bins.map(([, bin]) => bin);
  for (const tail of ["below", "above"] as const) {
    const index = bins.findIndex(([key]) => key === tail);
    const [bin, next] = [merged[index], merged[ends[tail]]];
    if (bin === undefined || next === undefined || !expectsFew(bin.baseline + bin.current, sides)) continue;
    merged[ends[tail]] = {
      baseline: bin.baseline + next.baseline,
      current: bin.current + next.current,
    };
    merged[index] = { baseline: 0, current: 0 };
  }
  return merged;
}

/** The bin that a cell belongs to. */
function binNames({ points, quantiles }: NumericBins, edges: readonly number[]) {
  const all = new Set(points);
  const [first = Infinity, last = -Infinity] = [quantiles[0], quantiles.at(-1)];
  const ranges: NamedBin[] = [];
  return (low: number | undefined, high: number | undefined, hasRows: boolean): NamedBin => {
    const isPoint = low !== undefined && all.has(low) && high === numberAfter(low);
    if (isPoint && (hasRows || edges.length < 2))
      return { key: `=${low}`, label: `= ${low}`, low, high: low };
    if (isPoint) return rangeOf(Math.min(last, Math.max(first, low)));
    if (low === undefined || low < first)
      return {
        key: "below",
        label: quantiles.length === 0 ? "other" : "below",
        low: null,
        high: bound(first),
      };
    if (low > last) return { key: "above", label: "above", low: bound(last), high: null };
    return rangeOf(low);
  };

  function rangeOf(low: number): NamedBin {
    // The last edge belongs to the last range.
    const bin = Math.min(
      edges.findLastIndex((edge) => edge <= low),
      Math.max(0, edges.length - 2),
    );
    const range = ranges[bin] ?? rangeFrom(bin);
    ranges[bin] = range;
    return range;
  }

  function rangeFrom(bin: number): NamedBin {
    const [from = last, to = last] = [edges[bin], edges[bin + 1]];
    const isLast = bin >= edges.length - 2;
    // Joined, a text has no parts that stay in memory beside it.
    const label =
      from === to
        ? shortNumber(from)
        : ["[", shortNumber(from), ", ", shortNumber(to), isLast ? "]" : ")"].join("");
    return { key: `[${bin}`, label, low: from, high: to };
  }
}

interface NamedBin extends BinLabel {
  readonly key: string;
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
 * Rows in the values with a bin, `rare`, `unseen` and null. With `pool`, values that expect few rows count as rare, and
 * so do those that the baseline might have put among the rare ones. Where one row of the baseline has a value, an equal
 * sample has others of that kind, so `rare` and `unseen` are one bin.
 */
export function binnedCategories(
  bins: CategoryBins,
  sides: Sides<CategoryCounts>,
  { pool, otherLabel }: { readonly pool: boolean; readonly otherLabel: string },
): Binned {
  const { baseline, current } = sides;
  const labels: BinLabel[] = [];
  const counts = { baseline: [] as number[], current: [] as number[] };
  /** Its position; undefined for a bin without rows, which is left out. */
  const add = (label: BinLabel, a: number, b: number): number | undefined => {
    if (a + b === 0) return undefined;
    counts.baseline.push(a);
    counts.current.push(b);
    return labels.push(label) - 1;
  };
  const isNamed = pool ? namedValues(bins, sides) : () => true;
  let [rareBaseline, rareCurrent] = [baseline.rare + baseline.singles, current.rare + current.singles];
  for (const [index, value] of bins.values.entries()) {
    const [a, b] = [baseline.values[index] ?? 0, current.values[index] ?? 0];
    if (isNamed(index)) {
      const number = typeof value === "number" ? value : null;
      add({ label: bins.labels?.[index] ?? valueLabel(value), low: number, high: number }, a, b);
    } else {
      rareBaseline += a;
      rareCurrent += b;
    }
  }
  const isOne = singleRows(baseline) > 0;
  const rare = isOne
    ? add(plainLabel("rare or unseen"), rareBaseline + baseline.unseen, rareCurrent + current.unseen)
    : add(plainLabel("rare"), rareBaseline, rareCurrent);
  const unseen = isOne ? undefined : add(plainLabel(otherLabel), baseline.unseen, current.unseen);
  add(plainLabel("NaN"), baseline.nans, current.nans);
  add(plainLabel("null"), baseline.nulls, current.nulls);
  return { labels, counts, tested: withoutFewUnseen(counts, { sides, rare, unseen }), rare };
}

/** No row of the baseline is unseen, so that this bin, too, is more often large than one of equal samples. */
function withoutFewUnseen(
  counts: BinCounts,
  {
    sides,
    rare,
    unseen,
  }: {
    readonly sides: Sides<CategoryCounts>;
    readonly rare: number | undefined;
    readonly unseen: number | undefined;
  },
): BinCounts {
  if (rare === undefined || unseen === undefined) return counts;
  const few = [counts.baseline[unseen] ?? 0, counts.current[unseen] ?? 0] as const;
  if (!expectsFew(few[0] + few[1], sides)) return counts;
  const moved = (side: readonly number[], rows: number) =>
    side.map((count, index) => (index === rare ? count + rows : index === unseen ? 0 : count));
  return { baseline: moved(counts.baseline, few[0]), current: moved(counts.current, few[1]) };
}

/** Most values with a bin of their own in a comparison. */
const mostNamed = 50;

/** Which values have a bin of their own: the 50 that most rows of both sides have. */
function namedValues({ values }: CategoryBins, sides: Sides<CategoryCounts>): (index: number) => boolean {
  const { baseline, current } = sides;
  const both = values.map((_, index) => (baseline.values[index] ?? 0) + (current.values[index] ?? 0));
  const frequent = both
    .map((count, index) => ({ count, index }))
    .filter(({ count }) => !expectsFew(count, sides))
    .sort((a, b) => b.count - a.count)
    .slice(0, mostNamed);
  const named = new Set(frequent.map(({ index }) => index));
  return (index) => named.has(index);
}

/** Rows of a baseline whose value no other of its rows has: about as many rows of an equal sample are unseen. */
function singleRows({ values, singles }: CategoryCounts): number {
  return singles + values.filter((count) => count === 1).length;
}

/**
 * What an equal sample has of values that the baseline does not have, as a share of a binomial sample that varies as
 * much as Good and Turing's estimate does: by `(f₁ + 2 f₂) / n²`, where one row has f₁ of the values, and two have f₂.
 */
export function expectedUnseen(baseline: CategoryCounts): { readonly count: number; readonly of: number } {
  const { rows, rare, values } = baseline;
  const singles = singleRows(baseline);
  if (singles === 0) return { count: 0, of: rows };
  // Values without a bin that two rows have are among the rare ones, and not counted by themselves.
  const doubles = rare + 2 * values.filter((count) => count === 2).length;
  const share = singles / rows;
  const of = (rows * (1 - share) * singles) / (singles + doubles);
  return { count: share * of, of };
}

/** Names of bins that are no values. */
const ownLabels = /^(?:rare|unseen|rare or unseen|other|NaN|null|\d+ other bins)$/;

/** A value as the name of its bin: in quotes where another bin may have that name, or where nothing would be seen. */
function valueLabel(value: CategoryValue): string {
  if (typeof value === "number") return String(value);
  return value.trim() === "" || value.startsWith('"') || ownLabels.test(value)
    ? JSON.stringify(value)
    : value;
}

function plainLabel(label: string): BinLabel {
  return { label, low: null, high: null };
}
