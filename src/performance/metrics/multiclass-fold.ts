import { rocAuc } from "./binary-metrics.ts";
import { type Metric, plainMetric, undefinedMetric } from "./metric.ts";

/**
 * One pass over the scores of one class in descending order, with the class that was true: how well the scores tell it
 * from the rest, and from each other class.
 */
export class ClassFold {
  readonly #own: number;
  readonly #above: Float64Array;
  readonly #equal: Float64Array;
  /** By other class: sum over rows of the own class of the rows of that class above, equal ones counting half. */
  readonly #pairs: Float64Array;
  #precisionSum = 0;
  readonly #ranks = { positive: 0, positiveSquares: 0, negative: 0, negativeSquares: 0 };
  #score: number | undefined;

  constructor(own: number, classes: number) {
    this.#own = own;
    this.#above = new Float64Array(classes);
    this.#equal = new Float64Array(classes);
    this.#pairs = new Float64Array(classes);
  }

  push(score: number, target: number, rows: number): void {
    if (score !== this.#score) this.#flush();
    this.#score = score;
    this.#equal[target] = (this.#equal[target] ?? 0) + rows;
  }

  finish(): ClassScores {
    this.#flush();
    const rows = this.#above.reduce((sum, count) => sum + count, 0);
    const positives = this.#above[this.#own] ?? 0;
    const { auc, error } = rocAuc({ ranks: this.#ranks, rows, positives });
    const pairs = [...this.#pairs].map((sum, other) => {
      const negatives = this.#above[other] ?? 0;
      return other === this.#own || positives === 0 || negatives === 0
        ? null
        : 1 - sum / (positives * negatives);
    });
    const averagePrecision =
      positives === 0 ? undefinedMetric("no_positives") : plainMetric(this.#precisionSum / positives);
    return { auc, averagePrecision, error, pairs };
  }

  #flush(): void {
    const positives = this.#equal[this.#own] ?? 0;
    let [negatives, negativesAbove] = [0, 0];
    for (const [target, count] of this.#equal.entries()) {
      const above = this.#above[target] ?? 0;
      if (target !== this.#own) {
        negatives += count;
        negativesAbove += above;
        this.#pairs[target] = (this.#pairs[target] ?? 0) + positives * (above + count / 2);
      }
    }
    const found = (this.#above[this.#own] ?? 0) + positives;
    const all = this.#above.reduce((sum, count) => sum + count, positives + negatives);
    this.#precisionSum += all === 0 ? 0 : (positives * found) / all;
    const ranks = this.#ranks;
    const ofPositive = negativesAbove + negatives / 2;
    const ofNegative = (this.#above[this.#own] ?? 0) + positives / 2;
    ranks.positive += positives * ofPositive;
    ranks.positiveSquares += positives * ofPositive ** 2;
    ranks.negative += negatives * ofNegative;
    ranks.negativeSquares += negatives * ofNegative ** 2;
    for (const [target, count] of this.#equal.entries())
      this.#above[target] = (this.#above[target] ?? 0) + count;
    this.#equal.fill(0);
  }
}

/** What the scores of one class are worth. */
export interface ClassScores {
  readonly auc: Metric;
  readonly averagePrecision: Metric;
  readonly error: number;
  /** Area under the curve against each other class; null where a class has no row. */
  readonly pairs: readonly (number | null)[];
}

/** Mean of one metric over classes; undefined where it is for one of them. Its error is at most the mean of theirs. */
export function macroScores(classes: readonly ClassScores[]): {
  readonly ovr: Metric;
  readonly ovo: Metric;
  readonly averagePrecision: Metric;
} {
  const first = classes.find(({ auc }) => auc.value === null)?.auc.reason;
  if (classes.length === 0 || first !== undefined) {
    const none = undefinedMetric(first ?? "no_rows");
    return { ovr: none, ovo: none, averagePrecision: none };
  }
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const value = mean(classes.map(({ auc }) => auc.value ?? Number.NaN));
  const error = mean(classes.map((scores) => scores.error));
  const pairs = classes.flatMap(({ pairs: others }) => others.filter((pair) => pair !== null));
  const half = 1.959963984540054 * error;
  const band = Number.isFinite(half)
    ? ({ low: Math.max(0, value - half), high: Math.min(1, value + half), interval: "delong" } as const)
    : { low: null, high: null };
  return {
    ovr: { value, ...band },
    ovo: plainMetric(mean(pairs)),
    averagePrecision: plainMetric(mean(classes.map((scores) => scores.averagePrecision.value ?? Number.NaN))),
  };
}
