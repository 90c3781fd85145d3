import { engineColumns } from "../../dialects/engine-types.ts";
import { VarveError } from "../../errors.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import { refreshLog } from "../../log/snapshot/open-log.ts";
import { noPlaces } from "../../quality/model/places.ts";
import {
  commitOrWithdraw,
  publishData,
  type StagedData,
  stageData,
  withdrawData,
} from "../../table/data-files/write-data-files.ts";
import { quarantineTransaction } from "../../table/idempotence/application-ids.ts";
import { type BatchTarget, dataTarget, existingTarget, mergedTarget } from "../../write/plan/batch-target.ts";
import { addedFiles } from "../../write/plan/plan-rows.ts";
import type { WrittenBatch } from "../../write/stages/batch-stages.ts";
import { runPlan } from "../../write/write-pipeline.ts";
import type { QuarantineSink } from "../../write/write-services.ts";
import { compareEarlier, earlierTry, type RepeatedBatch, replaceEarlier } from "./earlier-try.ts";
import { ensureQuarantine, quarantineSchema } from "./quarantine-table.ts";
import { batchIdOf, quarantineSql, requireAside } from "./quarantined-rows.ts";

/**
 * A quarantine as what a write's rows are set aside in.
 *
 * Where an earlier try of a batch set other rows aside, and cannot land any more because the table's
 * metadata changed since, such as the suite that it carries, its rows make way for these in one commit.
 *
 * Setting aside throws `QUARANTINE_INVALID` where the same batch was set aside before with another outcome, and may
 * still land, and `ROWS_UNACCOUNTED`.
 */
export function quarantineSink(quarantine: TableContext): QuarantineSink {
  return {
    open: async (batch) => {
      const earlier = await earlierTry(quarantine, batch);
      return {
        setAside: async (written) => {
          const before = written.plan.tests?.before?.rows ?? 0;
          const version = await setAsideRows(written, quarantine, { earlier, before });
          const rows = written.verdict?.quarantined ?? 0;
          return version === undefined || rows === 0 || rows === before
            ? undefined
            : { uri: quarantine.store.uri, version, rows };
        },
      };
    },
  };
}

interface KnownRows {
  /** The quarantine where it holds rows of an earlier try of the batch. */
  readonly earlier: LogSnapshot | undefined;
  /** Rows of the batch that went into quarantine already; its verdict counts them. */
  readonly before: number;
}

/** @returns the quarantine's version with the batch's rows; `undefined` where the batch has none to set aside */
async function setAsideRows(
  batch: WrittenBatch,
  context: TableContext,
  { earlier, before }: KnownRows,
): Promise<number | undefined> {
  const { verdict, target, plan, services } = batch;
  const txn = quarantineTransaction(plan.batch);
  const newest = earlier === undefined ? undefined : await refreshLog(earlier);
  const held = txn === undefined ? undefined : (await newest?.appTransactions())?.get(txn.appId)?.version;
  const repeated = (quarantine: LogSnapshot): RepeatedBatch => ({
    quarantine,
    target,
    batchId: batchIdOf(batch),
    verdict,
    before,
  });
  if (newest !== undefined && txn !== undefined && held !== undefined) {
    if ((await compareEarlier(repeated(newest))) === "same") return newest.version;
    const files = await filesAside(batch, await existingTarget(newest));
    return replaceEarlier(repeated(newest), files, { ...txn, version: held + 1n });
  }
  if (verdict === undefined || verdict.quarantineSql === null) return undefined;
  const snapshot = await ensureQuarantine(context, target.schema);
  const merged = merging(batch, await existingTarget(snapshot));
  const staged = await stageAside(batch, merged, verdict.quarantineSql);
  const adds = await publishData(context, staged, services.signal);
  const aside = addedFiles({ target: merged, files: adds, rows: staged.rows }, txn);
  const { signal } = services;
  const committed = await commitOrWithdraw(context, staged, () => runPlan(aside, { signal }));
  if (committed.outcome === "alreadyApplied") {
    await withdrawData(context, staged);
    const outcome = await compareEarlier(repeated(await refreshLog(snapshot)));
    if (outcome === "replace") throw setAsideMeanwhile(batchIdOf(batch));
  } else await committed.upkeep;
  return committed.version;
}

function setAsideMeanwhile(batchId: string): VarveError {
  return new VarveError(
    "QUARANTINE_INVALID",
    `Another writer set rows of batch ${batchId} aside at the same time, with different tests. Nothing was written; retry the batch.`,
    { batchId },
  );
}

/** Files with the rows that a batch sets aside; none where it sets none aside. */
async function filesAside(batch: WrittenBatch, quarantine: BatchTarget): Promise<string[]> {
  const sql = batch.verdict?.quarantineSql ?? null;
  if (sql === null) return [];
  const { files } = await stageAside(batch, merging(batch, quarantine), sql);
  return files.map(({ written }) => written.file);
}

/** The quarantine with the columns that the batch's table has. */
function merging(batch: WrittenBatch, quarantine: BatchTarget): BatchTarget {
  return mergedTarget(quarantine, engineColumns(quarantineSchema(batch.target.schema)), true);
}

async function stageAside(
  batch: WrittenBatch,
  quarantine: BatchTarget,
  gateSql: string,
): Promise<StagedData> {
  const { session, staging } = batch.room;
  const sql = quarantineSql(batch, gateSql, quarantine.schema);
  const staged = await stageData(session, dataTarget(quarantine), sql, staging);
  const files = staged.files.map(({ written }) => written.file);
  await requireAside(session, batch.verdict?.aside ?? noPlaces, files);
  return staged;
}
