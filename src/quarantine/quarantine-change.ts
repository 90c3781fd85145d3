import { engineColumns } from "../dialects/engine-types.ts";
import type { OpenSession } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { refreshLog } from "../log/snapshot/open-log.ts";
import { currentPayloadSql, lineMember, payloadColumnsSql } from "../quality/gate/payload.ts";
import { foldName } from "../schema/schema-json.ts";
import type { StructType } from "../schema/types.ts";
import { withSideRows } from "../sidetables/read-rows.ts";
import { removedRows, rewriteSideTable, type SideRewrite } from "../sidetables/rewrite-rows.ts";
import { asStep, type SideTableOptions } from "../sidetables/side-table.ts";
import { type SqlExpression, type SqlSelect, sql } from "../sql/sql.ts";
import { plainName, quoteName, quoteText } from "../sql/sql-text.ts";
import type { ScanRelation } from "../table/scan/scan.ts";
import { quarantineAt, quarantineOf } from "./intake/quarantine-table.ts";
import { type QuarantineSelection, selectionSql, withQuarantine } from "./quarantine-read.ts";
import { payloadNames } from "./quarantine-rows.ts";

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
 * Changes the rows that meet a condition. @param rewriteFor the change, made with the session that counts the rows
 * @returns the number of rows changed, counted on the version that was changed
 */
async function rewriteCounted(
  context: TableContext,
  rewriteFor: (session: OpenSession) => Promise<SideRewrite>,
): Promise<number> {
  let rows = 0;
  await rewriteQuarantine(context, (quarantine) =>
    withSideRows(quarantineAt(quarantine.context), quarantine, async (session, stored) => {
      const rewrite = await rewriteFor(session);
      rows = await countRows(session, stored, rewrite.where);
      return rows === 0 ? undefined : rewrite;
    }),
  );
  return rows;
}

/** New values of columns, by name: SQL over `q`. */
type ColumnChanges = Readonly<Record<string, SqlExpression>>;

/** The change of columns of a quarantine's rows that meet a condition. */
export function changedRows(condition: SqlExpression, changes: ColumnChanges): SideRewrite {
  return { where: condition, select: changedRowsSql(condition, changes) };
}

/** A SELECT over `q` that changes columns of the rows that meet a condition. */
export function changedRowsSql(
  condition: SqlExpression,
  changes: ColumnChanges,
  from: SqlExpression = sql`q`,
): SqlSelect {
  const items = Object.entries(changes).map(
    ([name, value]) =>
      sql`CASE WHEN ${condition} THEN ${value} ELSE q.${quoteName(name)} END AS ${quoteName(name)}`,
  );
  return sql`SELECT q.* REPLACE (${items}) FROM ${from}`;
}

/**
 * Discards the selected open rows: they stay in the quarantine as `discarded`, with the note.
 *
 * @returns the number of rows
 */
export async function discardQuarantine(
  context: TableContext,
  selection: QuarantineSelection,
  note = "",
): Promise<number> {
  const condition = openOnly(selection);
  const now = sql`CAST(${quoteText(new Date(context.world.now()).toISOString())} AS TIMESTAMPTZ)`;
  return rewriteCounted(context, async () =>
    changedRows(condition, { status: sql`'discarded'`, resolved_at: now, note: quoteText(note) }),
  );
}

/**
 * Changes the payloads of the selected open rows, which stay open until they are resubmitted. A payload's
 * value of a column that the table no longer has can only be set to `NULL`.
 *
 * `set` has one SQL expression per column, over the row's own columns (with the table's types; null if a
 * value is not of its type) or over `payload`, the JSON text of the row (unless the table has a column of
 * that name). For a line that could not be read, `__varve_line` (`__varve1_line` … if the table has a column
 * whose name begins with `__varve_`) is its text; the row stays open until that is set to `NULL`.
 *
 * @returns the number of rows changed
 * @throws `COLUMN_NOT_FOUND`, `SQL_FAILED`, `SQL_REFUSED`
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
        { column: name },
      );
  }
  const condition = openOnly(selection);
  if (Object.keys(set).length === 0) return 0;
  return rewriteCounted(context, async (session) => {
    const values: SqlExpression[] = [];
    for (const [name, text] of Object.entries(set)) {
      const expression = await session.checkRowExpression(text);
      values.push(sql`${quoteText(name)}: to_json(CAST(${expression} AS VARCHAR))`);
    }
    return repairedRows(condition, schema, values);
  });
}

/** The change of the payloads of rows that meet a condition. @param values members of JSON: a column and its value */
function repairedRows(
  condition: SqlExpression,
  schema: StructType,
  values: readonly SqlExpression[],
): SideRewrite {
  const known = schema.fields.map((field) => field.name);
  // a JSON merge patch would remove what is set to null, as if the row had never mentioned the column
  const names = payloadNames(known);
  const members = sql`CAST(CAST(${names.payload} AS JSON) AS MAP(VARCHAR, JSON))`;
  const patched = sql`CAST(to_json(map_concat(${members}, MAP {${values}})) AS VARCHAR)`;
  // a column of the table with this name hides the text of the row
  const text = known.some((name) => foldName(name) === "payload") ? sql`` : sql`, payload`;
  const row = payloadColumnsSql(engineColumns(schema), sql`payload`);
  const line = plainName(lineMember(known));
  const lineText = sql`json_extract_string(payload, ${quoteText(`/${line}`)}) AS ${line}`;
  const current = sql`SELECT quarantine_id, ${currentPayloadSql(known, sql`payload`, sql`errors`)} AS payload FROM q WHERE ${condition}`;
  const typed = sql`SELECT quarantine_id AS ${names.id}, payload AS ${names.payload}${text}, ${lineText}, ${row} FROM (${current})`;
  const repaired = sql`SELECT ${names.id} AS repaired_id, ${patched} AS repaired FROM (${typed})`;
  const from = sql`q LEFT JOIN (${repaired}) AS r ON r.repaired_id = q.quarantine_id`;
  const select = changedRowsSql(sql`r.repaired_id IS NOT NULL`, { payload: sql`r.repaired` }, from);
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

const purgedAfter = 90 * 24 * 60 * 60 * 1000;

/**
 * Removes rows for good that were resubmitted or discarded long ago. Open and claimed rows are kept whatever
 * their age, because they are stored nowhere else. Older versions of the quarantine keep their rows until it
 * is vacuumed.
 *
 * @returns the number of rows
 */
export async function purgeQuarantine(context: TableContext, options: PurgeOptions = {}): Promise<number> {
  const before = new Date(options.before ?? context.world.now() - purgedAfter).toISOString();
  const condition = sql`(status IN ('resubmitted', 'discarded') AND coalesce(resolved_at < CAST(${quoteText(before)} AS TIMESTAMPTZ), false))`;
  if (options.dryRun !== true) return rewriteCounted(context, async () => removedRows(condition));
  const count = (session: OpenSession, stored: ScanRelation) => countRows(session, stored, condition);
  return (await withQuarantine(context, count)) ?? 0;
}

function openOnly(selection: QuarantineSelection): SqlExpression {
  return selectionSql({ ...selection, status: "open" });
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
