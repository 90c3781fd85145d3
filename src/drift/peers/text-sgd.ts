import { legacyGenerator } from "../../statistics/mersenne-twister.ts";
import type { WeighedText } from "./text-features.ts";

/** Texts of two classes, and how many different words they have. */
export interface LinearTexts {
  readonly texts: readonly WeighedText[];
  readonly isPositive: readonly boolean[];
  readonly words: number;
  readonly seed: number;
}

const penalty = 0.0001;
const mostEpochs = 50;
/** Training ends after so many epochs in a row whose mean loss falls by less than `tolerance`. */
const patience = 5;
const tolerance = 0.001;
/** Sparse texts move the intercept by a hundredth of a step. */
const interceptShare = 0.01;
/** Steps before the first one, as if the typical weight were the fourth root of 1 / penalty. */
const earlierSteps = 1 / (Math.sqrt(1 / Math.sqrt(penalty)) * penalty);

/**
 * Fits a linear classifier by stochastic gradient descent with the modified Huber loss (Zhang 2004) and cumulative
 * truncated L1 gradients (Tsuruoka et al. 2009), in the orders in which scikit-learn visits the texts. The answer
 * scores a text: the sign tells the class.
 */
export function fitLinearTexts({
  texts,
  isPositive,
  words,
  seed,
}: LinearTexts): (text: WeighedText) => number {
  const model = { weights: new Float64Array(words), cut: new Float64Array(words), intercept: 0, norm: 0 };
  const order = Array.from(texts, (_, index) => index);
  const generator = legacyGenerator(seed);
  // scikit-learn draws a seed for its data first, which it does not use
  generator.below(2 ** 31 - 2);
  const shuffleSeed = generator.below(2 ** 31 - 1);
  let [step, mostCut, best, idle] = [1, 0, Infinity, 0];
  for (let epoch = 0; epoch < mostEpochs && idle < patience; epoch++) {
    shuffleInPlace(order, shuffleSeed);
    let objective = 0;
    for (const index of order) {
      const text = texts[index];
      if (text === undefined) continue;
      const rate = 1 / (penalty * (earlierSteps + step - 1));
      const sign = isPositive[index] === true ? 1 : -1;
      const margin = sign * (dot(model.weights, text) + model.intercept);
      objective += lossOf(margin) + penalty * model.norm;
      const update = rate * sign * pullOf(margin);
      mostCut += rate * penalty;
      move(model, text, update, mostCut);
      model.intercept += update * interceptShare;
      step += 1;
    }
    const mean = objective / texts.length;
    idle = mean > best - tolerance ? idle + 1 : 0;
    best = Math.min(best, mean);
  }
  return (text) => dot(model.weights, text) + model.intercept;
}

function lossOf(margin: number): number {
  if (margin >= 1) return 0;
  return margin >= -1 ? (1 - margin) ** 2 : -4 * margin;
}

/** How strongly a text pulls: the loss's fall by margin. */
function pullOf(margin: number): number {
  if (margin >= 1) return 0;
  return margin >= -1 ? 2 * (1 - margin) : 4;
}

/**
 * Moves the weights of a text's words, then cuts them towards 0 by what was cut from others since. The norm in the
 * objective is that of the last text's words alone, as it is there.
 */
function move(
  model: { readonly weights: Float64Array; readonly cut: Float64Array; norm: number },
  { indexes, weights }: WeighedText,
  update: number,
  mostCut: number,
): void {
  let norm = 0;
  for (const [position, word] of indexes.entries()) {
    const moved = (model.weights[word] ?? 0) + update * (weights[position] ?? 0);
    norm += Math.abs(moved);
    const cut = model.cut[word] ?? 0;
    let after = moved;
    if (moved > 0) after = Math.max(0, moved - (mostCut + cut));
    else if (moved < 0) after = Math.min(0, moved + (mostCut - cut));
    model.weights[word] = after;
    model.cut[word] = cut + (after - moved);
  }
  if (update !== 0) model.norm = norm;
}

function dot(weights: Float64Array, text: WeighedText): number {
  let sum = 0;
  for (const [position, word] of text.indexes.entries())
    sum += (weights[word] ?? 0) * (text.weights[position] ?? 0);
  return sum;
}

/** Fisher and Yates' shuffle by Marsaglia's xorshift, from the front. */
function shuffleInPlace(order: number[], seed: number): void {
  let state = seed === 0 ? 1 : seed;
  for (let index = 0; index < order.length - 1; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const other = index + ((state & 0x7fffffff) % (order.length - index));
    [order[index], order[other]] = [order[other] ?? 0, order[index] ?? 0];
  }
}
