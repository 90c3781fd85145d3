import type { SideTableOptions } from "../../sidetables/side-table.ts";
import { sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import type { MonitorDefinition } from "../definition/definition.ts";
import { type MonitoredTable, numberOrNull, readStore } from "../stores/drift-store.ts";
import { resultsStore } from "../stores/results-store.ts";
import type { FoundAlert } from "./alert-changes.ts";
import { type AlertEvent, type AlertMessage, alertHistory, type RecordedTransition } from "./alert-events.ts";
import { type Alert, alertList } from "./alert-list.ts";
import { looksAt, type NamedRule, namedRules } from "./alert-rule.ts";
import { alertTransitions } from "./alert-states.ts";
import { recordAlertEvents } from "./alerts-store.ts";
import { columnResults, readingsOf } from "./drift-readings.ts";
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
  const version = await newestVersion(table, definition.name, options);
  const found = await foundAlerts(table, definition, rules, options);
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

async function foundAlerts(
  table: MonitoredTable,
  definition: MonitorDefinition,
  rules: readonly NamedRule[],
  options: SideTableOptions,
): Promise<FoundAlert[]> {
  const onColumns = rules.filter(({ metric }) => metric === undefined);
  const columns = onColumns.length === 0 ? [] : await columnResults(table, definition, onColumns, options);
  const onMetrics = rules.filter(({ metric }) => metric !== undefined);
  const ofMetrics = await performanceReadings(table, definition.name, onMetrics, options);
  const found = ofMetrics.map(({ rule, slice, readings }) => ({
    key: { monitor: definition.name, rule: rule.name, column: rule.metric ?? "", slice },
    severity: rule.severity,
    transitions: alertTransitions(rule, readings),
  }));
  const byColumn = columns.flatMap((results) =>
    onColumns
      .filter((rule) => looksAt(rule, results.column))
      .map((rule) => ({
        key: {
          monitor: definition.name,
          rule: rule.name,
          column: results.column,
          slice: results.slice,
        },
        severity: rule.severity,
        transitions: alertTransitions(rule, readingsOf(rule, results, onColumns)),
      })),
  );
  return [...byColumn, ...found];
}

/** The newest version that a monitor has results of; -1 if none. */
export async function newestVersion(
  table: MonitoredTable,
  monitor: string,
  options: SideTableOptions = {},
): Promise<number> {
  const where = sql`monitor = ${quoteText(monitor)}`;
  const rows = await readStore(
    table,
    resultsStore,
    { where, select: (own) => sql`SELECT max(version) AS version FROM (${own})` },
    options,
  );
  return numberOrNull(rows[0]?.["version"]) ?? -1;
}
