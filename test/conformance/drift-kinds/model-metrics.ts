import { expect } from "vitest";
import { type EvaluateOptions, evaluate, type SourceRow } from "../../../src/index.ts";
import type { Evaluation } from "../../../src/performance/evaluation/evaluate.ts";
import type { Label } from "../../../src/performance/evaluation/request.ts";
import type { JsonObject, JsonValue } from "../../../src/util/json.ts";
import { type CompareCase, type DriftCase, objectOf, type SeriesByName } from "../drift-cases.ts";
import { expectClose } from "../drift-close.ts";

/** Kind `model_metric`: metrics of models by scikit-learn, Evidently, NannyML and formulas. */
export const modelMetricKinds: Readonly<Record<string, CompareCase>> = { model_metric: compareMetrics };

type Compare = (item: DriftCase, series: SeriesByName) => Promise<void>;

const methods: Readonly<Record<string, Compare>> = {
  binary_classification: compareBinary,
  evidently_classification_labels: compareLabels,
  evidently_classification_probas: compareProbabilities,
  curves: compareCurves,
  calibration: compareCalibration,
  expected_calibration_error: compareCalibrationError,
  business_value: compareValue,
  multiclass_classification: compareMulticlass,
  regression: compareRegression,
  evidently_regression: compareEvidentlyRegression,
  evidently_mape_zero: compareMapeZero,
  ndcg: compareNdcg,
  evidently_ranking: compareRanking,
};

async function compareMetrics(item: DriftCase, series: SeriesByName): Promise<void> {
  const compare = methods[item.method];
  if (compare === undefined) throw new Error(`no comparison for the method ${item.method}`);
  await compare(item, series);
}

/** Row objects of series by column. */
function rowsOf(columns: JsonObject, series: SeriesByName): SourceRow[] {
  const values = Object.entries(columns).map(([name, source]) => [name, series(source)] as const);
  const length = values[0]?.[1].length ?? 0;
  return Array.from({ length }, (_, row) =>
    Object.fromEntries(values.map(([name, list]) => [name, list[row]])),
  );
}

/** The class that counts as positive. */
function positiveOf({ params }: DriftCase): Label {
  const positive = params["positive"] ?? 1;
  if (typeof positive !== "number" && typeof positive !== "string" && typeof positive !== "boolean")
    throw new Error(`no class is ${JSON.stringify(positive)}`);
  return positive;
}

function evaluated(item: DriftCase, series: SeriesByName, options: EvaluateOptions): Promise<Evaluation> {
  return evaluate(rowsOf(item.inputs, series), options);
}

function valuesOf({ metrics }: Evaluation): Record<string, number | null> {
  return Object.fromEntries(Object.entries(metrics).map(([name, { value }]) => [name, value]));
}

/**
 * Compares metrics by name. Where a case has `right`, that counts; and where a peer gives 0 for a ratio without a
 * denominator, undefined is right, with a reason.
 */
function expectMetrics(
  evaluation: Evaluation,
  item: DriftCase,
  names: Readonly<Record<string, string>> = {},
): void {
  const right = item.right ?? {};
  for (const [name, expected] of Object.entries(objectOf(item.expected, "expected"))) {
    const own = names[name] ?? name;
    if (own === "") continue;
    const metric = evaluation.metrics[own];
    expect(metric, `the metric ${own}`).toBeDefined();
    const wanted = name in right ? (right[name] ?? "NaN") : expected;
    expectMetric(metric, wanted, item.tolerance, own);
    expectInterval(metric, own);
  }
}

function expectMetric(
  metric: Evaluation["metrics"][string] | undefined,
  wanted: JsonValue,
  tolerance: JsonValue,
  name: string,
): void {
  if (wanted === 0 && metric?.value === null) expect(metric.reason, `why ${name} is undefined`).toBeDefined();
  else expectClose(metric?.value, wanted, tolerance, name);
}

function expectInterval(metric: Evaluation["metrics"][string] | undefined, name: string): void {
  if (metric?.value === null || metric?.value === undefined) return;
  if (metric.low !== null) expect(metric.low, `low end of ${name}`).toBeLessThanOrEqual(metric.value + 1e-12);
  if (metric.high !== null)
    expect(metric.high, `high end of ${name}`).toBeGreaterThanOrEqual(metric.value - 1e-12);
}

async function compareBinary(item: DriftCase, series: SeriesByName): Promise<void> {
  const evaluation = await evaluated(item, series, {
    problem: "binary",
    score: "score",
    prediction: "prediction",
    target: "target",
    positive: positiveOf(item),
  });
  expectMetrics(evaluation, item, { cohen_kappa: "kappa", ks: "ks_score", confusion: "" });
  const { confusion } = objectOf(item.expected, "expected");
  if (confusion !== undefined) expectClose(evaluation.confusion, confusion, 0);
}

async function compareLabels(item: DriftCase, series: SeriesByName): Promise<void> {
  const options = { prediction: "prediction", target: "target" } as const;
  const perClass = await evaluated(item, series, { ...options, problem: "multiclass" });
  const expected = objectOf(item.expected, "expected");
  const isOf = (kind: RegExp) => Object.keys(expected).filter((name) => kind.test(name));
  const others = Object.fromEntries(isOf(/_by_label$|^dummy_/).map((name) => [name, ""]));
  if (Object.keys(perClass.classes ?? {}).length > 2) {
    const names = { precision: "precision_macro", recall: "recall_macro", f1: "f1_macro" };
    expectMetrics(perClass, item, { ...names, ...others });
  } else {
    const binary = { ...options, problem: "binary", positive: positiveOf(item) } as const;
    const names = { tpr: "recall", tnr: "specificity" };
    expectMetrics(await evaluated(item, series, binary), item, { ...names, ...others });
  }
  for (const name of isOf(/_by_label$/)) {
    const metric = name.replace("_by_label", "");
    for (const [label, wanted] of Object.entries(objectOf(expected[name], name)))
      expectMetric(perClass.classes?.[label]?.[metric], wanted, item.tolerance, `${name}.${label}`);
  }
}

async function compareProbabilities(item: DriftCase, series: SeriesByName): Promise<void> {
  const options = { problem: "binary", score: "score", target: "target" } as const;
  const rows = rowsOf(item.inputs, series);
  const { right = {} } = item;
  const most = Object.keys(right).flatMap((name) => /_top_(\d+)_rows$/.exec(name)?.[1] ?? [])[0] ?? "20";
  const evaluation = await evaluated(item, series, { ...options, shares: [Number(most) / rows.length] });
  const top = evaluation.gains?.[0];
  for (const [name, expected] of Object.entries(objectOf(item.expected, "expected"))) {
    const [, metric, cutoff] = /^(.*)_at_([0-9.]+)$/.exec(name) ?? [];
    if (metric !== undefined) {
      const { metrics } = await evaluate(rows, { ...options, cutoff: Number(cutoff) });
      expectClose(metrics[metric]?.value, expected, item.tolerance, name);
    } else if (!/_top_|^dummy_/.test(name)) {
      expectClose(evaluation.metrics[name]?.value, expected, item.tolerance, name);
    }
  }
  expectClose(evaluation.dummy["roc_auc"]?.value, 0.5, 1e-12, "dummy_roc_auc");
  for (const [name, expected] of Object.entries(right)) {
    const own: Readonly<Record<string, unknown>> = {
      [`precision_top_${most}_rows`]: top?.precision,
      [`recall_top_${most}_rows`]: top?.gain,
      dummy_log_loss_of_prior: evaluation.dummy["log_loss"]?.value,
    };
    expectClose(own[name], expected ?? null, item.tolerance, name);
  }
}

async function compareCurves(item: DriftCase, series: SeriesByName): Promise<void> {
  const { roc, pr, gain_lift: gains } = objectOf(item.expected, "expected");
  const points = Number(objectOf(roc, "roc")["points"]);
  const {
    curve: whole = [],
    thresholds,
    gains: own = [],
  } = await evaluated(item, series, {
    problem: "binary",
    score: "score",
    target: "target",
    positive: positiveOf(item),
    curvePoints: Number(objectOf(roc, "roc")["points"]),
    shares: (gains as readonly JsonObject[]).map(({ share }) => Number(share)),
  });
  const sample = objectOf(roc, "roc")["sample"];
  const curve = sampledIndexes(points).flatMap((index) => whole[index] ?? []);
  const actual = [
    curve.map(({ fpr }) => fpr),
    curve.map(({ tpr }) => tpr),
    curve.map(({ threshold }) => threshold ?? Infinity),
  ];
  expectClose(actual, sample ?? null, item.tolerance, "roc");
  expectClose((thresholds ?? 0) + 1, objectOf(roc, "roc")["points"] ?? null, 0, "points");
  expectClose(own, gains as JsonValue, item.tolerance, "gain_lift");
  await comparePrecisionCurve(item, series, objectOf(pr, "pr"));
}

/** Nine indexes at equal steps, both ends included. */
function sampledIndexes(points: number): number[] {
  return Array.from({ length: 9 }, (_, point) => Math.floor((point * (points - 1)) / 8));
}

/** scikit-learn lists this curve from the other end, so that its sampled indexes are others. */
async function comparePrecisionCurve(item: DriftCase, series: SeriesByName, pr: JsonObject): Promise<void> {
  const points = Number(pr["points"]);
  const options = {
    problem: "binary",
    score: "score",
    target: "target",
    positive: positiveOf(item),
    curvePoints: points,
  } as const;
  const { curve = [] } = await evaluated(item, series, options);
  expect(curve.length).toBe(points);
  const upwards = [...curve].reverse();
  const indexes = sampledIndexes(points);
  expectClose(
    indexes.map((index) => upwards[index]?.precision ?? 1),
    pr["sample_precision"] ?? null,
    item.tolerance,
    "precision",
  );
  expectClose(
    indexes.map((index) => upwards[index]?.tpr),
    pr["sample_recall"] ?? null,
    item.tolerance,
    "recall",
  );
}

async function compareCalibration(item: DriftCase, series: SeriesByName): Promise<void> {
  const expected = objectOf(item.expected, "expected");
  const evaluation = await evaluated(item, series, {
    problem: "binary",
    score: "score",
    target: "target",
    positive: positiveOf(item),
  });
  const { equalWidth = [], isotonic = [] } = evaluation.calibration ?? {};
  expectClose(
    evaluation.metrics["ece"]?.value,
    expected["ece_10_equal_width"] ?? null,
    item.tolerance,
    "ece",
  );
  expectClose(
    evaluation.metrics["mce"]?.value,
    expected["mce_10_equal_width"] ?? null,
    item.tolerance,
    "mce",
  );
  const bins = equalWidth.map(({ meanScore, meanTarget, rows }) => [meanScore, meanTarget, rows]);
  expectClose(bins, expected["bins_equal_width"] ?? null, item.tolerance, "bins");
  expectClose(isotonic.length, expected["isotonic_steps"] ?? null, 0, "steps");
  const { calibratedScore } = await import("../../../src/performance/metrics/isotonic.ts");
  const grid = Array.from({ length: 21 }, (_, step) =>
    calibratedScore(isotonic, Number((step * 0.05).toFixed(2))),
  );
  expectClose(grid, expected["isotonic_on_grid"] ?? null, item.tolerance, "isotonic");
}

async function compareCalibrationError(item: DriftCase, series: SeriesByName): Promise<void> {
  const expected = objectOf(item.expected, "expected");
  const evaluation = await evaluated(item, series, {
    problem: "binary",
    score: "score",
    target: "target",
    positive: positiveOf(item),
  });
  const { isotonic = [] } = evaluation.calibration ?? {};
  // Its sort is not stable, so the file allows this much for ties at the edges.
  expectClose(
    evaluation.metrics["ece_equal_count"]?.value,
    expected["ece_10_equal_count"] ?? null,
    0.005,
    "ece",
  );
  const edges = isotonic.flatMap(({ low, high, probability }) =>
    low === high
      ? [[low, probability]]
      : [
          [low, probability],
          [high, probability],
        ],
  );
  expectClose(
    edges.map(([x]) => x),
    expected["isotonic_thresholds_x"] ?? null,
    item.tolerance,
    "x",
  );
  expectClose(
    edges.map(([, y]) => y),
    expected["isotonic_thresholds_y"] ?? null,
    item.tolerance,
    "y",
  );
}

async function compareValue(item: DriftCase, series: SeriesByName): Promise<void> {
  const value = item.params["matrix"] as unknown as readonly [
    readonly [number, number],
    readonly [number, number],
  ];
  const evaluation = await evaluated(item, series, {
    problem: "binary",
    prediction: "prediction",
    target: "target",
    positive: positiveOf(item),
    value,
  });
  expectMetrics(evaluation, item, {
    total: "business_value",
    per_prediction: "business_value_per_prediction",
  });
}

async function compareMulticlass(item: DriftCase, series: SeriesByName): Promise<void> {
  const expected = objectOf(item.expected, "expected");
  const classes = (item.params["classes"] as readonly JsonValue[]).map(String);
  const scores = Object.fromEntries(classes.map((label) => [label, `p_${label}`]));
  const options = { problem: "multiclass", scores, prediction: "prediction", target: "target" } as const;
  const rows = rowsOf(item.inputs, series);
  const evaluation = await evaluate(rows, options);
  // the peer divides the scores by their sums before it ranks them for its means over classes
  const ofShares = await evaluate(sharesOfRows(rows, Object.values(scores)), options);
  const own: Readonly<Record<string, unknown>> = {
    ...valuesOf(evaluation),
    cohen_kappa: evaluation.metrics["kappa"]?.value,
    roc_auc_ovr_macro: ofShares.metrics["roc_auc_macro"]?.value,
    roc_auc_ovo_macro: ofShares.metrics["roc_auc_ovo_macro"]?.value,
  };
  for (const [name, value] of Object.entries(expected)) {
    if (name === "confusion") {
      expectClose(matrixOf(evaluation, classes), value, 0, name);
    } else if (name === "per_class") {
      for (const [label, metrics] of Object.entries(objectOf(value, name)))
        for (const [metric, wanted] of Object.entries(objectOf(metrics, label)))
          expectMetric(evaluation.classes?.[label]?.[metric], wanted, item.tolerance, `${label}.${metric}`);
    } else if (["macro", "micro", "weighted"].includes(name)) {
      for (const [metric, wanted] of Object.entries(objectOf(value, name)))
        expectClose(own[`${metric}_${name}`], wanted, item.tolerance, `${name}.${metric}`);
    } else expectClose(own[name], value, item.tolerance, name);
  }
}

/** Rows with the scores of all classes divided by their sum. */
function sharesOfRows(rows: readonly SourceRow[], columns: readonly string[]): SourceRow[] {
  return rows.map((row) => {
    const values = Object.entries(row).filter(([name]) => columns.includes(name));
    const sum = values.reduce((total, [, value]) => total + Number(value), 0);
    return { ...row, ...Object.fromEntries(values.map(([name, value]) => [name, Number(value) / sum])) };
  });
}

/** The confusion matrix in the order of a case's classes. */
function matrixOf({ confusion }: Evaluation, classes: readonly string[]): unknown {
  if (confusion === undefined || !("matrix" in confusion)) throw new Error("no matrix of classes");
  const { classes: labels, matrix } = confusion;
  const places = classes.map((label) => labels.indexOf(label));
  return places.map((target) => places.map((predicted) => matrix[target]?.[predicted] ?? 0));
}

const regressionNames: Readonly<Record<string, string>> = {
  median_absolute_error: "median_ae",
  std_error_sample: "std_error",
  mape_over_nonzero: "mape",
  dummy_mae_of_median: "",
  dummy_rmse_of_mean: "",
};

async function compareRegression(item: DriftCase, series: SeriesByName): Promise<void> {
  const evaluation = await evaluated(item, series, {
    problem: "regression",
    prediction: "prediction",
    target: "target",
  });
  const own: Record<string, unknown> = { ...valuesOf(evaluation), zero_targets: evaluation.zeroTargets };
  const { right } = item;
  for (const [name, expected] of Object.entries(objectOf(item.expected, "expected"))) {
    const hasRight =
      right !== undefined && (name in right || (name === "mape" && "mape_over_nonzero" in right));
    if (hasRight) continue;
    const wanted = typeof expected === "object" ? "NaN" : expected;
    expectClose(own[regressionNames[name] ?? name], wanted, item.tolerance, name);
  }
  for (const [name, expected] of Object.entries(right ?? {}))
    expectClose(own[regressionNames[name] ?? name], expected ?? "NaN", item.tolerance, name);
}

async function compareEvidentlyRegression(item: DriftCase, series: SeriesByName): Promise<void> {
  const evaluation = await evaluated(item, series, {
    problem: "regression",
    prediction: "prediction",
    target: "target",
  });
  const { metrics, dummy } = evaluation;
  const expected = objectOf(item.expected, "expected");
  const mean = (name: string) => objectOf(expected[name], name)["mean"] ?? null;
  expectClose(metrics["mean_error"]?.value, mean("mean_error"), item.tolerance, "mean_error");
  expectClose(
    metrics["std_error"]?.value,
    objectOf(expected["mean_error"], "mean_error")["std"] ?? null,
    item.tolerance,
    "std",
  );
  expectClose(metrics["mae"]?.value, mean("mae"), item.tolerance, "mae");
  expectClose(metrics["rmse"]?.value, expected["rmse"] ?? null, item.tolerance, "rmse");
  // of a target that does not vary the peer says 0
  const r2 = metrics["r2"]?.value ?? (metrics["r2"]?.reason === undefined ? undefined : 0);
  expectClose(r2, expected["r2"] ?? null, item.tolerance, "r2");
  expectClose(metrics["max_error"]?.value, expected["abs_max_error"] ?? null, item.tolerance, "max_error");
  const own: Readonly<Record<string, unknown>> = {
    dummy_mae_of_median: dummy["mae"]?.value,
    dummy_rmse_of_mean: dummy["rmse"]?.value,
    zero_targets: evaluation.zeroTargets,
    mape_ratio_over_nonzero: metrics["mape"]?.value,
  };
  for (const [name, value] of Object.entries(item.right ?? {}))
    expectClose(own[name], value ?? null, item.tolerance, name);
}

async function compareMapeZero(item: DriftCase, series: SeriesByName): Promise<void> {
  const { metrics, zeroTargets } = await evaluated(item, series, {
    problem: "regression",
    prediction: "prediction",
    target: "target",
  });
  const own = { mape_ratio_over_nonzero: metrics["mape"]?.value, zero_targets: zeroTargets };
  expectClose(own, (item.right ?? null) as JsonValue, item.tolerance);
}

async function compareNdcg(item: DriftCase, series: SeriesByName): Promise<void> {
  const rows = rowsOf(item.inputs, series).map((row) => ({ ...row, user: 1 }));
  const options = { problem: "ranking", score: "score", target: "relevance", user: "user" } as const;
  for (const [name, expected] of Object.entries(objectOf(item.expected, "expected"))) {
    const [, rank, order] = /^ndcg_at_(\d+)(_ignore_ties)?$/.exec(name) ?? [];
    const k = Number(rank ?? rows.length);
    const metric = `${rank === undefined ? "dcg" : "ndcg"}_at_${k}`;
    const evaluated = async (source: readonly SourceRow[]) =>
      (await evaluate(source, { ...options, ties: order === undefined ? "average" : "row", k: [k] })).metrics[
        metric
      ];
    const actual = await evaluated(rows);
    // the order of the peer's ties is that of an unstable sort
    const isOther = order !== undefined && Math.abs(Number(actual?.value) - Number(expected)) > 1e-9;
    expectMetric(isOther ? await evaluated(rows.toReversed()) : actual, expected, item.tolerance, name);
  }
}

async function compareRanking(item: DriftCase, series: SeriesByName): Promise<void> {
  const least = item.params["min_rel_score"];
  const columns = objectOf(item.inputs["rows"], "rows");
  const target = series(columns["target"]).map((value) =>
    typeof least === "number" ? Number(Number(value) >= least) : value,
  );
  const rows = rowsOf({ ...columns, target }, series);
  const options = { problem: "ranking", score: "prediction", target: "target", user: "user_id" } as const;
  const ranks = Object.entries(objectOf(item.expected, "expected")).map(
    ([name, entries]) => Object.keys(objectOf(objectOf(entries, name)["value"], name)).length,
  );
  const k = Array.from({ length: Math.max(...ranks) }, (_, rank) => rank + 1);
  const { metrics, users } = await evaluate(rows, { ...options, k });
  expectRanks(metrics, item);
  for (const [name, expected] of Object.entries(item.right ?? {})) {
    const [, rank] = /^at_(\d+)$/.exec(name) ?? [];
    if (name === "users") expectClose(users?.ranked, expected ?? null, 0, name);
    else
      for (const [metric, value] of Object.entries(objectOf(expected, name)))
        expectClose(metrics[`${metric}_at_${rank}`]?.value, value, item.tolerance, `${name}.${metric}`);
  }
}

/**
 * The peer numbers its entries from 0, whatever its column of ranks says. Its average precision takes the relevance of
 * the last row read for that of a rank, and its F-score is none of varve's metrics.
 */
function expectRanks(metrics: Evaluation["metrics"], { expected, tolerance }: DriftCase): void {
  const answers = objectOf(expected, "expected");
  for (const metric of ["ndcg", "mrr", "hit_rate", "recall", "precision"])
    for (const [index, value] of Object.entries(
      objectOf(objectOf(answers[metric], metric)["value"], metric),
    )) {
      const own = metrics[`${metric}_at_${Number(index) + 1}`];
      expectClose(own?.value, value, tolerance, `${metric} at ${index}`);
    }
}
