import { descendingCalibration, IsotonicFit, type IsotonicStep } from "./isotonic.ts";
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
    let [positives, rows] = [0, 0];
    for (let fold = 0; fold < folds; fold++) {
      positives += this.#positives[fold] ?? 0;
      rows += this.#rows[fold] ?? 0;
    }
    this.#all.push(score, positives, rows);
    for (let fold = 0; fold < folds; fold++)
      this.#without[fold]?.push(
        score,
        positives - (this.#positives[fold] ?? 0),
        rows - (this.#rows[fold] ?? 0),
      );
    this.#positives.fill(0);
    this.#rows.fill(0);
  }
}

/** Calibration errors of scores in descending order as they are, and calibrated by the other fifths. */
export class CalibrationGain {
  readonly #without: readonly ((score: number) => number)[];
  readonly #raw = new Float64Array(10);
  readonly #calibrated = new Float64Array(10);
  #rows = 0;

  constructor(calibrators: Calibrators) {
    this.#without = calibrators.without.map(descendingCalibration);
  }

  push({ score, fold, positive, rows }: FoldRows): void {
    const probability = this.#without[fold]?.(score) ?? score;
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
