import type { Confusion } from "./confusion.ts";
import { clip } from "./score-fold.ts";

/** Rows of one score and prediction, each positive with the same probability. */
export interface ExpectedRows {
  readonly score: number;
  readonly predicted: boolean;
  /** Calibrated probability of the positive class. */
  readonly probability: number;
  readonly rows: number;
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
  #group: { score: number; positives: number; negatives: number } | undefined;
  #rows = 0;
  #losses = 0;
  #brier = 0;
  #rankSum = 0;
  #precisionSum = 0;

  /** @param order of equal scores in the average precision: together, or one row after the other as NannyML does */
  constructor(order: "together" | "sequential" = "together") {
    this.#sequential = order === "sequential";
  }

  push({ score, predicted, probability, rows }: ExpectedRows): void {
    this.#rows += rows;
    if (this.#group !== undefined && this.#group.score !== score) this.#flush();
    this.#group ??= { score, positives: 0, negatives: 0 };
    const positives = rows * probability;
    this.#group.positives += positives;
    this.#group.negatives += rows - positives;
    this.#confusion[predicted ? "tp" : "fn"] += positives;
    this.#confusion[predicted ? "fp" : "tn"] += rows - positives;
    const inside = Math.min(1 - clip, Math.max(clip, score));
    this.#losses -= positives * Math.log(inside) + (rows - positives) * Math.log(1 - inside);
    this.#brier += positives * (1 - score) ** 2 + (rows - positives) * score ** 2;
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
    if (this.#group === undefined) return;
    const { positives, negatives } = this.#group;
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
    this.#group = undefined;
  }
}
