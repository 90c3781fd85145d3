import { assertInternal, isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { refreshLog } from "../log/snapshot/open-log.ts";
import { thenCompact } from "../operations/auto-compact.ts";
import { writeServices } from "../operations/write-services.ts";
import type { Suite } from "../quality/model/suite.ts";
import { rejectionLog } from "../rejections/rejection-log.ts";
import { type FailedStep, joinedMaintenance } from "../table/commit/log-maintenance.ts";
import { isApplied } from "../table/idempotence/app-transaction.ts";
import { stagedTransaction } from "../table/idempotence/application-ids.ts";
import type { JsonObject } from "../util/json.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import { addedFiles } from "../write/plan/plan-rows.ts";
import type { QuarantinePlace, WriteOutcome } from "../write/plan/write-options.ts";
import type { WritePlan } from "../write/plan/write-plan.ts";
import { runPlan } from "../write/write-pipeline.ts";
import { type AuditOptions, auditStaged, stagedPlan, stagedSuite, writersSuite } from "./audit-staged.ts";
import {
  claimEnd,
  forgetStaged,
  isKnown,
  layoutOf,
  readAudit,
  readStaged,
  type StagedAudit,
  type StagedBatch,
} from "./staged-batch.ts";
import { deleteStagedFiles, requireStagedFiles } from "./staged-files.ts";
import { discardSetAside, quarantineMisfits } from "./staged-misfits.ts";

/** Result of a publication. */
export interface PublishResult {
  /** `alreadyApplied`: an earlier publication committed the batch, and nothing was written. */
  readonly outcome: "committed" | "alreadyApplied";
  /** The version that the batch became, or at which it was found to be applied. */
  readonly version: number;
  /** Rows added. */
  readonly rows: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
  readonly bytesAdded: number;
  /** Where the quarantined rows are; absent if there are none. */
  readonly quarantine?: QuarantinePlace | undefined;
  /**
   * Verdict of the last audit, as in `commitInfo.gate`; absent without tests, and for a batch that was
   * published before.
   */
  readonly gate?: JsonObject | undefined;
  /**
   * Whether the batch was tested again, because it had not been tested against this version of the table with
   * these tests.
   */
  readonly reaudited: boolean;
}

/** Result of a publication, with the maintenance that follows. */
export interface PublishOutcome extends PublishResult {
  readonly maintenance?: WriteOutcome["maintenance"];
}

/** How often a publication starts again because the table has changed. */
const tries = 20;

/**
 * Commits a staged batch: its rows become visible all at once, or not at all.
 *
 * The audit must be of the version that the batch is committed upon: if the table, its suite or its schema
 * has changed since, the batch is tested again. Files are committed as they are, but the rows are rewritten
 * if a test sets rows aside, repairs or tags them, or if the table's schema changed. However often a
 * publication is repeated, and whatever crashes, the rows land once.
 *
 * @throws `BATCH_REJECTED` if the tests reject the batch, which stays staged; `STAGED_INVALID` for an unknown
 * or discarded batch; `SCHEMA_MISMATCH`, `CONSTRAINT_VIOLATED` if the table has changed so that the rows do
 * not fit; `DATA_FILE_MISSING` if a vacuum removed the staged files; `DATA_FILE_CORRUPT`, `ROWS_UNACCOUNTED`
 * if they do not hold the rows that were staged; `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`, after which the
 * publication may be repeated
 */
export async function publishStaged(
  table: LogSnapshot,
  id: string,
  options: AuditOptions = {},
): Promise<PublishOutcome> {
  const { context } = table;
  for (let attempt = 1; ; attempt++) {
    // before the log: a publication removes the record after it has landed
    const batch = await readStaged(context, id);
    const now = await refreshLog(table);
    if (await isPublished(now, id)) return alreadyPublished(now, id);
    if (batch === undefined || batch.tableId !== now.metadata.id) throw noSuchBatch(now, id, batch);
    try {
      return await publishOnce(now, batch, options);
    } catch (error) {
      if (attempt >= tries || !mayTryAgain(error, attempt)) throw error;
    }
  }
}

/**
 * Discards a staged batch: deletes its files and its records.
 *
 * Files of a batch whose publication began are kept, because it may still land; if it does not, no version
 * names them, and a vacuum removes them. Rows that it put into the quarantine are discarded with a note; they can
 * be opened again.
 *
 * @returns whether the files were deleted
 * @throws `STAGED_INVALID` for an unknown or published batch
 */
export async function discardStaged(
  table: LogSnapshot,
  id: string,
): Promise<{ readonly filesDeleted: boolean }> {
  const { context } = table;
  const batch = await readStaged(context, id).catch((error: unknown) => {
    if (isVarveError(error, "STAGED_INVALID")) return undefined;
    throw error;
  });
  const now = await refreshLog(table);
  if (await isPublished(now, id)) throw await publishedAlready(context, id);
  if (batch === undefined && !(await isKnown(context, id))) throw noSuchBatch(now, id, undefined);
  const end = await claimEnd(context, id, "discard");
  const mine = end === "discard" && batch !== undefined;
  // A publication that came between removed its claim when it was done; one that starts now finds this claim.
  if (mine && (await isPublished(await refreshLog(now), id))) throw await publishedAlready(context, id);
  if (mine) await deleteStagedFiles(context, batch);
  if (end === "publish") await discardSetAside(now, stagedTransaction(id));
  // A publication that has begun may still commit; without its claim, the next discard would delete the
  // files.
  await forgetStaged(context, id, { keepClaim: end === "publish" });
  return { filesDeleted: mine };
}

/** Removes the records of a published batch, and throws because it cannot be discarded. */
async function publishedAlready(context: TableContext, id: string): Promise<VarveError> {
  await forgetStaged(context, id);
  const message = `The batch ${id} is already published, so it is part of the table. Delete its rows, or restore a version.`;
  return new VarveError("STAGED_INVALID", message, { id });
}

/**
 * The table has changed, or another publication of the batch landed, rewrote its rows and removed the staged
 * files.
 */
function mayTryAgain(error: unknown, attempt: number): boolean {
  if (!isVarveError(error)) return false;
  return error.code.startsWith("CONFLICT_") || (error.code === "DATA_FILE_MISSING" && attempt === 1);
}

function isPublished(now: LogSnapshot, id: string): Promise<boolean> {
  return isApplied(now, stagedTransaction(id));
}

async function alreadyPublished(now: LogSnapshot, id: string): Promise<PublishOutcome> {
  const { version } = now;
  const warnings = await tidyPublished(version, () => forgetStaged(now.context, id));
  return {
    outcome: "alreadyApplied",
    version,
    rows: 0,
    filesAdded: 0,
    filesRemoved: 0,
    bytesAdded: 0,
    reaudited: false,
    maintenance:
      warnings.length === 0 ? undefined : Promise.resolve({ version, checksumWritten: false, warnings }),
  };
}

/**
 * Removes what a published batch leaves. A failure is a warning of the maintenance, because the rows are in
 * the table.
 */
async function tidyPublished(version: number, work: () => Promise<void>): Promise<readonly FailedStep[]> {
  try {
    await work();
    return [];
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `After a staged batch was published as version ${version}, its record or files could not be removed: ${reason}`;
    return [{ step: "cleanup", message, cause }];
  }
}

async function publishOnce(
  now: LogSnapshot,
  batch: StagedBatch,
  options: AuditOptions,
): Promise<PublishOutcome> {
  const last = await readAudit(now.context, batch.id);
  const gate = options.gate ?? last?.suite;
  const asking = { ...options, gate };
  const suite = stagedSuite(now, batch, gate);
  const holds =
    last !== undefined && last.version === now.version && last.fingerprint === (suite?.fingerprint ?? null);
  const audit = holds ? last : (await auditStaged(now, batch, asking)).audit;
  if (!audit.accepted) throw await recordRejected(now, batch, audit, { suite, ...options });
  await claimPublication(now.context, batch);
  const asItIs = audit.untouched && layoutOf(now.protocol, now.metadata) === batch.layout;
  const { misfits } = batch;
  const aside =
    misfits === undefined
      ? undefined
      : await quarantineMisfits(now, misfits, {
          suite,
          writer: writersSuite(batch, gate),
          txn: stagedTransaction(batch.id),
          signal: options.signal,
        });
  const plan: WritePlan = asItIs
    ? await asStaged(now, batch, audit, aside)
    : await stagedPlan(now, batch, suite, { gate, gateOptions: options.gateOptions, place: aside });
  const written = await runPlan(plan, writeServices(plan.target, options));
  const result = await thenCompact(now, written, options.signal);
  const { outcome } = result;
  assertInternal(outcome !== "unchanged", "a publication records that its batch is applied");
  const warnings = await tidyPublished(result.version, async () => {
    // The rows are now in other files.
    if (!asItIs && outcome === "committed") await deleteStagedFiles(now.context, batch);
    await forgetStaged(now.context, batch.id);
  });
  const failed = { version: result.version, checksumWritten: false, warnings };
  return {
    ...result,
    outcome,
    gate: audit.gate,
    reaudited: !holds,
    maintenance:
      warnings.length === 0
        ? result.maintenance
        : joinedMaintenance(result.version, result.maintenance, Promise.resolve(failed)),
  };
}

/** The plan that commits a batch's files as they are. */
async function asStaged(
  now: LogSnapshot,
  { id, files, rows, userMetadata }: StagedBatch,
  { gate, comparesWithTable }: StagedAudit,
  quarantine: QuarantinePlace | undefined,
): Promise<WritePlan> {
  const target = await existingTarget(now);
  const about = { gate, judgedByTable: comparesWithTable, quarantine, userMetadata };
  return addedFiles({ target, files, rows, ...about }, stagedTransaction(id));
}

async function claimPublication(context: TableContext, batch: StagedBatch): Promise<void> {
  if ((await claimEnd(context, batch.id, "publish")) === "discard") {
    throw new VarveError(
      "STAGED_INVALID",
      `The staged batch ${batch.id} was discarded. Stage its rows again.`,
      { id: batch.id },
    );
  }
  await requireStagedFiles(context, batch);
}

/** Records that the audit of a publication rejected a batch, unless it shall leave no trace. @returns the error of the publication */
function recordRejected(
  now: LogSnapshot,
  batch: StagedBatch,
  audit: StagedAudit,
  {
    suite,
    recordRejection,
    signal,
  }: { readonly suite: Suite | undefined } & Pick<AuditOptions, "recordRejection" | "signal">,
): Promise<VarveError> | VarveError {
  const error = rejected(now, batch, audit);
  if (recordRejection === false) return error;
  return rejectionLog(now, signal).record({
    batch: { txn: stagedTransaction(batch.id) },
    operation: "WRITE",
    sources: [],
    userMetadata: batch.userMetadata,
    suite,
    error,
  });
}

function rejected(now: LogSnapshot, batch: StagedBatch, { gate }: StagedAudit): VarveError {
  const recorded = gate?.["reasons"];
  const reasons = Array.isArray(recorded) ? recorded.map(String) : [];
  const more = reasons.length > 1 ? ` (and ${reasons.length - 1} more)` : "";
  return new VarveError(
    "BATCH_REJECTED",
    `The tests of the table at version ${now.version} reject the staged batch ${batch.id}: ${reasons[0] ?? "no reason given"}${more}. Nothing was published; the batch stays staged.`,
    { id: batch.id, version: now.version, reasons, gate },
  );
}

function noSuchBatch(now: LogSnapshot, id: string, batch: StagedBatch | undefined): VarveError {
  const why =
    batch === undefined ? "Unknown staged batch" : "The table was made anew since it staged the batch";
  return new VarveError(
    "STAGED_INVALID",
    `${why} ${id} of ${now.context.store.uri}. List the staged batches.`,
    { id },
  );
}
