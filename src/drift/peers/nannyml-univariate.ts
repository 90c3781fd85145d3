import { binCount, countsIn, equalEdges } from "../../statistics/bin-edges.ts";
import { contingencyTest, occupiedColumns } from "../../statistics/contingency.ts";
import { ksDistance } from "../../statistics/kolmogorov.ts";
import { type SortedSample, sortedSample, wassersteinOf } from "../../statistics/samples.ts";
import type { BinCounts } from "../figures/bin-counts.ts";
import { distancesOf } from "../figures/distances.ts";
import { type Chunking, type ChunkReport, chunked, chunkReport, chunksOf } from "./nannyml-chunks.ts";
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
 * a report says why the measure cannot be fitted.
 */
export function nannymlDrift(
  column: PeerColumn,
  method: NannymlMethod,
  chunking: Chunking,
): ChunkReport | string {
  const measure =
    column.type === "numeric" ? numericMeasure(column, method) : categoryMeasure(column, method);
  if (typeof measure === "string") return measure;
  const ofSide = (values: readonly PeerValue[]) =>
    chunked(values, chunksOf(values.length, chunking)).map(measure);
  const [baseline, current] = [ofSide(column.baseline), ofSide(column.current)];
  const valuesOf = (chunks: ReturnType<typeof ofSide>) => chunks.map(({ value }) => value);
  const isTest = method === "chi2";
  const report = chunkReport(
    valuesOf(baseline),
    valuesOf(current),
    isTest ? { fixed: { lower: null, upper: null } } : { sides: "upper" },
  );
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
  switch (method) {
    case "kolmogorov_smirnov":
      return ofNumbers((chunk) => ksDistance(whole, chunk).statistic);
    case "wasserstein":
      return ofNumbers(
        whole.length > exactRows ? cellWasserstein(whole) : (chunk) => wassersteinOf(whole, chunk),
      );
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

/** Rows of a baseline beyond which NannyML counts in cells instead of comparing rows. */
const exactRows = 10_000;

/** Over 10,000 equally wide cells of the baseline's range, each at its lower end; values beyond it at their extreme. */
function cellWasserstein(whole: SortedSample): (chunk: SortedSample) => number {
  const edges = equalEdges(whole, 10_000);
  const ofWhole = countsIn(edges, whole);
  const [first, last] = [edges[0] ?? 0, edges[edges.length - 2] ?? 0];
  return (chunk) => {
    const ofChunk = countsIn(edges, chunk);
    const below = Array.from(chunk).filter((value) => value < first).length / chunk.length;
    let [difference, sum] = [-below, below * (first - Math.min(first, chunk[0] ?? first))];
    for (const [cell, count] of ofWhole.entries()) {
      difference += count / whole.length - (ofChunk[cell] ?? 0) / chunk.length;
      if (cell < ofWhole.length - 1)
        sum += Math.abs(difference) * ((edges[cell + 1] ?? 0) - (edges[cell] ?? 0));
    }
    return sum + Math.abs(difference) * (Math.max(last, chunk[chunk.length - 1] ?? last) - last);
  };
}

function ofNumbers(distance: (chunk: SortedSample) => number): Measure {
  return (chunk) => {
    const numbers = numbersOf(chunk);
    return { value: numbers.length === 0 ? null : distance(numbers) };
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
