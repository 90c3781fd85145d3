import { expect } from "vitest";
import { chunked, chunksOf } from "../../../src/drift/peers/nannyml-chunks.ts";
import { ksDistance, ksExact } from "../../../src/statistics/kolmogorov.ts";
import { logisticRegression } from "../../../src/statistics/learning/logistic-regression.ts";
import {
  boostedTrees,
  type Classifier,
  randomForest,
  type TrainingRows,
} from "../../../src/statistics/learning/trees.ts";
import { outOfFold, stratifiedFolds } from "../../../src/statistics/learning/two-sample-classifier.ts";
import { mannWhitney } from "../../../src/statistics/mann-whitney.ts";
import { legacyGenerator } from "../../../src/statistics/mersenne-twister.ts";
import { sortedSample } from "../../../src/statistics/samples.ts";
import { type DriftCase, objectOf, type SeriesByName } from "../drift-cases.ts";
import { toleranceOf } from "../drift-close.ts";
import { equallyLong } from "./alibi.ts";
import { sideColumns } from "./nannyml.ts";

/** Kind `drift_multivariate` by alibi-detect's classifier: the verdict, and the distance within its tolerance. */
export function compareClassifier(
  { inputs, params, expected, tolerance }: DriftCase,
  series: SeriesByName,
): void {
  const columns = equallyLong(inputs, series, new Set());
  const features = columns.map(({ column }) =>
    Float64Array.from([...column.baseline, ...column.current], Number),
  );
  const rows = columns[0]?.column.baseline.length ?? 0;
  const seed = Number(params["seed"]);
  const train = (training: TrainingRows): Classifier =>
    params["model"] === "forest" ? randomForest(training, seed) : logisticRegression(training);
  const others = (features[0]?.length ?? 0) - rows;
  const folds = stratifiedFolds([rows, others], Number(params["n_folds"]), legacyGenerator(seed));
  const scores = outOfFold(features, rows, { folds, train });
  const [first, second] = [sortedSample(scores.first), sortedSample(scores.second)];
  const distance = ksDistance(first, second, "greater");
  const p = ksExact(distance, first.length, second.length, "greater");
  const wanted = objectOf(expected, "expected");
  expect(p < Number(params["p_val"]) ? 1 : 0, `p is ${p}, D ${distance.statistic}`).toBe(wanted["is_drift"]);
  const far = Math.abs(distance.statistic - Number(wanted["distance"]));
  expect(far, `D is ${distance.statistic}`).toBeLessThanOrEqual(toleranceOf(tolerance, "distance"));
}

/** Kind `drift_multivariate` by NannyML's domain classifier: each chunk against the whole baseline. */
export function compareDomainClassifier({ inputs, params, expected }: DriftCase, series: SeriesByName): void {
  const columns = sideColumns(inputs, series);
  const codes = columns.map(({ baseline, current }) => {
    const known = [...new Set([...baseline, ...current])].filter((value) => typeof value !== "number");
    return (value: unknown) => (typeof value === "number" ? value : known.indexOf(value as string));
  });
  const size = Number(params["chunk_size"]);
  for (const side of ["baseline", "current"] as const) {
    const name = side === "baseline" ? "reference" : "analysis";
    const wanted = objectOf(objectOf(expected, "expected")[name], name);
    const { value, alert } = objectOf(wanted["domain_classifier_auroc"], "auroc") as {
      readonly value: number[];
      readonly alert: boolean[];
    };
    const chunks = chunksOf(columns[0]?.[side].length ?? 0, { size });
    for (const [index] of chunks.entries()) {
      const features = columns.map((column, at) => [
        ...column.baseline.map(codes[at] ?? Number),
        ...(chunked(column[side], chunks)[index] ?? []).map(codes[at] ?? Number),
      ]);
      const auc = areaUnderCurve(features, columns[0]?.baseline.length ?? 0);
      expect(Math.abs(auc - (value[index] ?? 0)), `AUC of ${name} ${index} is ${auc}`).toBeLessThanOrEqual(
        0.05,
      );
      const [low, high] = params["thresholds"] as [number, number];
      expect(auc < low || auc > high, `verdict of ${name} ${index}: AUC ${auc}`).toBe(alert[index]);
    }
  }
}

/** Rows of the baseline that the chunk has too are left out, or a chunk of the baseline would argue with itself. */
function areaUnderCurve(columns: readonly (readonly number[])[], first: number): number {
  const rows = (columns[0] ?? []).map((_, row) => columns.map((column) => column[row] ?? 0));
  const ofChunk = new Set(rows.slice(first).map(String));
  const baseline = rows.slice(0, first).filter((row) => !ofChunk.has(String(row)));
  const all = [...baseline, ...rows.slice(first)];
  const features = columns.map((_, column) => Float64Array.from(all, (row) => row[column] ?? 0));
  const folds = stratifiedFolds([baseline.length, rows.length - first], 5, legacyGenerator(42));
  const scores = outOfFold(features, baseline.length, {
    folds,
    train: (training) => boostedTrees(training, 0),
  });
  return mannWhitney(sortedSample(scores.first), sortedSample(scores.second)).probability;
}
