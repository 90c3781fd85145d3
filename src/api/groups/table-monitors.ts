import type { DriftSide } from "../../drift/comparison/drift-record.ts";
import { VarveError } from "../../errors.ts";
import type { RecordedTransition } from "../../monitors/alerts/alert-events.ts";
import type { Alert } from "../../monitors/alerts/alert-list.ts";
import type { Silence } from "../../monitors/alerts/silence.ts";
import type { MonitorsChange } from "../../monitors/change-monitors.ts";
import type { MonitorDefinition } from "../../monitors/definition/definition.ts";
import type { MonitorJson } from "../../monitors/definition/monitor-json.ts";
import type { BackfillProgress } from "../../monitors/run-monitor.ts";
import type { MonitorBackfill, MonitorRun } from "../../monitors/settled-run.ts";
import type { MonitorReport } from "../../monitors/stores/monitor-record.ts";
import type { PerformanceReport } from "../../monitors/stores/performance-record.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import type { TableState } from "../shared/table-state.ts";
import {
  type AlertHistoryOptions,
  type AlertListOptions,
  alertChanges,
  alerts,
  type SilenceOptions,
  silence,
  type UnsilenceOptions,
  unsilence,
} from "./monitor-alerts.ts";

/** How a monitor is created. */
export interface MonitorCreateOptions {
  /** Take the place of a monitor of the same name, whose results stay; default: refuse. */
  readonly replace?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of calls that can be cancelled. */
export interface MonitorOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Which results of a monitor are read; default: all. */
export interface MonitorResultsOptions extends MonitorOptions {
  /** First version. */
  readonly from?: number | undefined;
  /** Last version. */
  readonly to?: number | undefined;
  /** Only comparisons of these columns; with an empty list, only the verdict of each run. */
  readonly columns?: readonly string[] | undefined;
  /** Also results of earlier definitions of the monitor, which differ in `definition_hash`. */
  readonly allDefinitions?: boolean | undefined;
}

/** Which evaluations of a monitor are read; default: the newest of each version. */
export interface MonitorPerformanceOptions extends MonitorOptions {
  /** First version. */
  readonly from?: number | undefined;
  /** Last version. */
  readonly to?: number | undefined;
  /** Also those by fewer outcomes, which later ones took the place of. */
  readonly allOutcomes?: boolean | undefined;
}

/** A monitor of a table. */
export interface Monitor {
  readonly name: string;
  /** As it was given. */
  readonly definition: MonitorJson;
  /** Changes with what its comparisons depend on; results keep it. */
  readonly definitionHash: string;
}

/** Which version a monitor compares. */
export interface MonitorRunOptions extends MonitorOptions {
  /** Default: the newest version that brought rows. */
  readonly version?: number | undefined;
}

/** Which versions a backfill looks at. */
export interface MonitorBackfillOptions extends MonitorOptions {
  /** First version; default 0. */
  readonly from?: number | undefined;
  /** Last version; default: the newest. */
  readonly to?: number | undefined;
  readonly onProgress?: ((progress: BackfillProgress) => void) | undefined;
}

/** What a new baseline of a monitor is. */
export interface MonitorRebaselineOptions extends MonitorOptions {
  /** A baseline that takes the place of that of the definition. */
  readonly baseline?: MonitorJson["baseline"] | undefined;
}

/** New bins of a monitor. */
export interface MonitorBaselineResult {
  readonly monitor: string;
  /** Counts the baselines of the monitor from 1. */
  readonly generation: number;
  readonly baseline: DriftSide;
  /** Columns, and parts of them, that are compared. */
  readonly columns: number;
}

const runKeys = { version: true, signal: true } satisfies OptionKeys<MonitorRunOptions>;
const backfillKeys = {
  from: true,
  to: true,
  onProgress: true,
  signal: true,
} satisfies OptionKeys<MonitorBackfillOptions>;
const createKeys = { replace: true, signal: true } satisfies OptionKeys<MonitorCreateOptions>;
const signalKeys = { signal: true } satisfies OptionKeys<MonitorOptions>;
const performanceKeys = {
  from: true,
  to: true,
  allOutcomes: true,
  signal: true,
} satisfies OptionKeys<MonitorPerformanceOptions>;
const resultsKeys = {
  from: true,
  to: true,
  columns: true,
  allDefinitions: true,
  signal: true,
} satisfies OptionKeys<MonitorResultsOptions>;

/**
 * Monitors that compare each version of a table with a baseline: `table.monitors` (spec/monitors.md).
 *
 * Their definitions are a property of the table, and what they find is kept in Delta tables below `_drift`.
 */
export class TableMonitors {
  readonly #state: TableState;

  private constructor(state: TableState) {
    this.#state = state;
  }

  /** @internal Made by `Table`. */
  static of(state: TableState): TableMonitors {
    return new TableMonitors(state);
  }

  /**
   * Gives the table a monitor, in a commit of its own.
   *
   * @throws `MONITOR_INVALID` naming the path in the definition, the value and the nearest name; `MONITOR_EXISTS`;
   * `BASELINE_UNREADABLE` or `PIN_NOT_FOUND` for a baseline that the table does not have; `CONFLICT_…`
   *
   * @example
   * ```ts
   * await orders.monitors.create({
   *   name: "orders-inputs",
   *   baseline: { version: 0 },
   *   columns: { exclude: ["id"], weights: { amount: 3 } },
   *   thresholds: { effect: 0.1, column: { amount: { effect: 0.15 } } },
   * });
   * ```
   */
  async create(definition: MonitorJson, options: MonitorCreateOptions = {}): Promise<MonitorsChange> {
    const known = knownOptions("monitors.create", options, createKeys);
    const { createMonitor } = await import("../../monitors/change-monitors.ts");
    return this.#state.committed(await createMonitor(await this.#state.newest(), definition, known));
  }

  /**
   * Lists the monitors that the table carries.
   *
   * @throws `MONITOR_INVALID` if the property was written by hand and is wrong
   *
   * @example
   * ```ts
   * for (const { name, definition } of await orders.monitors.list()) console.log(name, definition.baseline);
   * ```
   */
  async list(): Promise<Monitor[]> {
    const { carriedMonitors } = await import("../../monitors/definition/carried-monitors.ts");
    const { definitionHash } = await import("../../monitors/definition/parse-definition.ts");
    return carriedMonitors(this.#state.log.metadata.configuration).map(({ json, definition }) => ({
      name: definition.name,
      definition: json,
      definitionHash: definitionHash(definition),
    }));
  }

  /**
   * Takes a monitor off the table, in a commit of its own. What it found stays in `_drift`.
   *
   * @throws `MONITOR_NOT_FOUND` with the nearest name, `CONFLICT_…`
   *
   * @example
   * ```ts
   * await orders.monitors.create({ name: "trial", baseline: "previous" });
   * await orders.monitors.remove("trial");
   * ```
   */
  async remove(name: string, options: MonitorOptions = {}): Promise<MonitorsChange> {
    const known = knownOptions("monitors.remove", options, signalKeys);
    const { removeMonitor } = await import("../../monitors/change-monitors.ts");
    return this.#state.committed(await removeMonitor(await this.#state.newest(), name, known));
  }

  /**
   * Reads what a monitor found, by version, oldest first. Writes nothing, and reads no rows of the table.
   *
   * @throws `MONITOR_NOT_FOUND`, `INVALID_ARGUMENT`
   *
   * @example
   * ```ts
   * await orders.monitors.create({ name: "daily", baseline: "previous" });
   * for (const { current, verdict, text } of await orders.monitors.results("daily", { columns: [] }))
   *   console.log(current.version, verdict, text);
   * ```
   */
  async results(name: string, options: MonitorResultsOptions = {}): Promise<MonitorReport[]> {
    const {
      allDefinitions = false,
      signal,
      ...selection
    } = knownOptions("monitors.results", options, resultsKeys);
    requireVersions("monitors.results", { from: selection.from, to: selection.to });
    const { log } = this.#state;
    const [{ monitorNamed }, { definitionHash }, { readResults }] = await Promise.all([
      import("../../monitors/definition/carried-monitors.ts"),
      import("../../monitors/definition/parse-definition.ts"),
      import("../../monitors/stores/results-store.ts"),
    ]);
    const { definition } = monitorNamed(log, name);
    const hash = allDefinitions ? undefined : definitionHash(definition);
    return readResults(log, { ...selection, monitor: name, definitionHash: hash }, { signal });
  }

  /**
   * Reads how well a model did on the versions that a monitor evaluated, by version, oldest first: by the newest
   * outcomes, unless all are asked for.
   *
   * @throws `MONITOR_NOT_FOUND`
   *
   * @example
   * ```ts
   * await orders.monitors.create({
   *   name: "discounts",
   *   baseline: { version: 0 },
   *   performance: { problem: "regression", target: "amount", prediction: "amount", metrics: ["mae"] },
   * });
   * await orders.monitors.backfill("discounts");
   * for (const { version, state, metrics, text } of await orders.monitors.performance("discounts"))
   *   console.log(version, state, metrics[0]?.value, text);
   * ```
   */
  async performance(name: string, options: MonitorPerformanceOptions = {}): Promise<PerformanceReport[]> {
    const { signal, ...selection } = knownOptions("monitors.performance", options, performanceKeys);
    const { log } = this.#state;
    const [{ monitorNamed }, { readPerformance }] = await Promise.all([
      import("../../monitors/definition/carried-monitors.ts"),
      import("../../monitors/stores/performance-store.ts"),
    ]);
    const { definition } = monitorNamed(log, name);
    return readPerformance(log, { ...selection, monitor: definition.name }, { signal });
  }

  /**
   * Compares a version with the baseline of a monitor, and records what it finds: the newest version that brought rows,
   * unless another is named. Only the rows of versions without recorded counts are read. A version that was compared
   * before by the same definition is not compared again (`known`).
   *
   * @param monitor its name, or a definition that the table does not carry
   * @throws `MONITOR_NOT_FOUND`, `MONITOR_INVALID`; `BASELINE_UNREADABLE` naming the pins that exist;
   * `BASELINE_IS_CURRENT`; `BINS_CHANGED` if the baseline changed since its bins were made; `CANCELLED`
   *
   * @example
   * ```ts
   * await orders.monitors.create({ name: "inputs", baseline: { version: 0 } });
   * const found = await orders.monitors.run("inputs");
   * if ("report" in found) console.log(found.version, found.report.verdict, found.report.text);
   * ```
   */
  async run(monitor: string | MonitorJson, options: MonitorRunOptions = {}): Promise<MonitorRun> {
    const known = knownOptions("monitors.run", options, runKeys);
    requireVersions("monitors.run", { version: known.version });
    const { runAndSettle } = await import("../../monitors/settled-run.ts");
    return runAndSettle(this.#state.log, await this.#definitionOf(monitor), known);
  }

  /**
   * Compares all versions that a monitor has not compared yet, newest first. It may be interrupted and repeated, and
   * many processes may work at once: each version is recorded once. Versions whose files are gone are recorded as
   * `unreadable`.
   *
   * @throws as {@link TableMonitors.run}
   *
   * @example
   * ```ts
   * await orders.monitors.create({ name: "history", baseline: "previous" });
   * const { recorded, drifted, unreadable } = await orders.monitors.backfill("history", { from: 0 });
   * console.log(recorded, drifted, unreadable);
   * ```
   */
  async backfill(
    monitor: string | MonitorJson,
    options: MonitorBackfillOptions = {},
  ): Promise<MonitorBackfill> {
    const known = knownOptions("monitors.backfill", options, backfillKeys);
    requireVersions("monitors.backfill", { from: known.from, to: known.to });
    const { backfillAndSettle } = await import("../../monitors/settled-run.ts");
    return backfillAndSettle(this.#state.log, await this.#definitionOf(monitor), known);
  }

  /**
   * Makes new bins of a monitor's baseline, as it is now, or of another one. Bins are fixed until then; a baseline that
   * was changed, or that most rows lie outside of by now, needs new ones. Earlier results stay.
   *
   * @throws `MONITOR_NOT_FOUND`, `MONITOR_INVALID`, `BASELINE_UNREADABLE`, `PIN_NOT_FOUND`, `CONFLICT_…`
   *
   * @example
   * ```ts
   * await orders.monitors.create({ name: "renewed", baseline: { version: 0 } });
   * const { generation, baseline } = await orders.monitors.rebaseline("renewed");
   * console.log(generation, baseline.source);
   * ```
   */
  async rebaseline(name: string, options: MonitorRebaselineOptions = {}): Promise<MonitorBaselineResult> {
    const { baseline, ...rest } = options;
    const { signal } = knownOptions<MonitorOptions>("monitors.rebaseline", rest, signalKeys);
    const [{ monitorNamed }, { parseMonitor }, { rebaselineMonitor }, { createMonitor }] = await Promise.all([
      import("../../monitors/definition/carried-monitors.ts"),
      import("../../monitors/definition/parse-definition.ts"),
      import("../../monitors/run-monitor.ts"),
      import("../../monitors/change-monitors.ts"),
    ]);
    const { json, definition } = monitorNamed(await this.#state.newest(), name);
    const changed = baseline === undefined ? json : { ...json, baseline };
    const next = baseline === undefined ? definition : parseMonitor(changed);
    // The bins come first: a baseline that cannot be read changes nothing.
    const bins = await rebaselineMonitor(this.#state.log, next, { signal });
    if (baseline !== undefined)
      await this.#state.committed(await createMonitor(this.#state.log, changed, { replace: true, signal }));
    return {
      monitor: name,
      generation: bins.generation,
      baseline: bins.baseline,
      columns: bins.measures.length,
    };
  }

  /**
   * Lists the alerts of the monitors that are open: pending or firing.
   *
   * @throws `MONITOR_NOT_FOUND`
   *
   * @example
   * ```ts
   * for (const { monitor, rule, column, status, since, text } of await orders.monitors.alerts())
   *   console.log(monitor, rule, column, status, since, text);
   * ```
   */
  async alerts(options: AlertListOptions = {}): Promise<Alert[]> {
    return alerts(this.#state.log, options);
  }

  /**
   * Lists the changes of alerts' states by version, those of alerts that have ended included.
   *
   * @example
   * ```ts
   * for (const { key, from, to, version } of await orders.monitors.alertHistory({ monitor: "daily" }))
   *   console.log(key.column, from, to, version);
   * ```
   */
  async alertHistory(options: AlertHistoryOptions = {}): Promise<RecordedTransition[]> {
    return alertChanges(this.#state.log, options);
  }

  /**
   * Keeps alerts of a monitor from being sent, until a version, a time, or (default) the next end of each. What
   * happens is recorded as ever, and what still fires afterwards is sent then.
   *
   * @throws `MONITOR_NOT_FOUND`; `INVALID_ARGUMENT` for a rule or column that the monitor does not have, and for a
   * version or time that has passed
   *
   * @example
   * ```ts
   * await orders.monitors.create({ name: "amounts", baseline: "previous", alerts: [{ when: "drift" }] });
   * await orders.monitors.mute("amounts", {
   *   column: "amount",
   *   until: { version: 40 },
   *   by: "ann",
   *   reason: "prices change this week",
   * });
   * ```
   */
  async mute(monitor: string, options: SilenceOptions): Promise<Silence> {
    return silence(this.#state.log, "mute", monitor, options);
  }

  /**
   * Records that someone is at work on open alerts of a monitor: they no longer call for action, and their end is
   * still sent.
   *
   * @throws `MONITOR_NOT_FOUND`; `INVALID_ARGUMENT` as {@link TableMonitors.mute}, and where no such alert is open
   *
   * @example
   * ```ts
   * for (const { monitor, rule, column } of await orders.monitors.alerts())
   *   await orders.monitors.acknowledge(monitor, { rule, column, by: "ann", reason: "ticket 12" });
   * ```
   */
  async acknowledge(monitor: string, options: SilenceOptions): Promise<Silence> {
    return silence(this.#state.log, "acknowledge", monitor, options);
  }

  /**
   * Takes back mutes and acknowledgements that name this rule, column and slice; without any of them, all of the
   * monitor.
   *
   * @throws `MONITOR_NOT_FOUND`, `INVALID_ARGUMENT`
   *
   * @example
   * ```ts
   * await orders.monitors.create({ name: "weekly", baseline: "previous" });
   * const taken = await orders.monitors.unmute("weekly", { by: "ann" });
   * console.log(taken.length);
   * ```
   */
  async unmute(monitor: string, options: UnsilenceOptions): Promise<Silence[]> {
    return unsilence(this.#state.log, monitor, options);
  }

  async #definitionOf(monitor: string | MonitorJson): Promise<MonitorDefinition> {
    const { log } = this.#state;
    if (typeof monitor === "string") {
      const { monitorNamed } = await import("../../monitors/definition/carried-monitors.ts");
      return monitorNamed(log, monitor).definition;
    }
    const [{ parseMonitor }, { requireColumns }] = await Promise.all([
      import("../../monitors/definition/parse-definition.ts"),
      import("../../monitors/definition/column-names.ts"),
    ]);
    const definition = parseMonitor(monitor);
    requireColumns(definition, log.schema);
    return definition;
  }
}

/** @throws `INVALID_ARGUMENT` */
function requireVersions(verb: string, versions: Readonly<Record<string, number | undefined>>): void {
  for (const [option, version] of Object.entries(versions))
    if (version !== undefined && !(Number.isSafeInteger(version) && version >= 0))
      throw new VarveError(
        "INVALID_ARGUMENT",
        `The option ${option} of ${verb} must be a version, a whole number of at least 0, not ${String(version)}.`,
        { verb, option },
      );
}
