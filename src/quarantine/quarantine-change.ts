import { engineColumns } from "../dialects/engine-types.ts";
import type { OpenSession } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { refreshLog } from "../log/snapshot/open-log.ts";
import {
  currentPayloadSql,
  lineMember,
  payloadColumnsSql,
  rawCellsSql,
  repairedErrorsSql,
  storedRow,
} from "../quality/gate/payload.ts";
import { foldName } from "../schema/schema-json.ts";
import type { StructType } from "../schema/types.ts";
import { withSideRows } from "../sidetables/read-rows.ts";
import { purgedAfter, removeOldFiles } from "../sidetables/remove-old-files.ts";
import {
  changedRows,
  changedRowsSql,
  removedRows,
  rewriteSideTable,
  type SideRewrite,
} from "../sidetables/rewrite-rows.ts";
import { asStep, type SideTableOptions } from "../sidetables/side-table.ts";
import { type SqlExpression, sql } from "../sql/sql.ts";
import { plainName, quoteText } from "../sql/sql-text.ts";
import type { ScanRelation } from "../table/scan/scan.ts";
import { type QuarantineStatus, quarantineAt, quarantineOf } from "./intake/quarantine-table.ts";
import { finalNotes } from "./own-notes.ts";
import { withQuarantine } from "./quarantine-read.ts";
import { payloadNames } from "./quarantine-rows.ts";
import {
  isNarrow,
  nothingSelected,
  type QuarantineSelection,
  requireQuarantine,
  selectionSql,
  withWholeIds,
} from "./selection.ts";

/**
 * Changes rows of a quarantine in one commit, so that every engine sees the state of each row in one place.
 *
 * @param rewriteFor returns the change for a version, and is called again if another writer commits first
 * @returns the version written; `undefined` if there is no quarantine
 */
async function rewriteQuarantine(
  context: TableContext,
  rewriteFor: (quarantine: LogSnapshot) => Promise<SideRewrite | undefined>,
  options: SideTableOptions = {},
): Promise<number | undefined> {
  return (await rewriteSideTable(quarantineOf(context), rewriteFor, options))?.version;
}

/** Like {@link rewriteQuarantine}, as a step of another verb. @throws as `asStep` */
export function rewriteQuarantineStep(
  context: TableContext,
  rewrite: SideRewrite | Parameters<typeof rewriteQuarantine>[1],
  options: SideTableOptions = {},
): Promise<number | undefined> {
  const rewriteFor = typeof rewrite === "function" ? rewrite : async () => rewrite;
  return asStep(quarantineOf(context), () => rewriteQuarantine(context, rewriteFor, options));
}

/**
 * Changes rows in one commit. @param rewriteFor the change, made with the session that counts the rows
 * @returns the number of rows changed, counted on the version that was changed
 * @throws `QUARANTINE_INVALID` if the selection names rows, and none of them has its status
 */
async function rewriteCounted(
  context: TableContext,
  selection: QuarantineSelection & { readonly status: QuarantineStatus },
  rewriteFor: (session: OpenSession, condition: SqlExpression) => Promise<SideRewrite>,
): Promise<number> {
  let rows = 0;
  const version = await rewriteQuarantine(context, (quarantine) =>
    withSideRows(quarantineAt(quarantine.context), quarantine, async (session, stored) => {
      const selected = await withWholeIds(session, stored, selection);
      const rewrite = await rewriteFor(session, selectionSql(selected));
      rows = await countRows(session, stored, rewrite.where);
      if (rows === 0 && isNarrow(selection))
        throw await nothingSelected(session, stored, selected, selection.status);
      return rows === 0 ? undefined : rewrite;
    }),
  );
  if (version === undefined) requireQuarantine(selection);
  return rows;
}

/**
 * Discards the selected open rows: they stay in the quarantine as `discarded`, with the note.
 *
 * @returns the number of rows
 * @throws `QUARANTINE_INVALID` if the selection names rows, and none of them is open
 */
export async function discardQuarantine(
  context: TableContext,
  selection: QuarantineSelection,
  note = "",
): Promise<number> {
  const now = timeSql(context);
  return rewriteCounted(context, { ...selection, status: "open" }, async (_, condition) =>
    changedRows(condition, { status: sql`'discarded'`, resolved_at: now, note: quoteText(note) }),
  );
}

/**
 * Opens the selected discarded rows again, with the note. Rows that varve itself discarded, because the table
 * has them or never was theirs, stay discarded.
 *
 * @returns the number of rows
 * @throws `QUARANTINE_INVALID` if the selection names rows, and none of them can be opened again
 */
export async function reopenQuarantine(
  context: TableContext,
  selection: QuarantineSelection,
  note = "",
): Promise<number> {
  const changes = {
    status: sql`'open'`,
    resolved_at: sql`CAST(NULL AS TIMESTAMPTZ)`,
    note: quoteText(note),
  };
  const final = sql`coalesce(note IN (${finalNotes.map(quoteText)}), false)`;
  return rewriteCounted(context, { ...selection, status: "discarded" }, async (_, condition) =>
    changedRows(sql`(${condition} AND NOT ${final})`, changes),
  );
}

/** The present time as SQL. */
function timeSql(context: TableContext): SqlExpression {
  return sql`CAST(${quoteText(new Date(context.world.now()).toISOString())} AS TIMESTAMPTZ)`;
}

/**
 * Changes the payloads of the selected open rows, which stay open until they are resubmitted. A payload's
 * value of a column that the table no longer has can only be set to `NULL`.
 *
 * `set` has one SQL expression per column, over the row's own columns (with the table's types; null if a
 * value is not of its type) or over `payload`, the JSON text of the row (unless the table has a column of
 * that name), or over the cells as they came: `raw.amount` is the text of `amount` in the payload, whatever its
 * type (unless the table has a column `raw`). For a line that could not be read, `__varve_line` (`__varve1_line` … if the table has a column
 * whose name begins with `__varve_`) is its text; the row stays open until that is set to `NULL`.
 *
 * @returns the number of rows changed
 * @throws `COLUMN_NOT_FOUND`, `SQL_FAILED`, `SQL_REFUSED`; `QUARANTINE_INVALID` if the selection names rows, and
 * none of them is open
 */
export async function repairQuarantine(
  table: LogSnapshot,
  selection: QuarantineSelection,
  set: Readonly<Record<string, string>>,
): Promise<number> {
  const { schema, context } = await refreshLog(table);
  const known = schema.fields.map((field) => field.name);
  for (const [name, expression] of Object.entries(set)) {
    if (!known.includes(name) && expression.trim().toUpperCase() !== "NULL")
      throw new VarveError(
        "COLUMN_NOT_FOUND",
        `Unknown column ${name}. The columns are ${known.join(", ")}.`,
        { column: [name] },
      );
  }
  const repairedAt = timeSql(context);
  return rewriteCounted(context, { ...selection, status: "open" }, async (session, condition) => {
    const values: SqlExpression[] = [];
    for (const [name, text] of Object.entries(set)) {
      const expression = await session.checkRowExpression(text);
      values.push(sql`${quoteText(name)}: to_json(CAST(${expression} AS VARCHAR))`);
    }
    return repairedRows(condition, schema, { columns: Object.keys(set), values, repairedAt });
  });
}

/** A repair as SQL. */
interface RepairSql {
  readonly columns: readonly string[];
  /** Members of JSON: a column and its value. */
  readonly values: readonly SqlExpression[];
  readonly repairedAt: SqlExpression;
}

/** The change of the payloads of rows that meet a condition. */
function repairedRows(
  condition: SqlExpression,
  schema: StructType,
  { columns, values, repairedAt }: RepairSql,
): SideRewrite {
  const known = schema.fields.map((field) => field.name);
  // a JSON merge patch would remove what is set to null, as if the row had never mentioned the column
  const names = payloadNames(known);
  const members = sql`CAST(CAST(${names.payload} AS JSON) AS MAP(VARCHAR, JSON))`;
  const patched = sql`CAST(to_json(map_concat(${members}, MAP {${values}})) AS VARCHAR)`;
  // a column of the table with one of these names hides the text of the row, or its cells
  const isColumn = (word: string) => known.some((name) => foldName(name) === word);
  const text = isColumn("payload") ? sql`` : sql`, payload`;
  const raw = isColumn("raw") ? sql`` : sql`, ${rawCellsSql(known, storedRow)} AS raw`;
  const line = plainName(lineMember(known));
  const lineText = sql`json_extract_string(payload, ${quoteText(`/${line}`)}) AS ${line}`;
  const current = sql`SELECT quarantine_id, ${currentPayloadSql(known, sql`payload`, sql`errors`)} AS payload, errors FROM q WHERE ${condition}`;
  const row = payloadColumnsSql(engineColumns(schema), storedRow);
  const typed = sql`SELECT quarantine_id AS ${names.id}, payload AS ${names.payload}${text}${raw}, ${lineText}, ${row} FROM (${current})`;
  const repaired = sql`SELECT ${names.id} AS repaired_id, ${patched} AS repaired FROM (${typed})`;
  const from = sql`q LEFT JOIN (${repaired}) AS r ON r.repaired_id = q.quarantine_id`;
  const select = changedRowsSql(
    sql`r.repaired_id IS NOT NULL`,
    {
      payload: sql`r.repaired`,
      errors: repairedErrorsSql(sql`q.errors`, columns),
      repaired_at: repairedAt,
    },
    from,
  );
  return { where: condition, select };
}

/** Which quarantined rows to remove for good. */
export interface PurgeOptions {
  /**
   * Remove rows that were resolved before this time, in milliseconds since 1970-01-01 UTC; default: 90 days
   * ago.
   */
  readonly before?: number | undefined;
  /** Only count the rows. */
  readonly dryRun?: boolean | undefined;
}

/**
 * Removes rows for good that were resubmitted or discarded long ago. Open and claimed rows are kept whatever
 * their age, because they are stored nowhere else.
 *
 * After the commit that removes the rows, the data files that only earlier versions of the quarantine have are
 * deleted, so these versions can no longer be read. If that fails or is interrupted, the next purge does it,
 * whether or not it has rows to remove.
 *
 * @returns the number of rows
 */
export async function purgeQuarantine(context: TableContext, options: PurgeOptions = {}): Promise<number> {
  const before = new Date(options.before ?? context.world.now() - purgedAfter).toISOString();
  const condition = sql`(status IN ('resubmitted', 'discarded') AND coalesce(resolved_at < CAST(${quoteText(before)} AS TIMESTAMPTZ), false))`;
  if (options.dryRun !== true) {
    const rows = await removeCounted(context, condition);
    await removeOldFiles(quarantineOf(context));
    return rows;
  }
  const count = (session: OpenSession, stored: ScanRelation) => countRows(session, stored, condition);
  return (await withQuarantine(context, count)) ?? 0;
}

/** Removes the rows that meet a condition. @returns their number */
async function removeCounted(context: TableContext, condition: SqlExpression): Promise<number> {
  let rows = 0;
  await rewriteQuarantine(context, (quarantine) =>
    withSideRows(quarantineAt(quarantine.context), quarantine, async (session, stored) => {
      rows = await countRows(session, stored, condition);
      return rows === 0 ? undefined : removedRows(condition);
    }),
  );
  return rows;
}

/** Counts the rows that meet a condition. */
async function countRows(
  session: OpenSession,
  stored: ScanRelation,
  condition: SqlExpression,
): Promise<number> {
  const [row] = await session.rows(sql`SELECT count(*) AS n FROM (${stored.sql}) WHERE ${condition}`);
  return Number(row?.["n"] ?? 0);
}
