import type { LogSnapshot } from "../log/contract.ts";
import { withMetricHistory } from "../metrics/metrics.ts";
import type { GateOutcome } from "../quality/gate/verdict.ts";
import { type BatchTarget, existingTarget } from "../write/batch-target.ts";
import { alreadyApplied, appliedAt, type BatchCommit, commitBatch } from "../write/commit-batch.ts";
import { prepareWithEarlier } from "../write/quarantine-again.ts";
import { quarantineRows } from "../write/quarantine-write.ts";
import { prepareBatch } from "../write/write-batch.ts";
import type { WriteOptions, WriteOutcome, WriteResult } from "../write/write-options.ts";
import type { WriteSource } from "../write/write-source.ts";

/**
 * Adds rows to a table in one commit: all of them (less those that a gate sets aside), or none.
 *
 * Appends never conflict with each other. With `txn` or `batchId` the same batch lands at most once, whatever
 * crashed in between.
 *
 * @throws `SCHEMA_MISMATCH`, `CONSTRAINT_VIOLATED`, `BATCH_REJECTED`, `SUITE_INVALID`, `SOURCE_UNREADABLE`,
 * `UNSUPPORTED_FEATURE`, `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
 */
export async function append(
  snapshot: LogSnapshot,
  source: WriteSource,
  options: WriteOptions = {},
  known: AppendedBatch = {},
): Promise<WriteOutcome> {
  const target = await existingTarget(snapshot);
  const applied = await appliedAt(target, options);
  if (applied !== undefined) return alreadyApplied(applied);
  return appendBatch(target, source, withMetricHistory(snapshot, options), known);
}

/** What is known of a batch beside its source. */
export interface AppendedBatch extends Pick<BatchCommit, "marks" | "reads"> {
  /**
   * The verdict over all rows of the batch, from that over the source's: where some are not in the source any
   * more.
   */
  readonly judged?: ((verdict: GateOutcome) => GateOutcome) | undefined;
  /** Where these are in quarantine already. */
  readonly aside?: NonNullable<WriteResult["quarantine"]> | undefined;
}

/**
 * Adds rows to a table as of a version, whose application's progress the caller has looked at. @throws as
 * {@link append}
 */
export async function appendBatch(
  target: BatchTarget,
  source: WriteSource,
  options: WriteOptions,
  { judged, aside, ...commit }: AppendedBatch = {},
): Promise<WriteOutcome> {
  const { prepared, earlier } = await prepareWithEarlier(target, options, () =>
    prepareBatch(target, source, options),
  );
  const batch =
    judged === undefined || prepared.verdict === undefined
      ? prepared
      : { ...prepared, verdict: judged(prepared.verdict) };
  try {
    const quarantine = (await quarantineRows(batch, options, { earlier, before: aside?.rows })) ?? aside;
    const partitionBy = JSON.stringify(target.metadata.partitionColumns);
    return await commitBatch(
      batch,
      {
        ...commit,
        operation: "WRITE",
        operationParameters: { mode: "Append", partitionBy },
        quarantine,
      },
      options,
    );
  } finally {
    await batch.close();
  }
}
