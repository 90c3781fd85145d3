import { isStoreFailure, isVarveError } from "../../errors.ts";
import { maintenanceProperties } from "../../protocol/maintenance-properties.ts";
import type { ObjectInfo } from "../../storage/contract/object-store.ts";
import { readCheckpointHead } from "../checkpoint/checkpoint-read.ts";
import { readChecksumBase } from "../checksum/checksum-write.ts";
import type { LogSnapshot, TableContext } from "../contract.ts";
import { readCommitBytes } from "../segment/commit-file.ts";
import { parseHeadActions } from "../segment/commit-lines.ts";
import { commitPath, parseLogPath, sidecarFolder } from "../segment/file-names.ts";
import { type CheckpointFiles, type LogListing, listLog } from "../segment/listing.ts";
import type { TableSnapshot } from "../snapshot/log-snapshot.ts";
import { openLog } from "../snapshot/open-log.ts";
import { oldestProtected, type VersionProtector, wholeBefore } from "./version-protection.ts";

/** Options of {@link cleanExpiredLog}. */
export interface CleanupOptions {
  readonly protectors?: readonly VersionProtector[] | undefined;
  /** Only report what would be deleted. */
  readonly dryRun?: boolean | undefined;
  /**
   * Milliseconds, to the minute, after which files expire, in place of `delta.logRetentionDuration`, which counts in
   * whole days.
   */
  readonly retention?: number | undefined;
}

/** Result of a log cleanup. */
export interface CleanupReport {
  /** Oldest version that can still be read; absent if nothing was expired. */
  readonly oldestKept?: number | undefined;
  /** Paths deleted (or, in a dry run, to be deleted), in the order of deletion. */
  readonly deleted: readonly string[];
  /** Why nothing was deleted although files are old enough. */
  readonly reason?: string | undefined;
}

const minute = 60 * 1000;
const hour = 60 * 60 * 1000;
const day = 24 * hour;

/**
 * Deletes the files of the log that are older than `delta.logRetentionDuration`, but only behind a checkpoint
 * that was read back whole and is correct (PROTOCOL.md "Metadata Cleanup").
 *
 * Nothing younger than an hour is deleted, whatever the property says, because writers that started from
 * those versions may still be at work. History before the version of {@link wholeBefore} is deleted in one go.
 */
export async function cleanExpiredLog(
  snapshot: LogSnapshot,
  options: CleanupOptions = {},
): Promise<CleanupReport> {
  const { context } = snapshot;
  const now = context.world.now();
  const cutoff = cutoffAt(now, snapshot, options.retention);
  const listing = await listLog(context.store, 0, snapshot.version);
  const newestExpired = await newestCommitBefore(context, listing, cutoff);
  const wish = await oldestProtected(snapshot, options.protectors ?? []);
  const limit = Math.min(newestExpired ?? -1, wish ?? Number.POSITIVE_INFINITY);
  const usable = listing.checkpoints.filter(
    ({ version }) => version <= limit && listing.commits.has(version),
  );
  const kept = usable.find(({ version }) => version === usable.at(-1)?.version);
  if (kept === undefined) return { deleted: [] };
  const expired = await expiredFiles(context, kept.version);
  const sidecars = await unreferencedSidecars(context, listing, kept.version, now);
  if (expired.length === 0 && sidecars.length === 0) return { deleted: [], oldestKept: kept.version };
  const whole = wholeBefore(snapshot);
  if (expired.length > 0 && kept.version < whole)
    return {
      deleted: [],
      reason: `the feature checkpointProtection keeps the versions before ${whole} together, and only those before ${kept.version} are old enough`,
    };
  const fault = await checkpointFault(context, kept);
  if (fault !== undefined)
    return {
      deleted: [],
      reason: `the checkpoint of version ${kept.version} cannot be relied upon: ${fault}`,
    };
  const paths = [...expired, ...sidecars];
  if (options.dryRun !== true) for (const path of paths) await context.store.delete(path);
  return { deleted: paths, oldestKept: kept.version };
}

/**
 * When a version that was committed at `time` can be the oldest one, after a cleanup with a `retention` in
 * milliseconds.
 */
export function expiryOf(time: number, retention: number): number {
  return Math.max(Math.ceil(time / minute) * minute + retention, time + hour);
}

function cutoffAt(now: number, { metadata }: LogSnapshot, retention: number | undefined): number {
  const cutoff =
    retention === undefined
      ? midnight(now - maintenanceProperties(metadata).logRetention)
      : Math.floor((now - retention) / minute) * minute;
  return Math.min(cutoff, now - hour);
}

/** The newest version that was committed at or before `cutoff`, by the time in the commit if it has one. */
async function newestCommitBefore(
  context: TableContext,
  listing: LogListing,
  cutoff: number,
): Promise<number | undefined> {
  const old = [...listing.commits].filter(([, file]) => file.modified <= cutoff).map(([version]) => version);
  for (let index = old.length - 1; index >= 0; index--) {
    const version = old[index];
    if (version === undefined) break;
    const stamp = await stampOf(context, version);
    if (stamp === undefined || stamp <= cutoff) return version;
  }
  return undefined;
}

async function stampOf(context: TableContext, version: number): Promise<number | undefined> {
  const bytes = await readCommitBytes(context.store, version);
  if (bytes === undefined) return undefined;
  const heads = parseHeadActions(bytes, commitPath(version));
  const info = heads.find((action) => action.kind === "commitInfo")?.info;
  const stamp = info?.["inCommitTimestamp"];
  return typeof stamp === "number" ? stamp : undefined;
}

/**
 * Files of versions before `kept`, oldest first; commits come before checkpoints, so that a checkpoint is
 * never deleted before the commits that it replaces.
 */
async function expiredFiles(context: TableContext, kept: number): Promise<string[]> {
  const commits: string[] = [];
  const others: string[] = [];
  for await (const file of context.store.list("_delta_log/0")) {
    const name = parseLogPath(file.path);
    if (name === undefined) continue;
    if (name.version > kept) break;
    const expired = name.kind === "compaction" ? name.version <= kept : name.version < kept;
    if (!expired) continue;
    (name.kind === "commit" ? commits : others).push(file.path);
  }
  return [...commits, ...others];
}

/**
 * Sidecars that no remaining checkpoint names and that are at least a day old, because younger ones may
 * belong to a checkpoint being written.
 */
async function unreferencedSidecars(
  context: TableContext,
  listing: LogListing,
  kept: number,
  now: number,
): Promise<string[]> {
  const old: ObjectInfo[] = [];
  for await (const file of context.store.list(`${sidecarFolder}/`))
    if (file.modified < midnight(now - day)) old.push(file);
  if (old.length === 0) return [];
  const named = new Set<string>();
  const newer = await listLog(context.store, kept, undefined);
  for (const checkpoint of newer.checkpoints.length > 0 ? newer.checkpoints : listing.checkpoints) {
    try {
      for (const path of (await readCheckpointHead(context, checkpoint)).sidecars) named.add(path);
    } catch (error) {
      if (!isVarveError(error, "CHECKPOINT_CORRUPT")) throw error;
      return [];
    }
  }
  return old.map(({ path }) => path).filter((path) => !named.has(path));
}

/** What is wrong with a checkpoint, found by reading all of it; `undefined` if it is correct. */
async function checkpointFault(
  context: TableContext,
  checkpoint: CheckpointFiles,
): Promise<string | undefined> {
  try {
    const head = await readCheckpointHead(context, checkpoint);
    const has = (kind: "protocol" | "metaData") => head.actions.some((action) => action.kind === kind);
    if (!has("protocol") || !has("metaData")) return "it has no protocol or no metadata";
    const snapshot = await openLog(context, { version: checkpoint.version });
    const { files, bytes } = await (await snapshot.files()).totals();
    // This is checked last, because a checkpoint that turns out to be damaged when its files are read is not
    // used.
    if (!isReadFrom(snapshot, checkpoint))
      return "it was damaged, or another checkpoint of the version is preferred";
    const known = await readChecksumBase(context, checkpoint.version);
    if (known === undefined || (files === known.numFiles && bytes === known.tableSizeBytes)) return undefined;
    return `it has ${files} files of ${bytes} bytes, but the version's checksum says ${known.numFiles} of ${known.tableSizeBytes}`;
  } catch (error) {
    if (isStoreFailure(error)) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

/** Whether a snapshot was opened from exactly this checkpoint; opening skips damaged ones. */
function isReadFrom(snapshot: LogSnapshot, checkpoint: CheckpointFiles): boolean {
  const used = "segment" in snapshot ? (snapshot as TableSnapshot).segment.checkpoint : undefined;
  return used?.files[0]?.path === checkpoint.files[0]?.path;
}

function midnight(time: number): number {
  return Math.floor(time / day) * day;
}
