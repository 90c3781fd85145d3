import type { EngineRow, OpenSession, Session } from "../engine/core/contract.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { sideTableRows, withSideTable } from "../sidetables/read-rows.ts";
import { openSideTable, type SideTableOptions } from "../sidetables/side-table.ts";
import { type SqlExpression, sql } from "../sql/sql.ts";
import { plainName, quoteText } from "../sql/sql-text.ts";
import type { ScanRelation } from "../table/scan/scan.ts";
import { quarantineOf } from "./intake/quarantine-table.ts";
import { type QuarantineSelection, requireQuarantine, selectionSql, withWholeIds } from "./selection.ts";

/** Counts of the rows that one batch left in the quarantine. */
export interface QuarantinedBatch {
  readonly batchId: string;
  readonly quarantinedAt: Date;
  readonly rows: number;
  readonly open: number;
  readonly claimed: number;
  readonly resubmitted: number;
  readonly discarded: number;
  /** Rows that were repaired, whatever became of them. */
  readonly repaired: number;
  /** Number of rows by the id of the check that they failed. */
  readonly checks: Readonly<Record<string, number>>;
}

/** Runs `work` over a table's quarantine; returns `undefined` if there is none. */
export function withQuarantine<T>(
  context: TableContext,
  work: (session: OpenSession, rows: ScanRelation, snapshot: LogSnapshot) => Promise<T>,
  options: SideTableOptions = {},
): Promise<T | undefined> {
  return withSideTable(quarantineOf(context), work, options);
}

/**
 * The batches that left rows behind, newest first, with the number of rows by status; empty if nothing was
 * ever quarantined.
 */
export async function listQuarantine(context: TableContext): Promise<QuarantinedBatch[]> {
  const counts = ["open", "claimed", "resubmitted", "discarded"].map(
    (status) => sql`count_if(status = ${quoteText(status)}) AS ${plainName(status)}`,
  );
  const rows = await withQuarantine(context, (session, quarantine) =>
    session.rows(
      sql`WITH q AS (${quarantine.sql}), failed AS (SELECT batch_id, e.check_id AS check_id, count(DISTINCT quarantine_id) AS n FROM (SELECT batch_id, quarantine_id, unnest(errors) AS e FROM q) GROUP BY ALL)
        SELECT batch_id, epoch_ms(min(quarantined_at)) AS at_ms, count(*) AS n, ${counts}, count_if(repaired_at IS NOT NULL) AS repaired,
          (SELECT to_json(list({id: check_id, n: n} ORDER BY n DESC, check_id)) FROM failed WHERE failed.batch_id = q.batch_id) AS checks FROM q GROUP BY batch_id ORDER BY at_ms DESC, batch_id`,
    ),
  );
  return (rows ?? []).map((row) => ({
    batchId: String(row["batch_id"]),
    quarantinedAt: new Date(Number(row["at_ms"])),
    rows: Number(row["n"]),
    open: Number(row["open"]),
    claimed: Number(row["claimed"]),
    resubmitted: Number(row["resubmitted"]),
    discarded: Number(row["discarded"]),
    repaired: Number(row["repaired"]),
    checks: Object.fromEntries(
      (
        JSON.parse(String(row["checks"] ?? "[]")) as readonly { readonly id: string; readonly n: number }[]
      ).map(({ id, n }) => [id, n]),
    ),
  }));
}

/**
 * Reads rows of a quarantine with all their columns, ordered by batch, file and row. Without a status these
 * are the open rows; if ids are given, rows with any status.
 *
 * @throws `QUARANTINE_INVALID` for ids that no row has, and beginnings that several have
 */
export async function readQuarantine(
  context: TableContext,
  selection: QuarantineSelection = {},
  limit?: number,
): Promise<EngineRow[]> {
  const rows = await withQuarantine(context, async (session, quarantine) => {
    const condition = await readCondition(session, quarantine, selection);
    return session.rows(
      sql`SELECT * FROM (${quarantine.sql}) WHERE ${condition} ORDER BY batch_id, source_file, source_row${limit === undefined ? sql`` : sql` LIMIT ${limit}`}`,
    );
  });
  if (rows === undefined && selection.ids !== undefined) requireQuarantine(selection);
  return rows ?? [];
}

/** The condition of rows to read: if ids are given, rows with any status. */
async function readCondition(
  session: Session,
  stored: ScanRelation,
  selection: QuarantineSelection,
): Promise<SqlExpression> {
  const status = selection.status ?? (selection.ids === undefined ? "open" : "any");
  return selectionSql(await withWholeIds(session, stored, { ...selection, status }));
}

/**
 * Returns the selected rows as lossless JSON lines; each string holds whole lines. @throws as {@link readQuarantine}
 */
export async function* exportQuarantine(
  context: TableContext,
  selection: QuarantineSelection = {},
): AsyncIterable<string> {
  const side = quarantineOf(context);
  const snapshot = await openSideTable(side);
  if (snapshot === undefined && selection.ids !== undefined) requireQuarantine(selection);
  if (snapshot === undefined) return;
  await using session = await (await context.engine()).open();
  const quarantine = await sideTableRows(side, session, snapshot);
  const condition = await readCondition(session, quarantine, selection);
  yield* session.jsonLines(
    sql`SELECT * FROM (${quarantine.sql}) WHERE ${condition} ORDER BY batch_id, source_file, source_row`,
  );
}
