import type { CdcAction } from "../../protocol/actions.ts";
import type { JsonValue } from "../../util/json.ts";
import type { RewrittenFiles } from "./rewrite-files.ts";
import type { RewritePlan, RewriteResult } from "./rewrite-plan.ts";

/**
 * What the history keeps of a change, under the names that Spark gives it in `operationMetrics`. A file that
 * gets a vector in place of another counts as one vector added and one removed.
 */
export function rewriteMetrics(
  plan: Pick<RewritePlan, "set">,
  result: RewriteResult,
  { marked, removed }: RewrittenFiles,
  changeFiles: readonly CdcAction[],
): Readonly<Record<string, JsonValue>> {
  const hadVector = removed.filter(({ deletionVector }) => deletionVector !== undefined).length;
  const updated = marked.filter(({ add }) => add.deletionVector !== undefined).length;
  const rows =
    plan.set === undefined
      ? { numDeletedRows: String(result.rowsDeleted) }
      : { numUpdatedRows: String(result.rowsUpdated) };
  return {
    numRemovedFiles: String(result.filesRemoved),
    numRemovedBytes: String(result.bytesRemoved),
    numAddedFiles: String(result.filesAdded),
    numAddedBytes: String(result.bytesAdded),
    ...rows,
    numCopiedRows: String(result.rowsCopied),
    numDeletionVectorsAdded: String(marked.length),
    numDeletionVectorsRemoved: String(hadVector),
    numDeletionVectorsUpdated: String(updated),
    numAddedChangeFiles: String(changeFiles.length),
  };
}
