import type { LogSnapshot } from "../log/contract.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import type { RewriteOutcome } from "../write/rewrite/commit-rewrite.ts";
import type { RewriteOptions, RewritePlan } from "../write/rewrite/rewrite-plan.ts";
import { runRewrite } from "../write/rewrite/run-rewrite.ts";
import { refuseAppendOnly } from "./append-only.ts";
import { thenCompact } from "./auto-compact.ts";

/**
 * Deletes the rows for which a condition is true, in one commit.
 *
 * Rows of files that hold others too are marked by deletion vectors if the table allows them
 * (`delta.enableDeletionVectors`), else the files are written again without them. A condition over partition
 * columns alone, or none, removes whole files without reading one.
 *
 * @param where SQL condition; absent: all rows
 * @throws `TABLE_APPEND_ONLY`, `SQL_FAILED`, `SQL_REFUSED`, `UNSUPPORTED_FEATURE`, `CONFLICT_…`,
 * `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
 */
export async function deleteRows(
  snapshot: LogSnapshot,
  where: string | undefined,
  options: RewriteOptions & Pick<RewritePlan, "condition" | "readsTable" | "subqueries"> = {},
): Promise<RewriteOutcome> {
  const target = await existingTarget(snapshot);
  refuseAppendOnly(target);
  const { txn, batchId, userMetadata, targetFileBytes, condition, readsTable, subqueries, ...run } = options;
  const predicate = JSON.stringify(where === undefined ? [] : [where]);
  const done = await runRewrite(
    {
      target,
      snapshot,
      where,
      condition,
      readsTable,
      subqueries,
      operation: { name: "DELETE", parameters: { predicate } },
      batch: { txn, batchId },
      userMetadata,
      targetFileBytes,
    },
    run,
  );
  return thenCompact(snapshot, done, run.signal);
}
