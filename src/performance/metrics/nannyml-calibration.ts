import { type LegacyGenerator, legacyGenerator } from "../../statistics/mersenne-twister.ts";
import { calibratedScore, IsotonicFit } from "./isotonic.ts";

/** Random splits that NannyML judges a calibrator by, the share of rows that each tests, its seed, and bins of rows. */
const [splits, testShare, seed, bins] = [10, 0.1, 42, 10];

/**
 * Whether NannyML would calibrate these scores: ten times a random tenth, stratified by outcome, is calibrated by the
 * rest, and the calibration error over bins of equally many rows must fall. The same random numbers as its own, so the
 * order of the rows matters. Outcomes are 0 or 1.
 */
export function calibrationHelps(scores: Float64Array, outcomes: Uint8Array): boolean {
  const rows = scores.length;
  const byClass = [0, 1].map((own) => Array.from(outcomes.keys()).filter((row) => outcomes[row] === own));
  if (byClass.some((members) => members.length === 0)) return false;
  const order = Uint32Array.from(scores.keys()).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
  if (areaUnder(scores, outcomes, order) > 0.999) return false;
  const tested: { readonly row: number; readonly calibrated: number }[] = [];
  const generator = legacyGenerator(seed);
  for (let split = 0; split < splits; split++) {
    const test = testRows(byClass, rows, generator);
    const isTest = new Uint8Array(rows);
    for (const row of test) isTest[row] = 1;
    const steps = fitWithout(isTest, { scores, outcomes, order });
    for (const row of test) tested.push({ row, calibrated: calibratedScore(steps, scores[row] ?? 0) });
  }
  const errorOf = (value: (item: (typeof tested)[number]) => number) =>
    calibrationError(tested.map((item) => ({ value: value(item), outcome: outcomes[item.row] ?? 0 })));
  return errorOf(({ row }) => scores[row] ?? 0) > errorOf(({ calibrated }) => calibrated);
}

/** The rows that one split tests. */
function testRows(
  byClass: readonly (readonly number[])[],
  rows: number,
  generator: LegacyGenerator,
): number[] {
  const tests = Math.ceil(testShare * rows);
  const sizes = byClass.map((members) => members.length);
  const kept = drawnCounts(sizes, rows - tests, generator);
  const rest = sizes.map((size, own) => size - (kept[own] ?? 0));
  const taken = drawnCounts(rest, tests, generator);
  const [train, test]: [number[], number[]] = [[], []];
  for (const [own, members] of byClass.entries()) {
    const shuffled = generator.permutation(members.length).map((position) => members[position] ?? 0);
    const from = kept[own] ?? 0;
    for (const row of shuffled.slice(0, from)) train.push(row);
    for (const row of shuffled.slice(from, from + (taken[own] ?? 0))) test.push(row);
  }
  // The order of the training rows does not matter, but its random numbers come first.
  generator.permutation(train.length);
  return generator.permutation(test.length).map((position) => test[position] ?? 0);
}

/** How many rows of each class make up `draws`: shares rounded down, the largest remainders up, equal ones at random. */
function drawnCounts(sizes: readonly number[], draws: number, generator: LegacyGenerator): number[] {
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const exact = sizes.map((size) => (size / all) * draws);
  const counts = exact.map(Math.floor);
  let missing = draws - counts.reduce((sum, count) => sum + count, 0);
  const remainders = exact.map((value, index) => value - (counts[index] ?? 0));
  for (const remainder of [...new Set(remainders)].sort((a, b) => b - a)) {
    if (missing <= 0) break;
    const members = [...remainders.keys()].filter((index) => remainders[index] === remainder);
    for (const position of generator.permutation(members.length).slice(0, missing)) {
      const index = members[position] ?? 0;
      counts[index] = (counts[index] ?? 0) + 1;
      missing--;
    }
  }
  return counts;
}

interface SortedRows {
  readonly scores: Float64Array;
  readonly outcomes: Uint8Array;
  /** Rows by ascending score. */
  readonly order: Uint32Array;
}

function fitWithout(isTest: Uint8Array, { scores, outcomes, order }: SortedRows) {
  const fit = new IsotonicFit("ascending");
  let [score, positives, rows] = [Number.NaN, 0, 0];
  for (const row of order) {
    if (isTest[row] === 1) continue;
    if (scores[row] !== score) {
      fit.push(score, positives, rows);
      [score, positives, rows] = [scores[row] ?? 0, 0, 0];
    }
    positives += outcomes[row] ?? 0;
    rows++;
  }
  fit.push(score, positives, rows);
  return fit.steps();
}

function areaUnder(scores: Float64Array, outcomes: Uint8Array, order: Uint32Array): number {
  let [below, positives, wins] = [0, 0, 0];
  for (let start = 0; start < order.length; ) {
    const score = scores[order[start] ?? 0];
    let [own, others] = [0, 0];
    for (; start < order.length && scores[order[start] ?? 0] === score; start++)
      if (outcomes[order[start] ?? 0] === 1) own++;
      else others++;
    wins += own * (below + others / 2);
    below += others;
    positives += own;
  }
  return wins / (positives * below);
}

function calibrationError(rows: readonly { readonly value: number; readonly outcome: number }[]): number {
  const sorted = [...rows].sort((a, b) => a.value - b.value);
  const count = sorted.length <= 2 * bins ? Math.max(1, Math.floor(sorted.length / 2)) : bins;
  const width = Math.floor(sorted.length / count);
  // What does not fill a bin of its own belongs to the last one.
  let error = 0;
  for (let bin = 0; bin < count; bin++) {
    const part = sorted.slice(bin * width, bin === count - 1 ? undefined : (bin + 1) * width);
    error += Math.abs(part.reduce((sum, { value, outcome }) => sum + value - outcome, 0)) / sorted.length;
  }
  return error;
}
