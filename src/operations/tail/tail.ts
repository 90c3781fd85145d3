import { isVarveError, VarveError } from "../../errors.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import { listLog } from "../../log/segment/listing.ts";
import { readCommit } from "../../log/segment/tail-read.ts";
import { openLog, refreshLog } from "../../log/snapshot/open-log.ts";
import { commitTime } from "../../log/snapshot/time-travel.ts";
import type { Action, AddAction } from "../../protocol/actions.ts";
import { QueryResult } from "../../query/query-result.ts";
import { sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import { planFiles } from "../../table/scan/scan.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import { handOver } from "../../util/hand-over.ts";
import { type ChangePoint, planChanges, versionAfter } from "../changes/changes.ts";
import { ListedTimes } from "./listed-times.ts";
import { addedFiles, type RemovedRows } from "./tail-files.ts";
import { requirePosition, requireSameTable, type TailPosition } from "./tail-position.ts";

/** What a reader of versions, one after the other, is given. */
export interface TailOptions extends RemovedRows {
  /** See {@link startOf}. */
  readonly from?: ChangePoint | "latest" | TailPosition | undefined;
  /** Read the change data feed: every change of a row, and not only added rows. */
  readonly changes?: boolean | undefined;
  /** Wait for versions that are not there yet; default true. */
  readonly follow?: boolean | undefined;
  /** Milliseconds between looks for new versions; default 1,000. */
  readonly pollMilliseconds?: number | undefined;
  /** Files of added rows in one batch, at most; default 1,000. */
  readonly maxFiles?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Rows of one version, or a part of them. */
export interface TailBatch {
  readonly version: number;
  /** When the version was committed. */
  readonly timestamp: Date;
  /** Whether the rows are those of the whole version, which is the start, and not only what it added. */
  readonly whole: boolean;
  /** The rows; closed when the next batch is asked for. */
  readonly result: QueryResult;
  /** Where reading goes on after this batch. */
  readonly position: TailPosition;
}

const defaultPoll = 1000;
const defaultMaxFiles = 1000;

/**
 * Reads a table's versions in their order: the rows that each added or, with `changes`, the changes that it made.
 * Waits for new versions until it is left or cancelled.
 *
 * Each version is read under its own schema. Versions without rows give no batch.
 *
 * @throws `CHANGES_UNAVAILABLE` for a version that removed rows, or whose commit is gone; `CHANGES_RANGE_INVALID` for
 * a start that does not exist; `INVALID_ARGUMENT` for a position in another table; the errors of a scan
 */
export async function* tail(opened: LogSnapshot, options: TailOptions = {}): AsyncGenerator<TailBatch> {
  const { context } = opened;
  const { follow = true, pollMilliseconds = defaultPoll, signal } = options;
  let newest = await refreshLog(opened, { signal });
  let position = await startOf(newest, options);
  const times = new ListedTimes();
  for (;;) {
    requireSameTable(position, newest.metadata.id);
    for await (const batch of batchesUpTo(newest, { start: position, times }, options)) {
      await using _closed = batch.result;
      yield batch;
    }
    position = versionStart(newest, newest.version + 1);
    if (!follow) return;
    do {
      await context.world.sleep(pollMilliseconds, signal).catch((error: unknown) => {
        throwIfCancelled(signal, "waiting for new versions");
        throw error;
      });
      newest = await refreshLog(newest, { signal });
      requireSameTable(position, newest.metadata.id);
    } while (newest.version < position.version);
  }
}

/**
 * Where reading starts: with a version, inclusive; with the first one committed at or after a time; after the newest
 * one (`latest`); where an earlier reader stood; or, without any of these, with all rows of the newest version.
 */
async function startOf(newest: LogSnapshot, { from, signal }: TailOptions): Promise<TailPosition> {
  if (from === undefined) return { ...versionStart(newest, newest.version), whole: true };
  if (from === "latest") return versionStart(newest, newest.version + 1);
  if (from instanceof Date) {
    const listing = await listLog(newest.context.store, 0, undefined, { signal });
    return versionStart(newest, await versionAfter(newest.context, listing, from));
  }
  const position = typeof from === "number" ? versionStart(newest, from) : requirePosition(from);
  requireSameTable(position, newest.metadata.id);
  if (position.version <= newest.version + 1) return position;
  throw new VarveError(
    "CHANGES_RANGE_INVALID",
    `Version ${position.version} does not exist yet; the newest is ${newest.version}. Start at most one after it.`,
    { from: position.version, latest: newest.version },
  );
}

function versionStart({ metadata }: Pick<LogSnapshot, "metadata">, version: number): TailPosition {
  return { tableId: metadata.id, version, files: 0, whole: false };
}

async function* batchesUpTo(
  newest: LogSnapshot,
  { start, times: listed }: { readonly start: TailPosition; readonly times: ListedTimes },
  options: TailOptions,
): AsyncGenerator<TailBatch> {
  const { context, version: last } = newest;
  const { signal } = options;
  if (start.version > last) return;
  let reading = start.version === last ? newest : await versionOf(context, start.version, signal);
  const times = await listed.from(newest, start.version, signal);
  if (start.whole) yield* wholeVersion(reading, start, options);
  for (let version = start.whole ? start.version + 1 : start.version; version <= last; version++) {
    throwIfCancelled(signal, "reading new versions");
    const actions = await commitOf(context, version, signal);
    if (version > start.version && actions.some(({ kind }) => kind === "metaData" || kind === "protocol"))
      reading = version === last ? newest : await versionOf(context, version, signal);
    requireSameTable(start, reading.metadata.id);
    const at = { version, timestamp: commitTime(version, actions, reading, times) };
    const done = version === start.version ? start.files : 0;
    if (options.changes === true) {
      if (actions.some(changesRows)) yield await changesOf(reading, at, signal);
    } else yield* parts(reading, at, addedFiles(newest, version, actions, options), { ...options, done });
  }
}

/** All rows of the version that reading starts with. */
async function* wholeVersion(
  snapshot: LogSnapshot,
  { files: done }: TailPosition,
  options: TailOptions,
): AsyncGenerator<TailBatch> {
  const { version, timestamp } = snapshot;
  const files: AddAction[] = [];
  for await (const chunk of (await snapshot.files()).all())
    for (const { stats: _, ...file } of chunk) files.push(file);
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  yield* parts(snapshot, { version, timestamp, whole: true }, files, { ...options, done });
}

/** What a batch is about. */
interface At {
  readonly version: number;
  readonly timestamp: number;
  readonly whole?: boolean | undefined;
}

/** Rows of files, a number of files at a time. */
async function* parts(
  snapshot: LogSnapshot,
  at: At,
  files: readonly AddAction[],
  options: TailOptions & { readonly done: number },
): AsyncGenerator<TailBatch> {
  const { maxFiles = defaultMaxFiles, signal, done } = options;
  const { version, whole = false } = at;
  for (let from = done; from < files.length; from += maxFiles) {
    const to = Math.min(from + maxFiles, files.length);
    const engine = await snapshot.context.engine();
    const result = await handOver(await engine.open({ signal }), async (session) => {
      const scan = await planFiles(session, snapshot, files.slice(from, to), { signal });
      const rows = options.changes === true ? sql`SELECT *, ${inserted(at)} FROM (${scan.sql})` : scan.sql;
      const columns = options.changes === true ? await session.describe(rows) : scan.columns;
      return QueryResult.of(session, { sql: rows, columns }, {}, { signal });
    });
    const position =
      to === files.length
        ? versionStart(snapshot, version + 1)
        : { ...versionStart(snapshot, version), files: to, whole };
    yield { version, timestamp: new Date(at.timestamp), whole, result, position };
  }
}

/** The rows of a whole version as the feed tells of them. */
function inserted({ version, timestamp }: At) {
  const time = quoteText(new Date(timestamp).toISOString());
  return [
    sql`'insert' AS _change_type`,
    sql`CAST(${version} AS BIGINT) AS _commit_version`,
    sql`CAST(${time} AS TIMESTAMP WITH TIME ZONE) AS _commit_timestamp`,
  ];
}

async function changesOf(
  snapshot: LogSnapshot,
  { version, timestamp }: At,
  signal: AbortSignal | undefined,
): Promise<TailBatch> {
  const { context } = snapshot;
  const result = await handOver(await (await context.engine()).open({ signal }), async (session) => {
    const changes = await planChanges(session, context, { from: version, to: version, signal });
    return QueryResult.of(session, changes, {}, { signal });
  });
  const position = versionStart(snapshot, version + 1);
  return { version, timestamp: new Date(timestamp), whole: false, result, position };
}

function changesRows(action: Action): boolean {
  return action.kind === "cdc" || ((action.kind === "add" || action.kind === "remove") && action.dataChange);
}

async function versionOf(
  context: TableContext,
  version: number,
  signal: AbortSignal | undefined,
): Promise<LogSnapshot> {
  try {
    return await openLog(context, { version, signal });
  } catch (error) {
    throw isVarveError(error, "VERSION_NOT_FOUND") ? overtaken(version, error) : error;
  }
}

async function commitOf(
  { store }: TableContext,
  version: number,
  signal: AbortSignal | undefined,
): Promise<Action[]> {
  try {
    return await readCommit(store, version, { signal });
  } catch (error) {
    throw isVarveError(error, "VERSION_NOT_FOUND") ? overtaken(version, error) : error;
  }
}

function overtaken(version: number, cause: unknown): VarveError {
  return new VarveError(
    "CHANGES_UNAVAILABLE",
    `Version ${version} is no longer in the log: it was cleaned up before it was read, so rows would be missing. Start again without a position, with all rows of the newest version.`,
    { version },
    cause,
  );
}
