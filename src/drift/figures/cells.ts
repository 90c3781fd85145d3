import { sumOf } from "../../util/sum.ts";

/**
 * Rows of both sides in a range of values. Cells are in order and do not overlap; the ends of a range may be
 * values of the next cell. A cell of one value has equal ends.
 */
export interface Cell {
  readonly low: number;
  readonly high: number;
  readonly baseline: number;
  readonly current: number;
}

/** A figure that cells bound: it lies from `low` to `high`, and is known exactly where they are equal. */
export interface Bracket {
  readonly low: number;
  readonly high: number;
  readonly exact: boolean;
}

/** Kolmogorov's distance of two samples that were counted in cells, with where it is at least `low`. */
export interface KsBracket extends Bracket {
  readonly at: number | null;
  /** 1 where the current side has larger values there, −1 where it has smaller ones. */
  readonly sign: 1 | -1;
}

/** The shares of both sides below a cell and through its end. */
interface Step {
  readonly cell: Cell;
  readonly before: readonly [number, number];
  readonly after: readonly [number, number];
  /** The difference after the cell, times the rows of both sides: a whole number. */
  readonly difference: number;
}

/** Null where a side has no rows. */
export function ksBracket(cells: readonly Cell[]): KsBracket | null {
  const steps = stepsOf(cells);
  if (steps === null) return null;
  let [low, high, at, sign, most]: [number, number, number | null, 1 | -1, number] = [0, 0, null, 1, 0];
  for (const { cell, before, after, difference } of steps) {
    if (Math.abs(difference) > most) {
      [most, at, sign] = [Math.abs(difference), cell.high, difference > 0 ? 1 : -1];
      low = Math.abs(after[0] - after[1]);
    }
    if (cell.low < cell.high) high = Math.max(high, after[0] - before[1], after[1] - before[0]);
  }
  high = Math.min(1, Math.max(low, high));
  return { low, high, exact: low === high, at, sign };
}

/** Wasserstein's distance of two samples that were counted in cells; null where a side has no rows. */
export function wassersteinBracket(cells: readonly Cell[]): Bracket | null {
  const steps = stepsOf(cells);
  if (steps === null) return null;
  let [low, high] = [0, 0];
  let end: number | undefined;
  for (const { cell, before, after } of steps) {
    if (end !== undefined && cell.low > end) {
      const between = Math.abs(before[0] - before[1]) * (cell.low - end);
      [low, high] = [low + between, high + between];
    }
    if (cell.low < cell.high) {
      const width = cell.high - cell.low;
      low += Math.max(0, before[0] - after[1], before[1] - after[0]) * width;
      high += Math.max(after[0] - before[1], after[1] - before[0]) * width;
    }
    end = cell.high;
  }
  return { low, high, exact: low === high };
}

function stepsOf(cells: readonly Cell[]): readonly Step[] | null {
  const baseline = sumOf(cells, (cell) => cell.baseline);
  const current = sumOf(cells, (cell) => cell.current);
  if (baseline === 0 || current === 0) return null;
  let [a, b] = [0, 0];
  return cells.map((cell) => {
    const before = [a / baseline, b / current] as const;
    [a, b] = [a + cell.baseline, b + cell.current];
    return { cell, before, after: [a / baseline, b / current], difference: a * current - b * baseline };
  });
}
