import type { LogSnapshot } from "../log/contract.ts";
import type { SideTableOptions } from "../sidetables/side-table.ts";
import type { MonitorDefinition } from "./definition/definition.ts";
import type { VersionOutcome } from "./evaluate-version.ts";
import { type SettledAlerts, settleAlerts } from "./notify/settle-alerts.ts";
import { type BackfillRequest, type BackfillResult, backfillMonitor, runMonitor } from "./run-monitor.ts";

/** A comparison, and what it changed in the alerts of the monitor. */
export type MonitorRun = VersionOutcome & { readonly alerts: SettledAlerts };

/** A backfill, and what it changed in the alerts of the monitor. */
export interface MonitorBackfill extends BackfillResult {
  readonly alerts: SettledAlerts;
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
): Promise<SettledAlerts> {
  const hasAlerts = definition.alerts.length + definition.notify.length > 0;
  return hasAlerts
    ? settleAlerts(snapshot, definition, { signal })
    : { transitions: [], alerts: [], deliveries: [] };
}
