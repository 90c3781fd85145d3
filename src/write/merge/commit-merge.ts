import { type GateOutcome, plainVerdict, summarizeVerdict } from "../../quality/gate/verdict.ts";
import { maintainLog } from "../../table/commit/log-maintenance.ts";
import { commitChange } from "../../table/commit/table-change.ts";
import { commitOrWithdraw, withdrawData } from "../../table/data-files/publish-data-files.ts";
import { batchTransaction } from "../../table/idempotence/application-ids.ts";
import { defined } from "../../util/defined.ts";
import { readsVersion } from "../plan/read-versions.ts";
import type { QuarantinePlace } from "../plan/write-options.ts";
import { publishFiles } from "../rewrite/commit-rewrite.ts";
import type { RewrittenFiles } from "../rewrite/rewrite-files.ts";
import { fileChanges } from "../rewrite/rewrite-metrics.ts";
import { batchMarks, placeOf } from "../stages/commit-batch.ts";
import type { MergeActions } from "./merge-actions.ts";
import { mergeMetrics, mergeParameters } from "./merge-metrics.ts";
import type { MergeOutcome, MergePlan, MergeResult } from "./merge-plan.ts";

/** A merge whose files are complete. */
export interface Merged {
  readonly actions: MergeActions;
  readonly files: RewrittenFiles;
  /** Verdict on the new rows; absent without tests. */
  readonly verdict: GateOutcome | undefined;
  /** Location of the rows that were set aside. */
  readonly quarantine: QuarantinePlace | undefined;
  /** Whether the tests read the table's rows. */
  readonly comparesWithTable: boolean;
  /** What the merge is about. */
  readonly found: MergeResult;
}

/**
 * Moves the files of a merge into the table and commits them. They are removed again if the commit definitely
 * failed, and stay if its outcome is unknown.
 *
 * @throws the errors of `commitChange`
 */
export async function commitMerge(
  plan: MergePlan,
  { actions, files, verdict, quarantine, comparesWithTable, found }: Merged,
  signal: AbortSignal | undefined,
): Promise<MergeOutcome> {
  const { context } = plan.target;
  const published = await publishFiles(context, files, signal);
  const wholeTable = plan.readsTable === true || readsVersion(plan.source, plan.snapshot);
  const own = batchMarks(plan.batch, verdict !== undefined && verdict.quarantineSql !== null);
  const gate =
    verdict === undefined
      ? undefined
      : defined({ ...summarizeVerdict(verdict), batchId: plan.batch.batchId, ...placeOf(quarantine) });
  const result = { ...found, rowsCopied: files.rowsCopied };
  const done = await commitOrWithdraw(context, published, () =>
    commitChange(plan.target, {
      operation: "MERGE",
      operationParameters: mergeParameters(actions.clauses),
      definition: files.target.changes,
      files: {
        adds: published.adds,
        removes: files.removed,
        changeFiles: published.changeFiles,
        rows: { written: files.data?.rows ?? 0, copied: files.rowsCopied, idsKept: files.idsKept },
        metrics: (committed) => mergeMetrics(actions, result, committed),
        marked: files.marked,
      },
      txn: batchTransaction(plan.batch),
      marks: own.marks,
      reads: { ...actions.withheld, wholeTable, predicates: [actions.predicate], appIds: own.rivals },
      judgedByTable: comparesWithTable,
      commitInfo: gate === undefined ? undefined : { gate },
      userMetadata: plan.userMetadata,
      signal,
    }),
  );
  if (done.outcome === "alreadyApplied") {
    await withdrawData(context, published);
    return nothingMerged("alreadyApplied", done.version);
  }
  const { filesAdded, filesRemoved, filesMarked, bytesAdded, bytesRemoved } = fileChanges(done.actions);
  return {
    ...result,
    filesAdded,
    filesRemoved,
    filesMarked,
    bytesAdded,
    bytesRemoved,
    outcome: "committed",
    version: done.version,
    gate: verdict === undefined ? undefined : plainVerdict(verdict),
    quarantine,
    maintenance: maintainLog(context, done, { base: plan.snapshot }),
  };
}

/** The result of a merge that changed nothing. */
export function nothingMerged(outcome: MergeResult["outcome"], version: number, sourceRows = 0): MergeResult {
  return {
    outcome,
    version,
    sourceRows,
    rowsInserted: 0,
    rowsDeleted: 0,
    rowsUpdated: 0,
    rowsCopied: 0,
    filesAdded: 0,
    filesRemoved: 0,
    filesMarked: 0,
    bytesAdded: 0,
    bytesRemoved: 0,
    files: [],
  };
}
