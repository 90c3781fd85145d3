import { isGuardStop } from "../../engine/fence/row-guard.ts";
import { assertInternal } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import type { MarkedFile } from "../../table/data-files/deletion-vector-files.ts";
import {
  type DataWriteOptions,
  type StagedData,
  stageData,
} from "../../table/data-files/write-data-files.ts";
import { deletedRows } from "../../table/scan/row-selection.ts";
import { sumOf } from "../../util/sum.ts";
import { type BatchTarget, dataTarget } from "../plan/batch-target.ts";
import { requireAllRows } from "../stages/accounted-rows.ts";
import { checkRules, checkWritten, violatedSql } from "../stages/batch-checks.ts";
import { targetOfWritten } from "../stages/give-types.ts";
import { keptRowIds } from "../stages/kept-row-ids.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import { dictionaryShare } from "./dictionary-share.ts";
import type { MatchedRows } from "./matched-rows.ts";
import { type ChangingRows, changingRows, imagesSql, markedSql } from "./new-images.ts";
import type { NewValues } from "./new-values.ts";
import type { MatchedFile, RewritePlan } from "./rewrite-plan.ts";

/** Files of a change that are complete, and of which nothing is visible yet. */
export interface RewrittenFiles {
  /** The table as the new rows leave it. */
  readonly target: BatchTarget;
  /** New data files; absent if none are needed. */
  readonly data?: StagedData | undefined;
  /** Change data files; absent if readers can tell the changes from the other files. */
  readonly changes?: StagedData | undefined;
  /** Files that stay, without some of their rows. */
  readonly marked: readonly MarkedFile[];
  /** Files that go; those that are marked among them, as they were. */
  readonly removed: readonly AddAction[];
  readonly rowsCopied: number;
  /** Whether all rows that the table had before keep their ids. */
  readonly idsKept: boolean;
}

/** What the rewriting of rows needs to know of its services. */
export interface RewriteServices {
  readonly onShare?: ((share: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes the files of a change: a deletion marks rows or writes the others again, an update writes new rows
 * besides. Files that lose all their rows only go.
 *
 * @throws `CONSTRAINT_VIOLATED`, `SCHEMA_MISMATCH`, `ROWS_UNACCOUNTED`, `CANCELLED`
 */
export async function rewriteFiles(
  room: WriteRoom,
  plan: RewritePlan,
  matches: MatchedRows,
  update: NewValues | undefined,
  services: RewriteServices,
): Promise<RewrittenFiles> {
  const marks = marksRows(plan, matches);
  const isGone = ({ rows, matched }: MatchedFile) => update === undefined && rows === matched;
  const kept = matches.files.filter((file) => !isGone(file));
  const feeds =
    plan.target.requirements.changeDataFeed && (update !== undefined || (kept.length > 0 && !marks));
  const removed = matches.files.map(({ add }) => add);
  const none = { target: plan.target, marked: [], removed, rowsCopied: 0, idsKept: true };
  if (kept.length === 0) return none;
  const touched = feeds ? matches.files : kept;
  const rows = update?.rows ?? (await changingRows(room, plan, matches, touched));
  const images = update === undefined ? markedSql(rows) : imagesSql(rows, update.assigned, update.rules);
  const writing = { room, plan, matches, rows, services };
  const marked = marks ? await markedFiles(room, plan.snapshot, kept) : [];
  const written = marks && update === undefined ? undefined : await writeRows(writing, images, update, marks);
  const target = written?.target ?? plan.target;
  const rowsMatched = sumOf(matches.files, ({ matched }) => matched);
  const rowsChanged = rowsMatched * (update === undefined ? 1 : 2);
  const changes = feeds ? await writeChanges(writing, images, { target, update, rowsChanged }) : undefined;
  const rowsCopied = (written?.data.rows ?? 0) - (update === undefined ? 0 : rowsMatched);
  const expected = marks ? 0 : sumOf(matches.files, (file) => file.rows - file.matched);
  requireAllRows({ rows: expected, clean: rowsCopied, quarantined: 0, dropped: 0 });
  if (changes !== undefined)
    requireAllRows({ rows: rowsChanged, clean: changes.rows, quarantined: 0, dropped: 0 });
  return {
    target,
    data: written?.data,
    changes,
    marked,
    removed,
    rowsCopied,
    idsKept: written === undefined || rows.readsIds,
  };
}

/** Whether rows are marked by deletion vectors instead of writing the others again. */
export function marksRows({ target, where }: RewritePlan, matches?: MatchedRows): boolean {
  return target.requirements.deletionVectors && where !== undefined && matches?.wholeFiles !== true;
}

/** The deleted rows of each file that keeps some: those that were deleted before, and the matched ones. */
export async function markedFiles(
  { session }: WriteRoom,
  snapshot: LogSnapshot,
  matched: readonly MatchedFile[],
): Promise<MarkedFile[]> {
  const files = matched.filter((file) => file.rows > file.matched);
  const adds = files.map(({ add }) => add);
  const before = await deletedRows(session, snapshot.context, adds);
  return files.map(({ add, rows, bits }, index) => {
    assertInternal(bits !== undefined, "rows to mark whose positions are not known");
    return { add, rows: bits, before: before[index], liveRows: rows };
  });
}

interface Writing {
  readonly room: WriteRoom;
  readonly plan: RewritePlan;
  readonly matches: MatchedRows;
  readonly rows: ChangingRows;
  readonly services: RewriteServices;
}

/**
 * Writes the rows that new files hold: the changed ones, and those that share a file with changed ones unless
 * these are marked.
 */
async function writeRows(
  writing: Writing,
  images: SqlSelect,
  update: NewValues | undefined,
  marks: boolean,
): Promise<{ readonly data: StagedData; readonly target: BatchTarget }> {
  const { room, plan, matches, rows, services } = writing;
  const { names, schema } = rows;
  const chosen = update === undefined ? sql`NOT ${names.matched}` : marks ? names.matched : sql`TRUE`;
  const ids = idItems(writing, update !== undefined);
  const columns = schema.fields.map(({ name }) => quoteName(name));
  const all = sql`SELECT ${[...columns, ...ids.items]} FROM (${images})`;
  const select = sql`${all} WHERE ${chosen}`;
  const target =
    update === undefined ? plan.target : await targetOfWritten(room.session, plan.target, select);
  const rules = update?.rules.rows ?? [];
  const inOneScan = target.metadata.partitionColumns.length === 0;
  const options: DataWriteOptions = {
    rows: sumOf(matches.files, ({ rows, matched }) =>
      update === undefined ? rows - matched : marks ? matched : rows,
    ),
    superset: update === undefined ? all : undefined,
    dictionaryShare: marks
      ? undefined
      : await dictionaryShare(room.session, plan.snapshot.context, matches.files),
    targetFileBytes: plan.targetFileBytes,
    hiddenColumns: ids.columns,
    guard: rules.length > 0 && inOneScan ? rules.map(violatedSql) : undefined,
    signal: services.signal,
    onProgress: services.onShare,
  };
  if (rules.length > 0 && !inOneScan) await checkRules(room.session, rules, { sql: select });
  const data = await stageData(room.session, dataTarget(target), select, room.staging, options).catch(
    async (error: unknown) => {
      if (isGuardStop(error)) await checkRules(room.session, rules, { sql: select });
      throw error;
    },
  );
  if (update !== undefined)
    await checkWritten(room.session, target, data, update.assigned.enforcement, { sql: select });
  return { data, target };
}

/**
 * How rows keep their ids: copied rows also keep their commit versions, updated ones get that of the commit.
 * PROTOCOL.md "Writer Requirements for Row Tracking".
 */
function idItems(
  { plan, rows }: Writing,
  updates: boolean,
): { readonly columns?: readonly string[] | undefined; readonly items: readonly SqlExpression[] } {
  const kept = keptRowIds(plan.target);
  if (kept === undefined) return { items: [] };
  const { columns } = kept;
  const { matched, ids } = rows.names;
  const version = updates
    ? sql`CASE WHEN ${matched} THEN CAST(NULL AS BIGINT) ELSE ${ids}.row_commit_version END`
    : sql`${ids}.row_commit_version`;
  const [idColumn, versionColumn] = columns;
  return {
    columns,
    items: [sql`${ids}.row_id AS ${quoteName(idColumn)}`, sql`${version} AS ${quoteName(versionColumn)}`],
  };
}

/** PROTOCOL.md "Change Data Files": each changed row, with what happened to it. */
async function writeChanges(
  { room, plan, rows, services }: Writing,
  images: SqlSelect,
  {
    target,
    update,
    rowsChanged,
  }: {
    readonly target: BatchTarget;
    readonly update: NewValues | undefined;
    readonly rowsChanged: number;
  },
): Promise<StagedData> {
  const { names, scan, schema, condition } = rows;
  const columns = schema.fields.map(({ name }) => quoteName(name));
  const typed = (from: SqlSelect, matched: SqlExpression, type: string) =>
    sql`SELECT ${[...columns, sql`${quoteText(type)} AS _change_type`]} FROM (${from}) WHERE ${matched}`;
  const before = typed(scan, condition, update === undefined ? "delete" : "update_preimage");
  const select =
    update === undefined
      ? before
      : sql`(${before}) UNION ALL BY NAME (${typed(images, names.matched, "update_postimage")})`;
  return stageData(room.session, dataTarget(target), select, room.staging, {
    changeFiles: true,
    rows: rowsChanged,
    hiddenColumns: ["_change_type"],
    targetFileBytes: plan.targetFileBytes,
    signal: services.signal,
  });
}
