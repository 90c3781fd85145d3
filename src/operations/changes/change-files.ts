import { isVarveError, VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { pathKeyer } from "../../log/segment/file-key.ts";
import type { LogListing } from "../../log/segment/listing.ts";
import { withLogSession } from "../../log/segment/log-session.ts";
import { readCommit } from "../../log/segment/tail-read.ts";
import { openLog } from "../../log/snapshot/open-log.ts";
import { commitTime, fileTimes } from "../../log/snapshot/time-travel.ts";
import type {
  Action,
  AddAction,
  CdcAction,
  MetadataAction,
  ProtocolAction,
  RemoveAction,
} from "../../protocol/actions.ts";
import { isFeatureActive } from "../../protocol/features.ts";
import { parseSchema } from "../../schema/schema-json.ts";
import type { StructType } from "../../schema/types.ts";
import { deletedRows, type RowSelection, type VectorOwner } from "../../table/scan/row-selection.ts";
import { appendAll } from "../../util/append-all.ts";
import { type BitSet, difference, isEmpty } from "../../util/bit-sets.ts";
import { throwIfCancelled } from "../../util/cancel.ts";

/** A file, or some of its rows, from which a version's changes are read. */
export interface ChangedFile {
  readonly path: string;
  readonly partitionValues: Readonly<Record<string, string | null>>;
  /** Absent if the file has a change type for each row. */
  readonly changeType?: "insert" | "delete" | undefined;
  readonly selection?: RowSelection | undefined;
  readonly version: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestamp: number;
  /** Index in {@link ChangedFiles.definitions} of the definition that the file was written under. */
  readonly definition: number;
}

/** Files, and the definitions of the table that they were written under. */
export interface ChangedFiles {
  readonly files: readonly ChangedFile[];
  /** All that the table had from before the range to its end, the oldest first. */
  readonly definitions: readonly VersionDefinition[];
}

/** A table's definition at a version. */
export interface VersionDefinition {
  readonly version: number;
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly schema: StructType;
}

type State = Pick<VersionDefinition, "protocol" | "metadata">;

/**
 * Lists the files from which the changes of the versions `from` to `last.version` are read.
 *
 * @throws `CHANGES_UNAVAILABLE` naming the version, if a commit is gone or was made without the feed;
 * `DELETION_VECTOR_CORRUPT`, `DATA_FILE_MISSING`
 */
export async function changedFiles(
  last: LogSnapshot,
  from: number,
  listing: LogListing,
  signal?: AbortSignal,
): Promise<ChangedFiles> {
  const times = new Map(fileTimes(listing).map((time) => [time.version, time.timestamp]));
  const changed: ChangedFile[] = [];
  const definitions: VersionDefinition[] = [];
  let state = await stateAt(last, from);
  if (from > 0) definitionIndex(definitions, state, from - 1);
  for (let version = from; version <= last.version; version++) {
    throwIfCancelled(signal, "reading changes");
    const actions = await commitOf(last, version);
    const before = state;
    state = stateAfter(state, actions);
    checkFeed(state, version);
    const timestamp = commitTime(version, actions, state, times);
    const fed = actions.filter((action): action is CdcAction => action.kind === "cdc");
    const files =
      fed.length > 0
        ? fed.map(({ path, partitionValues }) => ({ path, partitionValues, isRemoved: false }))
        : await derivedFiles(last, actions, version, before);
    // What a commit removes was written before it, under the definition that it may have changed.
    const removedUnder = Math.max(definitions.length - 1, 0);
    const writtenUnder = definitionIndex(definitions, state, version);
    for (const { isRemoved, ...file } of files) {
      const definition = isRemoved ? removedUnder : writtenUnder;
      changed.push({ ...file, version, timestamp, definition });
    }
  }
  return { files: changed, definitions };
}

/** The place of the newest definition in the list, to which it is added if it is not there. */
function definitionIndex(definitions: VersionDefinition[], state: State, version: number): number {
  const { protocol, metadata } = state;
  const newest = definitions.at(-1);
  if (newest?.protocol !== protocol || newest.metadata !== metadata)
    definitions.push({ version, protocol, metadata, schema: parseSchema(metadata.schemaString) });
  return definitions.length - 1;
}

/**
 * Protocol and metadata before the first commit of the range, or those of that commit itself if nothing
 * precedes it.
 */
async function stateAt(last: LogSnapshot, from: number): Promise<State> {
  if (from === 0) return { protocol: last.protocol, metadata: last.metadata };
  const before = await stateOf(last, from - 1);
  const state = before ?? (await stateOf(last, from));
  if (state === undefined) throw gone(from);
  return state;
}

/** Protocol and metadata of a version; `undefined` if the log does not reach back to it any more. */
async function stateOf(last: LogSnapshot, version: number): Promise<State | undefined> {
  try {
    return await openLog(last.context, { version });
  } catch (error) {
    if (isVarveError(error, "VERSION_NOT_FOUND")) return undefined;
    throw error;
  }
}

async function commitOf(last: LogSnapshot, version: number): Promise<Action[]> {
  try {
    return await readCommit(last.context.store, version);
  } catch (error) {
    throw isVarveError(error, "VERSION_NOT_FOUND") ? gone(version, error) : error;
  }
}

function gone(version: number, cause?: unknown): VarveError {
  const message = `Cannot read the changes of version ${version}: its commit is no longer in the log. Start at a later version.`;
  return new VarveError("CHANGES_UNAVAILABLE", message, { version }, cause);
}

function stateAfter(before: State, actions: readonly Action[]): State {
  let { protocol, metadata } = before;
  for (const action of actions) {
    if (action.kind === "protocol") protocol = action;
    if (action.kind === "metaData") metadata = action;
  }
  return { protocol, metadata };
}

/** The feed is on from the commit that turns it on. PROTOCOL.md "Writer Requirements for AddCDCFile". */
function checkFeed({ protocol, metadata }: State, version: number): void {
  if (isFeatureActive("changeDataFeed", protocol, metadata)) return;
  throw new VarveError(
    "CHANGES_UNAVAILABLE",
    `Version ${version} was written without the change data feed (delta.enableChangeDataFeed), so its row changes are unknown. ` +
      "Choose a range of versions that were all written with it.",
    { version },
  );
}

interface DerivedFile extends Omit<ChangedFile, "version" | "timestamp" | "definition"> {
  /** Whether the commit removes the file, which others wrote before. */
  readonly isRemoved: boolean;
}

/**
 * Inserts and deletes of a commit without change files: whole files, or the rows by which a file's deletion
 * vectors differ. PROTOCOL.md "Reader Requirements for AddCDCFile": changes from data files.
 */
async function derivedFiles(
  last: LogSnapshot,
  actions: readonly Action[],
  version: number,
  before: State,
): Promise<DerivedFile[]> {
  const keyOf = pathKeyer(last.context.store.uri);
  const adds = new Map<string, AddAction>();
  const removes = new Map<string, RemoveAction>();
  for (const action of actions) {
    if (action.kind === "add" && action.dataChange) adds.set(keyOf(action.path), action);
    if (action.kind === "remove" && action.dataChange) removes.set(keyOf(action.path), action);
  }
  const files: DerivedFile[] = [];
  for (const [key, add] of adds) {
    const removed = removes.get(key);
    const [now, earlier] = await vectorRows(last, [
      add,
      { path: add.path, deletionVector: removed?.deletionVector },
    ]);
    if (removed === undefined)
      files.push({
        path: add.path,
        partitionValues: add.partitionValues,
        changeType: "insert",
        isRemoved: false,
        ...without(now),
      });
    else appendAll(files, vectorChanges(add, now, earlier));
  }
  for (const [key, remove] of removes) {
    if (adds.has(key)) continue;
    const [deleted] = await vectorRows(last, [remove]);
    const isPartitioned = before.metadata.partitionColumns.length > 0;
    const partitionValues =
      remove.partitionValues ?? (isPartitioned ? await partitionValuesOf(last, remove, keyOf, version) : {});
    files.push({
      path: remove.path,
      partitionValues,
      changeType: "delete",
      isRemoved: true,
      ...without(deleted),
    });
  }
  return files;
}

/** Most files have no vector, and then no session is needed. */
async function vectorRows(
  last: LogSnapshot,
  files: readonly VectorOwner[],
): Promise<(Uint8Array | undefined)[]> {
  if (files.every(({ deletionVector }) => deletionVector === undefined)) return [];
  return withLogSession(last.context, (session) => deletedRows(session, last.context, files));
}

function without(deleted: Uint8Array | undefined): { readonly selection?: RowSelection | undefined } {
  return deleted === undefined ? {} : { selection: { bits: deleted, keep: "clear" } };
}

/** Rows that are in only one vector: newly deleted, or restored. */
function vectorChanges(
  add: AddAction,
  now: Uint8Array | undefined,
  before: Uint8Array | undefined,
): DerivedFile[] {
  const { path, partitionValues } = add;
  const deleted = minus(now, before);
  const restored = minus(before, now);
  return [
    ...(deleted === undefined
      ? []
      : [
          {
            path,
            partitionValues,
            changeType: "delete",
            isRemoved: false,
            selection: { bits: deleted, keep: "set" },
          } as const,
        ]),
    ...(restored === undefined
      ? []
      : [
          {
            path,
            partitionValues,
            changeType: "insert",
            isRemoved: false,
            selection: { bits: restored, keep: "set" },
          } as const,
        ]),
  ];
}

/** Bits of `a` that `b` does not have, or `undefined` if there are none. */
function minus(a: BitSet | undefined, b: BitSet | undefined): BitSet | undefined {
  const left = a === undefined ? undefined : difference(a, b);
  return left === undefined || isEmpty(left) ? undefined : left;
}

/**
 * The partition values of a removed file, by its add in the version before: older writers leave them out.
 */
async function partitionValuesOf(
  last: LogSnapshot,
  remove: RemoveAction,
  keyOf: (path: string) => string,
  version: number,
): Promise<AddAction["partitionValues"]> {
  const before = await openLog(last.context, { version: version - 1 });
  const key = keyOf(remove.path);
  for await (const chunk of (await before.files()).all()) {
    const match = chunk.find((add) => keyOf(add.path) === key);
    if (match !== undefined) return match.partitionValues;
  }
  throw new VarveError(
    "LOG_CORRUPT",
    `Version ${version} removes ${remove.path}, which is not in the version before it. The log is damaged.`,
    {
      version,
      path: remove.path,
    },
  );
}
