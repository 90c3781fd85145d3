import { isVarveError, VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { commitPath } from "../../log/segment/file-names.ts";
import { openLog } from "../../log/snapshot/open-log.ts";
import type { GateOutcome } from "../../quality/gate/verdict.ts";
import { sideTableRows } from "../../sidetables/read-rows.ts";
import { removedRows, type SideRewrite } from "../../sidetables/rewrite-rows.ts";
import { openSideTable, type SideTable } from "../../sidetables/side-table.ts";
import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import { harmfulChange, requireHarmless } from "../../table/commit/conflict-metadata.ts";
import { readWinners } from "../../table/commit/winning-commits.ts";
import {
  type BatchName,
  namesakeId,
  quarantinedName,
  quarantineTransaction,
} from "../../table/idempotence/application-ids.ts";
import { counted, shownNumber } from "../../util/counted.ts";
import { optionText } from "../../util/option-text.ts";
import type { BatchTarget } from "../../write/plan/batch-target.ts";
import { quarantineNames, quarantineOf } from "./quarantine-table.ts";

/** A repeated batch, after an attempt that set rows aside and did not land. */
export interface RepeatedBatch {
  readonly side: SideTable;
  /** The version of the quarantine that is read. */
  readonly quarantine: LogSnapshot;
  readonly target: BatchTarget;
  readonly batchId: string;
  /** None if no gate ran this time. */
  readonly verdict: GateOutcome | undefined;
  /** Rows of the batch that went into the quarantine before the gate ran, and stay there. */
  readonly before: number;
}

/**
 * A quarantine in which an earlier attempt of a batch has left its mark.
 *
 * @throws `QUARANTINE_INVALID` if it holds rows of another batch with that name
 */
export async function earlierTry(
  side: SideTable,
  batch: BatchName,
  signal: AbortSignal | undefined,
): Promise<LogSnapshot | undefined> {
  const mark = quarantineTransaction(batch);
  if (mark === undefined) return undefined;
  const quarantine = await openSideTable(side, { signal });
  const recorded = await quarantine?.appTransactions();
  const namesake = namesakeId(batch);
  if (namesake !== undefined && recorded?.has(namesake) === true) throw namedAlike(side, batch);
  return recorded?.has(mark.appId) === true ? quarantine : undefined;
}

function namedAlike({ context }: SideTable, batch: BatchName): VarveError {
  const name = quarantinedName(batch);
  const [by, other] = batch.txn === undefined ? ["batchId", "txn"] : ["txn", "batchId"];
  return new VarveError(
    "QUARANTINE_INVALID",
    `The quarantine at ${context.store.uri} has rows of another batch ${String(name)}, which was named by ${other}, not by ${by}: they could not be told apart. Name the batch otherwise. Nothing was written.`,
    { batchId: name },
  );
}

interface EarlierRows {
  readonly rows: number;
  /** Rows of a table whose creation lost to that of this one. */
  readonly ofCreation: number;
  /** Rows that another suite set aside. */
  readonly others: number;
  /** Rows that were claimed, resubmitted or discarded since. */
  readonly resolved: number;
  readonly baseVersion: number | null;
}

/**
 * Rows that the gate, not staging, set aside; those that do not fit the table stay there as staging found
 * them. Several tables may share a quarantine and give their batches the same names. A repeated creation
 * gives its table another id, so rows of the previous creation can only be recognised by their place.
 */
function mineSql({
  side,
  target,
  batchId,
  before,
}: Omit<RepeatedBatch, "quarantine" | "verdict">): SqlExpression {
  const { batch, table, baseVersion, status, errors } = quarantineNames;
  const tested = sql`list_bool_or(list_transform(${errors}, lambda e: struct_extract(e, 'check_name') <> 'schema'))`;
  const isOwn = side.context.store.uri === quarantineOf(target.context).context.store.uri;
  const creation = isOwn ? sql` OR (${baseVersion} IS NULL AND ${status} = 'open')` : sql``;
  const parts = [
    sql`${batch} IS NOT DISTINCT FROM ${quoteText(batchId)}`,
    sql`(coalesce(${table} = ${quoteText(target.metadata.id)}, true)${creation})`,
    ...(before === 0 ? [] : [sql`coalesce(${tested}, false)`]),
  ];
  return sql`(${joinSql(parts, sql` AND `)})`;
}

/**
 * Compares the rows that an earlier attempt of a batch set aside with those that it sets aside now. Other
 * rows are replaced if the table's metadata, such as the suite that it carries, has changed since, because
 * the earlier attempt can then no longer land.
 *
 * @returns `same`: they stay. `none`: there are none. `replace`: they are of an attempt that cannot land, and
 * are all still open
 * @throws `CONFLICT_METADATA_CHANGED` if the other attempt is based on a newer version, and the metadata
 * changed in between, so that this one cannot land; `QUARANTINE_INVALID` if the outcome differs for another
 * reason, or rows were claimed, resubmitted or discarded meanwhile
 */
export async function compareEarlier(repeated: RepeatedBatch): Promise<"same" | "none" | "replace"> {
  const { quarantine, target, batchId, verdict, before } = repeated;
  const earlier = await earlierRows(repeated);
  const quarantined = (verdict?.quarantined ?? 0) - before;
  const sameSuite = verdict === undefined ? earlier.rows === 0 : earlier.others === 0;
  if (earlier.rows === quarantined && sameSuite) return "same";
  if (earlier.rows === 0) return "none";
  await requireCurrent(target, earlier.baseVersion);
  const mayLand = !(await cannotLand(target, earlier));
  if (earlier.resolved === 0 && !mayLand) return "replace";
  const why =
    earlier.resolved > 0
      ? `${shownNumber(earlier.resolved)} of them ${earlier.resolved === 1 ? "was" : "were"} claimed, resubmitted or discarded since. Resubmit the others, or write the batch's remaining rows under a new ${optionText("batchId")}`
      : `Repeat a batch with the same rows and the same suite, or give it a new ${optionText("batchId")} and discard the rows in the quarantine`;
  throw new VarveError(
    "QUARANTINE_INVALID",
    `Batch ${batchId} already set ${counted(earlier.rows, "row")} aside (${quarantine.context.store.uri}), but would now set aside ${shownNumber(quarantined)}${verdict === undefined ? "" : ` by the suite ${verdict.suite.name}`}. ${why}. Nothing was written.`,
    { batchId, before: earlier.rows, now: quarantined, resolved: earlier.resolved },
  );
}

/**
 * Whether an attempt based on an earlier version conflicts with later changes of the table, whenever it is
 * committed. One that would have created the table cannot land once the table exists.
 */
async function cannotLand({ snapshot, context }: BatchTarget, earlier: EarlierRows): Promise<boolean> {
  const { rows, ofCreation, baseVersion } = earlier;
  if (snapshot === undefined) return false;
  if (baseVersion === null) return rows === ofCreation;
  if (snapshot.version <= baseVersion) return false;
  try {
    const base = await openLog(context, { version: baseVersion });
    return harmfulChange(base.metadata, snapshot.metadata) !== undefined;
  } catch (error) {
    if (!isVarveError(error, "VERSION_NOT_FOUND")) throw error;
    // whose next commit was cleaned up cannot be built upon either
    return (await context.store.head(commitPath(baseVersion + 1))) === undefined;
  }
}

/**
 * Requires that no change between a batch's version and a newer one, on which another attempt is based, is
 * harmful.
 */
async function requireCurrent({ snapshot, context }: BatchTarget, baseVersion: number | null): Promise<void> {
  if (snapshot === undefined || baseVersion === null || baseVersion <= snapshot.version) return;
  const { version, metadata } = snapshot;
  for (const { winner } of await readWinners(context.store, { version, first: undefined, stale: false }))
    requireHarmless(metadata, winner);
}

async function earlierRows(repeated: RepeatedBatch): Promise<EarlierRows> {
  const { side, quarantine, verdict, target } = repeated;
  const { suiteFingerprint, status, baseVersion, table } = quarantineNames;
  await using session = await (await quarantine.context.engine()).open();
  const rows = await sideTableRows(side, session, quarantine);
  const other =
    verdict === undefined
      ? sql`true`
      : sql`${suiteFingerprint} IS DISTINCT FROM ${quoteText(verdict.suite.fingerprint)}`;
  const [counts] = await session.rows(
    sql`SELECT count(*) AS n, count_if(${other}) AS others, count_if(${status} <> 'open') AS resolved, count_if(${table} <> ${quoteText(target.metadata.id)}) AS created, max(${baseVersion}) AS base FROM (${rows.sql}) WHERE ${mineSql(repeated)}`,
  );
  const base = counts?.["base"] ?? null;
  return {
    rows: Number(counts?.["n"]),
    ofCreation: Number(counts?.["created"]),
    others: Number(counts?.["others"]),
    resolved: Number(counts?.["resolved"]),
    baseVersion: base === null ? null : Number(base),
  };
}

/** The change that removes the rows of an earlier attempt from the quarantine, if there are any. */
export function withoutEarlier(repeated: RepeatedBatch, earlier: "none" | "replace"): SideRewrite {
  return removedRows(earlier === "none" ? sql`false` : mineSql(repeated));
}
