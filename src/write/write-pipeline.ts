import { assertInternal, isVarveError, type VarveError } from "../errors.ts";
import type { GateOutcome } from "../quality/gate/verdict.ts";
import { isApplied } from "../table/idempotence/app-transaction.ts";
import { type BatchName, batchTransaction } from "../table/idempotence/application-ids.ts";
import { bothOf } from "../util/both-of.ts";
import type { BatchTarget } from "./plan/batch-target.ts";
import { sourceFiles } from "./plan/fetched-source.ts";
import type { WriteOutcome, WriteResult } from "./plan/write-options.ts";
import type { RowsPlan, WritePlan } from "./plan/write-plan.ts";
import { requireAllRows } from "./stages/accounted-rows.ts";
import type { FencedRows, WrittenBatch } from "./stages/batch-stages.ts";
import { alreadyApplied, commitPlaced, commitWritten } from "./stages/commit-batch.ts";
import { fenceRows } from "./stages/fence-rows.ts";
import { fitRows } from "./stages/fit-rows.ts";
import { judgeRows, requireRules, withRowsBefore } from "./stages/judge-rows.ts";
import { stageRows } from "./stages/stage-rows.ts";
import { writeFiles } from "./stages/write-files.ts";
import { inWriteRoom, type StageServices, type WriteRoom } from "./stages/write-room.ts";
import { isRefusal, type OpenQuarantine, type WriteServices } from "./write-services.ts";

/**
 * Carries out a plan in one commit: stages, fits, fences, judges and writes its rows, sets aside those that
 * its tests select, and commits the others. A batch that was committed before is not read.
 *
 * @throws `SCHEMA_MISMATCH`, `CONSTRAINT_VIOLATED`, `BATCH_REJECTED`, `SUITE_INVALID`, `SOURCE_UNREADABLE`,
 * `UNSUPPORTED_FEATURE`, `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`; after all except
 * `COMMIT_OUTCOME_UNKNOWN`, no file of the batch is left
 */
export async function runPlan(plan: WritePlan, services: WriteServices = {}): Promise<WriteOutcome> {
  const { target } = plan;
  const landed = await landedBefore(target, plan.batch);
  if (landed !== undefined) return landed;
  return plan.kind === "files" ? commitPlaced(plan, services) : writeRows(plan, services);
}

async function writeRows(plan: RowsPlan, services: WriteServices): Promise<WriteOutcome> {
  let isRefused = false;
  try {
    return await inWriteRoom(plan, services, async (room, local) => {
      const batch = writeBatch(room, local, services).catch((error: unknown) => {
        isRefused = isRefusal(error);
        throw error;
      });
      const [written, quarantine] = await bothOf(batch, services.quarantine?.open(plan.batch));
      const place = (await setAside(written, quarantine)) ?? plan.tests?.before?.place;
      return commitWritten(written, place, services);
    });
  } catch (error) {
    throw isRefused && isVarveError(error) ? await recordRefused(plan, services, error) : error;
  }
}

/** Records a batch that was refused; without tests, only its caller learns of it. */
function recordRefused(
  { tests, batch, operation, source, userMetadata }: RowsPlan,
  { rejections }: WriteServices,
  error: VarveError,
): VarveError | Promise<VarveError> {
  if (tests === undefined || rejections === undefined) return error;
  const { suite } = tests;
  return rejections.record({
    batch,
    operation: operation.name,
    sources: sourceFiles(source),
    userMetadata,
    suite,
    error,
  });
}

/**
 * The result of a batch that was committed before, else `undefined`. A verb calls this before it makes its
 * plan, because the table may have changed so that no plan is possible any more.
 */
export async function landedBefore(
  { snapshot }: BatchTarget,
  batch: BatchName,
): Promise<WriteResult | undefined> {
  const txn = batchTransaction(batch);
  if (snapshot === undefined || txn === undefined || !(await isApplied(snapshot, txn))) return undefined;
  return alreadyApplied(snapshot.version);
}

/**
 * Writes a plan's rows to data files in the write's folder, and commits nothing. @throws as {@link runPlan},
 * without the errors of commits
 */
export async function writeBatch(
  room: WriteRoom,
  plan: RowsPlan,
  services: StageServices,
): Promise<WrittenBatch> {
  return writeFiles(await prepare(room, plan, services));
}

/** Outcome of the tests of a plan's rows. */
export interface Judgement {
  /** Its SQL can no longer be used. Absent if the plan has no tests. */
  readonly verdict?: GateOutcome | undefined;
  /** Whether the tests read the table's rows. */
  readonly comparesWithTable: boolean;
}

/**
 * Tests a plan's rows and writes nothing. A rejection is returned like any other verdict. @throws as
 * {@link writeBatch}, without `BATCH_REJECTED`
 */
export function judgePlan(plan: RowsPlan, services: StageServices = {}): Promise<Judgement> {
  return inWriteRoom(plan, services, async (room, local) => {
    const judged = await judgeRows(await prepare(room, local, services));
    await requireRules(judged);
    const { verdict, sourceRows, comparesWithTable } = judged;
    if (verdict === undefined || plan.tests === undefined) return { comparesWithTable };
    const { clean, quarantined, dropped } = verdict;
    requireAllRows({ rows: sourceRows, clean, quarantined, dropped });
    return { verdict: withRowsBefore(verdict, plan.tests.before, plan.tests.suite), comparesWithTable };
  });
}

async function prepare(room: WriteRoom, plan: RowsPlan, services: StageServices): Promise<FencedRows> {
  return fenceRows(await fitRows(await stageRows(room, plan, services)));
}

async function setAside(written: WrittenBatch, quarantine: OpenQuarantine | undefined) {
  if (quarantine !== undefined) return quarantine.setAside(written);
  assertInternal(
    (written.verdict?.quarantineSql ?? null) === null,
    "rows are set aside, and nobody takes them",
  );
  return undefined;
}
