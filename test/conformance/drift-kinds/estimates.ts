import { expect } from "vitest";
import {
  type Estimate,
  type EstimatedMetric,
  type EstimateOptions,
  estimate,
  type SourceRow,
} from "../../../src/index.ts";
import { calibratedScore } from "../../../src/performance/metrics/isotonic.ts";
import type { JsonObject, JsonValue } from "../../../src/util/json.ts";
import { type CompareCase, type DriftCase, objectOf, type SeriesByName } from "../drift-cases.ts";
import { expectClose } from "../drift-close.ts";

/** How cases of estimated and realised performance by chunk are compared. */
export function estimateComparison({ method }: DriftCase): CompareCase {
  return method.startsWith("DLE") ? compareLosses : compareEstimate;
}

function rowsOf(columns: JsonObject, series: SeriesByName): SourceRow[] {
  const values = Object.entries(columns).map(([name, source]) => [name, series(source)] as const);
  const length = values[0]?.[1].length ?? 0;
  return Array.from({ length }, (_, row) =>
    Object.fromEntries(values.map(([name, list]) => [name, list[row]])),
  );
}

type Matrix = readonly [readonly [number, number], readonly [number, number]];

/** The problem of a case, and its columns. */
function requestOf({ params }: DriftCase): Omit<EstimateOptions, "baseline"> {
  const window = { rows: Number(params["chunk_size"]) };
  const problem = String(params["problem"] ?? "regression").replace("classification_", "");
  const common = { prediction: "prediction", target: "target", window };
  if (problem === "regression") return { ...common, problem, method: "nannyml.dle" };
  if (problem === "binary")
    return {
      ...common,
      method: "nannyml.cbpe",
      score: "score",
      positive: 1,
      value: params["business_value_matrix"] as unknown as Matrix | undefined,
    };
  return { ...common, problem: "multiclass", method: "nannyml.cbpe" };
}

async function estimateOf(item: DriftCase, series: SeriesByName) {
  const { reference, current } = item.inputs;
  const baseline = rowsOf(objectOf(reference, "reference"), series);
  const request = requestOf(item);
  const names = Object.keys(baseline[0] ?? {}).filter((name) => name.startsWith("p_"));
  const scores = names.map((name) => [name.slice("p_".length), name]);
  return await estimate(rowsOf(objectOf(current, "current"), series), {
    ...request,
    baseline,
    ...(request.problem === "multiclass" ? { scores: Object.fromEntries(scores) } : {}),
  });
}

/** varve's name of a metric of a case. */
function metricOf({ method }: DriftCase, { problem }: Estimate): EstimatedMetric {
  const name = method.replace(/^(?:CBPE|DLE) /, "");
  const isMean = problem === "multiclass" && name !== "accuracy";
  return (isMean ? `${name}_macro` : name) as EstimatedMetric;
}

async function compareEstimate(item: DriftCase, series: SeriesByName): Promise<void> {
  const result = await estimateOf(item, series);
  const metric = metricOf(item, result);
  const isRealised = item.kind === "performance_chunks";
  const expected = objectOf(item.expected, "expected");
  compareCalibration(result, expected, item.tolerance);
  for (const [part, windows] of [
    ["reference", result.baseline.windows],
    ["analysis", result.windows],
  ] as const) {
    const own = windows.map((window) => window.metrics[metric]);
    const wanted = objectOf(expected[part], part);
    const compare = (name: string, actual: unknown, tolerance: JsonValue = item.tolerance) => {
      if (name in wanted) expectClose(actual, wanted[name] ?? null, tolerance, `${part}.${name}`);
    };
    compare(
      "value",
      own.map((estimated) => (isRealised ? estimated?.realised : estimated?.value)),
    );
    const values = wanted["value"];
    const isUndefined = (index: number) => Array.isArray(values) && values[index] === "NaN";
    // A chunk without a value is no alert, whatever the peer says of it.
    if (Array.isArray(wanted["alert"]))
      expectClose(
        own.map((estimated) => (isRealised ? estimated?.realisedAlert : estimated?.alert)),
        wanted["alert"].map((alert, index) => (isUndefined(index) ? false : alert)),
        item.tolerance,
        `${part}.alert`,
      );
    compareBounds(result, metric, compare);
    if (part === "reference")
      compare(
        "realized",
        own.map((estimated) => estimated?.realised),
      );
    // Its order of equal scores is that of an unstable sort, which moves the spread of the ranks.
    const tolerance = metric.startsWith("roc_auc") ? 1e-5 : item.tolerance;
    compare(
      "sampling_error",
      once(
        own.map((estimated) => estimated?.samplingError),
        wanted["sampling_error"],
      ),
      tolerance,
    );
  }
}

/** Whether scores are calibrated, and what some of them become. */
function compareCalibration({ calibration }: Estimate, expected: JsonObject, tolerance: JsonValue): void {
  const { needs_calibration: used, isotonic_at: points } = expected;
  if (used !== undefined) expect(calibration?.used, "needs_calibration").toBe(used);
  if (points === undefined) return;
  const own = Object.keys(objectOf(points, "isotonic_at")).map((score) => [
    score,
    calibratedScore(calibration?.steps ?? [], Number(score)),
  ]);
  expectClose(Object.fromEntries(own), points, tolerance, "isotonic_at");
}

function compareBounds(
  { thresholds }: Estimate,
  metric: EstimatedMetric,
  compare: (name: string, actual: unknown) => void,
): void {
  compare("upper_threshold", thresholds[metric]?.high);
  compare("lower_threshold", thresholds[metric]?.low);
}

/** Another learner is judged by what was reached; thresholds, errors and what was reached are exact. */
async function compareLosses(item: DriftCase, series: SeriesByName): Promise<void> {
  const result = await estimateOf(item, series);
  const metric = metricOf(item, result);
  const expected = objectOf(item.expected, "expected");
  if (expected["error"] !== undefined) {
    for (const { metrics } of result.windows) expect(metrics[metric]?.value, metric).toBeNull();
    return;
  }
  const peer = objectOf(expected["analysis"], "analysis")["value"] as readonly number[];
  const right = objectOf(item.right ?? null, "right")["value"] as readonly number[];
  for (const [index, realised] of right.entries()) {
    const value = result.windows[index]?.metrics[metric]?.value ?? Number.NaN;
    const allowed = Math.max(0.2 * realised, 1.5 * Math.abs((peer[index] ?? 0) - realised));
    expect(Math.abs(value - realised), `${metric} of chunk ${index}`).toBeLessThanOrEqual(allowed);
  }
  const wanted = objectOf(expected["reference"], "reference");
  const exact = (name: string, actual: unknown) => {
    if (name in wanted) expectClose(actual, wanted[name] ?? null, 1e-9, `reference.${name}`);
  };
  compareBounds(result, metric, exact);
  const own = result.baseline.windows.map(({ metrics }) => metrics[metric]);
  exact(
    "realized",
    own.map((estimated) => estimated?.realised),
  );
  exact(
    "sampling_error",
    once(
      own.map((estimated) => estimated?.samplingError),
      wanted["sampling_error"],
    ),
  );
}

/** A figure of every window, which stands once in the file where it is the same for all. */
function once(values: readonly unknown[], wanted: JsonValue | undefined): unknown {
  return Array.isArray(wanted) ? values : values[0];
}
