import type { LogSnapshot } from "../log/contract.ts";
import type { SideTableOptions } from "../sidetables/side-table.ts";
import type { RecordedTransition } from "./alerts/alert-events.ts";
import type { Alert } from "./alerts/alert-list.ts";
import type { MonitorDefinition } from "./definition/definition.ts";
import type { VersionOutcome } from "./evaluate-version.ts";
import type { Delivery } from "./notify/deliver-messages.ts";
import { settleAlerts } from "./notify/settle-alerts.ts";
import { type BackfillRequest, type BackfillResult, backfillMonitor, runMonitor } from "./run-monitor.ts";

/** What new results changed in the alerts of a monitor, and who was told. */
export interface MonitorAlerts {
  readonly transitions: readonly RecordedTransition[];
  /** All alerts of the monitor. */
  readonly alerts: readonly Alert[];
  /** Messages that were due, those of earlier runs included. */
  readonly deliveries: readonly Delivery[];
}

/** A comparison, and what it changed in the alerts of the monitor. */
export type MonitorRun = VersionOutcome & { readonly alerts: MonitorAlerts };

/** A backfill, and what it changed in the alerts of the monitor. */
export interface MonitorBackfill extends BackfillResult {
  readonly alerts: MonitorAlerts;
}

/** Compares a version, then brings the alerts up to date and sends what is due. @throws as {@link runMonitor} */
export async function runAndSettle(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  options: SideTableOptions & { readonly version?: number | undefined } = {},
): Promise<MonitorRun> {
  const outcome = await runMonitor(snapshot, definition, options);
  return { ...outcome, alerts: await settled(snapshot, definition, options.signal) };
}

/** Compares what is missing, then brings the alerts up to date once. @throws as {@link backfillMonitor} */
export async function backfillAndSettle(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  request: BackfillRequest = {},
): Promise<MonitorBackfill> {
  const result = await backfillMonitor(snapshot, definition, request);
  return { ...result, alerts: await settled(snapshot, definition, request.signal) };
}

async function settled(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  signal: AbortSignal | undefined,
): Promise<MonitorAlerts> {
  const hasAlerts = definition.alerts.length + definition.notify.length > 0;
  return hasAlerts
    ? settleAlerts(snapshot, definition, { signal })
    : { transitions: [], alerts: [], deliveries: [] };
}
