import type { SideTableOptions } from "../../sidetables/side-table.ts";
import { type AlertsUpdate, updateAlerts } from "../alerts/update-alerts.ts";
import type { MonitorDefinition } from "../definition/definition.ts";
import type { MonitoredTable } from "../stores/drift-store.ts";
import { type Delivery, deliverMessages } from "./deliver-messages.ts";
import type { SendContext } from "./sending.ts";
import { targetName } from "./target.ts";

/** What a monitor's new results changed, and who was told. */
export interface SettledAlerts extends Pick<AlertsUpdate, "transitions" | "alerts"> {
  /** Messages that were due, those of earlier runs included. */
  readonly deliveries: readonly Delivery[];
}

/** How messages are sent. */
export interface SettleOptions extends Partial<Omit<SendContext, "table">>, SideTableOptions {}

/**
 * Brings a monitor's alerts up to date with its results, and sends what is to be sent. Called once at the end of a run
 * or a backfill, so that it is one message.
 *
 * A message that cannot be sent is no error: `deliveries` says why, and the next run tries again.
 */
export async function settleAlerts(
  table: MonitoredTable,
  definition: MonitorDefinition,
  { signal, onUpkeepFailed, variables = process.env, ...limits }: SettleOptions = {},
): Promise<SettledAlerts> {
  const { name, notify, alerts: rules } = definition;
  const stores = { signal, onUpkeepFailed };
  const update = await updateAlerts(table, definition, notify.map(targetName), stores);
  const { transitions, alerts } = update;
  const mayBeDue = notify.length > 0 && (rules.length > 0 || alerts.length > 0);
  const deliveries = mayBeDue
    ? await deliverMessages({ table, monitor: name, targets: notify, variables, ...stores, ...limits })
    : [];
  return { transitions, alerts, deliveries };
}
