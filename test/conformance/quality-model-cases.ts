import { expect } from "vitest";
import { type EvaluateOptions, evaluate } from "../../src/index.ts";
import { confusionMetrics } from "../../src/performance/metrics/confusion.ts";
import { ExpectedFold, scoreLosses } from "../../src/performance/metrics/expected-fold.ts";
import { isJsonObject } from "../../src/util/json.ts";
import { expectClose } from "./drift-close.ts";
import type { QualityCase } from "./quality-cases.ts";

/** Compares a case of kind `model_metric`. */
export async function compareModelMetric(item: QualityCase): Promise<void> {
  const { method, expected, tolerance, params } = item;
  if (method === "cbpe_binary") expectClose(estimated(item), expected, tolerance);
  else if (method === "binary_classification") {
    const options = {
      problem: "binary",
      score: "value",
      target: "target",
      cutoff: Number(params["threshold"]),
    } as const;
    const values = await metricsOf(item, options);
    const { recall: tpr, specificity: tnr } = values;
    expectClose({ ...values, tpr, tnr }, expected, tolerance);
  } else if (method === "confusion_by_class") await compareByClass(item);
  else await compareRegression(item);
}

/** Metrics whose name here is another; percent there, a ratio here. */
const names: Readonly<Record<string, readonly [name: string, factor: number]>> = {
  max_abs_error: ["max_error", 1],
  mape: ["mape", 100],
};

async function compareRegression(item: QualityCase): Promise<void> {
  const [name, factor] = names[item.method] ?? [item.method, 1];
  const values = await metricsOf(item, { problem: "regression", prediction: "value", target: "target" });
  const value = values[name];
  expect(typeof value, `the metric ${name}`).toBe("number");
  expectClose(Number(value) * factor, item.expected["value"] ?? null, item.tolerance, name);
}

async function metricsOf(
  { reference, current }: QualityCase,
  options: EvaluateOptions,
): Promise<Record<string, number | null>> {
  const [targets, values] = [reference as number[], current as number[]];
  const rows = targets.map((target, row) => ({ target, value: values[row] ?? null }));
  const { metrics } = await evaluate(rows, options);
  return Object.fromEntries(Object.entries(metrics).map(([name, { value }]) => [name, value]));
}

/** The matrix as rows, whose metrics by class follow from the expected counts. */
async function compareByClass({ params, expected }: QualityCase): Promise<void> {
  const [matrix, labels] = [params["matrix"] as number[][], params["labels"] as string[]];
  const rows = matrix.flatMap((counts, target) =>
    counts.flatMap((count, prediction) =>
      Array.from({ length: count }, () => ({ target: labels[target], prediction: labels[prediction] })),
    ),
  );
  for (const [positive, counts] of Object.entries(expected)) {
    const { confusion } = await evaluate(rows, {
      problem: "binary",
      prediction: "prediction",
      target: "target",
      positive,
    });
    expectClose(confusion, counts, 0, positive);
  }
}

function estimated({ current }: QualityCase): unknown {
  if (!isJsonObject(current)) throw new Error("the case has no columns");
  const [labels, probabilities] = [current["y_pred"] as number[], current["calibrated_proba"] as number[]];
  const rows = probabilities.map((probability, row) => ({ probability, predicted: labels[row] === 1 }));
  const fold = new ExpectedFold();
  for (const { probability, predicted } of rows.toSorted((a, b) => b.probability - a.probability))
    fold.push({ score: probability, predicted, probability, rows: 1, losses: scoreLosses(probability) });
  const { confusion, auc } = fold.finish();
  const values = Object.entries(confusionMetrics(confusion)).map(([name, { value }]) => [name, value]);
  return { ...confusion, ...Object.fromEntries(values), roc_auc: auc };
}
