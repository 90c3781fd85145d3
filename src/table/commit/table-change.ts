import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import type {
  Action,
  AddAction,
  CdcAction,
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
} from "../../protocol/actions.ts";
import { recordsOf } from "../../protocol/record-count.ts";
import { removeAction } from "../../protocol/remove-action.ts";
import { defined } from "../../util/defined.ts";
import type { JsonValue } from "../../util/json.ts";
import type { MarkedFile } from "../data-files/deletion-vector-files.ts";
import type { AppTransaction } from "../idempotence/app-transaction.ts";
import type { CommitRequest, CommitResult, ReadSet } from "./commit-request.ts";
import { commitNewTable, commitTransaction } from "./transaction.ts";

/** The table that a change is based on. */
export interface ChangeBase {
  readonly context: TableContext;
  /** Absent if the change creates the table. */
  readonly snapshot?: LogSnapshot | undefined;
}

/** What one commit changes in a table, as its verb states it: every commit of varve is made from one. */
export interface TableChange {
  /** Name in the history, such as `WRITE`. */
  readonly operation: string;
  readonly operationParameters: Readonly<Record<string, JsonValue>>;
  /** The table's new protocol, metadata and metadata domains, each if it changes. */
  readonly definition?: readonly (ProtocolAction | MetadataAction | DomainMetadataAction)[] | undefined;
  readonly files?: FileChange | undefined;
  /** Application ids that the commit records in addition to its own transaction. */
  readonly marks?: readonly string[] | undefined;
  readonly txn?: AppTransaction | undefined;
  readonly reads?: ReadSet | undefined;
  /**
   * Whether the rows were judged by the table's own rows, which must therefore not have changed by the time
   * of the commit, not even by a blind append.
   */
  readonly judgedByTable?: boolean | undefined;
  readonly commitInfo?: Readonly<Record<string, JsonValue>> | undefined;
  readonly userMetadata?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The data files of a change. */
export interface FileChange {
  readonly adds: readonly AddAction[];
  /** Live files that the change removes. */
  readonly removes?: readonly AddAction[] | undefined;
  readonly changeFiles?: readonly CdcAction[] | undefined;
  /** Whether the files only hold the same rows in other files: then nothing is removed for readers of changes. */
  readonly rearranges?: boolean | undefined;
  /** Number of rows of `adds`, for the history; absent if files are only described again. */
  readonly rows?: RowCount | undefined;
  /** What the history keeps in place of the numbers of a write. */
  readonly metrics?: CommitRequest["operationMetrics"];
  /** Those of `removes` that `adds` add again with a deletion vector; see {@link CommitRequest.marked}. */
  readonly marked?: readonly MarkedFile[] | undefined;
}

/** Numbers of rows in new files. */
export interface RowCount {
  readonly written: number;
  /** Of these, rows copied from removed files. */
  readonly copied?: number | undefined;
  /** Whether copied rows kept their row ids and commit versions. */
  readonly idsKept?: boolean | undefined;
}

/**
 * Commits a change of a table.
 *
 * @throws as `commitTransaction`, for a new table as `commitNewTable`
 */
export function commitChange({ context, snapshot }: ChangeBase, change: TableChange): Promise<CommitResult> {
  const request = requestOf(change, context.world.now());
  return snapshot === undefined ? commitNewTable(context, request) : commitTransaction(snapshot, request);
}

/** The only function that makes commit requests. */
function requestOf(change: TableChange, now: number): CommitRequest {
  const { files } = change;
  const removes = (files?.removes ?? []).map((file) => ({
    ...removeAction(file, now),
    dataChange: files?.rearranges !== true,
  }));
  const marks = (change.marks ?? []).map(
    (appId): Action => ({ kind: "txn", appId, version: 1n, lastUpdated: now }),
  );
  return {
    actions: [
      ...(change.definition ?? []),
      ...(files?.changeFiles ?? []),
      ...removes,
      ...(files?.adds ?? []),
      ...marks,
    ],
    operation: change.operation,
    operationParameters: change.operationParameters,
    operationMetrics:
      files?.metrics ?? (files?.rows === undefined ? undefined : metricsOf(files, files.rows)),
    marked: files?.marked,
    reads: change.judgedByTable === true ? { ...change.reads, wholeTable: true } : change.reads,
    isolation: change.judgedByTable === true ? "Serializable" : undefined,
    rowIdsPreserved: keepsRowIds(files),
    userMetadata: change.userMetadata,
    txn: change.txn,
    commitInfo: change.commitInfo,
    signal: change.signal,
  };
}

function metricsOf({ adds, removes = [] }: FileChange, rows: RowCount): Readonly<Record<string, JsonValue>> {
  const { written, copied = 0 } = rows;
  return defined({
    numFiles: String(adds.length),
    numOutputRows: String(written - copied),
    numOutputBytes: String(adds.reduce((sum, file) => sum + file.size, 0)),
    numRemovedFiles: removes.length === 0 ? undefined : String(removes.length),
    numCopiedRows: removes.length === 0 ? undefined : String(copied),
    numDeletedRows: removes.length === 0 ? undefined : deletedRows(removes, copied),
  });
}

/** How many rows of removed files are nowhere else; `undefined` where their statistics do not say. */
function deletedRows(removes: readonly AddAction[], copied: number): string | undefined {
  let rows = -copied;
  for (const { stats, deletionVector } of removes) {
    const records = recordsOf(stats);
    if (records === undefined) return undefined;
    rows += records - (deletionVector?.cardinality ?? 0);
  }
  return String(rows);
}

/** New rows have no row ids to keep. */
function keepsRowIds(files: FileChange | undefined): boolean | undefined {
  return files?.rows === undefined
    ? undefined
    : (files.rows.copied ?? 0) === 0 || files.rows.idsKept === true;
}
