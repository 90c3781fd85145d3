import { boostedTrees } from "../../statistics/learning/trees.ts";
import { outOfFold, stratifiedFolds } from "../../statistics/learning/two-sample-classifier.ts";
import { mannWhitney } from "../../statistics/mann-whitney.ts";
import { legacyGenerator } from "../../statistics/mersenne-twister.ts";
import { sortedSample } from "../../statistics/samples.ts";
import {
  type Chunking,
  type ChunkReport,
  chunked,
  chunkReport,
  chunksOf,
  type ThresholdRule,
} from "./nannyml-chunks.ts";
import type { PeerColumn, PeerValue } from "./peer-column.ts";

/** Folds of NannyML's domain classifier, and a seed: its own is another learner's. */
const [folds, seed] = [5, 42];

/**
 * What NannyML's domain classifier asks, with varve's trees: the area under the curve of a classifier that tells each
 * chunk from the whole baseline. Rows of the baseline that the chunk has too are left out, or a chunk of the baseline
 * would argue with itself.
 */
export function domainClassifier(
  columns: readonly PeerColumn[],
  {
    chunking,
    rule = { fixed: { lower: 0.45, upper: 0.65 } },
  }: { readonly chunking: Chunking; readonly rule?: ThresholdRule | undefined },
): ChunkReport {
  const codes = columns.map(({ baseline, current }) => {
    const others = new Set([...baseline, ...current].filter((value) => typeof value !== "number"));
    const known = new Map([...others].map((value, index) => [value, index]));
    return (value: PeerValue) => (typeof value === "number" ? value : (known.get(value) ?? Number.NaN));
  });
  const rowsOf = (side: "baseline" | "current") => {
    const coded = columns.map((column, index) => column[side].map(codes[index] ?? Number));
    return (coded[0] ?? []).map((_, row) => coded.map((values) => values[row] ?? 0));
  };
  const whole = rowsOf("baseline");
  const areas = (rows: readonly (readonly number[])[]) =>
    chunked(rows, chunksOf(rows.length, chunking)).map((chunk) => areaUnderCurve(whole, chunk));
  return chunkReport(areas(whole), areas(rowsOf("current")), { rule, least: 0, most: 1, isStrict: true });
}

function areaUnderCurve(
  whole: readonly (readonly number[])[],
  chunk: readonly (readonly number[])[],
): number | null {
  const ofChunk = new Set(chunk.map(String));
  const others = whole.filter((row) => !ofChunk.has(String(row)));
  if (Math.min(others.length, chunk.length) < folds) return null;
  const rows = [...others, ...chunk];
  const features = (rows[0] ?? []).map((_, column) => Float64Array.from(rows, (row) => row[column] ?? 0));
  const scores = outOfFold(features, others.length, {
    folds: stratifiedFolds([others.length, chunk.length], folds, legacyGenerator(seed)),
    train: (training) => boostedTrees(training, 0),
  });
  return mannWhitney(sortedSample(scores.first), sortedSample(scores.second)).probability;
}
