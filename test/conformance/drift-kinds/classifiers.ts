import { expect } from "vitest";
import { domainClassifier } from "../../../src/drift/peers/domain-classifier.ts";
import { ksDistance, ksExact } from "../../../src/statistics/kolmogorov.ts";
import { logisticRegression } from "../../../src/statistics/learning/logistic-regression.ts";
import { type Classifier, randomForest, type TrainingRows } from "../../../src/statistics/learning/trees.ts";
import { outOfFold, stratifiedFolds } from "../../../src/statistics/learning/two-sample-classifier.ts";
import { legacyGenerator } from "../../../src/statistics/mersenne-twister.ts";
import { sortedSample } from "../../../src/statistics/samples.ts";
import { type DriftCase, objectOf, type SeriesByName } from "../drift-cases.ts";
import { toleranceOf } from "../drift-close.ts";
import { equallyLong } from "./alibi.ts";
import { chunkingOf, ruleOf, sideColumns } from "./nannyml.ts";

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
  const rule = ruleOf(params["thresholds"] ?? params["threshold"]);
  const report = domainClassifier(columns, { chunking: chunkingOf(params), rule });
  for (const [name, own] of [
    ["reference", report.baseline],
    ["analysis", report.current],
  ] as const) {
    const wanted = objectOf(objectOf(expected, "expected")[name], name);
    const { value, alert } = objectOf(wanted["domain_classifier_auroc"], "auroc") as {
      readonly value: number[];
      readonly alert: boolean[];
    };
    expect(own.value.length, `chunks of ${name}`).toBe(value.length);
    for (const [index, area] of own.value.entries()) {
      const what = `${name} ${index}: AUC ${area}`;
      expect(Math.abs((area ?? Number.NaN) - (value[index] ?? 0)), what).toBeLessThanOrEqual(0.05);
      expect(own.alert[index], `verdict of ${what}`).toBe(alert[index]);
    }
  }
}
