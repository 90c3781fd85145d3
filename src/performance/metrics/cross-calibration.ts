import { calibratedScore, IsotonicFit, type IsotonicStep } from "./isotonic.ts";
import { tenthOf } from "./score-cells.ts";

/** Number of parts of the baseline of which each is calibrated by the others. */
export const folds = 5;

/** Calibrators of scores: one from all rows, and one without each fifth of them. */
export interface Calibrators {
  readonly all: readonly IsotonicStep[];
  readonly without: readonly (readonly IsotonicStep[])[];
}

/** Labelled rows of one score in one fifth. */
interface FoldRows {
  readonly score: number;
  readonly fold: number;
  readonly positive: boolean;
  readonly rows: number;
}

/** Fits the calibrators in one pass over rows in descending order of the score. */
export class CalibratorFit {
  readonly #all = new IsotonicFit("descending");
  readonly #without = Array.from({ length: folds }, () => new IsotonicFit("descending"));
  readonly #positives = new Float64Array(folds);
  readonly #rows = new Float64Array(folds);
  #score: number | undefined;

  push({ score, fold, positive, rows }: FoldRows): void {
    if (score !== this.#score) this.#flush();
    this.#score = score;
    this.#rows[fold] = (this.#rows[fold] ?? 0) + rows;
    if (positive) this.#positives[fold] = (this.#positives[fold] ?? 0) + rows;
  }

  finish(): Calibrators {
    this.#flush();
    return { all: this.#all.steps(), without: this.#without.map((fit) => fit.steps()) };
  }

  #flush(): void {
    if (this.#score === undefined) return;
    const score = this.#score;
    const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
    const [positives, rows] = [sum(this.#positives), sum(this.#rows)];
    this.#all.push(score, positives, rows);
    for (const [fold, fit] of this.#without.entries())
      fit.push(score, positives - (this.#positives[fold] ?? 0), rows - (this.#rows[fold] ?? 0));
    this.#positives.fill(0);
    this.#rows.fill(0);
  }
}

/** Calibration errors of the scores as they are, and calibrated by the other fifths. */
export class CalibrationGain {
  readonly #calibrators: Calibrators;
  readonly #raw = new Float64Array(10);
  readonly #calibrated = new Float64Array(10);
  #rows = 0;

  constructor(calibrators: Calibrators) {
    this.#calibrators = calibrators;
  }

  push({ score, fold, positive, rows }: FoldRows): void {
    const probability = calibratedScore(this.#calibrators.without[fold] ?? [], score);
    const outcome = positive ? 1 : 0;
    const [raw, calibrated] = [tenthOf(score), tenthOf(probability)];
    this.#raw[raw] = (this.#raw[raw] ?? 0) + rows * (score - outcome);
    this.#calibrated[calibrated] = (this.#calibrated[calibrated] ?? 0) + rows * (probability - outcome);
    this.#rows += rows;
  }

  finish(): { readonly before: number; readonly after: number } {
    const error = (gaps: Float64Array) => gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / this.#rows;
    return { before: error(this.#raw), after: error(this.#calibrated) };
  }
}

/** Standard error by leaving out one fifth at a time; null unless all are known. */
export function jackknife(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length < folds) return null;
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(((folds - 1) / folds) * squares);
}
