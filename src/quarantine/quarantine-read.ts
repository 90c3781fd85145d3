import type { EngineRow, OpenSession, Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { sideTableRows, withSideTable } from "../sidetables/read-rows.ts";
import { openSideTable, type SideTableOptions } from "../sidetables/side-table.ts";
import { joinSql, type SqlExpression, sql } from "../sql/sql.ts";
import { plainName, quoteText } from "../sql/sql-text.ts";
import type { ScanRelation } from "../table/scan/scan.ts";
import { type QuarantineStatus, quarantineOf } from "./intake/quarantine-table.ts";

/** Selects quarantined rows; without any field, all open ones. */
export interface QuarantineSelection {
  readonly ids?: readonly string[] | undefined;
  readonly batchId?: string | undefined;
  /** Rows that failed this check, among others. */
  readonly checkId?: string | undefined;
  readonly status?: QuarantineStatus | undefined;
}

/** Counts of the rows that one batch left in the quarantine. */
export interface QuarantinedBatch {
  readonly batchId: string;
  readonly quarantinedAt: Date;
  readonly rows: number;
  readonly open: number;
  readonly claimed: number;
  readonly resubmitted: number;
  readonly discarded: number;
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

/** The condition of a selection over the quarantine's columns; without a status, of open rows. */
export function selectionSql(selection: QuarantineSelection): SqlExpression {
  return joinSql(conditionsOf({ ...selection, status: selection.status ?? "open" }), sql` AND `);
}

/** The conditions of a selection, one for each member that it has. */
function conditionsOf({ ids, batchId, checkId, status }: QuarantineSelection): SqlExpression[] {
  return [
    ...(ids === undefined ? [] : [hasIdOf(ids)]),
    ...(batchId === undefined ? [] : [sql`batch_id = ${quoteText(batchId)}`]),
    ...(checkId === undefined
      ? []
      : [
          sql`list_contains(list_transform(errors, lambda e: struct_extract(e, 'check_id')), ${quoteText(checkId)})`,
        ]),
    ...(status === undefined ? [] : [sql`status = ${quoteText(status)}`]),
  ];
}

function hasIdOf(ids: readonly string[]): SqlExpression {
  return ids.length === 0 ? sql`false` : sql`quarantine_id IN (${ids.map(quoteText)})`;
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
        SELECT batch_id, epoch_ms(min(quarantined_at)) AS at_ms, count(*) AS n, ${counts},
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
 * @throws `QUARANTINE_INVALID` for unknown ids
 */
export async function readQuarantine(
  context: TableContext,
  selection: QuarantineSelection = {},
  limit?: number,
): Promise<EngineRow[]> {
  const { ids } = selection;
  const condition =
    ids === undefined ? selectionSql(selection) : joinSql(conditionsOf(selection), sql` AND `);
  const rows = await withQuarantine(context, async (session, quarantine) => {
    const missing = await missingIds(session, quarantine, ids ?? []);
    if (missing.length > 0) throw noSuchRows(missing);
    return session.rows(
      sql`SELECT * FROM (${quarantine.sql}) WHERE ${condition} ORDER BY batch_id, source_file, source_row${limit === undefined ? sql`` : sql` LIMIT ${limit}`}`,
    );
  });
  if (rows === undefined && ids !== undefined && ids.length > 0) throw noSuchRows(ids);
  return rows ?? [];
}

async function missingIds(
  session: Session,
  quarantine: ScanRelation,
  ids: readonly string[],
): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await session.rows(
    sql`SELECT DISTINCT quarantine_id AS id FROM (${quarantine.sql}) WHERE ${hasIdOf(ids)}`,
  );
  const present = new Set(rows.map((row) => row["id"]));
  return ids.filter((id) => !present.has(id));
}

/** Returns the selected rows as lossless JSON lines; each string holds whole lines. */
export async function* exportQuarantine(
  context: TableContext,
  selection: QuarantineSelection = {},
): AsyncIterable<string> {
  const side = quarantineOf(context);
  const snapshot = await openSideTable(side);
  if (snapshot === undefined) return;
  await using session = await (await context.engine()).open();
  const quarantine = await sideTableRows(side, session, snapshot);
  yield* session.jsonLines(
    sql`SELECT * FROM (${quarantine.sql}) WHERE ${selectionSql(selection)} ORDER BY batch_id, source_file, source_row`,
  );
}

function noSuchRows(ids: readonly string[]): VarveError {
  return new VarveError(
    "QUARANTINE_INVALID",
    `No such rows in the quarantine: ${ids.slice(0, 3).join(", ")}${ids.length > 3 ? ", …" : ""}. List the quarantine to see its rows.`,
    { ids: [...ids] },
  );
}
