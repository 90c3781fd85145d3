import type { TableContext } from "../../log/contract.ts";
import type { AddAction, CdcAction } from "../../protocol/actions.ts";
import { type GateOutcome, plainVerdict } from "../../quality/gate/verdict.ts";
import type {
  AlreadyAppliedResult,
  CommitRequest,
  CommittedResult,
} from "../../table/commit/commit-request.ts";
import { type MaintenanceOutcome, maintainLog } from "../../table/commit/log-maintenance.ts";
import { commitChange, type TableChange } from "../../table/commit/table-change.ts";
import { publishVectors } from "../../table/data-files/deletion-vector-files.ts";
import {
  commitOrWithdraw,
  type PublishedFiles,
  publishChangeFiles,
  publishData,
  withdrawData,
} from "../../table/data-files/publish-data-files.ts";
import { batchTransaction } from "../../table/idempotence/application-ids.ts";
import type { RewrittenFiles } from "./rewrite-files.ts";
import { fileChanges } from "./rewrite-metrics.ts";
import type { RewritePlan, RewriteResult } from "./rewrite-plan.ts";

/** The parts of a commit that differ between the verbs that change rows. */
export interface FilesCommit
  extends Pick<
    TableChange,
    "operation" | "operationParameters" | "marks" | "reads" | "judgedByTable" | "commitInfo"
  > {
  readonly metrics: CommitRequest["operationMetrics"];
}

/**
 * Moves the files of a change into the table and commits them. They are removed again if the commit definitely
 * failed or was not needed, and stay if its outcome is unknown.
 *
 * @throws the errors of `commitChange`
 */
export async function commitFiles(
  plan: Pick<RewritePlan, "target" | "batch" | "userMetadata">,
  files: RewrittenFiles,
  { metrics, ...commit }: FilesCommit,
  signal: AbortSignal | undefined,
): Promise<CommittedResult | AlreadyAppliedResult> {
  const { context } = plan.target;
  const published = await publishFiles(context, files, signal);
  const done = await commitOrWithdraw(context, published, () =>
    commitChange(plan.target, {
      ...commit,
      definition: files.target.changes,
      files: {
        adds: published.adds,
        removes: files.removed,
        changeFiles: published.changeFiles,
        rows: { written: files.data?.rows ?? 0, copied: files.rowsCopied, idsKept: files.idsKept },
        metrics,
        marked: files.marked,
      },
      txn: batchTransaction(plan.batch),
      userMetadata: plan.userMetadata,
      signal,
    }),
  );
  if (done.outcome === "alreadyApplied") await withdrawData(context, published);
  return done;
}

/** Files in the table's folder, with the actions that name them. */
interface PublishedRewrite extends PublishedFiles {
  readonly adds: readonly AddAction[];
  readonly changeFiles: readonly CdcAction[];
}

/** Moves all files; after a failure, none is left. */
async function publishFiles(
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

/** The part of a committed change's result that the commit determines. */
type CommittedPart = Pick<
  RewriteResult,
  "filesAdded" | "filesRemoved" | "filesMarked" | "bytesAdded" | "bytesRemoved" | "version" | "gate"
> & { readonly outcome: "committed"; readonly maintenance: Promise<MaintenanceOutcome> };

/** What a commit made of a change, with the maintenance that follows. */
export function committedPart(
  { target: { context }, snapshot }: Pick<RewritePlan, "target" | "snapshot">,
  done: CommittedResult,
  verdict: GateOutcome | undefined,
): CommittedPart {
  const { filesAdded, filesRemoved, filesMarked, bytesAdded, bytesRemoved } = fileChanges(done.actions);
  return {
    filesAdded,
    filesRemoved,
    filesMarked,
    bytesAdded,
    bytesRemoved,
    outcome: "committed",
    version: done.version,
    gate: verdict === undefined ? undefined : plainVerdict(verdict),
    maintenance: maintainLog(context, done, { base: snapshot }),
  };
}

/** The result of a change of no rows. */
export function nothingChanged(outcome: RewriteResult["outcome"], version: number): RewriteResult {
  return {
    outcome,
    version,
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
