import { binCount, countsIn, equalEdges } from "../../statistics/bin-edges.ts";
import { contingencyTest, occupiedColumns } from "../../statistics/contingency.ts";
import { ksDistance } from "../../statistics/kolmogorov.ts";
import { type SortedSample, sortedSample, wassersteinOf } from "../../statistics/samples.ts";
import type { BinCounts } from "../figures/bin-counts.ts";
import { distancesOf } from "../figures/distances.ts";
import {
  type Chunking,
  type ChunkReport,
  chunked,
  chunkReport,
  chunksOf,
  isTooShort,
  type ThresholdRule,
  threeAbove,
} from "./nannyml-chunks.ts";
import {
  type Category,
  categories,
  countsOf,
  differentCategories,
  type PeerColumn,
  type PeerValue,
} from "./peer-column.ts";

/** Measures of NannyML for one column. */
export type NannymlMethod =
  | "jensen_shannon"
  | "hellinger"
  | "kolmogorov_smirnov"
  | "wasserstein"
  | "chi2"
  | "l_infinity";

/** A chunk's distance from the whole baseline, and whether a test alerts whatever the thresholds say. */
type Measure = (chunk: readonly PeerValue[]) => { readonly value: number | null; readonly alert?: boolean };

/**
 * What NannyML 0.13.1 answers: the distance of each chunk, of both sides, from the whole baseline. A reason in place of
 * a report says why the measure cannot be fitted. Chi-square has no thresholds: it alerts by its p-value.
 */
export function nannymlDrift(
  column: PeerColumn,
  method: NannymlMethod,
  chunking: Chunking,
  rule: ThresholdRule = threeAbove,
): ChunkReport | string {
  const measure =
    column.type === "numeric" ? numericMeasure(column, method) : categoryMeasure(column, method);
  if (typeof measure === "string") return measure;
  if ([column.baseline, column.current].some((side) => isTooShort(side.length, chunking)))
    return "a side has fewer rows than chunks";
  const ofSide = (values: readonly PeerValue[]) =>
    chunked(values, chunksOf(values.length, chunking)).map(measure);
  const [baseline, current] = [ofSide(column.baseline), ofSide(column.current)];
  const valuesOf = (chunks: ReturnType<typeof ofSide>) => chunks.map(({ value }) => value);
  const isTest = method === "chi2";
  const report = chunkReport(valuesOf(baseline), valuesOf(current), {
    rule: isTest ? { fixed: { lower: null, upper: null } } : rule,
    least: 0,
    most: method === "kolmogorov_smirnov" ? 1 : undefined,
  });
  if (!isTest) return report;
  const alerts = (chunks: ReturnType<typeof ofSide>) => chunks.map(({ alert }) => alert === true);
  return {
    ...report,
    baseline: { ...report.baseline, alert: alerts(baseline) },
    current: { ...report.current, alert: alerts(current) },
  };
}

function numericMeasure({ baseline }: PeerColumn, method: NannymlMethod): Measure | string {
  const whole = numbersOf(baseline);
  if (whole.length === 0) return "the baseline has no values";
  const isLarge = whole.length >= cells;
  if (isLarge && !(Number.isFinite(whole[0]) && Number.isFinite(whole[whole.length - 1])))
    return "the baseline has infinite values, so its range has no cells";
  switch (method) {
    case "kolmogorov_smirnov":
      return ofNumbers(isLarge ? cellDistance(whole) : (chunk) => ksDistance(whole, chunk).statistic);
    case "wasserstein":
      return ofNumbers(isLarge ? cellWasserstein(whole) : (chunk) => rowWasserstein(whole, chunk));
    case "jensen_shannon":
    case "hellinger": {
      if (!Number.isFinite(whole[0]) || !Number.isFinite(whole[whole.length - 1]))
        return "the baseline has infinite values, so its range has no bins";
      const edges = equalEdges(whole, binCount(whole, "doane"));
      const counts = countsIn(edges, whole);
      return ofNumbers((chunk) => {
        const inside = countsIn(edges, chunk);
        const outside = chunk.length - inside.reduce((sum, count) => sum + count, 0);
        return distanceOf({ baseline: [...counts, 0], current: [...inside, outside] }, method);
      });
    }
    default:
      return `${method} is not a measure of numbers`;
  }
}

/** Rows of a baseline from which on NannyML counts in as many cells of its range instead of comparing rows. */
const cells = 10_000;

/** Two infinities of one sign are no distance apart that is defined. */
function rowWasserstein(whole: SortedSample, chunk: SortedSample): number {
  const isTwice = (infinity: number) =>
    [whole, chunk].reduce((sum, side) => sum + countWhere(side, (value) => value === infinity), 0) > 1;
  return isTwice(Infinity) || isTwice(-Infinity) ? Number.NaN : wassersteinOf(whole, chunk);
}

/** Kolmogorov's distance at the upper ends of the cells. */
function cellDistance(whole: SortedSample): (chunk: SortedSample) => number {
  const [low, high] = [whole[0] ?? 0, whole[whole.length - 1] ?? 0];
  const edges = low === high ? new Array<number>(cells + 1).fill(low) : equalEdges(whole, cells);
  const ofWhole = countsIn(edges, whole);
  return (chunk) => {
    const ofChunk = countsIn(edges, chunk);
    let [before, after, largest] = [0, countWhere(chunk, (value) => value < low), 0];
    for (const [cell, count] of ofWhole.entries()) {
      before += count;
      after += ofChunk[cell] ?? 0;
      largest = Math.max(largest, Math.abs(before / whole.length - after / chunk.length));
    }
    return largest;
  };
}

/**
 * Wasserstein's distance over the cells. Where a chunk has values below the baseline's, NannyML counts one more of
 * them within its range.
 */
function cellWasserstein(whole: SortedSample): (chunk: SortedSample) => number {
  const edges = equalEdges(whole, cells);
  const ofWhole = countsIn(edges, whole);
  const [first, last] = [edges[0] ?? 0, edges[edges.length - 1] ?? 0];
  const width = (edges[1] ?? 0) - first;
  return (chunk) => {
    const ofChunk = countsIn(edges, chunk);
    const below = countWhere(chunk, (value) => value < first);
    let [before, after, within] = [0, below > 0 ? below + 1 : 0, 0];
    for (const [cell, count] of ofWhole.entries()) {
      before += count;
      after += ofChunk[cell] ?? 0;
      within += Math.abs(before / whole.length - after / chunk.length) * width;
    }
    let outside = 0;
    for (let index = 0; index < chunk.length; index++) {
      const value = chunk[index] ?? Number.NaN;
      outside += Math.max(0, first - value, value - last);
    }
    return within + outside / chunk.length;
  };
}

function countWhere(sample: SortedSample, matches: (value: number) => boolean): number {
  let count = 0;
  for (let index = 0; index < sample.length; index++) if (matches(sample[index] ?? Number.NaN)) count++;
  return count;
}

function ofNumbers(distance: (chunk: SortedSample) => number): Measure {
  return (chunk) => {
    const numbers = numbersOf(chunk);
    const value = numbers.length === 0 ? null : distance(numbers);
    return { value: Number.isNaN(value) ? null : value };
  };
}

/** Infinite values stay in, missing ones and NaN go. */
function numbersOf(values: readonly PeerValue[]): SortedSample {
  return sortedSample(values);
}

function categoryMeasure({ baseline }: PeerColumn, method: NannymlMethod): Measure | string {
  const whole = categories(baseline);
  if (whole.length === 0) return "the baseline has no values";
  if (method === "kolmogorov_smirnov" || method === "wasserstein")
    return `${method} is not a measure of categories`;
  return (chunk) => {
    const values = categories(chunk);
    if (values.length === 0) return { value: null };
    if (method === "chi2") return chiSquareOf(whole, values);
    return { value: distanceOf(countsWithUnseen(whole, values, method === "l_infinity"), method) };
  };
}

function chiSquareOf(whole: readonly Category[], chunk: readonly Category[]) {
  const all = differentCategories(whole, chunk);
  const table = occupiedColumns([countsOf(whole, all), countsOf(chunk, all)]);
  const test = contingencyTest(table, { yates: true });
  return { value: test?.statistic ?? null, alert: (test?.p ?? 1) < 0.05 };
}

/** Counts by value of the baseline; values that it lacks are one bin, or each its own. */
function countsWithUnseen(whole: readonly Category[], chunk: readonly Category[], each: boolean): BinCounts {
  const known = each ? differentCategories(whole, chunk) : differentCategories(whole);
  const current = countsOf(chunk, known);
  const unseen = chunk.length - current.reduce((sum, count) => sum + count, 0);
  return { baseline: [...countsOf(whole, known), 0], current: [...current, unseen] };
}

function distanceOf(counts: BinCounts, method: NannymlMethod): number {
  const figures = distancesOf(counts);
  if (figures === null) return Number.NaN;
  if (method === "l_infinity") return figures.lInfinity.value;
  return method === "hellinger" ? figures.hellinger : figures.js;
}
