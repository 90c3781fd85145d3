import {
  type CheckpointOptions,
  type CheckpointSummary,
  writeCheckpoint,
} from "../../log/checkpoint/checkpoint-write.ts";
import { isSameHead } from "../../log/checksum/checksum-proof.ts";
import {
  checksumOf,
  foldChecksum,
  readChecksumBase,
  type VersionChecksum,
  writeChecksum,
} from "../../log/checksum/checksum-write.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import { type CleanupOptions, type CleanupReport, cleanExpiredLog } from "../../log/maintenance/cleanup.ts";
import type { VersionProtector } from "../../log/maintenance/version-protection.ts";
import { openLog, refreshLog } from "../../log/snapshot/open-log.ts";
import type { MetadataAction } from "../../protocol/actions.ts";
import { maintenanceProperties } from "../../protocol/maintenance-properties.ts";
import { requireWritable } from "../../protocol/obstacles.ts";
import type { CommittedResult } from "./commit-request.ts";

/** Options of {@link maintainLog}. */
export interface MaintainOptions {
  /**
   * The snapshot that the transaction started from, so that the log need not be read again for a checkpoint.
   */
  readonly base?: LogSnapshot | undefined;
  readonly protectors?: readonly VersionProtector[] | undefined;
  readonly checkpoint?: CheckpointOptions | undefined;
  /** Write a checkpoint whether or not one is due. */
  readonly checkpointNow?: boolean | undefined;
  /** Steps to leave out. */
  readonly skip?: readonly LogStep[] | undefined;
}

/** A step of the log's own maintenance. */
type LogStep = "checksum" | "checkpoint" | "cleanup";

/** Maintenance of the log after a commit. Failures are warnings, because the commit itself has landed. */
export interface MaintenanceOutcome {
  readonly version: number;
  readonly checksumWritten: boolean;
  readonly checkpoint?: CheckpointSummary | undefined;
  readonly cleanup?: CleanupReport | undefined;
  readonly warnings: readonly FailedStep[];
}

/** A maintenance step that failed. */
export interface FailedStep {
  readonly step: LogStep | "compaction";
  readonly message: string;
  readonly cause: unknown;
}

/** The newest checksum of each table in use, so that the next one needs no read. */
const newestChecksum = new WeakMap<TableContext, VersionChecksum>();

/**
 * Maintains the log after a commit: writes its checksum and, when one is due, a checkpoint, and cleans up
 * behind that.
 *
 * Never rejects. Callers need not wait for it; a process that ends early does no harm.
 */
export async function maintainLog(
  context: TableContext,
  committed: CommittedResult,
  options: MaintainOptions = {},
): Promise<MaintenanceOutcome> {
  const warnings: FailedStep[] = [];
  const skipped = new Set(options.skip ?? []);
  const { version, state } = committed;
  const properties = maintenanceProperties(state.metadata);
  const attempt = async <T>(step: LogStep, work: () => Promise<T>): Promise<T | undefined> => {
    if (skipped.has(step)) return undefined;
    try {
      return await work();
    } catch (cause) {
      const message = `After version ${version} was committed, its ${step} failed: ${cause instanceof Error ? cause.message : String(cause)}`;
      warnings.push({ step, message, cause });
      return undefined;
    }
  };
  const checksum = await attempt("checksum", () => keepChecksum(context, committed));
  const due =
    options.checkpointNow === true || (version > 0 && version % properties.checkpointInterval === 0);
  const snapshot = due
    ? await attempt("checkpoint", () => snapshotAt(context, version, options.base))
    : undefined;
  const checkpoint =
    snapshot === undefined
      ? undefined
      : await attempt("checkpoint", () => checkpointTable(snapshot, options.checkpoint));
  if (snapshot !== undefined && checksum === undefined)
    await attempt("checksum", () => restartChecksum(context, snapshot));
  const clean = checkpoint !== undefined && snapshot !== undefined && properties.expiredLogCleanup;
  const cleanup = clean
    ? await attempt("cleanup", () => cleanTableLog(snapshot, { protectors: options.protectors ?? [] }))
    : undefined;
  if (checkpoint !== undefined) await attempt("cleanup", async () => sweepNearby(context, state.metadata));
  return {
    version,
    checksumWritten: checksum === true,
    checkpoint,
    cleanup,
    warnings,
  };
}

/** One report for a commit of `version` and for what followed it. */
export async function joinedMaintenance(
  version: number,
  own: Promise<MaintenanceOutcome> | undefined,
  later: Promise<MaintenanceOutcome> | undefined,
): Promise<MaintenanceOutcome> {
  const [first, second] = [await own, await later];
  return {
    version,
    checksumWritten: first?.checksumWritten === true,
    checkpoint: second?.checkpoint ?? first?.checkpoint,
    cleanup: second?.cleanup ?? first?.cleanup,
    warnings: [...(first?.warnings ?? []), ...(second?.warnings ?? [])],
  };
}

/**
 * Writes a checkpoint of a version on demand.
 *
 * @throws `UNSUPPORTED_FEATURE` and similar errors if varve does not know everything that the checkpoint
 * would have to keep
 */
export async function checkpointTable(
  snapshot: LogSnapshot,
  options?: CheckpointOptions,
): Promise<CheckpointSummary> {
  requireWritable(snapshot.protocol, snapshot.metadata);
  return writeCheckpoint(snapshot, options);
}

/** Deletes expired files of the log, on demand. @throws `UNSUPPORTED_FEATURE` as {@link checkpointTable} */
export async function cleanTableLog(
  snapshot: LogSnapshot,
  options: CleanupOptions = {},
): Promise<CleanupReport> {
  requireWritable(snapshot.protocol, snapshot.metadata);
  return cleanExpiredLog(snapshot, options);
}

/** Result of a log cleanup that also removed what killed writers left. */
export interface TidyReport extends CleanupReport {
  /**
   * Number of temporary files, staging folders and unfinished uploads of killed writers that were removed; 0
   * in a dry run, which does not look for them.
   */
  readonly abandonedRemoved: number;
}

/**
 * Like {@link cleanTableLog}, and also removes what killed writers left longer ago than
 * `delta.deletedFileRetentionDuration`, at least a day. On local disk it searches the whole folder of the
 * table, so it is not part of a commit's maintenance.
 */
export async function tidyTable(snapshot: LogSnapshot, options: CleanupOptions = {}): Promise<TidyReport> {
  const report = await cleanTableLog(snapshot, options);
  const { store, world } = snapshot.context;
  const patience = patienceWith(snapshot.metadata);
  const looks = options.dryRun !== true && Number.isFinite(patience);
  return {
    ...report,
    abandonedRemoved: looks ? ((await store.removeAbandoned?.(world.now() - patience)) ?? 0) : 0,
  };
}

/**
 * A later checkpoint removes what killed writers left, as far as it is cheap to find; {@link tidyTable}
 * removes the rest.
 */
async function sweepNearby({ store, world }: TableContext, metadata: MetadataAction): Promise<void> {
  const patience = patienceWith(metadata);
  if (Number.isFinite(patience)) await store.removeAbandoned?.(world.now() - patience, { nearby: true });
}

/** Milliseconds after which no writer can still be at work. */
export function patienceWith(metadata: MetadataAction): number {
  return Math.max(maintenanceProperties(metadata).deletedFileRetention, 24 * 60 * 60 * 1000);
}

async function snapshotAt(
  context: TableContext,
  version: number,
  base: LogSnapshot | undefined,
): Promise<LogSnapshot> {
  if (base !== undefined && base.version <= version) {
    const newest = await refreshLog(base);
    if (newest.version === version) return newest;
  }
  return openLog(context, { version });
}

/**
 * Folds the commit, and those that came between, into the last known checksum. Returns `undefined` if the
 * chain is broken.
 */
async function keepChecksum(
  context: TableContext,
  { version, winners, actions, state }: CommittedResult,
): Promise<boolean | undefined> {
  const first = winners[0]?.version ?? version;
  const cached = newestChecksum.get(context);
  let known =
    version === 0
      ? undefined
      : cached?.version === first - 1
        ? cached
        : await readChecksumBase(context, first - 1);
  for (const winner of winners) known = foldChecksum(known, winner.version, winner.actions);
  if (known === undefined && winners.length > 0) known = await readChecksumBase(context, version - 1);
  const checksum = foldChecksum(known, version, actions);
  // A checksum with another protocol or metadata than the table's was already wrong: the chain starts again
  // at the next checkpoint.
  if (
    checksum === undefined ||
    !isSameHead(checksum.metadata, state.metadata) ||
    !isSameHead(checksum.protocol, state.protocol)
  )
    return undefined;
  newestChecksum.set(context, checksum);
  return writeChecksum(context, checksum);
}

async function restartChecksum(context: TableContext, snapshot: LogSnapshot): Promise<boolean> {
  const checksum = await checksumOf(snapshot);
  newestChecksum.set(context, checksum);
  return writeChecksum(context, checksum);
}
