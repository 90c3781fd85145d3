import { createHash } from "node:crypto";
import stringify from "fast-json-stable-stringify";
import type { DriftRole } from "../../drift/comparison/drift-record.ts";
import type { SliceCondition } from "../../drift/comparison/slices.ts";
import { type WindowRequest, windowLengths } from "../../drift/comparison/windows.ts";
import type { DriftKind } from "../../drift/profile/bins.ts";
import type { Correction } from "../../statistics/correction.ts";
import type {
  HistoryThreshold,
  MonitorBaseline,
  MonitorDefinition,
  MonitorThresholds,
  OwnThreshold,
} from "./definition.ts";
import {
  countOf,
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
import { parseAlerts, parseNotify } from "./parse-alerts.ts";
import { parsePerformance } from "./parse-performance.ts";

const fields = [
  "name",
  "baseline",
  "scope",
  "columns",
  "window",
  "slices",
  "where",
  "thresholds",
  "performance",
  "alerts",
  "notify",
  "on",
] as const;

/**
 * Validates a monitor and fills in its defaults; neither a table nor the engine is needed.
 *
 * @param path of the definition in what is parsed; empty for a definition of its own
 * @throws `MONITOR_INVALID` naming the path, the value and the nearest name
 */
export function parseMonitor(json: unknown, path = ""): MonitorDefinition {
  const own = fieldsOf({ path, value: json }, fields);
  const below = (name: string) => (path === "" ? name : `${path}.${name}`);
  const performance = own.performance === undefined ? undefined : parsePerformance(own.performance);
  const window = own.window === undefined ? undefined : windowOf(own.window);
  const { by, slices } = slicesOf(own.slices);
  if (window !== undefined && by.length + slices.length > 0)
    throw invalidMonitor(
      { path: below("window"), value: own.window?.value },
      "cannot be combined with slices",
      "Leave out window, or slices",
    );
  const alerts = parseAlerts(own.alerts, performance);
  const name = nameOf(required(own.name, below("name"), 'Give the monitor a name, such as "orders-inputs"'));
  const baseline = baselineOf(
    required(own.baseline, below("baseline"), 'Name one, such as { "pin": "model-7" } or "previous"'),
  );
  if (window !== undefined && (baseline.kind === "previous" || baseline.kind === "lag"))
    throw invalidMonitor(
      { path: below("window"), value: own.window?.value },
      "needs a baseline that stays",
      "Name a version, versions, a pin or a run as the baseline, or leave out window",
    );
  return {
    name,
    baseline,
    scope: own.scope === undefined ? "batch" : oneOf(own.scope, "scope", ["batch", "table"]),
    columns: columnsOf(own.columns),
    window,
    by,
    slices,
    where: own.where === undefined ? undefined : textOf(own.where),
    thresholds: thresholdsOf(own.thresholds),
    performance,
    alerts,
    notify: parseNotify(own.notify),
    on: own.on === undefined ? "run" : oneOf(own.on, "moment", ["commit", "run"]),
  };
}

const allowedName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

function nameOf(field: Field): string {
  const name = textOf(field);
  if (allowedName.test(name)) return name;
  throw invalidMonitor(
    field,
    `cannot be ${shown(name)}`,
    "A name has 1 to 128 of the characters A-Z a-z 0-9 . _ - and begins with a letter or digit",
  );
}

const baselineKinds = ["version", "pin", "versions", "runs", "lag"] as const;

function baselineOf(field: Field): MonitorBaseline {
  const { value } = field;
  if (typeof value === "string") {
    const [, count] = /^previous(?::(\d{1,4}))?$/.exec(value) ?? [undefined, "0"];
    if (count !== "0") return { kind: "previous", count: Number(count ?? 1) };
    throw invalidMonitor(field, `cannot be ${shown(value)}`, 'Write "previous", "previous:7", or an object');
  }
  const { version, pin, versions, runs, lag } = fieldsOf(field, baselineKinds);
  const named = [version, pin, versions, runs, lag].filter((kind) => kind !== undefined);
  if (named.length !== 1)
    throw invalidMonitor(
      field,
      `names ${named.length} baselines`,
      `Name one of ${baselineKinds.join(", ")}, or "previous"`,
    );
  if (version !== undefined) return { kind: "version", version: countOf(version, 0) };
  if (pin !== undefined) return { kind: "pin", pin: textOf(pin) };
  if (runs !== undefined) return { kind: "runs", id: textOf(runs) };
  if (lag !== undefined) return { kind: "lag", lag: countOf(lag, 1, 9_999) };
  return versionsOf(required(versions, field.path, "Name a baseline"));
}

/** Versions of one baseline at most. */
const mostVersions = 10_000;

function versionsOf(field: Field): MonitorBaseline {
  const [first, last, ...more] = listOf(field, (item) => countOf(item, 0));
  if (first !== undefined && last !== undefined && more.length === 0 && first <= last)
    if (last - first < mostVersions) return { kind: "versions", first, last };
  throw invalidMonitor(
    field,
    `must be two versions, the earlier one first, not ${shown(field.value)}`,
    `Write it as [3, 9]; at most ${mostVersions} versions are taken together`,
  );
}

const roles = [
  "feature",
  "prediction",
  "score",
  "target",
  "time",
  "id",
  "key",
  "ignore",
] as const satisfies readonly DriftRole[];

function columnsOf(field: Field | undefined): MonitorDefinition["columns"] {
  const own = field === undefined ? {} : fieldsOf(field, ["include", "exclude", "roles", "weights"]);
  return {
    include: own.include === undefined ? ["*"] : listOf(own.include, textOf, 10_000),
    exclude: own.exclude === undefined ? [] : listOf(own.exclude, textOf, 10_000),
    roles: own.roles === undefined ? {} : recordOf(own.roles, (role) => oneOf(role, "role", roles)),
    weights:
      own.weights === undefined
        ? {}
        : recordOf(own.weights, (weight) => numberOf(weight, "of at least 0", (x) => x >= 0)),
  };
}

function windowOf(field: Field): WindowRequest {
  const { column, every } = fieldsOf(field, ["column", "every"]);
  return {
    column: textOf(required(column, `${field.path}.column`, "Name a date or a timestamp")),
    every: oneOf(
      required(every, `${field.path}.every`, `Write one of ${windowLengths.join(", ")}`),
      "length of windows",
      windowLengths,
    ),
  };
}

/** Slices that a monitor may have; a column counts as the 22 that it may become. */
const [mostSlices, slicesOfColumn] = [200, 22];

function slicesOf(field: Field | undefined): {
  readonly by: readonly string[];
  readonly slices: readonly SliceCondition[];
} {
  if (field === undefined) return { by: [], slices: [] };
  const by: string[] = [];
  const slices: SliceCondition[] = [];
  listOf(field, (item) => {
    const own = fieldsOf(item, ["by", "name", "where"]);
    if (own.by !== undefined) {
      if (own.name !== undefined || own.where !== undefined)
        throw invalidMonitor(item, "has by beside name or where", "Write it as two slices");
      const names = Array.isArray(own.by.value) ? listOf(own.by, textOf) : [textOf(own.by)];
      for (const name of names) by.push(name);
      return;
    }
    const name = textOf(required(own.name, `${item.path}.name`, "Name the slice, or slice by a column"));
    const where = textOf(required(own.where, `${item.path}.where`, "Write an SQL condition"));
    if (slices.some((slice) => slice.name === name))
      throw invalidMonitor(item, `repeats the name ${shown(name)}`, "Choose another name");
    slices.push({ name, where });
  });
  const count = by.length * slicesOfColumn + slices.length;
  if (count <= mostSlices) return { by, slices };
  throw invalidMonitor(
    field,
    `may have up to ${count} slices`,
    `At most ${mostSlices} are compared, and each column that is sliced by has up to ${slicesOfColumn}`,
  );
}

const corrections = ["bh", "by", "holm", "bonferroni", "none"] as const satisfies readonly Correction[];
const kinds = [
  "boolean",
  "discrete",
  "numeric",
  "category",
  "text",
  "time",
  "id",
  "sequence",
  "nested",
] as const satisfies readonly DriftKind[];
const thresholdFields = [
  "effect",
  "history",
  "alpha",
  "correction",
  "minRows",
  "column",
  "role",
  "kind",
] as const;

function thresholdsOf(field: Field | undefined): MonitorThresholds {
  const own = field === undefined ? {} : fieldsOf(field, thresholdFields);
  return {
    effect: own.effect === undefined ? 0.1 : effectOf(own.effect),
    isDefaultEffect: own.effect === undefined,
    history: own.history === undefined ? undefined : historyOf(own.history),
    alpha:
      own.alpha === undefined
        ? 0.01
        : numberOf(own.alpha, "above 0 and below 1", (alpha) => alpha > 0 && alpha < 1),
    correction: own.correction === undefined ? "bh" : oneOf(own.correction, "correction", corrections),
    minRows: own.minRows === undefined ? 30 : countOf(own.minRows, 1),
    column: own.column === undefined ? {} : recordOf(own.column, ownThreshold),
    role:
      own.role === undefined
        ? {}
        : recordOf(own.role, (value, key) => {
            oneOf(key, "role", roles);
            return ownThreshold(value);
          }),
    kind:
      own.kind === undefined
        ? {}
        : recordOf(own.kind, (value, key) => {
            oneOf(key, "kind of column", kinds);
            return ownThreshold(value);
          }),
  };
}

function ownThreshold(field: Field): OwnThreshold {
  const { effect, history } = fieldsOf(field, ["effect", "history"]);
  if (effect === undefined && history === undefined)
    throw invalidMonitor(field, "has no threshold", 'Write { "effect": 0.15 } or { "history": {} }');
  return {
    effect: effect === undefined ? undefined : effectOf(effect),
    history: history === undefined ? undefined : historyOf(history),
  };
}

function effectOf(field: Field): number {
  return numberOf(field, "above 0 and at most 1", (effect) => effect > 0 && effect <= 1);
}

function historyOf(field: Field): HistoryThreshold {
  const { min, k } = fieldsOf(field, ["min", "k"]);
  return {
    min: min === undefined ? 8 : countOf(min, 3, 1_000),
    k: k === undefined ? 3 : numberOf(k, "above 0 and at most 100", (value) => value > 0 && value <= 100),
  };
}

/**
 * SHA-256 of what the comparisons of a monitor depend on: all but its name, alerts, targets, performance, and when it
 * runs. Results of another definition stay, with its hash.
 */
export function definitionHash(definition: MonitorDefinition): string {
  const { name: _, alerts: _alerts, notify: _notify, on: _on, performance: _p, ...compared } = definition;
  return hashOf(compared);
}

/** SHA-256 of what the performance that a monitor records depends on. */
export function performanceHash(definition: MonitorDefinition): string {
  const { performance } = definition;
  return hashOf([definitionHash(definition), performance]);
}

/** SHA-256 of what the stored bins and the counts in them depend on. */
export function binsHash({ baseline, where, window, by, slices, columns }: MonitorDefinition): string {
  const { include, exclude, roles } = columns;
  const ignored = Object.entries(roles).flatMap(([name, role]) => (role === "ignore" ? [name] : []));
  return hashOf({ baseline, where, window, by, slices, include, exclude, ignored: ignored.sort() });
}

function hashOf(value: unknown): string {
  return `sha256:${createHash("sha256").update(stringify(value)).digest("hex")}`;
}
