import type { Metric, Metrics } from "../metrics/metric.ts";
import type { Problem } from "./request.ts";

/** The metrics that a sentence names, the first two that are there. */
const headlines: Readonly<Record<Problem, readonly string[]>> = {
  binary: ["roc_auc", "log_loss", "accuracy", "f1"],
  multiclass: ["accuracy", "log_loss", "f1_macro"],
  regression: ["mae", "rmse"],
  ranking: ["ndcg_at_10", "ndcg_at_5", "ndcg_at_3", "ndcg_at_1", "map_at_10"],
};

/** Metrics for which less is better. */
const losses: ReadonlySet<string> = new Set([
  "log_loss",
  "brier",
  "ece",
  "mce",
  "ece_equal_count",
  "fpr",
  "fnr",
  "mae",
  "mse",
  "rmse",
  "median_ae",
  "max_error",
  "mape",
  "smape",
  "wape",
  "rmsle",
  "std_error",
  "huber_1",
  "pinball_0.1",
  "pinball_0.5",
  "pinball_0.9",
]);

/** Whether less of a metric is better. */
function isLoss(metric: string): boolean {
  return losses.has(metric);
}

/** What an evaluation says in one sentence. */
export function evaluationSentence(evaluation: {
  readonly problem: Problem;
  readonly rows: number;
  readonly labelled: number;
  readonly unscored: number;
  readonly metrics: Metrics;
  readonly dummy: Metrics;
}): string {
  const { problem, rows, labelled, unscored, metrics, dummy } = evaluation;
  if (rows === 0) return "There are no rows to evaluate.";
  if (labelled === 0) return `None of ${count(rows, "row")} has an outcome yet.`;
  const names = headlines[problem].filter((name) => metrics[name] !== undefined).slice(0, 2);
  const figures = names.map((name) => `${name} ${metricText(metrics[name])}`).join(", ");
  const known =
    labelled === rows
      ? count(rows, "row")
      : `${labelled.toLocaleString("en-US")} of ${count(rows, "row")} with an outcome`;
  const silent = unscored === 0 ? "" : ` (${count(unscored, "row")} of them without a prediction)`;
  return `On ${known}${silent}: ${figures}.${dummyText(metrics, dummy)}`;
}

function dummyText(metrics: Metrics, dummy: Metrics): string {
  const worse = Object.entries(dummy).filter(([name, { value }]) => {
    const own = metrics[name]?.value;
    if (value === null || own === null || own === undefined) return false;
    return isLoss(name) ? own >= value : own <= value;
  });
  const [first] = worse;
  if (first === undefined) return "";
  return ` No better than a constant prediction in ${worse.map(([name]) => name).join(", ")} (${first[0]} ${metricText(first[1])}).`;
}

/** A metric as text: three digits, its interval, or why it is undefined. */
function metricText(metric: Metric | undefined): string {
  if (metric === undefined) return "-";
  if (metric.value === null) return `undefined (${(metric.reason ?? "").replaceAll("_", " ")})`;
  const interval =
    metric.low === null || metric.high === null ? "" : ` [${digits(metric.low)}, ${digits(metric.high)}]`;
  return `${digits(metric.value)}${interval}`;
}

/** Three significant digits; large numbers as integers. */
function digits(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString("en-US")} ${noun}${number === 1 ? "" : "s"}`;
}
