import type { Problem } from "../../performance/evaluation/request.ts";
import type { MonitorOutcomes, MonitorPerformance } from "./definition.ts";
import {
  type Field,
  fieldsOf,
  invalidMonitor,
  listOf,
  numberOf,
  oneOf,
  recordOf,
  required,
  shown,
  textOf,
} from "./fields.ts";
import { metricNamesOf } from "./metric-names.ts";

const problems = ["binary", "multiclass", "regression", "ranking"] as const satisfies readonly Problem[];
const fields = [
  "problem",
  "target",
  "score",
  "scores",
  "prediction",
  "positive",
  "cutoff",
  "user",
  "metrics",
  "outcomes",
  "estimate",
] as const;

/** The performance section of a monitor. @throws `MONITOR_INVALID` */
export function parsePerformance(field: Field): MonitorPerformance {
  const own = fieldsOf(field, fields);
  const problem = oneOf(
    required(own.problem, `${field.path}.problem`, `Write one of ${problems.join(", ")}`),
    "problem",
    problems,
  );
  const optional = (value: Field | undefined) => (value === undefined ? undefined : textOf(value));
  const performance: MonitorPerformance = {
    problem,
    target: textOf(required(own.target, `${field.path}.target`, "Name the column of outcomes")),
    score: optional(own.score),
    scores: own.scores === undefined ? undefined : recordOf(own.scores, textOf),
    prediction: optional(own.prediction),
    positive: own.positive === undefined ? undefined : labelOf(own.positive),
    cutoff:
      own.cutoff === undefined ? undefined : numberOf(own.cutoff, "from 0 to 1", (x) => x >= 0 && x <= 1),
    user: optional(own.user),
    metrics: metricsOf(own.metrics, field, problem),
    outcomes: own.outcomes === undefined ? undefined : outcomesOf(own.outcomes),
    estimate:
      own.estimate === undefined ? undefined : oneOf(own.estimate, "way to estimate", ["cbpe", "dle"]),
  };
  requireFitting(performance, field, own);
  return performance;
}

type Own = Partial<Record<(typeof fields)[number], Field>>;

/** Refuses what the problem cannot be judged by. */
function requireFitting(performance: MonitorPerformance, field: Field, own: Own): void {
  const { problem, score, scores, prediction, user, estimate } = performance;
  if (score === undefined && prediction === undefined && scores === undefined)
    throw invalidMonitor(field, "names no prediction", "Add score, scores or prediction");
  if (problem === "ranking" && (user === undefined || score === undefined))
    throw invalidMonitor(field, "of a ranking needs user and score", "Add both");
  const fits = problem === "regression" ? "dle" : problem === "ranking" ? undefined : "cbpe";
  if (estimate === undefined || estimate === fits) return;
  const remedy = fits === undefined ? "Leave it out: rankings are not estimated" : `Write ${shown(fits)}`;
  throw invalidMonitor(own.estimate ?? field, `cannot be ${shown(estimate)} for a ${problem}`, remedy);
}

function metricsOf(field: Field | undefined, section: Field, problem: Problem): readonly string[] {
  const names = metricNamesOf(problem);
  const named = required(field, `${section.path}.metrics`, `Name some, such as ${names[0] ?? ""}`);
  const metrics = listOf(named, (item) => oneOf(item, `metric of a ${problem} problem`, names), 50);
  if (metrics.length > 0) return metrics;
  throw invalidMonitor(named, "is empty", `Name some, such as ${names[0] ?? ""}`);
}

function labelOf(field: Field): string | number | boolean {
  const { value } = field;
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw invalidMonitor(
    field,
    `cannot be ${shown(value)}`,
    "Write the class as text, a number, true or false",
  );
}

function outcomesOf(field: Field): MonitorOutcomes {
  const own = fieldsOf(field, ["table", "on", "time", "predictedAt", "minLabelled"]);
  const on = required(own.on, `${field.path}.on`, "Name the columns by which both are joined");
  const pairs = Array.isArray(on.value)
    ? Object.fromEntries(listOf(on, textOf, 50).map((name) => [name, name]))
    : recordOf(on, textOf);
  if (Object.keys(pairs).length === 0) throw invalidMonitor(on, "is empty", "Name at least one column");
  return {
    table: textOf(required(own.table, `${field.path}.table`, "Name the table of outcomes")),
    on: pairs,
    time: own.time === undefined ? undefined : textOf(own.time),
    predictedAt: own.predictedAt === undefined ? undefined : textOf(own.predictedAt),
    minLabelled:
      own.minLabelled === undefined
        ? 0.5
        : numberOf(own.minLabelled, "above 0 and at most 1", (share) => share > 0 && share <= 1),
  };
}
