import type { LogSnapshot } from "../log/contract.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import { addedRows, writeTests } from "../write/plan/plan-rows.ts";
import type { WriteOptions, WriteOutcome } from "../write/plan/write-options.ts";
import type { WriteSource } from "../write/plan/write-source.ts";
import { landedBefore, runPlan } from "../write/write-pipeline.ts";
import { thenCompact } from "./auto-compact.ts";
import { writeServices } from "./write-services.ts";

/**
 * Adds rows to a table in one commit: all of them (except those that a gate sets aside), or none.
 *
 * Appends never conflict with each other. With `txn` or `batchId`, the same batch lands at most once,
 * whatever crashes in between.
 *
 * @throws `SCHEMA_MISMATCH`, `CONSTRAINT_VIOLATED`, `BATCH_REJECTED`, `SUITE_INVALID`, `SOURCE_UNREADABLE`,
 * `UNSUPPORTED_FEATURE`, `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
 */
export async function append(
  snapshot: LogSnapshot,
  source: WriteSource,
  options: WriteOptions = {},
): Promise<WriteOutcome> {
  const target = await existingTarget(snapshot);
  const landed = await landedBefore(target, options);
  if (landed !== undefined) return landed;
  const plan = addedRows(
    target,
    { source, tests: writeTests(target.metadata.configuration, options) },
    options,
  );
  return thenCompact(snapshot, await runPlan(plan, writeServices(target, options)), options.signal);
}
