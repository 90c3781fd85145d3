/** Weights of the words of a text, by the number of the word. */
export interface WeighedText {
  readonly indexes: Int32Array;
  readonly weights: Float64Array;
}

/** Words of a set of texts, and how a text is weighed by them. */
export interface TextFeatures {
  /** Different words that count. */
  readonly words: number;
  readonly weigh: (text: string) => WeighedText;
}

/** English words that only join others, as stop lists have them. */
const stopWords: ReadonlySet<string> = new Set(
  `about above across after again against all almost alone along already also although always am among an and another
  any anyone anything anywhere are around as at be became because become been before behind being below beside besides
  between beyond both but by can cannot could do done down due during each either else enough etc even ever every
  everyone everything everywhere except few for from further had has have he hence her here hers herself him himself his
  how however if in indeed instead into is it its itself last least less many may me might mine more moreover most
  mostly much must my myself namely neither never nevertheless next no nobody none nor not nothing now nowhere of off
  often on once one only onto or other others otherwise our ours ourselves out over own per perhaps please rather same
  several she should since so some somehow someone something sometimes somewhere still such than that the their them
  themselves then there therefore these they this those though through throughout thus to together too toward towards
  under until up upon us very was we well were what whatever when whenever where wherever whether which while who
  whoever whole whom whose why will with within without would yet you your yours yourself yourselves`.split(
    /\s+/,
  ),
);

/**
 * Tf-idf weights as scikit-learn computes them: 1 + ln of a word's count, times ln((1 + texts) / (1 + texts with the
 * word)) + 1, scaled to length 1. Words of more than half of the texts and stop words do not count. Words are numbered
 * by their first appearance, which is the order of a text's weights there.
 */
export function textFeatures(texts: readonly string[]): TextFeatures {
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const word of wordCounts(text).keys()) counts.set(word, (counts.get(word) ?? 0) + 1);
  const kept = [...counts].filter(([, count]) => count <= texts.length / 2);
  const rarities = new Map(
    [...new Set(counts.values())].map((count) => [count, roundedLog((1 + texts.length) / (1 + count)) + 1]),
  );
  const words = new Map(
    kept.map(([word, count], index) => [word, { index, rarity: rarities.get(count) ?? 1 }]),
  );
  const weigh = (text: string): WeighedText => {
    const known = [...wordCounts(text)].flatMap(([name, count]) => {
      const word = words.get(name);
      return word === undefined ? [] : [{ index: word.index, weight: (roundedLog(count) + 1) * word.rarity }];
    });
    known.sort((a, b) => a.index - b.index);
    const norm = Math.sqrt(known.reduce((sum, { weight }) => sum + weight * weight, 0));
    return {
      indexes: Int32Array.from(known, ({ index }) => index),
      weights: Float64Array.from(known, ({ weight }) => weight / norm),
    };
  };
  return { words: words.size, weigh };
}

/** Words of two or more letters, in lower case, with their numbers in a text. */
function wordCounts(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}_]{2,}/gu) ?? [])
    if (!stopWords.has(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

const bits = 128n;
const one = 1n << bits;
const logOfTwo = logOfFixed(2n * one);

/** The double nearest to the natural logarithm of a number from 1 on; engines' own is now and then the next one. */
function roundedLog(value: number): number {
  const twos = Math.floor(Math.log2(value));
  const fixed = (BigInt(Math.round((value / 2 ** twos) * 2 ** 52)) * one) >> 52n;
  return Number(logOfFixed(fixed) + BigInt(twos) * logOfTwo) / 2 ** Number(bits);
}

/** In fixed point: twice the series of the inverse hyperbolic tangent of (value − 1) / (value + 1). */
function logOfFixed(value: bigint): bigint {
  const ratio = ((value - one) * one) / (value + one);
  const square = (ratio * ratio) >> bits;
  let sum = 0n;
  for (let [power, odd] = [ratio, 1n]; power !== 0n; power = (power * square) >> bits, odd += 2n)
    sum += power / odd;
  return 2n * sum;
}
