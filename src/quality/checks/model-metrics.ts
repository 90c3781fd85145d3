import { betterOf } from "../../performance/metrics/direction.ts";
import { isJsonObject, type JsonObject } from "../../util/json.ts";
import { baselineText } from "../model/baseline.ts";
import type { CheckUse, Expectation, Judgement, ModelFigure, ModelRequest } from "../model/expectation.ts";
import { boundsText, list, number, type ParamSpecs, text } from "../model/params.ts";
import { baselineOf, metricBaselineParam, refuseBaseline } from "./baseline-param.ts";
import { numericBounds, observedNumber, refuseBounds, withinBounds } from "./common.ts";

const problems = ["binary", "multiclass", "regression", "ranking"] as const;

const modelParams: ParamSpecs = {
  problem: {
    type: "enum",
    values: problems,
    required: true,
    about: "binary, multiclass, regression or ranking",
  },
  target: { type: "column", required: true, about: "the column with the outcome; null is not known" },
  prediction: { type: "column", about: "the column with the predicted class or number" },
  score: { type: "column", about: "the column with the probability of the positive class, or with ranks" },
  scores: { type: "json", about: "columns with the probability of each class, by class" },
  positive: { type: "scalar", about: "the positive class; default true or 1" },
  cutoff: { type: "number", about: "scores from here on are predicted positive; default 0.5" },
  user: { type: "column", about: "the column of the user or query, of a ranking" },
  k: { type: "numbers", atLeast: 1, about: "ranks, of top-k accuracy and of a ranking" },
  metric: { type: "string", required: true, about: "the name of a metric, such as roc_auc or mae" },
  min_rows: {
    type: "integer",
    min: 1,
    about: "rows with an outcome below which the check passes; default 30",
  },
};

const columnNames = ["target", "prediction", "score", "user"];

function requestOf(use: CheckUse): ModelRequest {
  const { params } = use.check;
  for (const name of columnNames) if (params[name] !== undefined) use.column(name);
  const problem = problems.find((candidate) => candidate === text(params, "problem")) ?? "binary";
  const named = (name: string) => (params[name] === undefined ? undefined : text(params, name));
  const scores = params["scores"];
  const positive = params["positive"];
  const isLabel =
    typeof positive === "string" || typeof positive === "number" || typeof positive === "boolean";
  return {
    problem,
    target: text(params, "target"),
    prediction: named("prediction"),
    score: named("score"),
    scores: isJsonObject(scores)
      ? Object.fromEntries(Object.entries(scores).map(([label, column]) => [label, String(column)]))
      : undefined,
    positive: isLabel ? positive : undefined,
    cutoff: number(params, "cutoff"),
    user: named("user"),
    k: params["k"] === undefined ? undefined : list(params, "k").map(Number),
  };
}

function refuseModel(params: JsonObject) {
  const { scores } = params;
  if (isJsonObject(scores) && Object.values(scores).some((column) => typeof column !== "string"))
    return { param: "scores", problem: "must name columns", advice: "Pass an object of columns by class" };
  const wrong = list(params, "k").find((rank) => !(Number.isInteger(rank) && Number(rank) >= 1));
  return wrong === undefined
    ? undefined
    : { param: "k", problem: `holds ${String(wrong)}`, advice: "Pass whole numbers from 1 on" };
}

/** A figure of too few rows; `undefined` if there are enough. */
function tooFew(params: JsonObject, { labelled }: ModelFigure, of: string): Judgement | undefined {
  const least = number(params, "min_rows") ?? 30;
  if (labelled >= least) return undefined;
  return {
    success: true,
    observed: null,
    details: {
      insufficient: true,
      labelled,
      rows_needed: least,
      text: `${labelled} rows of ${of} have an outcome; ${least} would do.`,
    },
  };
}

function shown({ value, low, high, reason, labelled }: ModelFigure): JsonObject {
  return { value, low, high, labelled, ...(reason === undefined ? {} : { reason }) };
}

function judgeBetween(params: JsonObject, current: ModelFigure): Judgement {
  return (
    tooFew(params, current, "the batch") ?? {
      success: withinBounds(current.value, params),
      observed: observedNumber(current.value),
      details: shown(current),
    }
  );
}

/**
 * How far a metric has got worse, and the lower limit of that by the intervals of both figures, which are independent
 * (Zou and Donner). Without intervals the limit is null.
 */
function dropOf(
  metric: string,
  current: ModelFigure,
  before: ModelFigure,
): { readonly drop: number; readonly low: number | null } | undefined {
  if (current.value === null || before.value === null) return undefined;
  const sign = betterOf(metric) === "lower" ? -1 : 1;
  const drop = sign * (before.value - current.value);
  // The ends of both intervals between which the drop is smallest.
  const [worstBefore, bestNow] = sign === 1 ? [before.low, current.high] : [before.high, current.low];
  if (bestNow === null) return { drop, low: null };
  return {
    drop,
    low: drop - Math.hypot(before.value - (worstBefore ?? before.value), bestNow - current.value),
  };
}

function judgeDrop(params: JsonObject, current: ModelFigure, before: ModelFigure | undefined): Judgement {
  if (before === undefined)
    return {
      success: true,
      observed: observedNumber(current.value),
      details: { insufficient: true, text: "There is no table yet to compare with." },
    };
  const few = tooFew(params, current, "the batch") ?? tooFew(params, before, "the baseline");
  if (few !== undefined) return few;
  const change = dropOf(text(params, "metric"), current, before);
  const details = { current: shown(current), baseline: shown(before) };
  if (change === undefined) return { success: false, observed: observedNumber(current.value), details };
  const { drop, low } = change;
  return {
    // 0.83 − 0.8 is more than 0.03 in binary.
    success: drop <= (number(params, "max_drop") ?? 0) + 1e-12 || (low !== null && low <= 0),
    observed: observedNumber(current.value),
    details: { ...details, drop, drop_low: low },
  };
}

/** Checks of how well a model does on the rows of a batch that have an outcome (spec/model-performance.md). */
export const modelMetrics: readonly Expectation[] = [
  {
    kind: "expect_model_metric_to_be_between",
    level: "aggregate",
    engine: "duckdb",
    summary:
      "The metric of the model on the rows with an outcome is within the bounds; one that is not defined fails. Fewer than `min_rows` such rows are no failure; the result says so.",
    params: { ...modelParams, ...numericBounds },
    refuse: (params) => refuseModel(params) ?? refuseBounds(false)(params),
    message: (params) => `${text(params, "metric")} of the model must be ${boundsText(params)}`,
    plan: (use) => ({
      kind: "model",
      request: requestOf(use),
      metric: text(use.check.params, "metric"),
      judge: (current) => judgeBetween(use.check.params, current),
    }),
  },
  {
    kind: "expect_model_metric_not_to_drop",
    level: "aggregate",
    engine: "duckdb",
    summary:
      "The metric of the model is at most `max_drop` worse than on the baseline, or the difference is within the intervals of both. Too few rows, or no table yet, is no failure; the result says so.",
    params: {
      ...modelParams,
      baseline: metricBaselineParam,
      max_drop: { type: "number", min: 0, about: "by how much it may be worse; default 0" },
    },
    refuse: (params) =>
      refuseModel(params) ??
      refuseBaseline(params, "value") ??
      (betterOf(text(params, "metric")) === undefined
        ? {
            param: "metric",
            problem: `is ${text(params, "metric")}, of which neither more nor less is better`,
            advice: "Use expect_model_metric_to_be_between",
          }
        : undefined),
    message: (params) => {
      const baseline = baselineOf(params);
      const than = typeof baseline === "number" ? String(baseline) : `on ${baselineText(baseline)}`;
      const most = number(params, "max_drop") ?? 0;
      return `${text(params, "metric")} of the model must not be ${most === 0 ? "" : `more than ${most} `}worse than ${than}`;
    },
    plan: (use) => ({
      kind: "model",
      request: requestOf(use),
      metric: text(use.check.params, "metric"),
      baseline: baselineOf(use.check.params),
      judge: (current, before) => judgeDrop(use.check.params, current, before),
    }),
  },
];
