import type { LogSnapshot } from "../log/contract.ts";
import { autoCompaction } from "../protocol/auto-compaction.ts";
import { joinedMaintenance, type MaintenanceOutcome } from "../table/commit/log-maintenance.ts";
import type { Compaction } from "../write/plan/write-options.ts";

/** The part of a write's result that decides about a compaction, and that tells of it. */
interface Written {
  readonly outcome: string;
  readonly version: number;
  readonly compaction?: Compaction | undefined;
  readonly maintenance?: Promise<MaintenanceOutcome> | undefined;
}

/**
 * Compacts the partitions that a write has added files to, where the table asks for it
 * (`delta.autoOptimize.autoCompact`, spec/optimize.md), and returns the write's result with what was done.
 *
 * Never rejects, because the write has landed: a compaction that fails, is cancelled or yields to another writer is a
 * warning of the maintenance.
 *
 * @param base the version that the write was based on
 */
export async function thenCompact<Outcome extends Written>(
  base: LogSnapshot,
  outcome: Outcome,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  if (outcome.outcome !== "committed" || autoCompaction(base.metadata.configuration) === undefined)
    return outcome;
  const { version } = outcome;
  try {
    const { compactPartitions } = await import("./compact-partitions.ts");
    const done = await compactPartitions(base, outcome, signal);
    if (done === undefined) return outcome;
    const { filesAdded, filesRemoved } = done;
    return {
      ...outcome,
      compaction: { version: done.version, filesAdded, filesRemoved },
      maintenance: joinedMaintenance(version, outcome.maintenance, done.maintenance),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `After version ${version} was committed, its automatic compaction did not land: ${reason}`;
    const warnings = [{ step: "compaction", message, cause }] as const;
    const warning = Promise.resolve({ version, checksumWritten: false, warnings });
    return { ...outcome, maintenance: joinedMaintenance(version, outcome.maintenance, warning) };
  }
}
