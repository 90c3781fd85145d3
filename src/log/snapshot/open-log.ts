import { isVarveError, VarveError } from "../../errors.ts";
import type { ReadOptions } from "../../storage/contract/object-store.ts";
import type { LogSnapshot, TableContext } from "../contract.ts";
import { firstOutOfOrder } from "../segment/commit-file.ts";
import { commitPath } from "../segment/file-names.ts";
import { rememberedCommit } from "../segment/known-commits.ts";
import { readHint } from "../segment/last-checkpoint.ts";
import { type LogListing, listLog } from "../segment/listing.ts";
import { chooseSegment, lostCheckpoint, versionNotFound } from "../segment/segment.ts";
import { unusablePath } from "../segment/unusable.ts";
import { openSnapshot, type TableSnapshot } from "./log-snapshot.ts";
import { versionAtTime } from "./time-travel.ts";

/** Which version to open; default: the newest. */
export interface OpenLogOptions extends ReadOptions {
  readonly version?: number | undefined;
  /** Milliseconds since 1970-01-01 UTC: the newest version that was committed at or before this time. */
  readonly timestamp?: number | undefined;
}

/**
 * Opens one version of a table's log: reads its protocol and metadata, but no files.
 *
 * A table that needs unknown reader features can be opened for inspection; its `files()` then throws.
 *
 * @throws `NOT_A_TABLE`, `VERSION_NOT_FOUND`, `TIMESTAMP_OUT_OF_RANGE`, `LOG_GAP`, `LOG_CORRUPT`,
 * `CHECKPOINT_CORRUPT`, `CATALOG_MANAGED`, `INVALID_ARGUMENT` for both a version and a time, or an invalid
 * version
 */
export async function openLog(context: TableContext, options: OpenLogOptions = {}): Promise<LogSnapshot> {
  const { version, timestamp } = options;
  if (version !== undefined && timestamp !== undefined) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      "Pass either a version or a timestamp to open a table at, not both.",
      {
        version,
        timestamp,
      },
    );
  }
  if (version !== undefined && (!Number.isSafeInteger(version) || version < 0)) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Invalid version ${version}: a version must be a non-negative integer.`,
      { version },
    );
  }
  if (timestamp !== undefined) {
    const whole = await listWhole(context, undefined, options);
    const { listing, newest } = await openNewest(context, whole, options);
    const chosen = await versionAtTime(context, listing, newest, timestamp, options);
    return openListed(context, listing, chosen, options);
  }
  if (version !== undefined) {
    const listing = await listWhole(context, version, options);
    if (version > listing.latest)
      throw versionNotFound(await listWhole(context, undefined, options), version);
    return openListed(context, listing, version, options);
  }
  const { newest } = await openNewest(context, await listFromHint(context, options), options);
  return newest;
}

/**
 * The first version of a table that this process has just created, without reading the store: from the bytes
 * of its commit, with the present time if the commit has none. Returns `undefined` if the bytes are not in
 * memory.
 */
export async function openCreated(context: TableContext): Promise<LogSnapshot | undefined> {
  const path = commitPath(0);
  const bytes = rememberedCommit(context.store, path);
  if (bytes === undefined) return undefined;
  const file = { path, size: bytes.length, modified: context.world.now() };
  const segment = { version: 0, tail: [{ from: 0, to: 0, file }], commit: file };
  return openSnapshot(context, segment, new Set(), {});
}

interface Newest {
  readonly listing: LogListing;
  readonly newest: TableSnapshot;
}

/**
 * The newest version of a listing, or a newer one if that can no longer be read: others may have committed,
 * and cleaned up past it, since it was listed. Only if the newest version cannot be read is the log damaged.
 */
async function openNewest(context: TableContext, listing: LogListing, options: ReadOptions): Promise<Newest> {
  try {
    return { listing, newest: await openListed(context, listing, listing.latest, options) };
  } catch (error) {
    if (!isVarveError(error, "CHECKPOINT_CORRUPT", "LOG_CORRUPT", "LOG_GAP", "VERSION_NOT_FOUND"))
      throw error;
    const now = await listWhole(context, undefined, options);
    if (now.latest <= listing.latest) throw error;
    return openNewest(context, now, options);
  }
}

/** The greatest version in the log, by listing alone. @throws `NOT_A_TABLE` */
export async function latestVersion(context: TableContext, options: ReadOptions = {}): Promise<number> {
  return (await listFromHint(context, options)).latest;
}

/**
 * The newest version of a snapshot's table, reading only later commits; the snapshot itself if there are
 * none, or if the store's listing lags behind it: a refresh never goes back to an older version of the same
 * log.
 *
 * @throws as {@link openLog}
 */
export async function refreshLog(snapshot: LogSnapshot, options: ReadOptions = {}): Promise<LogSnapshot> {
  const { context, version } = snapshot;
  const listing = await listLog(context.store, version, undefined, options);
  if (listing.latest === version && isTableSnapshot(snapshot)) return snapshot;
  // If the snapshot's own commit is gone, the log was cleaned up, and what follows it may be a late commit
  // into the past.
  const follows = listing.latest > version && hasCommits(listing, version) && isInOrder(listing, version + 1);
  if (follows && isTableSnapshot(snapshot)) return snapshot.advance(listing, options);
  const opened = await openLog(context, options);
  const lags =
    opened.version < version &&
    isTableSnapshot(snapshot) &&
    (await context.store.head(commitPath(version), options)) !== undefined;
  return lags ? snapshot : opened;
}

/** Lists the whole log, up to a version if given. @throws `NOT_A_TABLE` */
export async function listWhole(
  context: TableContext,
  to: number | undefined,
  options: ReadOptions,
): Promise<LogListing> {
  const listing = await listLog(context.store, 0, to, options);
  if (listing.latest >= 0) return listing;
  if (to === undefined) throw notATable(context);
  return listWhole(context, undefined, options);
}

/**
 * Lists from the checkpoint that `_last_checkpoint` names, if the listing confirms it; otherwise lists
 * everything.
 */
async function listFromHint(context: TableContext, options: ReadOptions): Promise<LogListing> {
  const hint = await readHint(context.store, options);
  if (hint !== undefined) {
    const listing = await listLog(context.store, hint, undefined, options);
    // The hint only says where to begin; the listing decides whether there is a checkpoint.
    if (listing.checkpoints.some((checkpoint) => checkpoint.version >= hint)) return listing;
  }
  return listWhole(context, undefined, options);
}

async function openListed(
  context: TableContext,
  initial: LogListing,
  version: number,
  options: ReadOptions,
): Promise<TableSnapshot> {
  let listing = initial;
  const unusable = new Set<string>();
  let damage: { readonly error: unknown; readonly path: string } | undefined;
  for (;;) {
    try {
      return await openSnapshot(context, chooseSegment(listing, version, { unusable }), unusable, options);
    } catch (error) {
      const path = unusablePath(error);
      if (path !== undefined && !unusable.has(path)) {
        unusable.add(path);
        damage ??= { error, path };
        listing = await listWhole(context, version, options);
        continue;
      }
      if (damage !== undefined && isVarveError(error, "VERSION_NOT_FOUND", "LOG_GAP")) {
        throw lostCheckpoint(damage.error, damage.path, listing, version);
      }
      throw error;
    }
  }
}

function hasCommits(listing: LogListing, from: number): boolean {
  for (let version = from; version <= listing.latest; version++)
    if (!listing.commits.has(version)) return false;
  return true;
}

function isInOrder({ commits, latest }: LogListing, from: number): boolean {
  return (
    firstOutOfOrder(Array.from({ length: latest - from + 1 }, (_, index) => commits.get(from + index))) ===
    undefined
  );
}

function isTableSnapshot(snapshot: LogSnapshot): snapshot is TableSnapshot {
  return "advance" in snapshot;
}

/** The error for a place without a table, whatever the verb. */
export function notATable({ store: { uri } }: TableContext): VarveError {
  const [, point] = /@([^/@]+)$/.exec(uri) ?? [];
  const example = /^\d+$/.test(point ?? "") ? `@v${point}` : "@v3 or @2024-06-01T00:00:00Z";
  const advice = point === undefined ? "" : ` To select a version, write ${example}.`;
  return new VarveError(
    "NOT_A_TABLE",
    `No Delta table at ${uri}: there are no commits in its _delta_log. Check the path, or create the table with createTable (varve create ${uri} --from FILE).${advice}`,
    { uri },
  );
}
