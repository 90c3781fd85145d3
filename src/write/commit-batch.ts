import type { Action } from "../protocol/actions.ts";
import { plainVerdict, summarizeVerdict } from "../quality/gate/verdict.ts";
import type { AppTransaction, CommitRequest, ReadSet } from "../table/commit/commit-request.ts";
import { commitNewTable, commitTransaction } from "../table/commit/transaction.ts";
import { keepLog } from "../table/commit/upkeep.ts";
import { commitOrWithdraw, publishData, withdrawData } from "../table/data-files/write-data-files.ts";
import { defined } from "../util/defined.ts";
import type { JsonValue } from "../util/json.ts";
import { asideMark, markAction, namedBatch, resubmittedMark } from "./batch-marks.ts";
import type { BatchTarget } from "./batch-target.ts";
import type { PreparedBatch } from "./write-batch.ts";
import type { WriteOptions, WriteOutcome, WriteResult } from "./write-options.ts";

/** What a verb adds to the commit of a batch. */
export interface BatchCommit {
  /** As history shows it, e.g. `WRITE`. */
  readonly operation: string;
  readonly operationParameters: Readonly<Record<string, JsonValue>>;
  /** Files that the commit removes. */
  readonly removes?: readonly Action[] | undefined;
  readonly reads?: ReadSet | undefined;
  /** Rows of the removed files that are in the new ones too. */
  readonly copiedRows?: number | undefined;
  /** They kept their row ids and commit versions. */
  readonly rowIdsCopied?: boolean | undefined;
  readonly quarantine?: NonNullable<WriteResult["quarantine"]> | undefined;
  /** Marks that the commit records beside its own transaction. */
  readonly marks?: readonly string[] | undefined;
}

/**
 * Moves a batch's files into the table and commits them. Files of a commit that certainly did not happen are
 * taken back; those of one whose outcome is unknown stay.
 *
 * @throws the errors of `commitTransaction`
 */
export async function commitBatch(
  batch: PreparedBatch,
  commit: BatchCommit,
  options: WriteOptions,
): Promise<WriteOutcome> {
  const { target, data, verdict } = batch;
  options.onProgress?.({ phase: "committing" });
  const adds = await publishData(target.context, data, options.signal);
  const removes = commit.removes ?? [];
  const txn = transactionOf(options);
  const now = target.context.world.now();
  const marks = [...(commit.marks ?? []), ...(setsAside(batch) ? ownMarks(options, asideMark) : [])];
  const request: CommitRequest = {
    actions: [...target.changes, ...removes, ...adds, ...marks.map((mark) => markAction(mark, now))],
    operation: commit.operation,
    operationParameters: commit.operationParameters,
    operationMetrics: defined({
      numFiles: String(adds.length),
      numOutputRows: String(data.rows - (commit.copiedRows ?? 0)),
      numOutputBytes: String(data.bytes),
      numRemovedFiles: removes.length === 0 ? undefined : String(removes.length),
      numCopiedRows: removes.length === 0 ? undefined : String(commit.copiedRows ?? 0),
    }),
    ...readsOf(batch, commit, options),
    // New rows have no ids to keep.
    rowIdsPreserved: (commit.copiedRows ?? 0) === 0 || commit.rowIdsCopied === true,
    userMetadata: options.userMetadata,
    txn,
    commitInfo: verdict === undefined ? undefined : gateInfo(batch, commit, options),
    signal: options.signal,
  };
  const result = await commitOrWithdraw(target.context, data, () =>
    target.snapshot === undefined
      ? commitNewTable(target.context, request)
      : commitTransaction(target.snapshot, request),
  );
  if (result.outcome === "alreadyApplied") {
    await withdrawData(target.context, data);
    return alreadyApplied(result.version);
  }
  return {
    outcome: "committed",
    version: result.version,
    rows: data.rows - (commit.copiedRows ?? 0),
    filesAdded: adds.length,
    filesRemoved: removes.length,
    bytesAdded: data.bytes,
    gate: verdict === undefined ? undefined : plainVerdict(verdict),
    quarantine: commit.quarantine,
    upkeep: keepLog(target.context, result, { base: target.snapshot }),
  };
}

/** What the commit read: the verb's part, and the whole table where the gate compared the batch with it. */
function readsOf(
  batch: PreparedBatch,
  commit: BatchCommit,
  options: WriteOptions,
): Pick<CommitRequest, "reads" | "isolation"> {
  // Rows that another try of the batch set aside may have landed meanwhile, which this one would land again.
  const appIds = setsAside(batch) ? [] : ownMarks(options, resubmittedMark);
  const reads =
    appIds.length === 0
      ? commit.reads
      : { ...commit.reads, appIds: [...(commit.reads?.appIds ?? []), ...appIds] };
  if (batch.comparesWithTable) return { reads: { ...reads, wholeTable: true }, isolation: "Serializable" };
  return { reads };
}

/** Whether the batch's gate set rows aside. */
function setsAside({ verdict }: PreparedBatch): boolean {
  return verdict !== undefined && verdict.quarantineSql !== null;
}

function ownMarks(options: WriteOptions, markOf: (batchId: string) => string): string[] {
  const batchId = namedBatch(options);
  return batchId === undefined ? [] : [markOf(batchId)];
}

/** The result of a batch that the table holds already. */
export function alreadyApplied(version: number): WriteResult {
  return { outcome: "alreadyApplied", version, rows: 0, filesAdded: 0, filesRemoved: 0, bytesAdded: 0 };
}

/** The application transaction under which a write lands at most once; absent where the caller named none. */
export function transactionOf(options: WriteOptions): AppTransaction | undefined {
  if (options.txn !== undefined) return { appId: options.txn.appId, version: BigInt(options.txn.version) };
  return options.batchId === undefined ? undefined : { appId: `varve.batch.${options.batchId}`, version: 1n };
}

/** The version at which the table already holds this batch, before any work is done for it. */
export async function appliedAt(target: BatchTarget, options: WriteOptions): Promise<number | undefined> {
  const txn = transactionOf(options);
  if (txn === undefined || target.snapshot === undefined) return undefined;
  const held = (await target.snapshot.appTransactions()).get(txn.appId)?.version;
  return held !== undefined && held >= txn.version ? target.snapshot.version : undefined;
}

/** What history keeps of the gate: `gate` as `spec/formats.md` defines it. */
function gateInfo(
  { verdict }: PreparedBatch,
  commit: BatchCommit,
  options: WriteOptions,
): Readonly<Record<string, JsonValue>> {
  if (verdict === undefined) return {};
  const quarantine =
    commit.quarantine === undefined
      ? {}
      : { quarantine: { uri: commit.quarantine.uri, version: commit.quarantine.version } };
  return { gate: defined({ ...summarizeVerdict(verdict), batchId: options.batchId, ...quarantine }) };
}
