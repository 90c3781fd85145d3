import { seededNumbers, shuffled } from "../../statistics/generator.ts";
import { mannWhitney } from "../../statistics/mann-whitney.ts";
import { sortedSample } from "../../statistics/samples.ts";

/** Rows of a side that are read at most. */
const mostRows = 20_000;

/**
 * Area under the curve of a classifier that tells two sets of texts apart by their words: naive Bayes, trained on
 * one half of the rows and asked about the other, then the other way round. 0.5 is chance.
 */
export function textAuc(baseline: readonly string[], current: readonly string[]): number {
  const random = seededNumbers(0);
  const [a, b] = [baseline, current].map((texts) => shuffled(texts, random).slice(0, mostRows).map(wordsOf));
  const halves = (texts: readonly (readonly string[])[]) => {
    const middle = Math.ceil(texts.length / 2);
    return [texts.slice(0, middle), texts.slice(middle)] as const;
  };
  const [[a1, a2], [b1, b2]] = [halves(a ?? []), halves(b ?? [])];
  return (aucOf(a1, b1, a2, b2) + aucOf(a2, b2, a1, b1)) / 2;
}

type Texts = readonly (readonly string[])[];

function aucOf(trainBaseline: Texts, trainCurrent: Texts, baseline: Texts, current: Texts): number {
  if (baseline.length === 0 || current.length === 0) return 0.5;
  const weight = wordWeights(trainBaseline, trainCurrent);
  const score = (words: readonly string[]) => words.reduce((sum, word) => sum + (weight.get(word) ?? 0), 0);
  return mannWhitney(sortedSample(baseline.map(score)), sortedSample(current.map(score))).probability;
}

/** Log of how much more often a text of the current side holds a word, with one text added to each count. */
function wordWeights(baseline: Texts, current: Texts): ReadonlyMap<string, number> {
  const [before, after] = [textsByWord(baseline), textsByWord(current)];
  const weights = new Map<string, number>();
  for (const word of new Set([...before.keys(), ...after.keys()])) {
    const p = ((before.get(word) ?? 0) + 1) / (baseline.length + 2);
    const q = ((after.get(word) ?? 0) + 1) / (current.length + 2);
    weights.set(word, Math.log(q / p));
  }
  return weights;
}

function textsByWord(texts: Texts): Map<string, number> {
  const counts = new Map<string, number>();
  for (const words of texts) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** Different words of a text, in lower case. */
function wordsOf(text: string): string[] {
  return [...new Set(text.toLowerCase().match(/[\p{L}\p{N}_]{2,}/gu) ?? [])];
}
