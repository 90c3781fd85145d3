import { type GateOutcome, summarizeVerdict } from "../../quality/gate/verdict.ts";
import type { MaintenanceOutcome } from "../../table/commit/log-maintenance.ts";
import { commitFiles, committedPart, type FilesCommit, nothingChanged } from "./commit-files.ts";
import type { MatchedRows } from "./matched-rows.ts";
import type { RewrittenFiles } from "./rewrite-files.ts";
import { rewriteMetrics } from "./rewrite-metrics.ts";
import type { RewritePlan, RewriteResult } from "./rewrite-plan.ts";

/** Result of a change, with the maintenance that follows. */
export interface RewriteOutcome extends RewriteResult {
  /** Maintenance of the log after the commit. Resolves to a report, and never rejects. */
  readonly maintenance?: Promise<MaintenanceOutcome> | undefined;
}

/** A change whose files are complete. */
export interface Rewritten {
  readonly matches: MatchedRows;
  readonly files: RewrittenFiles;
  /** Verdict on the new rows; absent without tests. */
  readonly verdict: GateOutcome | undefined;
  /** Whether the tests read the table's rows. */
  readonly comparesWithTable: boolean;
  /** What the change is about. */
  readonly found: RewriteResult;
}

/**
 * Commits a deletion or an update.
 *
 * @throws as `commitFiles`
 */
export async function commitRewrite(
  plan: RewritePlan,
  { matches, files, verdict, comparesWithTable, found }: Rewritten,
  signal: AbortSignal | undefined,
): Promise<RewriteOutcome> {
  const result = { ...found, rowsCopied: files.rowsCopied };
  const commit: FilesCommit = {
    operation: plan.operation.name,
    operationParameters: plan.operation.parameters,
    metrics: (actions) => rewriteMetrics(plan, result, actions),
    reads: {
      wholeTable: plan.readsTable === true || matches.chosen?.readsTarget,
      predicates: [matches.predicate],
    },
    judgedByTable: comparesWithTable,
    commitInfo: verdict === undefined ? undefined : { gate: summarizeVerdict(verdict) },
  };
  const done = await commitFiles(plan, files, commit, signal);
  return done.outcome === "alreadyApplied"
    ? nothingChanged("alreadyApplied", done.version)
    : { ...result, ...committedPart(plan, done, verdict) };
}
