/** Scores that isotonic regression gives one probability: from `low` to `high`. */
export interface IsotonicStep {
  readonly low: number;
  readonly high: number;
  readonly probability: number;
  readonly rows: number;
}

/**
 * Isotonic regression of outcomes on scores, by pooling adjacent violators: scores are pushed in ascending or in
 * descending order, equal ones once. Memory is that of the steps.
 */
export class IsotonicFit {
  readonly #descending: boolean;
  readonly #blocks: { first: number; last: number; positives: number; rows: number }[] = [];

  constructor(order: "ascending" | "descending") {
    this.#descending = order === "descending";
  }

  push(score: number, positives: number, rows: number): void {
    if (rows === 0) return;
    const blocks = this.#blocks;
    let block = { first: score, last: score, positives, rows };
    for (
      let before = blocks.at(-1);
      before !== undefined && this.#violates(before, block);
      before = blocks.at(-1)
    ) {
      blocks.pop();
      block = {
        first: before.first,
        last: block.last,
        positives: before.positives + block.positives,
        rows: before.rows + block.rows,
      };
    }
    blocks.push(block);
  }

  /** The steps by ascending score; probabilities rise strictly. */
  steps(): IsotonicStep[] {
    const steps = this.#blocks.map(({ first, last, positives, rows }) => ({
      low: Math.min(first, last),
      high: Math.max(first, last),
      probability: positives / rows,
      rows,
    }));
    return this.#descending ? steps.reverse() : steps;
  }

  /** Whether two neighbours must be pooled; cross products, so that equal shares are equal. */
  #violates(
    before: { positives: number; rows: number },
    after: { positives: number; rows: number },
  ): boolean {
    const left = before.positives * after.rows;
    const right = after.positives * before.rows;
    return this.#descending ? left <= right : left >= right;
  }
}

/** The calibrated probability of a score: that of its step, linear between two steps, and clipped outside of all. */
export function calibratedScore(steps: readonly IsotonicStep[], score: number): number {
  let [from, to] = [0, steps.length - 1];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((steps[middle]?.high ?? Number.NaN) < score) from = middle + 1;
    else to = middle;
  }
  return probabilityAt(steps, from, score);
}

/** {@link calibratedScore} for scores in descending order, each of which it finds from where the one before was. */
export function descendingCalibration(steps: readonly IsotonicStep[]): (score: number) => number {
  let step = steps.length - 1;
  return (score) => {
    while (step > 0 && (steps[step - 1]?.high ?? Number.NaN) >= score) step--;
    return probabilityAt(steps, step, score);
  };
}

/** The probability of a score by the first step that does not end below it, or the last one. */
function probabilityAt(steps: readonly IsotonicStep[], from: number, score: number): number {
  const step = steps[from];
  if (step === undefined) return score;
  const before = steps[from - 1];
  if (score >= step.low || before === undefined) return step.probability;
  const share = (score - before.high) / (step.low - before.high);
  return before.probability + share * (step.probability - before.probability);
}
