import type { JsonObject } from "../../util/json.ts";
import { type AnomalyRule, findAnomalies } from "../measures/anomaly.ts";
import { measureNamed, measures } from "../measures/measures.ts";
import type { CheckUse, Expectation } from "../model/expectation.ts";
import { invalidSuite } from "../model/invalid.ts";
import { number, type ParamSpecs, text } from "../model/params.ts";
import { observedNumber } from "./common.ts";

const single = measures.filter((measure) => measure.columns < 2).map((measure) => measure.name);

const params: ParamSpecs = {
  metric: { type: "enum", values: single, required: true, about: `one of ${single.join(", ")}` },
  column: { type: "column", about: "the column of the metric" },
  rule: {
    type: "enum",
    values: ["threshold", "absolute_change", "relative_change", "batch_normal", "online_normal", "seasonal"],
    required: true,
    about: "threshold, absolute_change, relative_change, batch_normal, online_normal or seasonal",
  },
  lower: { type: "number", about: "the minimum, for threshold" },
  upper: { type: "number", about: "the maximum, for threshold" },
  max_decrease: {
    type: "number",
    about: "the lowest allowed change (a negative number; for relative_change a ratio below 1)",
  },
  max_increase: { type: "number", about: "the highest allowed change (for relative_change a ratio)" },
  order: { type: "integer", min: 0, about: "the number of versions to look back" },
  lower_factor: { type: "number", min: 0, about: "deviations below the mean, of endless history; default 3" },
  upper_factor: { type: "number", min: 0, about: "deviations above the mean, of endless history; default 3" },
  period: { type: "integer", min: 1, about: "the number of versions in a season" },
  limits: {
    type: "enum",
    values: ["student", "deviations"],
    about:
      "for batch_normal: student (default) has limits that are the wider the less history there is; deviations has Deequ's",
  },
  ignore_anomalies: {
    type: "boolean",
    about:
      "whether earlier anomalies are left out of what is normal; default true for batch_normal, online_normal and seasonal, false for changes",
  },
  min_history: {
    type: "integer",
    min: 0,
    about: "the number of earlier values below which the check passes; default 2",
  },
};

/** Name of a metric in the history: `row_count`, `mean(delay)`. */
function metricName(metric: string, column: string | undefined): string {
  return column === undefined || column === "" ? metric : `${metric}(${column})`;
}

function ruleOf(params: JsonObject): AnomalyRule {
  const ignore_anomalies = params["ignore_anomalies"];
  const ignoring = typeof ignore_anomalies === "boolean" ? { ignore_anomalies } : {};
  const pick = (...names: readonly string[]) =>
    Object.fromEntries(
      names.flatMap((name) => (number(params, name) === undefined ? [] : [[name, number(params, name)]])),
    );
  switch (text(params, "rule")) {
    case "absolute_change":
      return { rule: "absolute_change", ...pick("max_decrease", "max_increase", "order"), ...ignoring };
    case "relative_change":
      return { rule: "relative_change", ...pick("max_decrease", "max_increase", "order"), ...ignoring };
    case "batch_normal":
      return {
        rule: "batch_normal",
        limits: text(params, "limits") === "deviations" ? "deviations" : "student",
        ...pick("lower_factor", "upper_factor"),
        ...ignoring,
      };
    case "online_normal":
      return { rule: "online_normal", ...pick("lower_factor", "upper_factor"), ...ignoring };
    case "seasonal":
      return {
        rule: "seasonal",
        period: number(params, "period") ?? 7,
        ...pick("lower_factor", "upper_factor"),
        ...ignoring,
      };
    default:
      return { rule: "threshold", ...pick("lower", "upper") };
  }
}

/** The rule with its parameters as text: `relative_change (max_increase 2)`. */
function ruleText(params: JsonObject): string {
  const settings = Object.entries(ruleOf(params)).flatMap(([name, value]) =>
    name === "rule" || value === "student" ? [] : [`${name} ${value}`],
  );
  return `${text(params, "rule")}${settings.length === 0 ? "" : ` (${settings.join(", ")})`}`;
}

function plannedMeasure(use: CheckUse) {
  const measure = measureNamed(text(use.check.params, "metric"));
  if (measure === undefined)
    throw invalidSuite(`${use.check.path}.params.metric`, "unknown metric", "Use one of the measures");
  if (measure.columns === 1 && text(use.check.params, "column") === "")
    throw invalidSuite(
      `${use.check.path}.params.column`,
      `is missing: ${measure.name} looks at a column`,
      "Name one",
    );
  return { measure, columns: measure.columns === 1 ? [use.column("column", measure.accepts)] : [] };
}

/** Compares a metric of this batch with the same metric of the table's earlier versions. */
export const history: readonly Expectation[] = [
  {
    kind: "expect_metric_to_be_normal",
    level: "aggregate",
    summary:
      "The metric of the batch is normal compared with the table's earlier versions; it passes if there are too few of them.",
    params,
    message: (params) =>
      `${metricName(text(params, "metric"), text(params, "column"))} must be normal by ${ruleText(params)}`,
    plan: (use) => {
      const { measure, columns } = plannedMeasure(use);
      return {
        kind: "history",
        metric: metricName(measure.name, columns[0]?.name),
        aggregates: measure.aggregates(use.dialect, columns),
        value: (values) => measure.value(values),
        judge: (current, past) => {
          if (current === null) return { success: false, observed: null, details: { history: past.length } };
          if (past.length < (number(use.check.params, "min_history") ?? 2))
            return {
              success: true,
              observed: observedNumber(current),
              details: { history: past.length, tooShort: true },
            };
          const anomalies = findAnomalies([...past, current], ruleOf(use.check.params), {
            from: past.length,
            to: past.length + 1,
          });
          const bounds =
            anomalies[0] === undefined
              ? {}
              : { lower: String(anomalies[0].lower), upper: String(anomalies[0].upper) };
          return {
            success: anomalies.length === 0,
            observed: observedNumber(current),
            details: { history: past.length, ...bounds },
          };
        },
      };
    },
  },
];
