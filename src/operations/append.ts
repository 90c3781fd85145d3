import type { LogSnapshot } from "../log/contract.ts";
import { withMetricHistory } from "../metrics/metrics.ts";
import type { GateVerdict } from "../quality/gate/verdict.ts";
import { type BatchTarget, existingTarget } from "../write/batch-target.ts";
import { alreadyApplied, appliedAt, commitBatch } from "../write/commit-batch.ts";
import { prepareWithEarlier } from "../write/quarantine-again.ts";
import { quarantineRows } from "../write/quarantine-write.ts";
import { prepareBatch } from "../write/write-batch.ts";
import type { WriteOptions, WriteResult } from "../write/write-options.ts";
import type { WriteSource } from "../write/write-source.ts";

/**
 * Adds rows to a table in one commit: all of them (less those that a gate sets aside), or none.
 *
 * Appends never conflict with each other. With `txn` or `batchId` the same batch lands at most once, whatever crashed in between.
 *
 * @throws `SCHEMA_MISMATCH`, `CONSTRAINT_VIOLATED`, `BATCH_REJECTED`, `SUITE_INVALID`, `SOURCE_UNREADABLE`, `UNSUPPORTED_FEATURE`,
 *   `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
 */
export async function append(snapshot: LogSnapshot, source: WriteSource, options: WriteOptions = {}): Promise<WriteResult> {
  const target = await existingTarget(snapshot);
  const applied = await appliedAt(target, options);
  if (applied !== undefined) return alreadyApplied(applied);
  return appendBatch(target, source, withMetricHistory(snapshot, options));
}

/** What was decided about rows of the batch that are not in the source any more. */
export interface RowsBefore {
  /** The verdict over all rows of the batch, from that over the source's. */
  readonly judged: (verdict: GateVerdict) => GateVerdict;
  /** Where they are in quarantine already. */
  readonly aside?: NonNullable<WriteResult["quarantine"]>;
}

/** Adds rows to a table as of a version, whose application's progress the caller has looked at. @throws as {@link append} */
export async function appendBatch(
  target: BatchTarget,
  source: WriteSource,
  options: WriteOptions,
  before?: RowsBefore,
): Promise<WriteResult> {
  const { prepared, earlier } = await prepareWithEarlier(target, options, () => prepareBatch(target, source, options));
  const batch =
    before === undefined || prepared.verdict === undefined ? prepared : { ...prepared, verdict: before.judged(prepared.verdict) };
  try {
    const quarantine = (await quarantineRows(batch, options, { earlier, before: before?.aside?.rows })) ?? before?.aside;
    const partitionBy = JSON.stringify(target.metadata.partitionColumns);
    return await commitBatch(
      batch,
      { operation: "WRITE", operationParameters: { mode: "Append", partitionBy }, ...(quarantine === undefined ? {} : { quarantine }) },
      options,
    );
  } finally {
    await batch.close();
  }
}
