import { type ErrorCode, isVarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { SideTableOptions, UpkeepFailure } from "../sidetables/side-table.ts";
import type { RecordedTransition } from "./alerts/alert-events.ts";
import type { Alert } from "./alerts/alert-list.ts";
import type { MonitorDefinition } from "./definition/definition.ts";
import type { VersionOutcome } from "./evaluate-version.ts";
import type { Delivery } from "./notify/deliver-messages.ts";
import {
  type BackfillRequest,
  type BackfillResult,
  backfillMonitor,
  type RunRequest,
  runMonitor,
} from "./run-monitor.ts";
import { upkeepText } from "./stores/drift-store.ts";
import type { PerformanceReport } from "./stores/performance-record.ts";
import type { WatchedVersions } from "./watch-performance.ts";

/** What new results changed in the alerts of a monitor, and who was told. */
export interface MonitorAlerts {
  readonly transitions: readonly RecordedTransition[];
  /** All alerts of the monitor. */
  readonly alerts: readonly Alert[];
  /** Messages that were due, those of earlier runs included. */
  readonly deliveries: readonly Delivery[];
}

/** A table below `_drift` whose small files could not be written together. What the run recorded stands. */
export interface MonitorWarning {
  readonly message: string;
  /** Absent if the failure was not a {@link VarveError}. */
  readonly code?: ErrorCode | undefined;
}

/** A comparison, and what it changed in the alerts of the monitor. */
export type MonitorRun = VersionOutcome & {
  /** New evaluations of the model, of earlier versions whose outcomes came since, too. */
  readonly performance: readonly PerformanceReport[];
  readonly alerts: MonitorAlerts;
  readonly warnings: readonly MonitorWarning[];
};

/** A backfill, and what it changed in the alerts of the monitor. */
export interface MonitorBackfill extends BackfillResult {
  /** New evaluations of the model. */
  readonly performance: readonly PerformanceReport[];
  readonly alerts: MonitorAlerts;
  readonly warnings: readonly MonitorWarning[];
}

/** Compares a version, then brings the alerts up to date and sends what is due. @throws as {@link runMonitor} */
export async function runAndSettle(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  options: RunRequest = {},
): Promise<MonitorRun> {
  const { warnings, ...told } = collected(options);
  const outcome = await runMonitor(snapshot, definition, { ...options, ...told });
  const versions = "report" in outcome ? [outcome.version] : [];
  return { ...outcome, ...(await watched(snapshot, definition, { versions }, told)), warnings };
}

/** Compares what is missing, then brings the alerts up to date once. @throws as {@link backfillMonitor} */
export async function backfillAndSettle(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  request: BackfillRequest = {},
): Promise<MonitorBackfill> {
  const { warnings, ...told } = collected(request);
  const result = await backfillMonitor(snapshot, definition, { ...request, ...told });
  const versions = [...result.recorded, ...result.known];
  return { ...result, ...(await watched(snapshot, definition, { versions, recent: 0 }, told)), warnings };
}

/** Options that collect failed upkeep as warnings. */
function collected({ signal, onUpkeepFailed }: SideTableOptions) {
  const warnings: MonitorWarning[] = [];
  return {
    warnings,
    signal,
    onUpkeepFailed: (failure: UpkeepFailure) => {
      const code = isVarveError(failure.cause) ? failure.cause.code : undefined;
      warnings.push({ message: upkeepText(failure), code });
      onUpkeepFailed?.(failure);
    },
  };
}

/** Evaluates the model, then settles the alerts: those on columns also where the evaluation fails. */
async function watched(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  versions: WatchedVersions,
  options: SideTableOptions,
): Promise<{ readonly performance: readonly PerformanceReport[]; readonly alerts: MonitorAlerts }> {
  const [found] = await Promise.allSettled([evaluated(snapshot, definition, versions, options)]);
  const alerts = await settled(snapshot, definition, options);
  if (found.status === "rejected") throw found.reason;
  return { performance: found.value, alerts };
}

async function evaluated(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  versions: WatchedVersions,
  options: SideTableOptions,
): Promise<readonly PerformanceReport[]> {
  if (definition.performance === undefined) return [];
  const { watchPerformance } = await import("./watch-performance.ts");
  return watchPerformance(snapshot, definition, versions, options);
}

async function settled(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  options: SideTableOptions,
): Promise<MonitorAlerts> {
  const hasAlerts = definition.alerts.length + definition.notify.length > 0;
  if (!hasAlerts) return { transitions: [], alerts: [], deliveries: [] };
  const { settleAlerts } = await import("./notify/settle-alerts.ts");
  return settleAlerts(snapshot, definition, options);
}
