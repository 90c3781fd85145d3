import { confusionMetrics } from "./confusion.ts";
import { poissonDraw } from "./poisson.ts";

/** Rows of one score, prediction and outcome, with the losses of one of them. */
interface CellRows {
  readonly score: number;
  readonly predicted: boolean;
  readonly positive: boolean;
  readonly rows: number;
  readonly loss: number;
  readonly square: number;
}

/** Number of kinds of row: true positive, false positive, false negative, true negative. */
const kinds = 4;

/**
 * Neighbouring scores together, in descending order: for each cell, by kind of row (`tp`, `fp`, `fn`, `tn`), the rows
 * and the sums of their losses; and for each cell, its sums of scores and log odds and the tenth that it lies in.
 */
export interface CellState {
  readonly cells: number;
  readonly counts: Float64Array;
  readonly losses: Float64Array;
  readonly squares: Float64Array;
  readonly scores: Float64Array;
  readonly logits: Float64Array;
  readonly tenths: Uint8Array;
}

/**
 * Collects rows in descending order of the score into at most about `most` cells of as many rows: what intervals are
 * computed from. With fewer different scores, each has a cell of its own and the cells are exact.
 */
export class ScoreCells {
  readonly #rows: number;
  readonly #most: number;
  readonly #state: CellState;
  #cells = 0;
  #score: number | undefined;
  #seen = 0;
  #isOpen = false;

  constructor(rows: number, most: number) {
    this.#rows = rows;
    this.#most = most;
    const size = Math.min(rows, most) + 11;
    this.#state = {
      cells: size,
      counts: new Float64Array(size * kinds),
      losses: new Float64Array(size * kinds),
      squares: new Float64Array(size * kinds),
      scores: new Float64Array(size),
      logits: new Float64Array(size),
      tenths: new Uint8Array(size),
    };
  }

  push({ score, predicted, positive, rows, loss, square }: CellRows): void {
    const tenth = tenthOf(score);
    const state = this.#state;
    if (this.#isOpen && score !== this.#score) {
      const full = this.#seen * this.#most >= this.#rows * (this.#cells + 1);
      if (full || tenth !== state.tenths[this.#cells]) {
        this.#cells++;
        this.#isOpen = false;
      }
    }
    const cell = this.#cells;
    const index = cell * kinds + (positive ? (predicted ? 0 : 2) : predicted ? 1 : 3);
    state.counts[index] = (state.counts[index] ?? 0) + rows;
    state.losses[index] = (state.losses[index] ?? 0) + rows * loss;
    state.squares[index] = (state.squares[index] ?? 0) + rows * square;
    state.scores[cell] = (state.scores[cell] ?? 0) + rows * score;
    state.logits[cell] = (state.logits[cell] ?? 0) + rows * logit(score);
    state.tenths[cell] = tenth;
    this.#score = score;
    this.#seen += rows;
    this.#isOpen = true;
  }

  finish(): CellState {
    return { ...this.#state, cells: this.#isOpen ? this.#cells + 1 : this.#cells };
  }
}

/** One cell with counts alone, for labels without scores. */
export function countCell(counts: readonly [number, number, number, number]): CellState {
  return {
    cells: 1,
    counts: Float64Array.from(counts),
    losses: new Float64Array(kinds),
    squares: new Float64Array(kinds),
    scores: new Float64Array(1),
    logits: new Float64Array(1),
    tenths: new Uint8Array(1),
  };
}

/** Rows and positives of a cell. */
export function cellRows(
  { counts }: CellState,
  cell: number,
): { readonly rows: number; readonly positives: number } {
  const [tp = 0, fp = 0, fn = 0, tn = 0] = counts.subarray(cell * kinds, (cell + 1) * kinds);
  return { rows: tp + fp + fn + tn, positives: tp + fn };
}

/** The tenth of a score, from 0: its edges are the doubles k · 0.1, as numpy has them, and the last one is closed. */
export function tenthOf(score: number): number {
  let bin = Math.floor(score * 10);
  if (score < bin * 0.1) bin--;
  else if (score >= (bin + 1) * 0.1) bin++;
  return Math.min(9, bin);
}

/** The log odds of a probability that is kept 10⁻¹² away from 0 and 1. */
function logit(score: number): number {
  const inside = Math.min(1 - 1e-12, Math.max(1e-12, score));
  return Math.log(inside / (1 - inside));
}

/** Standard errors of the metrics that have no formula, by name; missing where replicates have no spread. */
export type BootstrapErrors = Readonly<Record<string, number>>;

/** Number of replicates of a bootstrap. */
export const replicates = 200;

/** Poisson bootstrap over cells: each replicate draws every kind of row of every cell anew. Deterministic. */
export function bootstrapErrors(state: CellState): BootstrapErrors {
  const spread = new Spread();
  const drawn = new Float64Array(state.cells * kinds);
  const means = Float64Array.from(
    { length: state.cells },
    (_, cell) => (state.scores[cell] ?? 0) / cellRows(state, cell).rows,
  );
  for (let replicate = 0; replicate < replicates; replicate++) {
    const counts: [number, number, number, number] = [0, 0, 0, 0];
    for (let index = 0; index < drawn.length; index++) {
      const draw = poissonDraw(state.counts[index] ?? 0, replicate, index >> 2, index & 3);
      drawn[index] = draw;
      counts[(index & 3) as 0] += draw;
    }
    const [tp, fp, fn, tn] = counts;
    for (const [name, { value }] of Object.entries(confusionMetrics({ tp, fp, fn, tn })))
      spread.add(name, value);
    for (const [name, value] of Object.entries(orderedMetrics(drawn, tp + fn, tp + fp + fn + tn)))
      spread.add(name, value);
    for (const [name, value] of Object.entries(lossMetrics(state, { drawn, means, rows: tp + fp + fn + tn })))
      spread.add(name, value);
  }
  return spread.errors();
}

/** Running variances of values by name, by Welford's method. */
export class Spread {
  readonly #sums = new Map<string, { count: number; mean: number; squares: number }>();

  /** Takes a value; what is undefined in a replicate is left out. */
  add(name: string, value: number | null): void {
    if (value === null || !Number.isFinite(value)) return;
    const sum = this.#sums.get(name) ?? { count: 0, mean: 0, squares: 0 };
    sum.count++;
    const off = value - sum.mean;
    sum.mean += off / sum.count;
    sum.squares += off * (value - sum.mean);
    this.#sums.set(name, sum);
  }

  /** Standard deviations of what at least half of the replicates define. */
  errors(): BootstrapErrors {
    const errors: Record<string, number> = {};
    for (const [name, { count, squares }] of this.#sums)
      if (count >= replicates / 2) errors[name] = Math.sqrt(squares / (count - 1));
    return errors;
  }
}

/** Metrics of the order of the scores. */
function orderedMetrics(drawn: Float64Array, allPositives: number, allRows: number): Record<string, number> {
  let [positives, rows, ks, step, trapezoid, last] = [0, 0, 0, 0, 0, 1];
  for (let index = 0; index < drawn.length; index += kinds) {
    const hits = (drawn[index] ?? 0) + (drawn[index + 2] ?? 0);
    const size = hits + (drawn[index + 1] ?? 0) + (drawn[index + 3] ?? 0);
    if (size === 0) continue;
    positives += hits;
    rows += size;
    const precision = positives / rows;
    step += (hits / allPositives) * precision;
    trapezoid += ((hits / allPositives) * (precision + last)) / 2;
    last = precision;
    ks = Math.max(ks, Math.abs(positives / allPositives - (rows - positives) / (allRows - allPositives)));
  }
  return { average_precision: step, pr_auc_trapezoid: trapezoid, ks_score: ks };
}

/** Metrics of the scores as probabilities. */
function lossMetrics(
  state: CellState,
  {
    drawn,
    means,
    rows,
  }: { readonly drawn: Float64Array; readonly means: Float64Array; readonly rows: number },
): Record<string, number> {
  let [loss, square, score] = [0, 0, 0];
  const tenthRows = new Float64Array(10);
  const gaps = new Float64Array(10);
  for (let index = 0; index < drawn.length; index++) {
    const draws = drawn[index] ?? 0;
    if (draws === 0) continue;
    const cell = index >> 2;
    const count = state.counts[index] ?? 0;
    const mean = means[cell] ?? 0;
    loss += (draws * (state.losses[index] ?? 0)) / count;
    square += (draws * (state.squares[index] ?? 0)) / count;
    score += draws * mean;
    const tenth = state.tenths[cell] ?? 0;
    tenthRows[tenth] = (tenthRows[tenth] ?? 0) + draws;
    gaps[tenth] = (gaps[tenth] ?? 0) + draws * (mean - (index % 2 === 0 ? 1 : 0));
  }
  let [ece, mce] = [0, 0];
  for (const [tenth, gap] of gaps.entries()) {
    const size = tenthRows[tenth] ?? 0;
    if (size === 0) continue;
    ece += Math.abs(gap);
    mce = Math.max(mce, Math.abs(gap) / size);
  }
  return { log_loss: loss / rows, brier: square / rows, mean_score: score / rows, ece: ece / rows, mce };
}
