import type { EngineRow, Session } from "../engine/core/contract.ts";
import type { ErrorCode } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { withSideRows, withSideTable } from "../sidetables/read-rows.ts";
import { purgedAfter, removeOldFiles } from "../sidetables/remove-old-files.ts";
import { removedRows, rewriteSideTable } from "../sidetables/rewrite-rows.ts";
import type { SideTableOptions } from "../sidetables/side-table.ts";
import { joinSql, type SqlExpression, sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import type { ScanRelation } from "../table/scan/scan.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../util/json.ts";
import { rejectionsOf } from "./rejections-table.ts";

/** One attempt of a batch that the table's or the writer's tests, or the table itself, refused. */
export interface Rejection {
  /** A UUID; later rejections sort later. */
  readonly id: string;
  readonly rejectedAt: Date;
  /** The caller's name of the batch (a `txn` as `application:version`), or the id of a staged one. */
  readonly batchId: string | null;
  /** The message that the version would have had. */
  readonly userMetadata: string | null;
  readonly operation: string;
  /** The version that the batch was tested against. */
  readonly baseVersion: number;
  /** Source files as they were named; empty for rows, Arrow data and staged batches. */
  readonly sources: readonly string[];
  /** `BATCH_REJECTED` by the tests; otherwise the rows did not fit the table, or broke one of its constraints. */
  readonly code: Extract<ErrorCode, "BATCH_REJECTED" | "CONSTRAINT_VIOLATED" | "SCHEMA_MISMATCH">;
  /** One sentence each. */
  readonly reasons: readonly string[];
  readonly suite: { readonly name: string; readonly fingerprint: string } | null;
  /** Numbers of rows; null if the batch was refused before all its rows were tested. */
  readonly rows: number | null;
  readonly clean: number | null;
  /** Rows that would have been quarantined. */
  readonly quarantined: number | null;
  readonly dropped: number | null;
  /** Ids of the checks that failed. */
  readonly failedChecks: readonly string[];
  /** The verdict, as in `commitInfo.gate` (spec/formats.md). */
  readonly gate: JsonObject | null;
}

/** Which rejected batches to list. */
export interface RejectionSelection {
  /** Only this many, the newest. */
  readonly limit?: number | undefined;
  readonly batch?: string | undefined;
  /** Only those whose message contains this text, in any case of its letters. */
  readonly messageContains?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A table whose rejected batches are recorded, at any version. */
type RejectingTable = Pick<LogSnapshot, "context" | "metadata">;

/**
 * The rejected batches of a table, newest first; empty if none was recorded. Those of another table, which was
 * in the same place and was removed, are left out.
 */
export async function listRejections(
  { context, metadata }: RejectingTable,
  { limit, batch, messageContains, signal }: RejectionSelection = {},
): Promise<Rejection[]> {
  const conditions = [
    sql`table_id = ${quoteText(metadata.id)}`,
    ...(batch === undefined ? [] : [sql`batch_id = ${quoteText(batch)}`]),
    ...(messageContains === undefined
      ? []
      : [sql`contains(lower(message), lower(${quoteText(messageContains)}))`]),
  ];
  const most = limit === undefined ? sql`` : sql` LIMIT ${limit}`;
  const read = (session: Session, stored: ScanRelation) =>
    session.rows(
      sql`SELECT * REPLACE (epoch_ms(rejected_at) AS rejected_at, to_json(sources) AS sources, to_json(reasons) AS reasons, to_json(failed_checks) AS failed_checks) FROM (${stored.sql}) WHERE ${joinSql(conditions, sql` AND `)} ORDER BY rejection_id DESC${most}`,
    );
  return ((await withSideTable(rejectionsOf(context), read, { signal })) ?? []).map(rejectionOf);
}

function rejectionOf(row: EngineRow): Rejection {
  const text = (name: string) => (typeof row[name] === "string" ? row[name] : null);
  const count = (name: string) => (row[name] === null ? null : Number(row[name]));
  const [suite, fingerprint] = [text("suite"), text("suite_fingerprint")];
  const gate = JSON.parse(text("gate") ?? "null") as JsonValue;
  return {
    id: String(row["rejection_id"]),
    rejectedAt: new Date(Number(row["rejected_at"])),
    batchId: text("batch_id"),
    userMetadata: text("message"),
    operation: String(row["operation"]),
    baseVersion: Number(row["base_version"]),
    sources: list(row["sources"]),
    code: String(row["code"]) as Rejection["code"],
    reasons: list(row["reasons"]),
    suite: suite === null || fingerprint === null ? null : { name: suite, fingerprint },
    rows: count("rows"),
    clean: count("clean"),
    quarantined: count("quarantined"),
    dropped: count("dropped"),
    failedChecks: list(row["failed_checks"]),
    gate: isJsonObject(gate) ? gate : null,
  };
}

function list(json: unknown): readonly string[] {
  return JSON.parse(String(json ?? "[]")) as readonly string[];
}

/** Which rejected batches to forget. */
export interface RejectionPurge {
  /** Forget those that were rejected before this time, in milliseconds since 1970; default: 90 days ago. */
  readonly before?: number | undefined;
  /** Only count them. */
  readonly dryRun?: boolean | undefined;
}

/**
 * Removes the records of batches that were rejected long ago for good, with the data files that only earlier
 * versions of the record have. A purge that is interrupted is finished by the next one.
 *
 * @returns how many batches
 */
export async function purgeRejections(
  { context }: RejectingTable,
  { before = context.world.now() - purgedAfter, dryRun }: RejectionPurge = {},
  options: SideTableOptions = {},
): Promise<number> {
  const side = rejectionsOf(context);
  const isOld = sql`coalesce(rejected_at < CAST(${quoteText(new Date(before).toISOString())} AS TIMESTAMPTZ), false)`;
  const count = (session: Session, stored: ScanRelation) => countRows(session, stored, isOld);
  if (dryRun === true) return (await withSideTable(side, count, options)) ?? 0;
  let rows = 0;
  await rewriteSideTable(
    side,
    (snapshot) =>
      withSideRows(side, snapshot, async (session, stored) => {
        rows = await count(session, stored);
        return rows === 0 ? undefined : removedRows(isOld);
      }),
    options,
  );
  await removeOldFiles(side, options);
  return rows;
}

async function countRows(session: Session, stored: ScanRelation, condition: SqlExpression): Promise<number> {
  const [row] = await session.rows(sql`SELECT count(*) AS n FROM (${stored.sql}) WHERE ${condition}`);
  return Number(row?.["n"] ?? 0);
}
