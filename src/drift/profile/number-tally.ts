import { quantileOf } from "../../statistics/samples.ts";
import { boundariesOf, type NumericBins, type NumericCounts } from "./bins.ts";
import { meanAndDeviation } from "./counted.ts";
import { KeptNumbers, type NumberRun } from "./number-values.ts";

/** How many values it pays to make many steps for. */
const manyValues = 16_384;

/** What all tallies of a column share. */
export interface Cells {
  /** Where a value's cell is looked up: steps of equal width; what is outside belongs to the first or last one. */
  readonly steps: number;
  readonly boundaries: Float64Array;
  /** For each step, how many boundaries belong to steps below it. */
  readonly starts: Uint16Array;
  readonly origin: number;
  /** Steps per unit. */
  readonly scale: number;
}

/**
 * The cells of a column's bins.
 *
 * @param values about how many are counted: of few, making the steps takes longer than searching them
 */
export function cellsOfBins(bins: NumericBins, values: number): Cells {
  const steps = values < manyValues ? 256 : 8_192;
  const boundaries = Float64Array.from(boundariesOf(bins));
  const { origin, width } = steppedRange(boundaries);
  const ratio = steps / width;
  const scale = Number.isFinite(ratio) && Number.isFinite(width) ? ratio : 0;
  const starts = new Uint16Array(steps + 1);
  for (const boundary of boundaries) {
    const step = stepOf((boundary - origin) * scale, steps);
    starts[step + 1] = (starts[step + 1] ?? 0) + 1;
  }
  for (let step = 1; step <= steps; step++) starts[step] = (starts[step] ?? 0) + (starts[step - 1] ?? 0);
  return { steps, boundaries, starts, origin, scale };
}

/** Cells at each end, a fiftieth of the rows, that have no steps if these are worth more between the others. */
const endCells = 5;

/** Where the steps begin, and over which width: from the first to the last boundary, but for a long tail. */
function steppedRange(boundaries: Float64Array): { readonly origin: number; readonly width: number } {
  const last = boundaries.length - 1;
  const at = (index: number) => boundaries[index] ?? 0;
  const isLong = (from: number, to: number) => at(to) - at(from) > (at(last) - at(0)) / 8;
  const isTrimmed = last > 2 * endCells;
  const first = isTrimmed && isLong(0, endCells) ? endCells : 0;
  const end = isTrimmed && isLong(last - endCells, last) ? last - endCells : last;
  return { origin: at(first), width: at(end) - at(first) };
}

/** The step of a position; it does not fall as the position rises. */
function stepOf(position: number, steps: number): number {
  if (position >= steps) return steps - 1;
  return position > 0 ? Math.trunc(position) : 0;
}

/**
 * Counts numbers in the cells of a column's bins, with their moments and extremes. A value belongs to the cell after
 * the last boundary that is not above it. The step of a value tells most of the boundaries below it, because a larger
 * value is never in an earlier step; those of its own step are compared with it.
 */
export class NumberTally {
  readonly #cells: Cells;
  readonly #counts: Float64Array;
  readonly #kept: KeptNumbers | undefined;
  #rows = 0;
  #nans = 0;
  /** Sums are taken around it, which is one of the values, so that squares of large numbers keep their digits. */
  #centre: number | undefined;
  #finite = 0;
  #sum = 0;
  #squares = 0;
  #min = Infinity;
  #max = -Infinity;

  /** @param keeps whether the values are kept for exact quantiles */
  constructor(cells: Cells, keeps: boolean) {
    this.#cells = cells;
    this.#counts = new Float64Array(cells.boundaries.length + 1);
    this.#kept = keeps ? new KeptNumbers() : undefined;
  }

  add(run: NumberRun): void {
    const { values, count } = run;
    const { steps, boundaries, starts, origin, scale } = this.#cells;
    if (this.#finite === 0) this.#centre = centreAmong(run);
    const centre = this.#centre ?? 0;
    const counts = this.#counts;
    // Taken out of an array, they would be objects, a new one for each value.
    let sum = 0;
    let squares = 0;
    let nans = 0;
    let min = this.#min;
    let max = this.#max;
    for (let index = 0; index < count; index++) {
      const value = values[index] ?? 0;
      if (Number.isNaN(value)) {
        nans++;
        continue;
      }
      const off = value - centre;
      sum += off;
      squares += off * off;
      if (value < min) min = value;
      if (value > max) max = value;
      const position = (value - origin) * scale;
      const step = position >= steps ? steps - 1 : position > 0 ? position | 0 : 0;
      let low = starts[step] ?? 0;
      let high = starts[step + 1] ?? 0;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((boundaries[middle] ?? 0) <= value) low = middle + 1;
        else high = middle;
      }
      counts[low] = (counts[low] ?? 0) + 1;
    }
    this.#rows += count;
    this.#nans += nans;
    this.#min = min;
    this.#max = max;
    const isBounded = Number.isFinite(sum) && Number.isFinite(squares);
    const sums = isBounded ? { count: count - nans, sum, squares } : finiteSums(run, centre);
    this.#finite += sums.count;
    this.#sum += sums.sum;
    this.#squares += sums.squares;
    this.#kept?.add(run);
  }

  /**
   * Of the values so far; `rows` are those with a value.
   *
   * @param sorted the finite values, if they are known and not kept
   */
  counts(sorted = this.#kept?.sorted()): NumericCounts {
    const known = this.#rows - this.#nans;
    return {
      form: "numeric",
      rows: this.#rows,
      nulls: 0,
      nans: this.#nans,
      cells: Array.from(this.#counts),
      // Of -0 and 0, which are equal, 0.
      min: known > 0 ? this.#min + 0 : null,
      max: known > 0 ? this.#max + 0 : null,
      ...meanAndDeviation({
        count: this.#finite,
        sum: this.#sum,
        squares: this.#squares,
        centre: this.#centre ?? 0,
      }),
      quantiles: sorted === undefined ? null : quantilesOf(sorted),
    };
  }
}

interface Sums {
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
}

/** Squares of larger numbers are not finite, so that sums around them would only lose the mean, too. */
const largestCentre = 1e150;

function centreAmong({ values, count }: NumberRun): number | undefined {
  for (let index = 0; index < count; index++) {
    const value = values[index] ?? 0;
    if (Math.abs(value) < largestCentre) return value;
  }
  return undefined;
}

/** Sums over what is neither NaN nor infinite. */
function finiteSums({ values, count }: NumberRun, centre: number): Sums {
  let [finite, sum, squares] = [0, 0, 0];
  for (const value of values.subarray(0, count)) {
    if (!Number.isFinite(value)) continue;
    const off = value - centre;
    finite++;
    sum += off;
    squares += off * off;
  }
  return { count: finite, sum, squares };
}

/** Shares of the values below the quantiles that counts have. */
const shares = [0.05, 0.25, 0.5, 0.75, 0.95];

/** Null without values. */
function quantilesOf(sorted: Float64Array): number[] | null {
  return sorted.length === 0 ? null : shares.map((share) => quantileOf(sorted, share));
}
