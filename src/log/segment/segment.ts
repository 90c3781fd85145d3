import { isVarveError, VarveError } from "../../errors.ts";
import type { ObjectInfo } from "../../storage/contract/object-store.ts";
import { sidecarFolder } from "./file-names.ts";
import type { CheckpointFiles, LogListing } from "./listing.ts";

/**
 * The files that together hold one version: a checkpoint, if any, and the commits or compactions after it,
 * without gaps.
 */
export interface LogSegment {
  readonly version: number;
  readonly checkpoint?: CheckpointFiles | undefined;
  /**
   * In ascending order; together, they cover every version after the checkpoint (or from 0) up to `version`.
   */
  readonly tail: readonly TailFile[];
  /** The commit file of `version`; absent if only a checkpoint of it remains. */
  readonly commit?: ObjectInfo | undefined;
  /** The checksum file of exactly `version`. */
  readonly checksum?: ObjectInfo | undefined;
}

/** A commit (`from` = `to`) or a log compaction. */
export interface TailFile {
  readonly from: number;
  readonly to: number;
  readonly file: ObjectInfo;
}

/** Numbers of files and bytes up to which a log tail is read whole when a table is opened. */
const longTailFiles = 64;
const longTailBytes = 8 * 1024 * 1024;

/** Whether reading a log tail costs more than opening a table should. */
export function isLong(tail: readonly TailFile[]): boolean {
  return tail.length > longTailFiles || tail.reduce((sum, { file }) => sum + file.size, 0) > longTailBytes;
}

/** Options of {@link chooseSegment}. */
export interface SegmentChoice {
  /** Files that turned out to be unreadable: checkpoints and compactions that the segment must not use. */
  readonly unusable?: ReadonlySet<string> | undefined;
  /** Use only checkpoints of this version or earlier; default: the target. */
  readonly newestCheckpoint?: number | undefined;
}

/**
 * Chooses the files from which to read version `target`: the newest complete checkpoint at or below it, and
 * what follows. PROTOCOL.md "Checkpoints" and "Action Reconciliation": which files hold a version.
 *
 * @throws `VERSION_NOT_FOUND` if the log does not hold the version or can no longer rebuild it; `LOG_GAP` if
 * a commit after the chosen checkpoint is missing; both name the versions that exist
 */
export function chooseSegment(listing: LogListing, target: number, choice: SegmentChoice = {}): LogSegment {
  const unusable = choice.unusable ?? new Set();
  const highest = Math.min(target, choice.newestCheckpoint ?? target);
  const usable = listing.checkpoints.filter(
    (candidate) => candidate.version <= highest && !candidate.files.some((file) => unusable.has(file.path)),
  );
  const newest = usable.at(-1)?.version;
  const checkpoint = usable.find((candidate) => candidate.version === newest);
  const start = checkpoint === undefined ? 0 : checkpoint.version + 1;
  const commit = listing.commits.get(target);
  const checksum = listing.checksums.get(target);
  if (target > listing.latest || target < 0 || (checkpoint?.version !== target && commit === undefined)) {
    throw versionNotFound(listing, target);
  }
  return {
    version: target,
    checkpoint,
    tail: chooseTail(listing, start, target, unusable),
    commit,
    checksum,
  };
}

/** The versions that can still be rebuilt, as closed ranges in ascending order. */
export function readableVersions(listing: LogListing): readonly (readonly [first: number, last: number])[] {
  const ranges: [number, number][] = [];
  const starts = new Set(listing.checkpoints.map((checkpoint) => checkpoint.version));
  const versions = [...new Set([...listing.commits.keys(), ...starts])].sort((a, b) => a - b);
  for (const version of versions) {
    const open = ranges.at(-1);
    const follows = open !== undefined && open[1] === version - 1 && listing.commits.has(version);
    if (follows) open[1] = version;
    else if (starts.has(version) || (version === 0 && listing.commits.has(0)))
      ranges.push([version, version]);
  }
  return ranges;
}

/** The error for a version that the log does not hold, naming those that it does. */
export function versionNotFound(listing: LogListing, version: number): VarveError {
  const ranges = readableVersions(listing);
  const text = ranges
    .map(([first, last]) => (first === last ? String(first) : `${first} to ${last}`))
    .join(", ");
  const first = ranges[0]?.[0] ?? 0;
  const why =
    version > listing.latest
      ? "It does not exist yet"
      : version < first
        ? "Its log files were cleaned up"
        : "Parts of the log are missing";
  const next = text === "" ? "No version of this table is readable." : `Readable versions: ${text}.`;
  return new VarveError("VERSION_NOT_FOUND", `Cannot read version ${version} of the table. ${why}. ${next}`, {
    version,
    available: ranges,
    latest: listing.latest,
  });
}

/**
 * The error for a checkpoint that could not be read if nothing else has `version`. Cleanup removed it
 * meanwhile if it was not found, or if `now`, a listing made after the failure, no longer has it; otherwise
 * it is damaged, as `damage` says.
 */
export function lostCheckpoint(damage: unknown, path: string, now: LogListing, version: number): unknown {
  if (!isGone(damage) && now.checkpoints.some(({ files }) => files.some((file) => file.path === path)))
    return damage;
  return new VarveError(
    "LOG_GAP",
    `Version ${version} can no longer be read: log cleanup removed its checkpoint ${path} after this snapshot was opened. Open the table again; versions before the oldest remaining checkpoint are gone.`,
    { version, path },
    damage,
  );
}

/** Whether a file of the checkpoint itself is absent; the sidecars of an existing one are not cleaned up. */
function isGone(damage: unknown): boolean {
  const cause = isVarveError(damage) ? damage.cause : undefined;
  const path = isVarveError(cause, "OBJECT_NOT_FOUND") ? cause.data["path"] : undefined;
  return typeof path === "string" && !path.startsWith(`${sidecarFolder}/`);
}

function chooseTail(
  listing: LogListing,
  start: number,
  target: number,
  unusable: ReadonlySet<string>,
): TailFile[] {
  const tail: TailFile[] = [];
  let next = start;
  while (next <= target) {
    const commit = listing.commits.get(next);
    if (commit === undefined) throw gap(listing, next, start, target);
    const widest = widestCompaction(listing, next, target, unusable);
    tail.push(widest ?? { from: next, to: next, file: commit });
    next = (widest?.to ?? next) + 1;
  }
  return tail;
}

/**
 * A compaction replaces only commits that all exist, because only commits define the log's versions.
 * PROTOCOL.md "Log Compaction Files": when a compaction replaces its commits.
 */
function widestCompaction(
  listing: LogListing,
  from: number,
  target: number,
  unusable: ReadonlySet<string>,
): TailFile | undefined {
  let widest: TailFile | undefined;
  for (const { version, end, file } of listing.compactions) {
    if (version !== from || end > target || end <= (widest?.to ?? from) || unusable.has(file.path)) continue;
    let whole = true;
    for (let commit = version; commit <= end && whole; commit++) whole = listing.commits.has(commit);
    if (whole) widest = { from, to: end, file };
  }
  return widest;
}

function gap(listing: LogListing, missing: number, start: number, target: number): VarveError {
  if (start === 0 && missing === 0) return versionNotFound(listing, target);
  const base = start === 0 ? "version 0" : `the checkpoint of version ${start - 1}`;
  return new VarveError(
    "LOG_GAP",
    `The log has a gap: the commit of version ${missing} is missing between ${base} and version ${target}. Restore the file, or read an earlier version.`,
    { missing, target, available: readableVersions(listing) },
  );
}
