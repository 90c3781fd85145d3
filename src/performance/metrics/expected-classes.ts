import { confusionMetrics } from "./confusion.ts";
import { folds, jackknife } from "./cross-calibration.ts";
import { ExpectedFold, type ExpectedRows, type ExpectedState, scoreLosses } from "./expected-fold.ts";
import { calibratedScore, type IsotonicStep } from "./isotonic.ts";
import { clip } from "./score-fold.ts";

/** The calibrators of one class against the rest. */
export interface ClassCalibrators {
  readonly used: boolean;
  readonly steps: readonly IsotonicStep[];
  readonly without: readonly (readonly IsotonicStep[])[];
  readonly lowest: number;
  readonly highest: number;
}

/** The calibrated probabilities of the classes of one row at a time. */
export class ClassProbabilities {
  readonly scores: Float64Array;
  /** By calibrator: the main one, and those that each lack a fifth. */
  readonly calibrated: readonly Float64Array[];
  /** Whether all scores lie within the range of the baseline's. */
  isCovered = false;
  readonly #calibrators: readonly ClassCalibrators[];
  readonly #isCrossed: boolean;

  constructor(
    calibrators: readonly ClassCalibrators[],
    { isCrossed, hasSpread }: { readonly isCrossed: boolean; readonly hasSpread: boolean },
  ) {
    this.#calibrators = calibrators;
    this.#isCrossed = isCrossed;
    this.scores = new Float64Array(calibrators.length);
    const sets = hasSpread ? folds + 1 : 1;
    this.calibrated = Array.from({ length: sets }, () => new Float64Array(calibrators.length));
  }

  /** Takes the scores of a row, which is in this fifth of the baseline. */
  set(columns: readonly Float64Array[], row: number, fold: number): void {
    this.isCovered = true;
    for (const [own, { lowest, highest }] of this.#calibrators.entries()) {
      const score = (columns[own]?.[row] ?? 0) + 0;
      this.scores[own] = score;
      if (score < lowest || score > highest) this.isCovered = false;
    }
    for (const [set, values] of this.calibrated.entries()) {
      let sum = 0;
      for (const [own, { used, steps, without }] of this.#calibrators.entries()) {
        const score = this.scores[own] ?? 0;
        const main = this.#isCrossed ? (without[fold] ?? []) : steps;
        const value = used ? calibratedScore(set === 0 ? main : (without[set - 1] ?? []), score) : score;
        values[own] = value;
        sum += value;
      }
      for (const own of values.keys()) values[own] = sum === 0 ? 1 / values.length : (values[own] ?? 0) / sum;
    }
  }
}

/** What is expected of a window. */
export interface ExpectedClassesState {
  readonly rows: number;
  readonly covered: number;
  readonly matrix: readonly (readonly number[])[];
  readonly values: Readonly<Record<string, number | null>>;
  readonly calibrationErrors: Readonly<Record<string, number | null>>;
}

/** Rows of one window by calibrator: one pass for each class, in descending order of its scores. */
export class ExpectedClasses {
  readonly #sets: readonly ClassesFold[];
  readonly #hasSpread: boolean;
  readonly #matrix: readonly Float64Array[];
  #rows = 0;
  #covered = 0;

  constructor(
    classes: number,
    { hasSpread, isPeer }: { readonly hasSpread: boolean; readonly isPeer: boolean },
  ) {
    this.#hasSpread = hasSpread;
    this.#matrix = Array.from({ length: classes }, () => new Float64Array(classes));
    this.#sets = Array.from(
      { length: hasSpread ? folds + 1 : 1 },
      () => new ClassesFold(classes, isPeer ? "sequential" : "together"),
    );
  }

  push(own: number, predicted: number, { scores, calibrated, isCovered }: ClassProbabilities): void {
    const score = scores[own] ?? 0;
    const losses = scoreLosses(score);
    const row = { score, predicted: predicted === own, probability: 0, rows: 1, losses };
    for (let set = 0; set < this.#sets.length; set++) {
      row.probability = calibrated[set]?.[own] ?? 0;
      this.#sets[set]?.push(own, row);
    }
    // What does not depend on the order is counted in the first pass.
    if (own > 0) return;
    this.#rows++;
    if (isCovered) this.#covered++;
    const all = scores.reduce((sum, value) => sum + value, 0);
    for (const [set, fold] of this.#sets.entries()) fold.addLoss(scores, calibrated[set] ?? scores, all);
    for (const [label, line] of this.#matrix.entries())
      line[predicted] = (line[predicted] ?? 0) + (calibrated[0]?.[label] ?? 0);
  }

  finish(): ExpectedClassesState {
    const [main, ...partial] = this.#sets.map((fold) => fold.finish());
    const values = main ?? {};
    const calibrationErrors = Object.keys(values).map((metric) => [
      metric,
      this.#hasSpread ? jackknife(partial.map((other) => other[metric] ?? null)) : null,
    ]);
    return {
      rows: this.#rows,
      covered: this.#covered,
      matrix: this.#matrix.map((line) => [...line]),
      values,
      calibrationErrors: Object.fromEntries(calibrationErrors),
    };
  }
}

/** A fold for each class against the rest. */
class ClassesFold {
  readonly #folds: readonly ExpectedFold[];
  #loss = 0;

  constructor(classes: number, order: "together" | "sequential") {
    this.#folds = Array.from({ length: classes }, () => new ExpectedFold(order));
  }

  push(own: number, rows: ExpectedRows): void {
    this.#folds[own]?.push(rows);
  }

  addLoss(scores: Float64Array, probabilities: Float64Array, all: number): void {
    for (const [own, probability] of probabilities.entries()) {
      const share = Math.min(1 - clip, Math.max(clip, (scores[own] ?? 0) / all));
      this.#loss -= probability * Math.log(share);
    }
  }

  finish(): Record<string, number | null> {
    const states = this.#folds.map((fold) => fold.finish());
    const rows = states[0]?.rows ?? 0;
    const mean = (figureOf: (state: ExpectedState) => number | null) => meanOf(states.map(figureOf));
    const share = (metric: string) =>
      mean(({ confusion }) => confusionMetrics(confusion)[metric]?.value ?? null);
    return {
      roc_auc_macro: mean(({ auc }) => auc),
      average_precision_macro: mean(({ averagePrecision }) => averagePrecision),
      accuracy: rows === 0 ? null : states.reduce((sum, { confusion }) => sum + confusion.tp, 0) / rows,
      precision_macro: share("precision"),
      recall_macro: share("recall"),
      specificity_macro: share("specificity"),
      f1_macro: share("f1"),
      log_loss: rows === 0 ? null : this.#loss / rows,
    };
  }
}

/** Null if a class has no value. */
function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length < values.length || known.length === 0
    ? null
    : known.reduce((sum, value) => sum + value, 0) / known.length;
}
