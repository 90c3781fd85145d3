import type { Confusion } from "./confusion.ts";
import { clip } from "./score-fold.ts";

/** Rows of one score and prediction, each positive with the same probability. */
export interface ExpectedRows {
  readonly score: number;
  readonly predicted: boolean;
  /** Calibrated probability of the positive class. */
  readonly probability: number;
  readonly rows: number;
  readonly losses: ScoreLosses;
}

/** The log loss of one row with a score, by its outcome. */
export interface ScoreLosses {
  readonly positive: number;
  readonly negative: number;
}

export function scoreLosses(score: number): ScoreLosses {
  const inside = Math.min(1 - clip, Math.max(clip, score));
  return { positive: -Math.log(inside), negative: -Math.log(1 - inside) };
}

/** What is expected of rows without outcomes. */
export interface ExpectedState {
  readonly rows: number;
  readonly confusion: Confusion;
  /** Null where one class alone is expected. */
  readonly auc: number | null;
  readonly averagePrecision: number | null;
  readonly logLoss: number;
  readonly brier: number;
}

/**
 * One pass over rows in descending order of the score: each counts as a positive and a negative in part, by its
 * calibrated probability. The order is that of the raw score, and equal scores are ties.
 */
export class ExpectedFold {
  readonly #sequential: boolean;
  readonly #confusion = { tp: 0, fp: 0, tn: 0, fn: 0 };
  readonly #above = { positives: 0, negatives: 0 };
  /** Rows of the score that was pushed last; fields, because an object for each score costs more than all sums. */
  #score = Number.NaN;
  #positives = 0;
  #negatives = 0;
  #hasGroup = false;
  #rows = 0;
  #losses = 0;
  #brier = 0;
  #rankSum = 0;
  #precisionSum = 0;

  /** @param order of equal scores in the average precision: together, or one row after the other as NannyML does */
  constructor(order: "together" | "sequential" = "together") {
    this.#sequential = order === "sequential";
  }

  push({ score, predicted, probability, rows, losses }: ExpectedRows): void {
    this.#rows += rows;
    if (this.#score !== score) this.#flush();
    this.#score = score;
    this.#hasGroup = true;
    const positives = rows * probability;
    const negatives = rows - positives;
    this.#positives += positives;
    this.#negatives += negatives;
    const confusion = this.#confusion;
    if (predicted) {
      confusion.tp += positives;
      confusion.fp += negatives;
    } else {
      confusion.fn += positives;
      confusion.tn += negatives;
    }
    this.#losses += positives * losses.positive + negatives * losses.negative;
    this.#brier += positives * (1 - score) ** 2 + negatives * score ** 2;
  }

  finish(): ExpectedState {
    this.#flush();
    const { positives, negatives } = this.#above;
    // Counted, because the sum of the parts is a whole number but for rounding.
    const rows = this.#rows;
    const pairs = positives * negatives;
    return {
      rows,
      confusion: this.#confusion,
      auc: pairs > 0 ? 1 - this.#rankSum / pairs : null,
      averagePrecision: positives > 0 ? this.#precisionSum / positives : null,
      logLoss: this.#losses / rows,
      brier: this.#brier / rows,
    };
  }

  #flush(): void {
    if (!this.#hasGroup) return;
    const [positives, negatives] = [this.#positives, this.#negatives];
    const above = this.#above;
    this.#rankSum += positives * (above.negatives + negatives / 2);
    const size = Math.round(positives + negatives);
    const steps = this.#sequential ? size : 1;
    for (let step = 1; step <= steps; step++) {
      const part = step / steps;
      const found = above.positives + part * positives;
      this.#precisionSum += ((positives / steps) * found) / (found + above.negatives + part * negatives);
    }
    above.positives += positives;
    above.negatives += negatives;
    [this.#positives, this.#negatives, this.#hasGroup] = [0, 0, false];
  }
}
