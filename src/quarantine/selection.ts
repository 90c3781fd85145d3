import type { Session } from "../engine/core/contract.ts";
import { VarveError } from "../errors.ts";
import { joinSql, type SqlExpression, sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import type { ScanRelation } from "../table/scan/scan.ts";
import type { QuarantineStatus } from "./intake/quarantine-table.ts";

/** Selects quarantined rows; without any field, all open ones. */
export interface QuarantineSelection {
  /** Ids, or beginnings of ids that only one row has. */
  readonly ids?: readonly string[] | undefined;
  readonly batchId?: string | undefined;
  /** Rows that failed this check, among others. */
  readonly checkId?: string | undefined;
  readonly status?: QuarantineStatus | "any" | undefined;
}

/** The condition of a selection over the quarantine's columns; without a status, of open rows. */
export function selectionSql(selection: QuarantineSelection): SqlExpression {
  return sql`(${joinSql(conditionsOf({ ...selection, status: selection.status ?? "open" }), sql` AND `)})`;
}

/** The conditions of a selection, one for each member that it has, and at least one. */
function conditionsOf({ ids, batchId, checkId, status }: QuarantineSelection): SqlExpression[] {
  const conditions = [
    ...(ids === undefined ? [] : [hasIdOf(ids)]),
    ...(batchId === undefined ? [] : [sql`batch_id = ${quoteText(batchId)}`]),
    ...(checkId === undefined
      ? []
      : [
          sql`list_contains(list_transform(errors, lambda e: struct_extract(e, 'check_id')), ${quoteText(checkId)})`,
        ]),
    ...(status === undefined || status === "any" ? [] : [sql`status = ${quoteText(status)}`]),
  ];
  return conditions.length === 0 ? [sql`true`] : conditions;
}

function hasIdOf(ids: readonly string[]): SqlExpression {
  return ids.length === 0 ? sql`false` : sql`quarantine_id IN (${ids.map(quoteText)})`;
}

/** Whether a selection names rows, rather than taking all that have its status. */
export function isNarrow({ ids, batchId, checkId }: QuarantineSelection): boolean {
  return ids !== undefined || batchId !== undefined || checkId !== undefined;
}

/**
 * The selection with whole ids in place of their beginnings.
 *
 * @throws `QUARANTINE_INVALID` for ids that no row has, and beginnings that several have
 */
export async function withWholeIds(
  session: Session,
  stored: ScanRelation,
  selection: QuarantineSelection,
): Promise<QuarantineSelection> {
  const { ids } = selection;
  if (ids === undefined || ids.length === 0) return selection;
  const rows = await session.rows(
    sql`SELECT DISTINCT quarantine_id AS id FROM (${stored.sql}) WHERE ${hasIdOf(ids)}`,
  );
  const whole = new Set(rows.map((row) => String(row["id"])));
  const rest = ids.filter((id) => !whole.has(id));
  if (rest.length === 0) return selection;
  const begun = await begunIds(session, stored, rest);
  const missing = rest.filter((id) => begun.get(id) === undefined);
  if (missing.length > 0) throw noSuchRows(missing);
  for (const [start, matches] of begun) if (matches.length > 1) throw ambiguous(start, matches);
  return { ...selection, ids: [...whole, ...[...begun.values()].flat()] };
}

/** For each beginning of an id, up to three ids that begin so. */
async function begunIds(
  session: Session,
  stored: ScanRelation,
  starts: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await session.rows(
    sql`SELECT p.start AS start, to_json(list(DISTINCT q.quarantine_id ORDER BY q.quarantine_id)[:3]) AS ids FROM (SELECT unnest([${starts.map(quoteText)}]) AS start) AS p JOIN (${stored.sql}) AS q ON starts_with(q.quarantine_id, p.start) WHERE p.start <> '' GROUP BY p.start`,
  );
  return new Map(
    rows.map((row) => [String(row["start"]), JSON.parse(String(row["ids"])) as readonly string[]]),
  );
}

/** @throws `QUARANTINE_INVALID` if a selection names rows, and there is no quarantine that could hold them */
export function requireQuarantine(selection: QuarantineSelection): void {
  if (selection.ids !== undefined && selection.ids.length > 0) throw noSuchRows(selection.ids);
  if (!isNarrow(selection)) return;
  throw new VarveError("QUARANTINE_INVALID", "The table has no quarantined rows. Nothing was changed.", {});
}

/** The error of a verb that changes rows of some statuses, of which a selection has none. */
export async function nothingSelected(
  session: Session,
  stored: ScanRelation,
  selection: QuarantineSelection,
  wanted: string,
): Promise<VarveError> {
  const rows = await session.rows(
    sql`SELECT status, count(*) AS n FROM (${stored.sql}) WHERE ${selectionSql({ ...selection, status: "any" })} GROUP BY ALL ORDER BY n DESC, status`,
  );
  const counts = rows.map((row) => `${String(row["n"])} ${String(row["status"])}`);
  const total = rows.reduce((sum, row) => sum + Number(row["n"]), 0);
  const landed = rows.some((row) => row["status"] === "resubmitted")
    ? " Resubmitted rows are part of the table."
    : "";
  const why =
    total === 0
      ? `No quarantined row has ${describe(selection)}. List the quarantine to see its batches and checks.`
      : `Of the rows with ${describe(selection)} none is ${wanted}: ${counts.join(", ")}.${landed}`;
  return new VarveError("QUARANTINE_INVALID", `${why} Nothing was changed.`, {
    ids: selection.ids,
    batchId: selection.batchId,
    checkId: selection.checkId,
  });
}

function describe({ ids, batchId, checkId }: QuarantineSelection): string {
  return [
    ...(ids === undefined ? [] : [ids.length === 0 ? "an id of an empty list" : `the ids ${some(ids)}`]),
    ...(batchId === undefined ? [] : [`the batch ${batchId}`]),
    ...(checkId === undefined ? [] : [`the failed check ${checkId}`]),
  ].join(" and ");
}

function noSuchRows(ids: readonly string[]): VarveError {
  return new VarveError(
    "QUARANTINE_INVALID",
    `No such rows in the quarantine: ${some(ids)}. List the quarantine to see its rows.`,
    { ids: [...ids] },
  );
}

function ambiguous(start: string, ids: readonly string[]): VarveError {
  return new VarveError(
    "QUARANTINE_INVALID",
    `Several rows of the quarantine have ids that begin with ${start}: ${some(ids)}. Give more of the id.`,
    { ids: [...ids] },
  );
}

function some(ids: readonly string[]): string {
  return `${ids.slice(0, 3).join(", ")}${ids.length > 3 ? ", …" : ""}`;
}
