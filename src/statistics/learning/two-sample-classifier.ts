import type { LegacyGenerator } from "../mersenne-twister.ts";
import type { Classifier, TrainingRows } from "./trees.ts";

/** Probabilities of belonging to the second sample, of rows that their model did not see. */
export interface OutOfFold {
  readonly first: readonly number[];
  readonly second: readonly number[];
}

/**
 * The fold of each row, so that both samples spread evenly over the folds; rows of a sample are dealt in the order that
 * scikit-learn's stratified folds have.
 */
export function stratifiedFolds(
  sizes: readonly [first: number, second: number],
  folds: number,
  generator: LegacyGenerator,
): Int32Array {
  const all = sizes[0] + sizes[1];
  const dealt = sizes.map(() => new Array<number>(folds).fill(0));
  for (let row = 0; row < all; row++) {
    const counts = dealt[row < sizes[0] ? 0 : 1] ?? [];
    counts[row % folds] = (counts[row % folds] ?? 0) + 1;
  }
  return Int32Array.from(
    dealt.flatMap((counts, sample) => {
      const inOrder = counts.flatMap((count, fold) => new Array<number>(count).fill(fold));
      return generator.permutation(sizes[sample] ?? 0).map((position) => inOrder[position] ?? 0);
    }),
  );
}

/**
 * How well a classifier tells two samples apart: it is trained on all folds but one and asked about that one, so that no
 * row is judged by a model that has seen it. The first `first` rows are one sample.
 */
export function outOfFold(
  features: readonly Float64Array[],
  first: number,
  options: { readonly folds: Int32Array; readonly train: (rows: TrainingRows) => Classifier },
): OutOfFold {
  const { folds, train } = options;
  const probability = new Float64Array(folds.length);
  for (const part of new Set(folds)) {
    const seen = Array.from(folds.keys()).filter((row) => folds[row] !== part);
    const model = train({
      features: features.map((column) => Float64Array.from(seen, (row) => column[row] ?? 0)),
      target: Float64Array.from(seen, (row) => (row < first ? 0 : 1)),
    });
    for (const row of folds.keys()) if (folds[row] === part) probability[row] = model(features, row);
  }
  return {
    first: Array.from(probability.subarray(0, first)),
    second: Array.from(probability.subarray(first)),
  };
}
