import type { LogSnapshot } from "../log/contract.ts";
import { existingTarget } from "./batch-target.ts";
import { alreadyApplied, appliedAt, commitBatch } from "./commit-batch.ts";
import { withMetricHistory } from "./metrics.ts";
import { quarantineRows } from "./quarantine-write.ts";
import { prepareBatch } from "./write-batch.ts";
import type { WriteOptions, WriteResult } from "./write-options.ts";
import type { WriteSource } from "./write-source.ts";

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
  const batch = await prepareBatch(target, source, withMetricHistory(snapshot, options));
  try {
    const quarantine = await quarantineRows(batch, options);
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
