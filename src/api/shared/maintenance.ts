import { type ErrorCode, isVarveError } from "../../errors.ts";
import type { CheckpointSummary } from "../../log/checkpoint/checkpoint-write.ts";
import type { CleanupReport } from "../../log/maintenance/cleanup.ts";
import type { CommitVerdicts, MonitorVerdict } from "../../monitors/on-commit.ts";
import type { MaintenanceOutcome } from "../../table/commit/log-maintenance.ts";

/** Maintenance of the log after a commit. Failures are warnings, because the commit itself has landed. */
export interface MaintenanceReport {
  /** The version that was committed. */
  readonly version: number;
  readonly checksumWritten: boolean;
  readonly checkpoint?: CheckpointSummary | undefined;
  readonly cleanup?: CleanupReport | undefined;
  readonly warnings: readonly MaintenanceWarning[];
  /** What the table's monitors said of the version, of those that look at each commit. */
  readonly monitors?: readonly MonitorVerdict[] | undefined;
}

/**
 * A failed step after a commit. `refresh`: the version could not be read back, so the open table still shows
 * the one before. `quarantine`: rows that an earlier attempt of the batch set aside are still open, or rows
 * that landed are still claimed; the next resubmission discards or marks them before it lands any. `compaction`: the
 * automatic compaction failed, was cancelled or yielded to another writer; a later write does it. `monitor`: a monitor
 * could not look at the version, or could not compact a table of its own; a later run or backfill does.
 */
export interface MaintenanceWarning {
  readonly step: "checksum" | "checkpoint" | "cleanup" | "compaction" | "refresh" | "quarantine" | "monitor";
  readonly message: string;
  /** Absent if the failure was not a {@link VarveError}. */
  readonly code?: ErrorCode | undefined;
}

/** Reports kept until they are requested; older ones are dropped. */
const mostReports = 100;

/** Post-commit maintenance in progress for one open table, and its reports. */
export class Maintenance {
  #running: Promise<void> = Promise.resolve();
  readonly #reports: MaintenanceReport[] = [];

  /** Takes over maintenance that has begun; `undefined` if there is none. */
  add(maintenance: Promise<MaintenanceOutcome> | undefined): void {
    if (maintenance === undefined) return;
    const before = this.#running;
    this.#running = maintenance.then(async (report) => {
      await before;
      this.#keep(plainReport(report));
    });
  }

  /** Reports a step that failed after `version` was committed. */
  warn(version: number, step: MaintenanceWarning["step"], problem: string, cause: unknown): void {
    const code = isVarveError(cause) ? cause.code : undefined;
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `Version ${version} is committed, but ${problem}: ${why}`;
    this.#keep({ version, checksumWritten: false, warnings: [{ step, message, code }] });
  }

  /** Takes over the monitors at work on a version that was committed. */
  watch(version: number, verdicts: Promise<CommitVerdicts>): void {
    const before = this.#running;
    this.#running = verdicts.then(async ({ verdicts: monitors, failures, upkeep }) => {
      await before;
      if (monitors.length > 0) this.#keep({ version, checksumWritten: false, warnings: [], monitors });
      for (const { monitor, cause } of failures) this.warn(version, "monitor", unwatched(monitor), cause);
      for (const { monitor, failure } of upkeep)
        this.warn(version, "monitor", untidied(monitor, failure.table), failure.cause);
    });
  }

  #keep(report: MaintenanceReport): void {
    this.#reports.push(report);
    if (this.#reports.length > mostReports) this.#reports.shift();
  }

  /** Waits until no maintenance is in progress. */
  wait(): Promise<void> {
    return this.#running;
  }

  /** Like {@link Maintenance.wait}, and returns the reports that were not returned yet, oldest first. */
  async reports(): Promise<MaintenanceReport[]> {
    await this.#running;
    return this.#reports.splice(0);
  }
}

function unwatched(monitor: string | null): string {
  return monitor === null ? "its monitors could not be read" : `the monitor ${monitor} could not look at it`;
}

function untidied(monitor: string, table: string): string {
  return `the monitor ${monitor}, which has looked at it, could not write the small files of its ${table} together`;
}

function plainReport({
  version,
  checksumWritten,
  checkpoint,
  cleanup,
  warnings,
}: MaintenanceOutcome): MaintenanceReport {
  return {
    version,
    checksumWritten,
    checkpoint,
    cleanup,
    warnings: warnings.map(({ step, message, cause }) => ({
      step,
      message,
      code: isVarveError(cause) ? cause.code : undefined,
    })),
  };
}
