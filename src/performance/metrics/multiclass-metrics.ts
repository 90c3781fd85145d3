import { type Confusion, fScore } from "./confusion.ts";
import {
  type Metric,
  type Metrics,
  metricWithError,
  plainMetric,
  shareMetric,
  undefinedMetric,
} from "./metric.ts";
import { poissonDraw } from "./poisson.ts";
import { replicates, Spread } from "./score-cells.ts";

/** Rows by true class (first index) and predicted class. */
export type ConfusionMatrix = readonly (readonly number[])[];

/** Counts of one class against the rest. */
function oneAgainstRest(matrix: ConfusionMatrix, own: number): Confusion {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const rows = sum(matrix.map(sum));
  const tp = matrix[own]?.[own] ?? 0;
  const positives = sum(matrix[own] ?? []);
  const predicted = sum(matrix.map((row) => row[own] ?? 0));
  return { tp, fp: predicted - tp, fn: positives - tp, tn: rows - positives - predicted + tp };
}

/** The metrics of a confusion matrix, over all classes and of each. */
export function matrixMetrics(matrix: ConfusionMatrix): {
  readonly metrics: Metrics;
  readonly classes: readonly Metrics[];
} {
  const errors = matrixErrors(matrix);
  const metrics = Object.entries(overallMetrics(matrix)).map(([name, metric]): [string, Metric] => {
    if (metric.value === null || metric.interval !== undefined) return [name, metric];
    const least = name === "mcc" || name === "kappa" ? -1 : 0;
    return [name, metricWithError(metric.value, errors[name], "bootstrap", { least, most: 1 })];
  });
  return {
    metrics: Object.fromEntries(metrics),
    classes: matrix.map((_, own) => classMetrics(oneAgainstRest(matrix, own))),
  };
}

function classMetrics(counts: Confusion): Metrics {
  const { tp, fp, fn, tn } = counts;
  return {
    precision: shareMetric(tp, tp + fp, "no_positive_predictions"),
    recall: shareMetric(tp, tp + fn, "no_positives"),
    specificity: shareMetric(tn, tn + fp, "no_negatives"),
    f1: fScore(counts, 1),
    support: { value: tp + fn, low: null, high: null },
  };
}

function matrixErrors(matrix: ConfusionMatrix): Readonly<Record<string, number>> {
  const spread = new Spread();
  for (let replicate = 0; replicate < replicates; replicate++) {
    const drawn = matrix.map((row, target) =>
      row.map((rows, other) => poissonDraw(rows, replicate, target, other)),
    );
    for (const [name, { value }] of Object.entries(overallMetrics(drawn))) spread.add(name, value);
  }
  return spread.errors();
}

function overallMetrics(matrix: ConfusionMatrix): Metrics {
  const counts = matrix.map((_, own) => oneAgainstRest(matrix, own));
  const rows = matrix.reduce((sum, row) => sum + row.reduce((part, value) => part + value, 0), 0);
  const correct = counts.reduce((sum, { tp }) => sum + tp, 0);
  const accuracy = shareMetric(correct, rows, "no_rows");
  const classes = counts.map(classMetrics);
  const supports = counts.map(({ tp, fn }) => tp + fn);
  const averaged = ["precision", "recall", "specificity", "f1"].flatMap((name): [string, Metric][] => {
    const values = classes.map((metrics) => metrics[name] ?? undefinedMetric("no_rows"));
    return [
      [
        `${name}_macro`,
        averageMetric(
          values,
          values.map(() => 1),
        ),
      ],
      [`${name}_weighted`, averageMetric(values, supports)],
    ];
  });
  return {
    accuracy,
    balanced_accuracy: averageMetric(
      classes.map((metrics) => metrics["recall"] ?? undefinedMetric("no_rows")),
      supports.map((support) => (support > 0 ? 1 : 0)),
    ),
    ...Object.fromEntries(averaged),
    // With one label a row, what is wrong for one class is wrong for another: all micro averages are the accuracy.
    precision_micro: accuracy,
    recall_micro: accuracy,
    f1_micro: accuracy,
    mcc: matthews(counts, rows, correct),
    kappa: kappa(counts, rows, correct),
  };
}

/** Weighted mean; classes of weight 0 need no value. */
function averageMetric(values: readonly Metric[], weights: readonly number[]): Metric {
  let [sum, weight] = [0, 0];
  for (const [index, { value, reason }] of values.entries()) {
    const own = weights[index] ?? 0;
    if (own === 0) continue;
    if (value === null) return undefinedMetric(reason ?? "no_rows");
    sum += own * value;
    weight += own;
  }
  return weight === 0 ? undefinedMetric("no_rows") : plainMetric(sum / weight);
}

function matthews(counts: readonly Confusion[], rows: number, correct: number): Metric {
  if (rows === 0) return undefinedMetric("no_rows");
  let [together, targets, predictions] = [0, rows ** 2, rows ** 2];
  for (const { tp, fp, fn } of counts) {
    together += (tp + fp) * (tp + fn);
    targets -= (tp + fn) ** 2;
    predictions -= (tp + fp) ** 2;
  }
  if (targets === 0) return undefinedMetric("one_class");
  if (predictions === 0) return undefinedMetric("constant_prediction");
  return plainMetric((correct * rows - together) / Math.sqrt(targets) / Math.sqrt(predictions));
}

function kappa(counts: readonly Confusion[], rows: number, correct: number): Metric {
  if (rows === 0) return undefinedMetric("no_rows");
  const chance = counts.reduce((sum, { tp, fp, fn }) => sum + ((tp + fp) * (tp + fn)) / rows ** 2, 0);
  return chance === 1 ? undefinedMetric("one_class") : plainMetric((correct / rows - chance) / (1 - chance));
}
