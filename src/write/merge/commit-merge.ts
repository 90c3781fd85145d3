import { type GateOutcome, summarizeVerdict } from "../../quality/gate/verdict.ts";
import { defined } from "../../util/defined.ts";
import { readsVersion } from "../plan/read-versions.ts";
import type { QuarantinePlace } from "../plan/write-options.ts";
import { commitFiles, committedPart, type FilesCommit, nothingChanged } from "../rewrite/commit-files.ts";
import type { RewrittenFiles } from "../rewrite/rewrite-files.ts";
import { batchMarks, placeOf, typedNames } from "../stages/commit-batch.ts";
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
 * Commits a merge.
 *
 * @throws as `commitFiles`
 */
export async function commitMerge(
  plan: MergePlan,
  { actions, files, verdict, quarantine, comparesWithTable, found }: Merged,
  signal: AbortSignal | undefined,
): Promise<MergeOutcome> {
  const wholeTable =
    plan.readsTable === true || actions.readsTarget || readsVersion(plan.source, plan.snapshot);
  const own = batchMarks(plan.batch, verdict !== undefined && verdict.quarantineSql !== null);
  const gate =
    verdict === undefined
      ? undefined
      : defined({ ...summarizeVerdict(verdict), batchId: plan.batch.batchId, ...placeOf(quarantine) });
  const result = { ...found, rowsCopied: files.rowsCopied };
  const { typed } = actions.clauses.target;
  const commit: FilesCommit = {
    operation: "MERGE",
    operationParameters: mergeParameters(actions.clauses),
    metrics: (committed) => mergeMetrics(actions, result, committed),
    marks: own.marks,
    reads: { ...actions.withheld, wholeTable, predicates: [actions.predicate], appIds: own.rivals },
    // Another writer may fill an untyped column with text meanwhile.
    judgedByTable: comparesWithTable || typed?.some(({ type }) => type !== "string") === true,
    commitInfo: gate === undefined ? undefined : { gate },
  };
  const done = await commitFiles(plan, files, commit, signal);
  return done.outcome === "alreadyApplied"
    ? nothingMerged("alreadyApplied", done.version)
    : { ...result, ...committedPart(plan, done, verdict), typedColumns: typedNames(typed), quarantine };
}

/** The result of a merge that changed nothing. */
export function nothingMerged(outcome: MergeResult["outcome"], version: number, sourceRows = 0): MergeResult {
  return { ...nothingChanged(outcome, version), sourceRows, rowsInserted: 0 };
}
