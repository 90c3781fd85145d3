import type { TableContext } from "../../log/contract.ts";
import type { AddAction, CdcAction } from "../../protocol/actions.ts";
import { plainVerdict, summarizeVerdict } from "../../quality/gate/verdict.ts";
import { pathText, typeText } from "../../schema/type-names.ts";
import type { CommitResult } from "../../table/commit/commit-request.ts";
import { maintainLog } from "../../table/commit/log-maintenance.ts";
import { commitChange, type RowCount, type TableChange } from "../../table/commit/table-change.ts";
import {
  commitOrWithdraw,
  type PublishedFiles,
  publishChangeFiles,
  publishData,
  withdrawData,
} from "../../table/data-files/publish-data-files.ts";
import type { StagedData } from "../../table/data-files/write-data-files.ts";
import {
  asideMark,
  type BatchName,
  batchTransaction,
  quarantinedName,
  resubmittedMark,
} from "../../table/idempotence/application-ids.ts";
import { defined } from "../../util/defined.ts";
import type { JsonObject } from "../../util/json.ts";
import type { BatchTarget } from "../plan/batch-target.ts";
import { readsVersion } from "../plan/read-versions.ts";
import type { QuarantinePlace, WriteOutcome, WriteResult } from "../plan/write-options.ts";
import type { FilesPlan, WritePlan } from "../plan/write-plan.ts";
import type { RemovedFiles, WrittenBatch } from "./batch-stages.ts";
import type { StageServices } from "./write-room.ts";

/**
 * Moves a batch's files into the table and commits them. The files are removed again if the commit definitely
 * failed, and stay if its outcome is unknown.
 *
 * @param quarantine location of the batch's rows that were set aside
 * @throws the errors of `commitChange`
 */
export async function commitWritten(
  batch: WrittenBatch,
  quarantine: QuarantinePlace | undefined,
  services: StageServices,
): Promise<WriteOutcome> {
  const { plan, target, data, changes, verdict, removed, count } = batch;
  services.onProgress?.({ phase: "committing" });
  const published = { files: [...data.files, ...(changes?.files ?? [])] };
  const adds = await publishData(target.context, data, services.signal);
  const changeFiles =
    changes === undefined ? [] : await publishBeside(target.context, changes, data, services);
  const change = changeOf(plan, target, services, {
    adds,
    changeFiles,
    removed,
    rows: count,
    setsAside: verdict !== undefined && verdict.quarantineSql !== null,
    judgedByTable: batch.comparesWithTable,
    gate:
      verdict === undefined
        ? undefined
        : defined({ ...summarizeVerdict(verdict), batchId: plan.batch.batchId, ...placeOf(quarantine) }),
  });
  if (batch.sourceRows === 0 && target.snapshot !== undefined && isEmpty(change))
    return { ...noRows("unchanged", target.snapshot.version), gate: verdict && plainVerdict(verdict) };
  const result = await commitOrWithdraw(target.context, published, () => commitChange(target, change));
  if (result.outcome === "alreadyApplied") {
    await withdrawData(target.context, published);
    return alreadyApplied(result.version);
  }
  return {
    ...landed(target, change, result),
    gate: verdict === undefined ? undefined : plainVerdict(verdict),
    quarantine,
  };
}

/** Moves change files into the table; after a failure, the batch's data files go too. */
async function publishBeside(
  context: TableContext,
  changes: StagedData,
  data: PublishedFiles,
  { signal }: StageServices,
): Promise<CdcAction[]> {
  try {
    return await publishChangeFiles(context, changes, signal);
  } catch (error) {
    await withdrawData(context, data);
    throw error;
  }
}

/** Commits files that are already in the table's folder. @throws the errors of `commitChange` */
export async function commitPlaced(plan: FilesPlan, services: StageServices): Promise<WriteOutcome> {
  const { target, files, rows, gate, judgedByTable, quarantine } = plan;
  services.onProgress?.({ phase: "committing" });
  const change = changeOf(plan, target, services, {
    adds: files,
    rows: { written: rows },
    setsAside: false,
    judgedByTable,
    gate: gate === undefined ? undefined : { ...gate, ...placeOf(quarantine) },
  });
  const result = await commitChange(target, change);
  if (result.outcome === "alreadyApplied") return alreadyApplied(result.version);
  return { ...landed(target, change, result), quarantine };
}

/** The result of a batch that was committed before. */
export function alreadyApplied(version: number): WriteResult {
  return noRows("alreadyApplied", version);
}

function noRows(outcome: WriteResult["outcome"], version: number): WriteResult {
  return { outcome, version, rows: 0, filesAdded: 0, filesRemoved: 0, bytesAdded: 0 };
}

/** Whether a commit would have no actions besides what it says about itself; Spark leaves such commits out too. */
function isEmpty({ files, definition, marks, txn }: TableChange): boolean {
  const { adds = [], removes = [], changeFiles = [] } = files ?? {};
  return (
    txn === undefined &&
    [adds, removes, changeFiles, definition ?? [], marks ?? []].every(({ length }) => length === 0)
  );
}

/** Outcome of a plan's rows. */
interface Landing {
  readonly adds: readonly AddAction[];
  readonly changeFiles?: readonly CdcAction[] | undefined;
  readonly removed?: RemovedFiles | undefined;
  readonly rows: RowCount;
  /** Whether the tests set rows of the batch aside in this write. */
  readonly setsAside: boolean;
  readonly judgedByTable: boolean | undefined;
  /** What the history keeps of the tests: `gate` as defined by `spec/formats.md`. */
  readonly gate?: JsonObject | undefined;
}

function changeOf(
  plan: WritePlan,
  target: BatchTarget,
  { signal }: StageServices,
  { adds, changeFiles, removed, rows, setsAside, judgedByTable, gate }: Landing,
): TableChange {
  const partitionBy = JSON.stringify(target.metadata.partitionColumns);
  const own = batchMarks(plan.batch, setsAside);
  // Another writer may fill an untyped column with text meanwhile.
  const setsTypes = target.typed?.some(({ type }) => type !== "string") === true;
  const reads = { ...plan.reads, ...removed?.reads };
  const readsOwn =
    plan.kind === "rows" && target.snapshot !== undefined && readsVersion(plan.source, target.snapshot);
  const wholeTable = reads.wholeTable === true || readsOwn;
  return {
    operation: plan.operation.name,
    operationParameters: { ...plan.operation.parameters, partitionBy },
    definition: target.changes,
    files: { adds, removes: removed?.files, changeFiles, rows },
    marks: [...(plan.marks ?? []), ...own.marks],
    txn: batchTransaction(plan.batch),
    reads: { ...reads, wholeTable, appIds: [...(reads.appIds ?? []), ...own.rivals] },
    judgedByTable: judgedByTable === true || setsTypes,
    commitInfo: gate === undefined ? undefined : { gate },
    userMetadata: plan.userMetadata,
    signal,
  };
}

/** Marks of a batch whose rows may be set aside, so that none of them lands twice. */
export interface BatchMarks {
  /** Application ids that the commit records. */
  readonly marks: readonly string[];
  /** Application ids that no other commit may have recorded meanwhile. */
  readonly rivals: readonly string[];
}

/**
 * Rows that another attempt of a batch set aside may have landed meanwhile; an attempt that sets none aside would
 * land them again.
 */
export function batchMarks(batch: BatchName, setsAside: boolean): BatchMarks {
  return setsAside
    ? { marks: ownMarks(batch, asideMark), rivals: [] }
    : { marks: [], rivals: ownMarks(batch, resubmittedMark) };
}

function ownMarks(batch: BatchName, markOf: (batchId: string) => string): string[] {
  const batchId = quarantinedName(batch);
  return batchId === undefined ? [] : [markOf(batchId)];
}

function landed(
  { context, snapshot, typed }: BatchTarget,
  { files }: TableChange,
  result: Extract<CommitResult, { outcome: "committed" }>,
): WriteOutcome {
  const { adds = [], removes = [], rows } = files ?? {};
  return {
    outcome: "committed",
    version: result.version,
    rows: (rows?.written ?? 0) - (rows?.copied ?? 0),
    filesAdded: adds.length,
    filesRemoved: removes.length,
    bytesAdded: adds.reduce((sum, file) => sum + file.size, 0),
    typedColumns: typedNames(typed),
    maintenance: maintainLog(context, result, { base: snapshot }),
  };
}

/** Untyped columns that got a type, as results name them. */
export function typedNames(typed: BatchTarget["typed"]): WriteResult["typedColumns"] {
  return typed?.map(({ path, type }) => ({ column: pathText(path), type: typeText(type) }));
}

/** Location of rows that were set aside, as in `commitInfo.gate`. */
export function placeOf(quarantine: QuarantinePlace | undefined): JsonObject {
  return quarantine === undefined ? {} : { quarantine: { uri: quarantine.uri, version: quarantine.version } };
}
