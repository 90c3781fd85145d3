import type { MonitorsChange } from "../../monitors/change-monitors.ts";
import type { MonitorJson } from "../../monitors/definition/monitor-json.ts";
import type { MonitorReport } from "../../monitors/stores/monitor-record.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import type { TableState } from "../shared/table-state.ts";

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

/** A monitor of a table. */
export interface Monitor {
  readonly name: string;
  /** As it was given. */
  readonly definition: MonitorJson;
  /** Changes with what its comparisons depend on; results keep it. */
  readonly definitionHash: string;
}

const createKeys = { replace: true, signal: true } satisfies OptionKeys<MonitorCreateOptions>;
const signalKeys = { signal: true } satisfies OptionKeys<MonitorOptions>;
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
   * @throws `MONITOR_INVALID` naming the path in the definition, the value and the nearest name; `MONITOR_EXISTS`,
   * `CONFLICT_…`
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
   * @throws `MONITOR_NOT_FOUND`
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
}
