import type { LogSnapshot } from "../../log/contract.ts";
import type { MergeOutcome, MergePlan } from "../../write/merge/merge-plan.ts";
import { runMerge } from "../../write/merge/run-merge.ts";
import { existingTarget } from "../../write/plan/batch-target.ts";
import { sourceFiles } from "../../write/plan/fetched-source.ts";
import { writeTests } from "../../write/plan/plan-rows.ts";
import type { WriteOptions } from "../../write/plan/write-options.ts";
import type { WriteSource } from "../../write/plan/write-source.ts";
import { isRefusal } from "../../write/write-services.ts";
import { thenCompact } from "../auto-compact.ts";
import { writeServices } from "../write-services.ts";
import { bindClauses } from "./merge-clauses.ts";
import { type MergeRequest, requireClauses } from "./merge-request.ts";
import { takenColumns } from "./merge-schema.ts";

/** Options of a merge: its new rows are tested like those of an append. */
export type MergeOptions = Omit<WriteOptions, "mergeSchema" | "upgradeProtocol"> & {
  /** Count what would change, and write nothing. */
  readonly dryRun?: boolean | undefined;
  /**
   * What several source rows for one row of the table are: an error, as in Spark, or an error only if more than one
   * of them acts on it.
   */
  readonly onDuplicate?: MergePlan["onDuplicate"] | undefined;
};

/**
 * Changes the rows of a table that a source has too, inserts those that only the source has, and changes those that
 * only the table has, by the clauses of the request, in one commit.
 *
 * @throws `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`, `CONSTRAINT_VIOLATED`, `BATCH_REJECTED`, `TABLE_APPEND_ONLY`,
 * `SOURCE_UNREADABLE`, `SQL_FAILED`, `SQL_REFUSED`, `INVALID_ARGUMENT`, `UNSUPPORTED_FEATURE`, `CONFLICT_…`,
 * `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
 */
export async function mergeRows(
  snapshot: LogSnapshot,
  source: WriteSource,
  request: MergeRequest,
  options: MergeOptions = {},
): Promise<MergeOutcome> {
  requireClauses(request);
  const target = await existingTarget(snapshot);
  const { txn, batchId, userMetadata, targetFileBytes, onDuplicate = "error", dryRun } = options;
  const plan: MergePlan = {
    target,
    snapshot,
    source,
    names: request.names,
    resolve: (columns, typed) => bindClauses({ target, typed }, columns, request),
    typing: {
      columns: (columns) => takenColumns(request, columns),
      upgradeProtocol: request.upgradeProtocol,
    },
    onDuplicate,
    evolves: request.evolves,
    readsTable: request.readsTable,
    tables: request.tables,
    tests: writeTests(target.metadata.configuration, options),
    batch: { txn, batchId },
    userMetadata,
    targetFileBytes,
  };
  const { history, baselines, quarantine, rejections } = writeServices(target, options);
  const { onProgress, signal } = options;
  try {
    const done = await runMerge(plan, { history, baselines, quarantine, dryRun, onProgress, signal });
    return await thenCompact(snapshot, done, signal);
  } catch (error) {
    const { tests, batch } = plan;
    if (tests === undefined || rejections === undefined || dryRun === true || !isRefusal(error)) throw error;
    const { suite } = tests;
    const sources = sourceFiles(source);
    throw await rejections.record({ batch, operation: "MERGE", sources, userMetadata, suite, error });
  }
}
