import type { Action } from "../../protocol/actions.ts";
import type { Metrics } from "../../table/commit/commit-request.ts";
import type { RewritePlan, RewriteResult } from "./rewrite-plan.ts";

/** What the file actions of a commit do to the files of the table. */
export interface FileChanges
  extends Pick<RewriteResult, "filesAdded" | "filesRemoved" | "filesMarked" | "bytesAdded" | "bytesRemoved"> {
  /** Deletion vectors that files had before, those that are replaced included. */
  readonly vectorsRemoved: number;
  /** Of these, the replaced ones. */
  readonly vectorsUpdated: number;
  readonly changeFiles: number;
}

/** Counts a commit's files: one that is removed and added again is marked. */
export function fileChanges(actions: readonly Action[]): FileChanges {
  const adds = new Set(actions.flatMap((action) => (action.kind === "add" ? [action.path] : [])));
  const changes = {
    filesAdded: adds.size,
    filesRemoved: 0,
    filesMarked: 0,
    bytesAdded: 0,
    bytesRemoved: 0,
    vectorsRemoved: 0,
    vectorsUpdated: 0,
    changeFiles: 0,
  };
  const marked = new Set<string>();
  for (const action of actions) {
    if (action.kind === "cdc") changes.changeFiles++;
    if (action.kind !== "remove") continue;
    const isMarked = adds.has(action.path);
    if (isMarked) marked.add(action.path);
    changes.filesRemoved += isMarked ? 0 : 1;
    changes.bytesRemoved += isMarked ? 0 : (action.size ?? 0);
    if (action.deletionVector === undefined) continue;
    changes.vectorsRemoved++;
    changes.vectorsUpdated += isMarked ? 1 : 0;
  }
  for (const action of actions)
    if (action.kind === "add" && !marked.has(action.path)) changes.bytesAdded += action.size;
  return { ...changes, filesAdded: adds.size - marked.size, filesMarked: marked.size };
}

/**
 * What the history keeps of a change, under the names that Spark gives it in `operationMetrics`. A file that
 * gets a vector in place of another counts as one vector added and one removed.
 */
export function rewriteMetrics(
  plan: Pick<RewritePlan, "set">,
  rows: Pick<RewriteResult, "rowsDeleted" | "rowsUpdated" | "rowsCopied">,
  actions: readonly Action[],
): Metrics {
  const changes = fileChanges(actions);
  const deletes = plan.set === undefined;
  const changed = deletes
    ? { numDeletedRows: String(rows.rowsDeleted) }
    : { numUpdatedRows: String(rows.rowsUpdated) };
  return {
    // Of an update, Spark counts marked files too.
    numRemovedFiles: String(changes.filesRemoved + (deletes ? 0 : changes.filesMarked)),
    numRemovedBytes: String(changes.bytesRemoved),
    numAddedFiles: String(changes.filesAdded),
    numAddedBytes: String(changes.bytesAdded),
    ...changed,
    numCopiedRows: String(rows.rowsCopied),
    numDeletionVectorsAdded: String(changes.filesMarked),
    numDeletionVectorsRemoved: String(changes.vectorsRemoved),
    numDeletionVectorsUpdated: String(changes.vectorsUpdated),
    numAddedChangeFiles: String(changes.changeFiles),
  };
}
