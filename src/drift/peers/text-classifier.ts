import { seededNumbers, shuffled } from "../../statistics/generator.ts";
import { mannWhitney } from "../../statistics/mann-whitney.ts";
import { legacyGenerator } from "../../statistics/mersenne-twister.ts";
import { sortedSample } from "../../statistics/samples.ts";
import { textFeatures } from "./text-features.ts";
import { fitLinearTexts } from "./text-sgd.ts";

/** Rows of a side that are read at most. */
const mostRows = 20_000;

/** The random state of every part of the peer's classifier. */
const seed = 42;

/** How well a classifier tells two sets of texts apart, and how many texts of each it was asked about. */
export interface TextAnswer {
  readonly auc: number;
  readonly baseline: number;
  readonly current: number;
}

/**
 * Area under the curve of Evidently's classifier: words weighted by tf-idf, a linear model fitted by stochastic
 * gradient descent on a random half of the rows and asked about the other half. 0.5 is chance. Seeds and orders are
 * those of scikit-learn, so that the figure is the same where both lists of stop words agree and there are no more
 * rows than are read; a text says why there is none.
 */
export function textAuc(baseline: readonly string[], current: readonly string[]): TextAnswer | string {
  const rows = [
    ...sampled(baseline).map((text) => ({ text, isCurrent: false })),
    ...sampled(current).map((text) => ({ text, isCurrent: true })),
  ];
  const order = legacyGenerator(seed).permutation(rows.length);
  const middle = Math.ceil(rows.length / 2);
  const half = (indexes: readonly number[]) => indexes.flatMap((index) => rows[index] ?? []);
  const [test, train] = [half(order.slice(0, middle)), half(order.slice(middle))];
  if (new Set(train.map(({ isCurrent }) => isCurrent)).size < 2)
    return "half of the texts are all of one side";
  const features = textFeatures(train.map(({ text }) => text));
  if (features.words === 0) return "no word stands in half of the texts or fewer";
  const model = fitLinearTexts({
    texts: train.map(({ text }) => features.weigh(text)),
    isPositive: train.map(({ isCurrent }) => isCurrent),
    words: features.words,
    seed,
  });
  const scores = (side: boolean) =>
    sortedSample(
      test
        .filter(({ isCurrent }) => isCurrent === side)
        // beyond the margin all texts are equally sure
        .map(({ text }) => Math.max(-1, Math.min(1, model(features.weigh(text))))),
    );
  const [before, after] = [scores(false), scores(true)];
  if (before.length === 0 || after.length === 0) return "the other half of the texts is all of one side";
  const auc = mannWhitney(before, after).probability;
  return { auc, baseline: before.length, current: after.length };
}

function sampled(texts: readonly string[]): readonly string[] {
  return texts.length <= mostRows ? texts : shuffled(texts, seededNumbers(0)).slice(0, mostRows);
}
