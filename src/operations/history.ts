import type { TableContext } from "../log/contract.ts";
import type { LogListing } from "../log/segment/listing.ts";
import { readableVersions } from "../log/segment/segment.ts";
import { listWhole } from "../log/snapshot/open-log.ts";
import { parseActionLine, readActions } from "../protocol/action-json.ts";
import type { RemoveAction } from "../protocol/actions.ts";
import { recordsOf } from "../protocol/record-count.ts";
import { textPartsPaced } from "../protocol/text-lines.ts";
import { decodeLogPath, logPathKey } from "../schema/paths.ts";
import type { ObjectInfo } from "../storage/contract/object-store.ts";
import { type BatchName, batchOf, quarantinedName } from "../table/idempotence/application-ids.ts";
import { mapBounded } from "../util/concurrency.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../util/json.ts";

/** What one version did, as its commit says. */
export interface HistoryEntry {
  readonly version: number;
  /** The in-commit timestamp, or else the commit file's modification time. */
  readonly timestamp: Date;
  readonly operation?: string | undefined;
  readonly operationParameters: JsonObject;
  readonly operationMetrics: JsonObject;
  /**
   * Number of new rows, without those that the commit copied or updated; absent if its files do not tell, as those
   * that a restore lists again.
   */
  readonly rowsAdded?: number | undefined;
  /** Number of rows that it deleted; absent if its writer did not count them. */
  readonly rowsDeleted?: number | undefined;
  /** Number of rows that it updated; absent if its writer did not count them. */
  readonly rowsUpdated?: number | undefined;
  readonly filesAdded: number;
  readonly filesRemoved: number;
  readonly engineInfo?: string | undefined;
  readonly userMetadata?: string | undefined;
  /** The `batchId` under which the batch was written, or the id of a staged batch that was published. */
  readonly batchId?: string | undefined;
  /** The application transaction (`txn`) under which it was written, by any writer. */
  readonly txn?: { readonly appId: string; readonly version: bigint } | undefined;
  /** The verdict of the gate that this commit passed (spec/formats.md). */
  readonly gate?: JsonObject | undefined;
  /**
   * Whether the version can still be read: it can be opened, and files that were removed later still exist.
   * If not, why.
   */
  readonly readable: { readonly ok: true } | { readonly ok: false; readonly reason: string };
  /** Names of the pins that keep the version, oldest first; absent if there are none. */
  readonly pins?: readonly string[] | undefined;
}

export interface HistoryOptions {
  /** List only this many versions, the newest. */
  readonly limit?: number | undefined;
  /** List only versions up to this one. */
  readonly to?: number | undefined;
  /** List only the version of this batch: its `batchId`, or its `txn` written as `application:version`. */
  readonly batch?: string | undefined;
  /** List only versions whose message (`userMetadata`) contains this text, in any case of its letters. */
  readonly messageContains?: string | undefined;
  /** Check whether files that later commits removed are still in the store; default true. */
  readonly checkFiles?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a commit says about itself. Its adds are counted but not kept, because there may be a million. */
interface Commit {
  readonly version: number;
  readonly file: ObjectInfo;
  readonly info: JsonObject;
  readonly filesAdded: number;
  /** Absent if a file has no row count. */
  readonly rowsAdded?: number | undefined;
  readonly removes: readonly RemoveAction[];
  readonly batch: BatchName | undefined;
}

const readsUnderWay = 8;
/** Number of commits that are read before more are looked for. */
const readAtOnce = 256;

/**
 * Lists versions, newest first, from their commit files alone, without checkpoints, data files or the engine.
 *
 * Versions whose commit was cleaned up are not listed. A version is readable if the log can still rebuild it
 * and no file that it needs is gone; files that are live in the newest version are assumed to exist (`fsck`
 * checks them).
 *
 * @throws `NOT_A_TABLE`
 */
export async function readHistory(
  context: TableContext,
  options: HistoryOptions = {},
): Promise<HistoryEntry[]> {
  const listing = await listWhole(context, undefined, options);
  const { commits, wanted } = await selectCommits(context, listing, options);
  const lost =
    options.checkFiles === false ? new Map<number, string>() : await lostVersions(context, commits);
  return wanted.map((commit) => entryOf(commit, readability(commit.version, listing, lost)));
}

/** The commits that are wanted, and all that were read to find them, newest first. */
async function selectCommits(
  context: TableContext,
  listing: LogListing,
  { limit = listing.commits.size, to = Number.POSITIVE_INFINITY, batch, messageContains }: HistoryOptions,
): Promise<{ readonly commits: readonly Commit[]; readonly wanted: readonly Commit[] }> {
  const newestFirst = [...listing.commits].filter(([version]) => version <= to).sort(([a], [b]) => b - a);
  const isFiltered = batch !== undefined || messageContains !== undefined;
  const text = messageContains?.toLowerCase();
  const isWanted = ({ info, batch: found }: Commit): boolean =>
    (batch === undefined || (found !== undefined && quarantinedName(found) === batch)) &&
    (text === undefined ||
      String(info["userMetadata"] ?? "")
        .toLowerCase()
        .includes(text));
  const commits: Commit[] = [];
  const wanted: Commit[] = [];
  for (let start = 0; start < newestFirst.length && wanted.length < limit; start += readAtOnce) {
    const part = newestFirst.slice(
      start,
      isFiltered ? start + readAtOnce : Math.min(start + readAtOnce, limit),
    );
    const read = await mapBounded(part, readsUnderWay, ([version, file]) =>
      readCommit(context, version, file),
    );
    for (const commit of read) commits.push(commit);
    for (const commit of read) if (isWanted(commit) && wanted.length < limit) wanted.push(commit);
  }
  return { commits, wanted };
}

async function readCommit(context: TableContext, version: number, file: ObjectInfo): Promise<Commit> {
  let info: JsonObject = {};
  let filesAdded = 0;
  let rowsAdded: number | undefined = 0;
  let batch: BatchName | undefined;
  const removes: RemoveAction[] = [];
  const marked = new Map<string, number>();
  for await (const { text, firstLine } of textPartsPaced(await context.store.get(file.path), file.path)) {
    let number = firstLine;
    for (const line of text.split("\n")) {
      if (line.startsWith('{"add":')) {
        filesAdded++;
        const { rows, markedPath } = rowsOfAddLine(line, file.path, number++);
        rowsAdded = rows === undefined || rowsAdded === undefined ? undefined : rowsAdded + rows;
        if (markedPath !== undefined) marked.set(logPathKey(markedPath), rows ?? 0);
        continue;
      }
      const action = parseActionLine(line, file.path, number++);
      if (action?.kind === "commitInfo") info = action.info;
      else if (action?.kind === "remove") removes.push(action);
      else if (action?.kind === "add") filesAdded++;
      else if (action?.kind === "txn") batch ??= batchOf(action);
    }
  }
  const again = removes.flatMap(({ path }) => marked.get(logPathKey(path)) ?? []);
  const before = again.reduce((sum, rows) => sum + rows, 0) + rowsWrittenAgain(info);
  const counted = info["operation"] === "RESTORE" ? undefined : rowsAdded;
  return {
    version,
    file,
    info,
    filesAdded: filesAdded - again.length,
    rowsAdded: counted === undefined ? undefined : Math.max(0, counted - before),
    removes: removes.filter(({ path }) => !marked.has(logPathKey(path))),
    batch,
  };
}

const updatedMetrics = ["numUpdatedRows", "numTargetRowsUpdated"] as const;

/** Rows of new files that the table had before, changed or not. */
function rowsWrittenAgain(info: JsonObject): number {
  const copied = countOf(info, ["numCopiedRows", "numTargetRowsCopied"]) ?? 0;
  return copied + (countOf(info, updatedMetrics) ?? 0);
}

/** A number of `operationMetrics`, under one of the names that Spark's operations have for it. */
function countOf(info: JsonObject, names: readonly string[]): number | undefined {
  const metrics = objectOf(info["operationMetrics"]);
  const value = names.map((name) => metrics[name]).find((metric) => typeof metric === "string");
  return typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/**
 * Number of rows of one added file, without those that its deletion vector hides, and its path if it has a
 * vector: then it may be in the table already. The usual spelling is read
 * without parsing the line.
 */
function rowsOfAddLine(
  line: string,
  path: string,
  number: number,
): { readonly rows: number | undefined; readonly markedPath?: string | undefined } {
  const count = /"stats":"\{\\"numRecords\\":(\d{1,15})[,}]/.exec(line)?.[1];
  const isPlain = !line.includes('"deletionVector"') && !line.includes('"dataChange":false');
  if (count !== undefined && isPlain) return { rows: Number(count) };
  const action = parseActionLine(line, path, number);
  if (action?.kind !== "add") return { rows: undefined };
  if (!action.dataChange) return { rows: 0 };
  const { stats, deletionVector } = action;
  const records = recordsOf(stats);
  const rows = records === undefined ? undefined : records - (deletionVector?.cardinality ?? 0);
  return { rows, markedPath: deletionVector === undefined ? undefined : action.path };
}

function entryOf(commit: Commit, readable: HistoryEntry["readable"]): HistoryEntry {
  const { info } = commit;
  return {
    version: commit.version,
    timestamp: commitTime(commit),
    ...text("operation", info["operation"]),
    operationParameters: objectOf(info["operationParameters"]),
    operationMetrics: objectOf(info["operationMetrics"]),
    rowsAdded: commit.rowsAdded,
    rowsDeleted: countOf(info, ["numDeletedRows", "numTargetRowsDeleted"]),
    rowsUpdated: countOf(info, updatedMetrics),
    filesAdded: commit.filesAdded,
    filesRemoved: commit.removes.length,
    ...text("engineInfo", info["engineInfo"]),
    ...text("userMetadata", info["userMetadata"]),
    batchId: commit.batch?.batchId,
    txn: commit.batch?.txn === undefined ? undefined : namedTransaction(commit.batch.txn),
    gate: isJsonObject(info["gate"]) ? info["gate"] : undefined,
    readable,
  };
}

function namedTransaction({ appId, version }: NonNullable<BatchName["txn"]>) {
  return { appId, version: BigInt(version) };
}

/** A time that no `Date` can hold is ignored, so that history can read damaged logs. */
function commitTime({ info, file }: Commit): Date {
  const inCommit = new Date(numberOf(info["inCommitTimestamp"]) ?? Number.NaN);
  return Number.isNaN(inCommit.getTime()) ? new Date(file.modified) : inCommit;
}

function readability(
  version: number,
  listing: LogListing,
  lost: ReadonlyMap<number, string>,
): HistoryEntry["readable"] {
  const inLog = readableVersions(listing).some(([first, last]) => version >= first && version <= last);
  if (!inLog) return { ok: false, reason: "the log before it was cleaned up" };
  const file = lost.get(version);
  return file === undefined ? { ok: true } : { ok: false, reason: `data file ${file} was deleted` };
}

/**
 * Returns one file for each version that needs a file that a later commit removed and the store no longer
 * holds.
 */
async function lostVersions(
  context: TableContext,
  newestFirst: readonly Commit[],
): Promise<ReadonlyMap<number, string>> {
  const removed = new Map<string, string>();
  for (const commit of newestFirst)
    for (const { path } of commit.removes) removed.set(logPathKey(path), path);
  const missing = new Set<string>();
  await mapBounded(removed, readsUnderWay, async ([key, path]) => {
    if (await isMissing(context, path)) missing.add(key);
  });
  return missing.size === 0 ? new Map() : lostBetween(context, newestFirst, missing);
}

/**
 * Walks the commits from the newest back: a missing file is needed by every version from the one that added
 * it to the one before its removal.
 */
async function lostBetween(
  context: TableContext,
  newestFirst: readonly Commit[],
  missing: ReadonlySet<string>,
): Promise<ReadonlyMap<number, string>> {
  const lost = new Map<number, string>();
  const needed = new Map<string, string>();
  for (const commit of newestFirst) {
    const lostFile = needed.values().next();
    if (lostFile.done !== true) lost.set(commit.version, lostFile.value);
    const actions = await readActions(await context.store.get(commit.file.path), commit.file.path);
    for (const action of actions) if (action.kind === "add") needed.delete(logPathKey(action.path));
    for (const { path } of commit.removes)
      if (missing.has(logPathKey(path))) needed.set(logPathKey(path), path);
  }
  return lost;
}

/** Files at absolute URIs belong to other tables (shallow clones), and are not checked. */
async function isMissing(context: TableContext, path: string): Promise<boolean> {
  const place = decodeLogPath(path);
  return place.kind === "relative" && (await context.store.head(place.path)) === undefined;
}

function numberOf(value: JsonValue | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function text<K extends string>(key: K, value: JsonValue | undefined): { readonly [P in K]?: string } {
  return typeof value === "string" ? ({ [key]: value } as { [P in K]: string }) : {};
}
