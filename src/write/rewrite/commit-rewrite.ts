import type { TableContext } from "../../log/contract.ts";
import type { AddAction, CdcAction } from "../../protocol/actions.ts";
import { type GateOutcome, plainVerdict, summarizeVerdict } from "../../quality/gate/verdict.ts";
import { type MaintenanceOutcome, maintainLog } from "../../table/commit/log-maintenance.ts";
import { commitChange } from "../../table/commit/table-change.ts";
import { publishVectors } from "../../table/data-files/deletion-vector-files.ts";
import {
  commitOrWithdraw,
  type PublishedFiles,
  publishChangeFiles,
  publishData,
  withdrawData,
} from "../../table/data-files/publish-data-files.ts";
import { batchTransaction } from "../../table/idempotence/application-ids.ts";
import type { MatchedRows } from "./matched-rows.ts";
import type { RewrittenFiles } from "./rewrite-files.ts";
import { fileChanges, rewriteMetrics } from "./rewrite-metrics.ts";
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
 * Moves the files of a change into the table and commits them. They are removed again if the commit definitely
 * failed, and stay if its outcome is unknown.
 *
 * @throws the errors of `commitChange`
 */
export async function commitRewrite(
  plan: RewritePlan,
  { matches, files, verdict, comparesWithTable, found }: Rewritten,
  signal: AbortSignal | undefined,
): Promise<RewriteOutcome> {
  const { context } = plan.target;
  const published = await publishFiles(context, files, signal);
  const result = { ...found, rowsCopied: files.rowsCopied };
  const done = await commitOrWithdraw(context, published, () =>
    commitChange(plan.target, {
      operation: plan.operation.name,
      operationParameters: plan.operation.parameters,
      definition: files.target.changes,
      files: {
        adds: published.adds,
        removes: files.removed,
        changeFiles: published.changeFiles,
        rows: { written: files.data?.rows ?? 0, copied: files.rowsCopied, idsKept: files.idsKept },
        metrics: (actions) => rewriteMetrics(plan, result, actions),
        marked: files.marked,
      },
      txn: batchTransaction(plan.batch),
      reads: {
        wholeTable: plan.readsTable === true || matches.chosen?.readsTarget,
        predicates: [matches.predicate],
      },
      judgedByTable: comparesWithTable,
      commitInfo: verdict === undefined ? undefined : { gate: summarizeVerdict(verdict) },
      userMetadata: plan.userMetadata,
      signal,
    }),
  );
  if (done.outcome === "alreadyApplied") {
    await withdrawData(context, published);
    return {
      ...found,
      outcome: "alreadyApplied",
      version: done.version,
      rowsDeleted: 0,
      rowsUpdated: 0,
      files: [],
    };
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
    maintenance: maintainLog(context, done, { base: plan.snapshot }),
  };
}

/** Files in the table's folder, with the actions that name them. */
interface PublishedRewrite extends PublishedFiles {
  readonly adds: readonly AddAction[];
  readonly changeFiles: readonly CdcAction[];
}

/** Moves all files; after a failure, none is left. */
export async function publishFiles(
  context: TableContext,
  { data, changes, marked }: RewrittenFiles,
  signal: AbortSignal | undefined,
): Promise<PublishedRewrite> {
  const files = [...(data?.files ?? []), ...(changes?.files ?? [])];
  try {
    const added = data === undefined ? [] : await publishData(context, data, signal);
    const changeFiles = changes === undefined ? [] : await publishChangeFiles(context, changes, signal);
    const vectors = await publishVectors(context, marked, signal);
    return { files: [...files, ...vectors.files], adds: [...vectors.adds, ...added], changeFiles };
  } catch (error) {
    await withdrawData(context, { files });
    throw error;
  }
}
