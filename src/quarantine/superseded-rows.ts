import type { LogSnapshot } from "../log/contract.ts";
import { propertyKey } from "../protocol/properties.ts";
import { changedRows } from "../sidetables/rewrite-rows.ts";
import { openSideTable } from "../sidetables/side-table.ts";
import { type SqlExpression, sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import { isCovered } from "../table/idempotence/app-transaction.ts";
import { asideMark, quarantinedTransaction } from "../table/idempotence/application-ids.ts";
import { quarantineNames, quarantineOf, rowIdSql } from "./intake/quarantine-table.ts";
import { landedWhole, neverMade } from "./own-notes.ts";
import { rewriteQuarantineStep } from "./quarantine-change.ts";
import { withQuarantine } from "./quarantine-read.ts";

/** States of the batches of quarantined rows in the table. */
export interface BatchStandings {
  /** Batches that landed including the rows that are in the quarantine. */
  readonly superseded: readonly string[];
  /** Batches that have not landed but may. */
  readonly pending: readonly { readonly batchId: string; readonly appId: string }[];
  /**
   * Batches of rows that a creation set aside although another creation was faster, so that they cannot land.
   */
  readonly lost: readonly string[];
}

/** A batch of quarantined rows. */
interface QuarantinedRows {
  readonly batchId: string;
  /** Whether the rows were meant for a table with another id, which was never created. */
  readonly ofCreation: boolean;
}

/**
 * Determines the states of batches of a table's quarantine. Batches that were written without an application
 * id are in neither list.
 */
async function batchStandings(
  table: LogSnapshot,
  quarantine: LogSnapshot,
  batches: readonly QuarantinedRows[],
): Promise<BatchStandings> {
  const [landed, quarantined] = await Promise.all([table.appTransactions(), quarantine.appTransactions()]);
  // marks may be forgotten before the progress of an application that continues
  const forgetful =
    table.metadata.configuration[propertyKey("setTransactionRetentionDuration")] !== undefined;
  const superseded: string[] = [];
  const pending: { batchId: string; appId: string }[] = [];
  const lost: string[] = [];
  for (const { batchId, ofCreation } of batches) {
    const txn = quarantinedTransaction(batchId, quarantined);
    const isLanded = txn !== undefined && isCovered(landed.get(txn.appId), txn);
    if (ofCreation && !isLanded && (txn === undefined || !forgetful)) lost.push(batchId);
    else if (txn === undefined) continue;
    else if (!isLanded) pending.push({ batchId, appId: txn.appId });
    else if (!forgetful && !landed.has(asideMark(batchId))) superseded.push(batchId);
  }
  return { superseded, pending, lost };
}

async function standingOf(table: LogSnapshot, batchId: string): Promise<BatchStandings> {
  const quarantine = await openSideTable(quarantineOf(table.context));
  return quarantine === undefined
    ? noBatches
    : batchStandings(table, quarantine, [{ batchId, ofCreation: false }]);
}

const noBatches: BatchStandings = { superseded: [], pending: [], lost: [] };

/**
 * A condition over a quarantine's rows that is true for those that a gate set aside; rows that staging set
 * aside are in no data file.
 */
function setAsideBy(table: LogSnapshot): SqlExpression {
  const { id, table: of, batch, file, row } = quarantineNames;
  const mine = sql`${of} = ${quoteText(table.metadata.id)} OR ${ofCreation(table)}`;
  return sql`((${mine}) AND ${id} = ${rowIdSql({ table: of, batch, file, row })})`;
}

/**
 * A condition that is true for rows set aside by a creation that did not create this table, because each
 * creation has an id of its own.
 */
function ofCreation(table: LogSnapshot): SqlExpression {
  const { table: of, baseVersion } = quarantineNames;
  return sql`(${baseVersion} IS NULL AND coalesce(${of} <> ${quoteText(table.metadata.id)}, false))`;
}

/** The batches of a quarantine's rows that meet a condition, without rows that staging set aside. */
export async function gatedBatches(table: LogSnapshot, condition: SqlExpression): Promise<BatchStandings> {
  const standings = await withQuarantine(table.context, async (session, stored, quarantine) => {
    const rows = await session.rows(
      sql`SELECT DISTINCT ${quarantineNames.batch} AS batch, ${ofCreation(table)} AS created FROM (${stored.sql}) WHERE ${condition} AND ${setAsideBy(table)} ORDER BY ALL`,
    );
    const batches = rows.map((row) => ({
      batchId: String(row["batch"]),
      ofCreation: row["created"] === true,
    }));
    return batchStandings(table, quarantine, batches);
  });
  return standings ?? noBatches;
}

/**
 * Discards open rows of a quarantine whose batch landed including them, because another writer's tests, at
 * the same time, set no row of it aside: the table has them, and resubmitting them would double them. Also
 * discards rows set aside by a creation that lost to the one that created this table.
 *
 * @param table its newest version
 * @param batchId only rows of this batch, for which the quarantine's log suffices without its rows
 */
export async function discardSuperseded(table: LogSnapshot, batchId?: string): Promise<void> {
  const { superseded, lost } =
    batchId === undefined
      ? await gatedBatches(table, sql`status = 'open'`)
      : await standingOf(table, batchId);
  const open = (batches: readonly string[]) =>
    sql`status = 'open' AND ${quarantineNames.batch} IN (${batches.map(quoteText)}) AND ${setAsideBy(table)}`;
  if (superseded.length > 0) await discard(table, sql`(${open(superseded)})`, landedWhole);
  if (lost.length > 0) await discard(table, sql`(${open(lost)} AND ${ofCreation(table)})`, neverMade);
}

async function discard(table: LogSnapshot, condition: SqlExpression, note: string): Promise<void> {
  const resolvedAt = sql`CAST(${quoteText(new Date(table.context.world.now()).toISOString())} AS TIMESTAMPTZ)`;
  await rewriteQuarantineStep(
    table.context,
    changedRows(condition, { status: sql`'discarded'`, resolved_at: resolvedAt, note: quoteText(note) }),
  );
}
