import type { LogSnapshot } from "../log/contract.ts";
import { propertyKey } from "../protocol/properties.ts";
import { openSideTable } from "../sidetables/side-table.ts";
import { unchecked } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import { isCovered } from "../table/idempotence/app-transaction.ts";
import { asideMark, quarantinedTransaction } from "../table/idempotence/application-ids.ts";
import { quarantineColumns, quarantineOf } from "./intake/quarantine-table.ts";
import { changedRows, rewriteQuarantineStep } from "./quarantine-change.ts";
import { withQuarantine } from "./quarantine-read.ts";

/** How the batches of quarantined rows stand in the table. */
export interface BatchStandings {
  /** Batches that landed with the very rows that are in quarantine. */
  readonly superseded: readonly string[];
  /** Batches that have not landed, but may. */
  readonly pending: readonly { readonly batchId: string; readonly appId: string }[];
}

/**
 * Says of batches of a table's quarantine how they stand. Batches that were written under no application id
 * are in neither list.
 */
async function batchStandings(
  table: LogSnapshot,
  quarantine: LogSnapshot,
  batchIds: readonly string[],
): Promise<BatchStandings> {
  const [landed, quarantined] = await Promise.all([table.appTransactions(), quarantine.appTransactions()]);
  // marks may be forgotten before the progress of an application that goes on
  const forgetful =
    table.metadata.configuration[propertyKey("setTransactionRetentionDuration")] !== undefined;
  const superseded: string[] = [];
  const pending: { batchId: string; appId: string }[] = [];
  for (const batchId of batchIds) {
    const txn = quarantinedTransaction(batchId, quarantined);
    if (txn === undefined) continue;
    if (!isCovered(landed.get(txn.appId), txn)) pending.push({ batchId, appId: txn.appId });
    else if (!forgetful && !landed.has(asideMark(batchId))) superseded.push(batchId);
  }
  return { superseded, pending };
}

async function standingOf(table: LogSnapshot, batchId: string): Promise<BatchStandings> {
  const quarantine = await openSideTable(quarantineOf(table.context));
  return quarantine === undefined
    ? { superseded: [], pending: [] }
    : batchStandings(table, quarantine, [batchId]);
}

/**
 * A condition over a quarantine's rows, true of those that a gate set aside: rows that staging set aside are
 * in no data file of theirs.
 */
function setAsideBy(table: LogSnapshot): string {
  const { id, table: of, batch, file, row } = quarantineColumns;
  return `(${of} = ${quoteText(table.metadata.id)} AND ${id} = sha256(concat_ws('|', ${of}, ${batch}, coalesce(${file}, ''), CAST(${row} AS VARCHAR))))`;
}

/** The batches of a quarantine's rows that meet a condition, without rows that staging set aside. */
export async function gatedBatches(table: LogSnapshot, condition: string): Promise<BatchStandings> {
  const standings = await withQuarantine(table.context, async (session, { sql }, quarantine) => {
    const rows = await session.rows(
      unchecked(
        `SELECT DISTINCT ${quarantineColumns.batch} AS batch FROM (${sql}) WHERE ${condition} AND ${setAsideBy(table)} ORDER BY batch`,
      ),
    );
    return batchStandings(
      table,
      quarantine,
      rows.map((row) => String(row["batch"])),
    );
  });
  return standings ?? { superseded: [], pending: [] };
}

/**
 * Discards open rows of a quarantine whose batch landed with them, because another writer's tests, at the
 * same time, set no row of it aside. The table has them: to resubmit them would double them.
 *
 * @param table its newest version
 * @param batchId of one batch alone, which the quarantine's log tells of without its rows
 */
export async function discardSuperseded(table: LogSnapshot, batchId?: string): Promise<void> {
  const { superseded } =
    batchId === undefined ? await gatedBatches(table, "status = 'open'") : await standingOf(table, batchId);
  if (superseded.length === 0) return;
  const at = `CAST(${quoteText(new Date(table.context.world.now()).toISOString())} AS TIMESTAMPTZ)`;
  const note =
    "the table has this row: another writer, whose tests set no row of the batch aside, landed it whole at the same time";
  const condition = `(status = 'open' AND ${quarantineColumns.batch} IN (${superseded.map(quoteText).join(", ")}) AND ${setAsideBy(table)})`;
  await rewriteQuarantineStep(
    table.context,
    changedRows(condition, { status: "'discarded'", resolved_at: at, note: quoteText(note) }),
  );
}
