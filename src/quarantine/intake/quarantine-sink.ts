import type { LogSnapshot } from "../../log/contract.ts";
import { refreshLog } from "../../log/snapshot/open-log.ts";
import { noPlaces } from "../../quality/model/places.ts";
import { appendSelected, type SelectedRows, writeSelected } from "../../sidetables/append-rows.ts";
import { rewriteSideTable, type SideRewrite } from "../../sidetables/rewrite-rows.ts";
import { asStep, openSideTable, type SideTable } from "../../sidetables/side-table.ts";
import { type SqlSelect, sql } from "../../sql/sql.ts";
import type { AppTransaction } from "../../table/idempotence/app-transaction.ts";
import { quarantineTransaction } from "../../table/idempotence/application-ids.ts";
import type { SetAsideBatch } from "../../write/stages/batch-stages.ts";
import type { QuarantineSink } from "../../write/write-services.ts";
import { compareEarlier, earlierTry, type RepeatedBatch, withoutEarlier } from "./earlier-try.ts";
import { keepSuite } from "./kept-suites.ts";
import { quarantineSchema } from "./quarantine-table.ts";
import { batchIdOf, quarantineSql, requireAside } from "./quarantined-rows.ts";

/**
 * A quarantine as the destination of the rows that a write sets aside.
 *
 * If an earlier attempt of a batch set other rows aside, and can no longer land because the table's metadata
 * (such as the suite that it carries) has changed since, its rows are replaced by these in one commit.
 *
 * Setting aside throws `QUARANTINE_INVALID` if the same batch was set aside before with another outcome and
 * may still land, `CONFLICT_METADATA_CHANGED` if that was on a newer version with other metadata, and
 * `ROWS_UNACCOUNTED`.
 */
export function quarantineSink(side: SideTable, signal?: AbortSignal): QuarantineSink {
  return {
    open: async (batch) => {
      const earlier = await earlierTry(side, batch, signal);
      return {
        setAside: async (written) => {
          const before = written.plan.tests?.before?.rows ?? 0;
          if ((written.verdict?.quarantineSql ?? null) !== null)
            await keepSuite(side, written.plan.tests?.writer, signal);
          const version = await asStep(side, () => setAsideRows(written, side, { earlier, before }));
          const rows = written.verdict?.quarantined ?? 0;
          return version === undefined || rows === 0 || rows === before
            ? undefined
            : { uri: side.context.store.uri, version, rows };
        },
      };
    },
  };
}

interface KnownRows {
  /** The quarantine, if it holds rows of an earlier attempt of the batch. */
  readonly earlier: LogSnapshot | undefined;
  /** Rows of the batch that are already in the quarantine; its verdict counts them. */
  readonly before: number;
}

/** @returns the quarantine's version with the batch's rows; `undefined` if the batch has none to set aside */
async function setAsideRows(
  batch: SetAsideBatch,
  side: SideTable,
  { earlier, before }: KnownRows,
): Promise<number | undefined> {
  const { verdict, target, plan, services } = batch;
  const txn = quarantineTransaction(plan.batch);
  const batchId = batchIdOf(batch);
  const repeated = (quarantine: LogSnapshot): RepeatedBatch => ({
    side,
    quarantine,
    target,
    batchId,
    verdict,
    before,
  });
  const known = txn === undefined ? undefined : await earlierVersion(earlier, txn);
  if (txn !== undefined && known !== undefined)
    return replaceEarlier(batch, side, { txn, repeated, quarantine: known });
  if (verdict === undefined || verdict.quarantineSql === null) return undefined;
  const rows = selectedRows(batch, verdict.quarantineSql, txn);
  const committed = await appendSelected(side, rows, services);
  if (committed.outcome !== "alreadyApplied" || txn === undefined) return committed.version;
  // another attempt of the batch came first
  const quarantine = await openSideTable(side, services);
  return quarantine === undefined
    ? committed.version
    : replaceEarlier(batch, side, { txn, repeated, quarantine });
}

/** The newest version of a quarantine, if it still holds what an earlier attempt of a batch left. */
async function earlierVersion(
  quarantine: LogSnapshot | undefined,
  txn: AppTransaction,
): Promise<LogSnapshot | undefined> {
  const newest = quarantine === undefined ? undefined : await refreshLog(quarantine);
  return newest === undefined || (await progressOf(newest, txn)) === undefined ? undefined : newest;
}

interface EarlierTry {
  readonly txn: AppTransaction;
  readonly repeated: (quarantine: LogSnapshot) => RepeatedBatch;
  /** A version that has the rows of the earlier attempt. */
  readonly quarantine: LogSnapshot;
}

/** Replaces the rows of a batch's earlier attempt by those that it sets aside now, if they differ. */
async function replaceEarlier(
  batch: SetAsideBatch,
  side: SideTable,
  { txn, repeated, quarantine: known }: EarlierTry,
): Promise<number | undefined> {
  // before the rewrite, which would try again after the conflict that this may end in
  if ((await compareEarlier(repeated(known))) === "same") return known.version;
  const { target, services } = batch;
  const schema = quarantineSchema(target.schema);
  const change = async (quarantine: LogSnapshot): Promise<SideRewrite | undefined> => {
    const earlier = await compareEarlier(repeated(quarantine));
    if (earlier === "same") return undefined;
    const version = ((await progressOf(quarantine, txn)) ?? 0n) + 1n;
    const rest = { ...withoutEarlier(repeated(quarantine), earlier), txn: { ...txn, version } };
    const rows = batch.verdict?.quarantineSql ?? null;
    if (rows === null) return rest;
    const files = { n: await writeSelected(selectedRows(batch, rows, undefined), quarantine) };
    return { ...rest, added: sql`SELECT n.* FROM n`, files };
  };
  return (await rewriteSideTable(side, change, { signal: services.signal, schema }))?.version;
}

async function progressOf(quarantine: LogSnapshot, { appId }: AppTransaction): Promise<bigint | undefined> {
  return (await quarantine.appTransactions()).get(appId)?.version;
}

/** The rows that a batch sets aside. */
function selectedRows(
  batch: SetAsideBatch,
  gateSql: SqlSelect,
  txn: AppTransaction | undefined,
): SelectedRows {
  const { session, staging } = batch.room;
  return {
    session,
    staging,
    schema: quarantineSchema(batch.target.schema),
    sql: (quarantine) => quarantineSql(batch, gateSql, quarantine),
    check: (files) => requireAside(session, batch.verdict?.aside ?? noPlaces, files),
    txn,
  };
}
