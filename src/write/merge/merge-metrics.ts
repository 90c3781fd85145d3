import type { Action } from "../../protocol/actions.ts";
import type { Metrics } from "../../table/commit/commit-request.ts";
import { sumOf } from "../../util/sum.ts";
import { fileChanges } from "../rewrite/rewrite-metrics.ts";
import type { MergeActions } from "./merge-actions.ts";
import type { MergeClause, MergeClauses, MergeResult } from "./merge-plan.ts";

/**
 * What the history keeps of a merge, under the names that Spark gives it in `operationMetrics`. A file that gets
 * a vector in place of another counts as one vector added and one removed.
 */
export function mergeMetrics(
  { counts, clauses: { clauses } }: MergeActions,
  rows: Pick<MergeResult, "sourceRows" | "rowsInserted" | "rowsUpdated" | "rowsDeleted" | "rowsCopied">,
  actions: readonly Action[],
): Metrics {
  const rowsOf = (when: MergeClause["when"], action: MergeClause["action"]) =>
    sumOf(
      counts.filter((_, index) => clauses[index]?.when === when && clauses[index].action === action),
      (n) => n,
    );
  const changes = fileChanges(actions);
  const numbers = {
    numSourceRows: rows.sourceRows,
    numTargetRowsInserted: rows.rowsInserted,
    numTargetRowsUpdated: rows.rowsUpdated,
    numTargetRowsDeleted: rows.rowsDeleted,
    numTargetRowsMatchedUpdated: rowsOf("matched", "update"),
    numTargetRowsMatchedDeleted: rowsOf("matched", "delete"),
    numTargetRowsNotMatchedBySourceUpdated: rowsOf("not matched by source", "update"),
    numTargetRowsNotMatchedBySourceDeleted: rowsOf("not matched by source", "delete"),
    numTargetRowsCopied: rows.rowsCopied,
    numOutputRows: rows.rowsInserted + rows.rowsUpdated + rows.rowsCopied,
    numTargetFilesAdded: changes.filesAdded,
    numTargetFilesRemoved: changes.filesRemoved,
    numTargetBytesAdded: changes.bytesAdded,
    numTargetBytesRemoved: changes.bytesRemoved,
    numTargetChangeFilesAdded: changes.changeFiles,
    numTargetDeletionVectorsAdded: changes.filesMarked,
    numTargetDeletionVectorsRemoved: changes.vectorsRemoved,
    numTargetDeletionVectorsUpdated: changes.vectorsUpdated,
  };
  return Object.fromEntries(Object.entries(numbers).map(([name, n]) => [name, String(n)]));
}

/** The parameters of a merge in the history, as Spark writes them: lists in JSON. */
export function mergeParameters({ on, clauses }: MergeClauses): Readonly<Record<string, string>> {
  const predicates = (when: MergeClause["when"]) =>
    JSON.stringify(
      clauses
        .filter((clause) => clause.when === when)
        .map(({ condition, action }) => ({ predicate: condition?.text, actionType: action })),
    );
  return {
    predicate: JSON.stringify([on.text]),
    matchedPredicates: predicates("matched"),
    notMatchedPredicates: predicates("not matched"),
    notMatchedBySourcePredicates: predicates("not matched by source"),
  };
}
