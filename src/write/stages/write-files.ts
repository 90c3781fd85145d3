import { isGuardStop } from "../../engine/fence/row-guard.ts";
import type { GateOutcome } from "../../quality/gate/verdict.ts";
import type { SqlSelect } from "../../sql/sql.ts";
import { flushData } from "../../table/data-files/publish-data-files.ts";
import {
  type DataWriteOptions,
  type StagedData,
  stageData,
} from "../../table/data-files/write-data-files.ts";
import { type BatchTarget, dataTarget } from "../plan/batch-target.ts";
import type { BatchTests } from "../plan/write-plan.ts";
import { requireAllRows } from "./accounted-rows.ts";
import { checkWritten, violatedSql, type WrittenRows, writtenStatistics } from "./batch-checks.ts";
import { numberedTarget, seesWritten, writtenRows } from "./batch-rows.ts";
import type { FencedRows, JudgedRows, RemovedFiles, WrittenBatch } from "./batch-stages.ts";
import { targetOfWritten } from "./give-types.ts";
import { judgeRows, requireAccepted, requireRules, withRowsBefore } from "./judge-rows.ts";
import { composedRows, removedFiles } from "./removal.ts";
import { beginPhase } from "./write-room.ts";

/**
 * Tests a batch and writes its clean rows to data files.
 *
 * @throws `BATCH_REJECTED`, `CONSTRAINT_VIOLATED`, `SCHEMA_MISMATCH`, `ROWS_UNACCOUNTED`, `CANCELLED`
 */
export async function writeFiles(fenced: FencedRows): Promise<WrittenBatch> {
  const { room, enforcement, rules, sourceRows, plan } = fenced;
  const written = (await writeWhileTesting(fenced)) ?? (await writeJudged(await judgeRows(fenced)));
  const { rows, data, verdict } = written;
  const { quarantined, dropped } = verdict ?? { quarantined: 0, dropped: 0 };
  const copied = rows.copied ?? 0;
  requireAllRows({ rows: sourceRows, clean: data.rows - copied, quarantined, dropped });
  await checkWritten(room.session, fenced.target, data, enforcement, rows);
  const whole = verdict === undefined ? undefined : wholeVerdict(verdict, plan.tests);
  return {
    ...fenced,
    target: numberedTarget(written.target, rules, data.rows),
    data,
    changes: written.changes,
    count: { written: data.rows, copied, idsKept: rows.hidden !== undefined },
    removed: written.removed ?? (await removedFiles(fenced, data)),
    verdict: whole,
  };
}

/** The verdict on the whole batch, including the rows that were set aside before. @throws `BATCH_REJECTED` */
function wholeVerdict(verdict: GateOutcome, tests: BatchTests | undefined): GateOutcome | undefined {
  if (tests === undefined) return undefined;
  const whole = withRowsBefore(verdict, tests.before, tests.suite);
  requireAccepted(whole);
  return whole;
}

/** Result of one way of testing and writing. */
interface Written extends WrittenData {
  readonly rows: WrittenRows;
  readonly verdict?: GateOutcome | undefined;
  readonly removed?: RemovedFiles | undefined;
  readonly changes?: StagedData | undefined;
}

/** Files, and the target as their rows leave it. */
interface WrittenData {
  readonly data: StagedData;
  readonly target: BatchTarget;
}

/**
 * Writes a batch that can only be accepted or rejected as a whole, and tests each row in the scan that writes
 * it: what is tested is what is written, it is read once, and the tests of all rows together run while the
 * files are flushed to disk.
 *
 * Returns `undefined` if the batch must be tested before it is written, or if a row fails, so that the
 * failing rows must be found.
 */
async function writeWhileTesting(fenced: FencedRows): Promise<Written | undefined> {
  const { target, fitted, rules, gate, sourceRows } = fenced;
  const guard = [...(gate?.guard ?? []), ...rules.rows.map(violatedSql)];
  if ((gate === undefined && guard.length === 0) || gate?.takesWhole === false || !inOneScan(fenced))
    return undefined;
  if (gate !== undefined && !seesWritten(rules)) return undefined;
  const rows = writtenRows(fitted, rules, undefined);
  try {
    const written = await write(fenced, rows, {
      rows: sourceRows,
      guard: guard.length === 0 ? undefined : guard,
    });
    const { data } = written;
    const [tested, flushed] = await Promise.allSettled([
      verdictOfWritten(fenced, rows, data),
      flushData(target.context, data),
    ]);
    if (tested.status === "rejected") throw tested.reason;
    if (flushed.status === "rejected") throw flushed.reason;
    const verdict = tested.value;
    if (data.rows === sourceRows && (gate === undefined || verdict !== undefined))
      return { ...written, rows, verdict };
    await data.discard();
  } catch (error) {
    if (!isGuardStop(error)) throw error;
  }
  return undefined;
}

function inOneScan({ plan, target }: FencedRows): boolean {
  return plan.removes.kind !== "condition" && target.metadata.partitionColumns.length === 0;
}

async function verdictOfWritten(
  { gate, services, room, target }: FencedRows,
  rows: WrittenRows,
  data: StagedData,
): Promise<GateOutcome | undefined> {
  if (gate === undefined) return undefined;
  beginPhase(services, "checking");
  const verdict = await gate.verdictOfWritten(writtenStatistics(room.session, target, data, rows));
  requireAccepted(verdict);
  return verdict;
}

/** Writes the clean rows. */
async function writeJudged(judged: JudgedRows): Promise<Written> {
  const { verdict, clean, rules, gate, sourceRows, room, target } = judged;
  requireAccepted(verdict);
  await requireRules(judged);
  const { rows, removed, changes } = await composedRows(judged);
  const isClean = rows === clean;
  const written = await write(judged, rows, {
    rowsAtMost: isClean ? (verdict?.rows ?? sourceRows) : undefined,
  });
  const { data } = written;
  if (verdict !== undefined && isClean && seesWritten(rules))
    await gate?.confirm(verdict, writtenStatistics(room.session, target, data, rows));
  return {
    ...written,
    rows,
    verdict,
    removed,
    changes: changes === undefined ? undefined : await stageChanges(judged, written.target, changes),
  };
}

/** PROTOCOL.md "Change Data Files". */
function stageChanges(
  { room, plan, services }: FencedRows,
  target: BatchTarget,
  changes: SqlSelect,
): Promise<StagedData> {
  return stageData(room.session, dataTarget(target), changes, room.staging, {
    changeFiles: true,
    hiddenColumns: ["_change_type"],
    targetFileBytes: plan.targetFileBytes,
    signal: services.signal,
  });
}

async function write(
  { room, target, plan, services }: FencedRows,
  rows: WrittenRows,
  known: Pick<DataWriteOptions, "rows" | "rowsAtMost" | "guard">,
): Promise<WrittenData> {
  beginPhase(services, "writing");
  const { onProgress, signal } = services;
  const written = await targetOfWritten(room.session, target, rows.sql);
  const data = await stageData(room.session, dataTarget(written), rows.sql, room.staging, {
    ...known,
    targetFileBytes: plan.targetFileBytes,
    signal,
    hiddenColumns: rows.hidden,
    onProgress: onProgress === undefined ? undefined : (share) => onProgress({ phase: "writing", share }),
  });
  return { data, target: written };
}
