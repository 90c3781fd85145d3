import type { GateOutcome } from "../../quality/gate/verdict.ts";
import { thisTable } from "../../quality/model/expectation.ts";
import { isApplied } from "../../table/idempotence/app-transaction.ts";
import { batchTransaction } from "../../table/idempotence/application-ids.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import { type ComparedTables, openCompared } from "../plan/compared-tables.ts";
import { inRoom, type StageServices, type WriteRoom } from "../stages/write-room.ts";
import { nothingChanged } from "./commit-files.ts";
import { commitRewrite, type RewriteOutcome } from "./commit-rewrite.ts";
import { type MatchedRows, matchedRows } from "./matched-rows.ts";
import { judgeNewRows, type NewValues, newValues } from "./new-values.ts";
import { marksRows, rewriteFiles } from "./rewrite-files.ts";
import type { RewriteOptions, RewritePlan, RewriteProgress, RewriteResult } from "./rewrite-plan.ts";

/** How a change is carried out. */
export type RewriteRun = Pick<RewriteOptions, "dryRun" | "onProgress" | "signal"> &
  Pick<StageServices, "history" | "baselines">;

/**
 * Carries out a plan in one commit: finds the rows, tests their new values, writes files, and commits. A
 * change that no row meets commits nothing, unless it has a name, which is then recorded.
 *
 * @throws `SQL_FAILED`, `SQL_REFUSED`, `SCHEMA_MISMATCH`, `CONSTRAINT_VIOLATED`, `BATCH_REJECTED`,
 * `UNSUPPORTED_FEATURE`, `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`; after all except
 * `COMMIT_OUTCOME_UNKNOWN`, no file of the change is left
 */
export async function runRewrite(plan: RewritePlan, run: RewriteRun): Promise<RewriteOutcome> {
  const { snapshot, target } = plan;
  const txn = batchTransaction(plan.batch);
  if (txn !== undefined && (await isApplied(snapshot, txn)))
    return nothingChanged("alreadyApplied", snapshot.version);
  return inRoom(target.context, run.signal, async (room) => {
    const { tests } = plan;
    const versions = { tables: tests?.tables, target: snapshot, signal: run.signal };
    const compared = await openCompared(room.session, tests?.suite, versions, room.readable);
    begin(run, "reading");
    const matches = await matchedRows(room, plan, marksRows(plan));
    const values =
      plan.set === undefined || matches.files.length === 0
        ? undefined
        : await newValues(room, plan, matches, plan.set);
    const found = foundIn(plan, matches);
    if (run.dryRun === true) return { ...found, outcome: "dryRun" };
    if (matches.files.length === 0 && txn === undefined) return found;
    const verdict = values === undefined ? undefined : await judged(room, plan, { values, compared, run });
    begin(run, "writing");
    const files = await rewriteFiles(room, plan, matches, values, {
      onShare:
        run.onProgress === undefined ? undefined : (share) => run.onProgress?.({ phase: "writing", share }),
      signal: run.signal,
    });
    begin(run, "committing");
    const comparesWithTable = compared[thisTable] !== undefined && tests?.tables?.[thisTable] === undefined;
    return commitRewrite(plan, { matches, files, verdict, found, comparesWithTable }, run.signal);
  });
}

function judged(
  room: WriteRoom,
  plan: RewritePlan,
  {
    values,
    compared,
    run,
  }: {
    readonly values: NewValues;
    readonly compared: ComparedTables;
    readonly run: RewriteRun;
  },
): Promise<GateOutcome | undefined> {
  begin(run, "checking");
  const { history, baselines, signal } = run;
  return judgeNewRows(room, plan, { values, compared }, { history, baselines, signal });
}

function begin({ onProgress, signal }: RewriteRun, phase: RewriteProgress["phase"]): void {
  throwIfCancelled(signal, "changing rows");
  onProgress?.({ phase });
}

/** What a plan would change, by the rows that were found. */
function foundIn({ snapshot, set }: RewritePlan, { files }: MatchedRows): RewriteResult {
  const matched = files.reduce((rows, file) => rows + file.matched, 0);
  return {
    ...nothingChanged("unchanged", snapshot.version),
    rowsDeleted: set === undefined ? matched : 0,
    rowsUpdated: set === undefined ? 0 : matched,
    files: files.map(({ add, rows, matched: changed }) => ({ path: add.path, rows, changed })),
  };
}
