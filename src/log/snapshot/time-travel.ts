import { VarveError } from "../../errors.ts";
import type { Action } from "../../protocol/actions.ts";
import type { ReadOptions } from "../../storage/contract/object-store.ts";
import type { LogSnapshot, TableContext } from "../contract.ts";
import { isHead } from "../segment/commit-lines.ts";
import { findCommitTimestamp, inCommitTimestamp, inCommitTimestamps } from "../segment/commit-timestamp.ts";
import type { LogListing } from "../segment/listing.ts";
import { readableVersions } from "../segment/segment.ts";

/** When a version was committed, in milliseconds since 1970-01-01 UTC. */
export interface CommitTime {
  readonly version: number;
  readonly timestamp: number;
}

/**
 * File times of the commits of a listing, made strictly ascending as in other engines: a time that is not
 * after the previous one becomes one millisecond more than it, so that times identify versions. Versions from
 * `end` on are left out. PROTOCOL.md "In-Commit Timestamps": times of commits without them.
 */
export function fileTimes(listing: LogListing, end = Number.POSITIVE_INFINITY): CommitTime[] {
  const times: CommitTime[] = [];
  for (const version of [...listing.commits.keys()].sort((a, b) => a - b)) {
    if (version >= end) break;
    const modified = listing.commits.get(version)?.modified ?? 0;
    const before = times.at(-1)?.timestamp ?? Number.NEGATIVE_INFINITY;
    times.push({ version, timestamp: Math.max(modified, before + 1) });
  }
  return times;
}

/**
 * When a version was committed, in milliseconds since 1970-01-01 UTC: as its commit says, if the table has such
 * times at it, else as its file does, or 0 if there is none.
 *
 * @param state protocol and metadata of that version
 * @param times those of {@link fileTimes}, by version
 * @throws `LOG_CORRUPT` if the commit lacks the time that it must have
 */
export function commitTime(
  version: number,
  actions: readonly Action[],
  state: Pick<LogSnapshot, "protocol" | "metadata">,
  times: ReadonlyMap<number, number>,
): number {
  const stored = inCommitTimestamps(state.protocol, state.metadata);
  return stored !== undefined && version >= stored.version
    ? inCommitTimestamp(actions.filter(isHead), version)
    : (times.get(version) ?? 0);
}

/**
 * The newest version committed at or before `timestamp` (PROTOCOL.md "Recommendations for Readers of Tables
 * with In-Commit Timestamps").
 *
 * A time after the newest commit, but not in the future, means that commit.
 *
 * @throws `TIMESTAMP_OUT_OF_RANGE` for a time in the future or before the first remaining version, with the
 * range that exists
 */
export async function versionAtTime(
  context: TableContext,
  listing: LogListing,
  latest: LogSnapshot,
  timestamp: number,
  options: ReadOptions,
): Promise<number> {
  if (!Number.isFinite(timestamp))
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Invalid timestamp ${timestamp}: it must be a number of milliseconds since 1970-01-01 UTC.`,
      { timestamp },
    );
  if (timestamp > Math.max(latest.timestamp, context.world.now()))
    throw await outOfRange({ context, listing, latest, options }, timestamp, "is in the future");
  const stored = inCommitTimestamps(latest.protocol, latest.metadata);
  if (stored !== undefined && (stored.timestamp === undefined || timestamp >= stored.timestamp)) {
    const version = await searchCommits(context, listing, stored.version, timestamp, options);
    if (version !== undefined) return version;
    throw await outOfRange(
      { context, listing, latest, options },
      timestamp,
      "is before the first version in the log",
    );
  }
  const commit = fileTimes(listing, stored?.version).findLast((time) => time.timestamp <= timestamp);
  if (commit === undefined)
    throw await outOfRange(
      { context, listing, latest, options },
      timestamp,
      "is before the first version in the log",
    );
  return commit.version;
}

/** Binary search over commits that have their own, ascending times, so that only few are read. */
async function searchCommits(
  context: TableContext,
  listing: LogListing,
  from: number,
  timestamp: number,
  options: ReadOptions,
): Promise<number | undefined> {
  const versions = [...listing.commits.keys()].filter((version) => version >= from).sort((a, b) => a - b);
  let [low, high] = [0, versions.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const version = versions[middle] ?? 0;
    const time = await findCommitTimestamp(context.store, version, options);
    if (time === undefined) throw removedMeanwhile(version);
    if (time <= timestamp) low = middle + 1;
    else high = middle;
  }
  return versions[low - 1];
}

function removedMeanwhile(version: number): VarveError {
  return new VarveError(
    "LOG_GAP",
    `Version ${version} was removed while the version of a time was looked for. Open the table again.`,
    { missing: version },
  );
}

interface Timeline {
  readonly context: TableContext;
  readonly listing: LogListing;
  readonly latest: LogSnapshot;
  readonly options: ReadOptions;
}

async function outOfRange(timeline: Timeline, timestamp: number, what: string): Promise<VarveError> {
  const { listing, latest } = timeline;
  const first = await firstTime(timeline);
  const iso = (time: number): string =>
    Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : String(time);
  const range = readableVersions(listing)
    .map(([a, b]) => (a === b ? String(a) : `${a} to ${b}`))
    .join(", ");
  const committed =
    first === undefined || first === latest.timestamp
      ? `at ${iso(latest.timestamp)}`
      : `from ${iso(first)} to ${iso(latest.timestamp)}`;
  return new VarveError(
    "TIMESTAMP_OUT_OF_RANGE",
    `${iso(timestamp)} ${what}. Readable versions: ${range}, committed ${committed}.`,
    { timestamp, first, last: latest.timestamp, versions: readableVersions(listing) },
  );
}

/** When the oldest version in the log was committed, by its own timestamp where it has one. */
async function firstTime({ context, listing, latest, options }: Timeline): Promise<number | undefined> {
  const [oldest] = fileTimes(listing);
  const stored = inCommitTimestamps(latest.protocol, latest.metadata);
  if (oldest === undefined || stored === undefined || oldest.version < stored.version)
    return oldest?.timestamp;
  return (await findCommitTimestamp(context.store, oldest.version, options)) ?? oldest.timestamp;
}
