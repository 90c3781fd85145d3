import { isApplied } from "../../table/idempotence/app-transaction.ts";
import { batchTransaction } from "../../table/idempotence/application-ids.ts";
import { bothOf } from "../../util/both-of.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import { withFetchedFiles } from "../plan/fetched-source.ts";
import type { WriteProgress } from "../plan/write-options.ts";
import type { RewrittenFiles } from "../rewrite/rewrite-files.ts";
import { inRoom, type WriteRoom } from "../stages/write-room.ts";
import { commitMerge, nothingMerged } from "./commit-merge.ts";
import { type JudgedMerge, judgeMerge, type MergeTests, openMergeTests } from "./judge-merge.ts";
import { type MergeActions, mergeActions } from "./merge-actions.ts";
import { mergeCounts, mergeFiles } from "./merge-files.ts";
import type { MergeOutcome, MergePlan, MergeResult, MergeRun } from "./merge-plan.ts";
import { type MergeValues, mergeValues } from "./merge-values.ts";
import { stageTypedSource } from "./typed-columns.ts";

/**
 * Carries out a plan in one commit: stages the source, finds what becomes of which rows, tests the new ones,
 * writes files, and commits. A merge of which no clause acts commits nothing, unless it changes the schema or
 * has a name, which is then recorded.
 *
 * @throws `MERGE_AMBIGUOUS`, `SQL_FAILED`, `SQL_REFUSED`, `SCHEMA_MISMATCH`, `CONSTRAINT_VIOLATED`,
 * `BATCH_REJECTED`, `SOURCE_UNREADABLE`, `UNSUPPORTED_FEATURE`, `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`,
 * `CANCELLED`; after all except `COMMIT_OUTCOME_UNKNOWN`, no file of the merge is left
 */
export async function runMerge(plan: MergePlan, run: MergeRun = {}): Promise<MergeOutcome> {
  const { snapshot, target } = plan;
  const txn = batchTransaction(plan.batch);
  if (txn !== undefined && (await isApplied(snapshot, txn)))
    return nothingMerged("alreadyApplied", snapshot.version);
  const fetching = { access: target.context.sources, signal: run.signal, onProgress: run.onProgress };
  return withFetchedFiles(plan.source, fetching, (fetched) =>
    inRoom(target.context, run.signal, (room) => mergeIn(room, { ...plan, ...fetched }, run)),
  );
}

async function mergeIn(room: WriteRoom, plan: MergePlan, run: MergeRun): Promise<MergeOutcome> {
  begin(run, "reading");
  const tests = await openMergeTests(room, plan, run.signal);
  const { source, target } = await stageTypedSource(room, plan, run);
  const actions = await mergeActions(room, plan, { source, typed: target }, run.signal);
  const values = await mergeValues(room, plan.snapshot.schema, actions);
  const found = foundIn(plan, actions);
  if (run.dryRun === true) return { ...found, outcome: "dryRun" };
  const isIdle =
    actions.counts.every((n) => n === 0) &&
    source.misfits === undefined &&
    actions.clauses.target === target &&
    batchTransaction(plan.batch) === undefined;
  if (isIdle) return found;
  const quarantine = tests === undefined ? undefined : run.quarantine?.open(plan.batch);
  const merging = writeMerge(room, plan, { actions, values, tests }, run);
  const [merged, ready] = await bothOf(merging, quarantine);
  const { judged, files } = merged;
  const place = judged === undefined ? undefined : await ready?.setAside({ ...judged.batch, services: run });
  begin(run, "committing");
  const comparesWithTable = tests?.comparesWithTable === true;
  const { verdict, actions: left = actions } = judged ?? {};
  const merge = { actions: left, files, verdict, quarantine: place, comparesWithTable };
  return commitMerge(plan, { ...merge, found: foundIn(plan, left) }, run.signal);
}

/** Tests the new rows and writes the files of a merge. */
async function writeMerge(
  room: WriteRoom,
  plan: MergePlan,
  found: {
    readonly actions: MergeActions;
    readonly values: MergeValues;
    readonly tests: MergeTests | undefined;
  },
  run: MergeRun,
): Promise<{ readonly judged: JudgedMerge | undefined; readonly files: RewrittenFiles }> {
  const { actions, values, tests } = found;
  if (tests !== undefined) begin(run, "checking");
  const judged =
    tests === undefined ? undefined : await judgeMerge(room, plan, { actions, values, tests }, run);
  begin(run, "writing");
  const { onProgress, signal } = run;
  const onShare =
    onProgress === undefined ? undefined : (share: number) => onProgress({ phase: "writing", share });
  const left = judged?.actions ?? actions;
  return { judged, files: await mergeFiles(room, plan, { actions: left, values }, { onShare, signal }) };
}

function begin({ onProgress, signal }: MergeRun, phase: WriteProgress["phase"]): void {
  throwIfCancelled(signal, "merging rows");
  onProgress?.({ phase });
}

/** What a merge would change. */
function foundIn({ snapshot }: MergePlan, actions: MergeActions): MergeResult {
  const { inserted, updated, deleted } = mergeCounts(actions);
  return {
    ...nothingMerged("unchanged", snapshot.version, actions.source.rows),
    rowsInserted: inserted,
    rowsUpdated: updated,
    rowsDeleted: deleted,
    files: actions.files.map(({ add, rows, matched: changed }) => ({ path: add.path, rows, changed })),
  };
}
