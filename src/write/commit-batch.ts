import type { AddAction } from "../protocol/actions.ts";
import { plainVerdict, summarizeVerdict } from "../quality/gate/verdict.ts";
import type { ReadSet } from "../table/commit/commit-request.ts";
import { commitChange, type TableChange } from "../table/commit/table-change.ts";
import { keepLog } from "../table/commit/upkeep.ts";
import { commitOrWithdraw, publishData, withdrawData } from "../table/data-files/write-data-files.ts";
import { isApplied } from "../table/idempotence/app-transaction.ts";
import {
  asideMark,
  type BatchName,
  batchTransaction,
  quarantinedName,
  resubmittedMark,
} from "../table/idempotence/application-ids.ts";
import { defined } from "../util/defined.ts";
import type { JsonValue } from "../util/json.ts";
import type { BatchTarget } from "./batch-target.ts";
import type { PreparedBatch } from "./write-batch.ts";
import type { WriteOptions, WriteOutcome, WriteResult } from "./write-options.ts";

/** What a verb adds to the commit of a batch. */
export interface BatchCommit {
  /** As history shows it, e.g. `WRITE`. */
  readonly operation: string;
  readonly operationParameters: Readonly<Record<string, JsonValue>>;
  /** Files that the commit removes. */
  readonly removes?: readonly AddAction[] | undefined;
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
 * @throws the errors of `commitChange`
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
  const txn = batchTransaction(options);
  const change: TableChange = {
    operation: commit.operation,
    operationParameters: commit.operationParameters,
    definition: target.changes,
    files: {
      adds,
      removes,
      rows: { written: data.rows, copied: commit.copiedRows, idsKept: commit.rowIdsCopied },
    },
    marks: [...(commit.marks ?? []), ...(setsAside(batch) ? ownMarks(options, asideMark) : [])],
    reads: readsOf(batch, commit, options),
    judgedByTable: batch.comparesWithTable,
    userMetadata: options.userMetadata,
    txn,
    commitInfo: verdict === undefined ? undefined : gateInfo(batch, commit, options),
    signal: options.signal,
  };
  const result = await commitOrWithdraw(target.context, data, () => commitChange(target, change));
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

/** What the commit read of the progress of others, beside the verb's part. */
function readsOf(batch: PreparedBatch, commit: BatchCommit, options: WriteOptions): ReadSet | undefined {
  // Rows that another try of the batch set aside may have landed meanwhile, which this one would land again.
  const appIds = setsAside(batch) ? [] : ownMarks(options, resubmittedMark);
  return appIds.length === 0
    ? commit.reads
    : { ...commit.reads, appIds: [...(commit.reads?.appIds ?? []), ...appIds] };
}

/** Whether the batch's gate set rows aside. */
function setsAside({ verdict }: PreparedBatch): boolean {
  return verdict !== undefined && verdict.quarantineSql !== null;
}

function ownMarks(options: WriteOptions, markOf: (batchId: string) => string): string[] {
  const batchId = quarantinedName(options);
  return batchId === undefined ? [] : [markOf(batchId)];
}

/** The result of a batch that the table holds already. */
export function alreadyApplied(version: number): WriteResult {
  return { outcome: "alreadyApplied", version, rows: 0, filesAdded: 0, filesRemoved: 0, bytesAdded: 0 };
}

/** The version at which the table already holds this batch, before any work is done for it. */
export async function appliedAt({ snapshot }: BatchTarget, batch: BatchName): Promise<number | undefined> {
  const txn = batchTransaction(batch);
  if (txn === undefined || snapshot === undefined) return undefined;
  return (await isApplied(snapshot, txn)) ? snapshot.version : undefined;
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
