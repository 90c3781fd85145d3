import { estimatedNames } from "../../performance/estimated-metrics.ts";
import { betterOf } from "../../performance/metrics/direction.ts";
import type {
  AlertPersistence,
  AlertRule,
  AlertSeverity,
  MonitorPerformance,
  NotifyTarget,
} from "./definition.ts";
import {
  countOf,
  type Field,
  fieldsOf,
  flagOf,
  invalidMonitor,
  listOf,
  numberOf,
  oneOf,
  required,
  shown,
  textOf,
} from "./fields.ts";

const moments = [
  "drift",
  "broken",
  "trend",
  "performance",
  "estimate",
] as const satisfies readonly AlertRule["when"][];
const severities = ["info", "warning", "critical"] as const satisfies readonly AlertSeverity[];
const fields = ["when", "columns", "effect", "for", "clear", "severity", "metric", "drop", "ci"] as const;
const fieldsOfMoment: Readonly<Record<AlertRule["when"], readonly (typeof fields)[number][]>> = {
  drift: ["when", "columns", "effect", "for", "clear", "severity"],
  broken: ["when", "columns", "severity"],
  trend: ["when", "columns", "severity"],
  performance: ["when", "metric", "drop", "ci", "for", "clear", "severity"],
  estimate: ["when", "metric", "drop", "ci", "for", "clear", "severity"],
};

/** Rules and targets of one monitor at most. */
const [mostRules, mostTargets] = [50, 20];

/** The rules of a monitor. @throws `MONITOR_INVALID` */
export function parseAlerts(
  field: Field | undefined,
  performance: MonitorPerformance | undefined,
): readonly AlertRule[] {
  if (field === undefined) return [];
  return listOf(field, (item) => alertOf(item, performance), mostRules);
}

type Own = Partial<Record<(typeof fields)[number], Field>>;

function alertOf(field: Field, performance: MonitorPerformance | undefined): AlertRule {
  const { when: moment } = fieldsOf(field, fields);
  const place = `${field.path}.when`;
  const when = oneOf(required(moment, place, `Write one of ${moments.join(", ")}`), "rule", moments);
  const own: Own = fieldsOf(field, fieldsOfMoment[when]);
  const severity =
    own.severity === undefined
      ? when === "broken" || when === "performance"
        ? "critical"
        : "warning"
      : oneOf(own.severity, "severity", severities);
  const columns = own.columns === undefined ? ["*"] : listOf(own.columns, textOf, 10_000);
  switch (when) {
    case "drift": {
      const effect =
        own.effect === undefined
          ? undefined
          : numberOf(own.effect, "above 0 and at most 1", (x) => x > 0 && x <= 1);
      return { when, severity, columns, effect, ...persistenceOf(own) };
    }
    case "broken":
    case "trend":
      return { when, severity, columns };
    case "estimate":
      return { when, severity, ...estimateRule(field, own, performance), ...persistenceOf(own, [1, 1]) };
    case "performance":
      return { when, severity, ...performanceRule(field, own, performance), ...persistenceOf(own, [1, 1]) };
  }
}

/** A rule on a metric that the monitor estimates. */
function estimateRule(field: Field, own: Own, performance: MonitorPerformance | undefined) {
  const rule = performanceRule(field, own, performance);
  if (performance?.estimate === undefined)
    throw invalidMonitor(field, "needs an estimate", "Add estimate to the performance section");
  const names = estimatedNames(performance.problem);
  if (own.metric !== undefined) oneOf(own.metric, "metric that is estimated", names);
  return rule;
}

function performanceRule(field: Field, own: Own, performance: MonitorPerformance | undefined) {
  const metric = required(own.metric, `${field.path}.metric`, "Name a metric of the performance section");
  if (performance === undefined)
    throw invalidMonitor(field, "needs the performance section", "Add performance to the monitor");
  const name = oneOf(metric, "metric of the performance section", performance.metrics);
  if (betterOf(name) === undefined)
    throw invalidMonitor(
      metric,
      `cannot be ${shown(name)}, of which neither more nor less is better`,
      "Name a metric that says how good the model is",
    );
  return {
    metric: name,
    drop: own.drop === undefined ? undefined : numberOf(own.drop, "above 0", (drop) => drop > 0),
    ci: own.ci === undefined ? true : flagOf(own.ci),
  };
}

/** Versions that a rule looks back at most. */
const mostVersions = 100;

function persistenceOf(own: Own, usual: readonly [number, number] = [2, 3]): AlertPersistence {
  const [k, n] = own.for === undefined ? usual : forOf(own.for);
  const clear = own.clear === undefined ? {} : fieldsOf(own.clear, ["ratio", "for"]);
  return {
    for: [k, n],
    clear: {
      ratio:
        clear.ratio === undefined
          ? 0.7
          : numberOf(clear.ratio, "above 0 and at most 1", (ratio) => ratio > 0 && ratio <= 1),
      for: clear.for === undefined ? 2 : countOf(clear.for, 1, mostVersions),
    },
  };
}

function forOf(field: Field): readonly [number, number] {
  const [k, n, ...more] = listOf(field, (item) => countOf(item, 1, mostVersions));
  if (k !== undefined && n !== undefined && more.length === 0 && k <= n) return [k, n];
  throw invalidMonitor(
    field,
    `cannot be ${shown(field.value)}`,
    "Write k of the last n versions as [2, 3], with k not above n",
  );
}

/** Where a monitor sends its alerts. @throws `MONITOR_INVALID` */
export function parseNotify(field: Field | undefined): readonly NotifyTarget[] {
  return field === undefined ? [] : listOf(field, targetOf, mostTargets);
}

function targetOf(field: Field): NotifyTarget {
  const { webhook, file, command } = fieldsOf(field, ["webhook", "file", "command"]);
  const named = [webhook, file, command].filter((kind) => kind !== undefined).length;
  if (named !== 1)
    throw invalidMonitor(field, `names ${named} targets`, "Name one of webhook, file and command");
  if (file !== undefined) return { kind: "file", file: fileOf(file) };
  if (webhook !== undefined) return { kind: "webhook", webhook: webhookOf(webhook) };
  const argv = required(command, field.path, "Name a target");
  const parts = listOf(argv, textOf, 100);
  if (parts.length === 0) throw invalidMonitor(argv, "is empty", "Name a program and its arguments");
  return { kind: "command", command: parts };
}

/** @throws `MONITOR_INVALID` for a path that leaves the folder of the table */
function fileOf(field: Field): string {
  const text = textOf(field);
  const isOutside = /^[/\\]|^[A-Za-z]:[/\\]/.test(text) || text.split(/[/\\]/).includes("..");
  if (text.startsWith("env:") || !isOutside) return text;
  throw invalidMonitor(
    field,
    `cannot be ${shown(text)}, which is not below the folder _drift of the table`,
    'Write a name such as "alerts.jsonl", or "env:NAME" for a path in a variable of the environment',
  );
}

/** @throws `MONITOR_INVALID` for an address that is neither https, nor of this machine, nor a variable */
function webhookOf(field: Field): string {
  const text = textOf(field);
  if (/^env:[A-Za-z_][A-Za-z0-9_]*$/.test(text) || isAllowedAddress(text)) return text;
  throw invalidMonitor(
    field,
    "is neither an https address nor one of this machine",
    'Write https://…, http://localhost:…, or "env:NAME" for an address in a variable of the environment',
  );
}

/** Whether an address is https, or http on this machine. */
function isAllowedAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  return url.protocol === "https:" || (url.protocol === "http:" && isHere);
}
