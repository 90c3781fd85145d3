import type { SideTableOptions } from "../../sidetables/side-table.ts";
import type { MonitorDefinition } from "../definition/definition.ts";
import { type MonitoredTable, readStore, readStoreOnce, type StoreSelect } from "../stores/drift-store.ts";
import { resultsStore } from "../stores/results-store.ts";
import type { StoreQuery } from "../stores/store-query.ts";
import { numberOrNull, type PlainRow } from "../stores/stored-row.ts";
import type { FoundAlert } from "./alert-changes.ts";
import { type AlertEvent, type AlertMessage, alertHistory, type RecordedTransition } from "./alert-events.ts";
import { type Alert, alertList } from "./alert-list.ts";
import { looksAt, type NamedRule, namedRules } from "./alert-rule.ts";
import { alertTransitions } from "./alert-states.ts";
import { recordAlertEvents } from "./alerts-store.ts";
import { type ColumnResults, columnResultsOf, columnResultsQuery, readingsOf } from "./drift-readings.ts";
import { newEvents } from "./new-events.ts";
import { performanceReadings } from "./performance-readings.ts";

/** What an update of a monitor's alerts changed. */
export interface AlertsUpdate {
  readonly transitions: readonly RecordedTransition[];
  /** The message about it, if there is something to say. */
  readonly message: AlertMessage | null;
  /** All alerts of the monitor. */
  readonly alerts: readonly Alert[];
}

/**
 * Records the changes of a monitor's alerts that follow from its results, and the message about them, in one commit.
 * Any number of processes may do so at once, in any order of the versions that they looked at.
 *
 * @param targets names of those who get messages
 */
export async function updateAlerts(
  table: MonitoredTable,
  definition: MonitorDefinition,
  targets: readonly string[],
  options: SideTableOptions = {},
): Promise<AlertsUpdate> {
  const { world, store } = table.context;
  const rules = namedRules(definition.alerts);
  const onColumns = rules.filter(({ metric }) => metric === undefined);
  const queries: (StoreQuery | StoreSelect)[] = [newestQuery(definition.name)];
  if (onColumns.length > 0) queries.push(columnResultsQuery(definition, onColumns));
  const [newest = [], results = []] = await readStoreOnce(table, resultsStore, queries, options);
  const version = newestOf(newest);
  const columns = columnResultsOf(results);
  const found = [
    ...columnAlerts(definition, onColumns, columns),
    ...(await metricAlerts(table, definition, rules, options)),
  ];
  const present = { now: world.now(), version };
  let added: readonly AlertEvent[] = [];
  const eventsFor = (recorded: readonly AlertEvent[]) => {
    added = newEvents(recorded, found, {
      ...present,
      monitor: definition.name,
      table: store.uri,
      tableId: table.metadata.id,
      rules: new Set(rules.map(({ name }) => name)),
      targets,
      id: world.uuid,
    });
    return added;
  };
  const all = await recordAlertEvents(table, eventsFor, options);
  const alerts = alertList(alertHistory(all), present).filter(({ monitor }) => monitor === definition.name);
  return {
    transitions: added.flatMap((one) => (one.event === "transition" ? [one.transition] : [])),
    message: added.flatMap((one) => (one.event === "message" ? [one.message] : []))[0] ?? null,
    alerts,
  };
}

/** Alerts of the rules on columns. */
function columnAlerts(
  { name }: MonitorDefinition,
  rules: readonly NamedRule[],
  columns: readonly ColumnResults[],
): FoundAlert[] {
  return columns.flatMap((results) =>
    rules
      .filter((rule) => looksAt(rule, results.column))
      .map((rule) => ({
        key: { monitor: name, rule: rule.name, column: results.column, slice: results.slice },
        severity: rule.severity,
        transitions: alertTransitions(rule, readingsOf(rule, results, rules)),
      })),
  );
}

/** Alerts of the rules on metrics of a model. */
async function metricAlerts(
  table: MonitoredTable,
  { name }: MonitorDefinition,
  rules: readonly NamedRule[],
  options: SideTableOptions,
): Promise<FoundAlert[]> {
  const onMetrics = rules.filter(({ metric }) => metric !== undefined);
  const found = await performanceReadings(table, name, onMetrics, options);
  return found.map(({ rule, slice, readings }) => ({
    key: { monitor: name, rule: rule.name, column: rule.metric ?? "", slice },
    severity: rule.severity,
    transitions: alertTransitions(rule, readings),
  }));
}

/** The newest version that a monitor has results of; -1 if none. */
export async function newestVersion(
  table: MonitoredTable,
  monitor: string,
  options: SideTableOptions = {},
): Promise<number> {
  return newestOf(await readStore(table, resultsStore, newestQuery(monitor), options));
}

function newestQuery(monitor: string): StoreQuery {
  // The row of each run stands for those of its columns, which are thousands.
  const where = [
    { column: "monitor", oneOf: [monitor] },
    { column: "column", oneOf: [null] },
  ];
  return { columns: ["version"], where, newest: "version", order: [] };
}

function newestOf([row]: readonly PlainRow[]): number {
  return numberOrNull(row?.["version"]) ?? -1;
}
