import { isGuardStop } from "../../engine/fence/row-guard.ts";
import { physicalName } from "../../schema/column-mapping.ts";
import { requireColumn } from "../../schema/fields.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import {
  type DataWriteOptions,
  type StagedData,
  stageData,
} from "../../table/data-files/write-data-files.ts";
import type { IdentityColumn } from "../../table/rules/write-requirements.ts";
import { sumOf } from "../../util/sum.ts";
import { type BatchTarget, dataTarget } from "../plan/batch-target.ts";
import { markedFiles, type RewriteServices, type RewrittenFiles } from "../rewrite/rewrite-files.ts";
import type { MatchedFile } from "../rewrite/rewrite-plan.ts";
import { requireAllRows } from "../stages/accounted-rows.ts";
import { checkRules, checkWritten, violatedSql } from "../stages/batch-checks.ts";
import { numberedTarget, withIdentityMarks } from "../stages/batch-rows.ts";
import { targetOfWritten } from "../stages/give-types.ts";
import { keptRowIds } from "../stages/kept-row-ids.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import { refuseFailingValues } from "./failing-values.ts";
import type { MergeActions } from "./merge-actions.ts";
import { imagesBatch, imagesSql, type MergeRows, mergeRows } from "./merge-images.ts";
import type { MergePlan } from "./merge-plan.ts";
import type { MergeValues } from "./merge-values.ts";

/** Rows that a merge changes, by what becomes of them. */
export interface MergeCounts {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

/** Numbers of rows by action. */
export function mergeCounts({ counts, clauses: { clauses } }: MergeActions): MergeCounts {
  const of = (action: string) =>
    sumOf(
      counts.map((n, index) => (clauses[index]?.action === action ? n : 0)),
      (n) => n,
    );
  return { inserted: of("insert"), updated: of("update"), deleted: of("delete") };
}

interface Writing {
  readonly room: WriteRoom;
  readonly plan: MergePlan;
  readonly actions: MergeActions;
  readonly values: MergeValues;
  readonly counts: MergeCounts;
  /** Whether rows are marked by deletion vectors instead of writing the others again. */
  readonly marks: boolean;
  readonly services: RewriteServices;
}

/**
 * Writes the files of a merge in one scan of those that hold rows to change: their other rows again, or marks
 * instead, and new rows.
 *
 * @throws `SCHEMA_MISMATCH` with column, value and row of the source; `CONSTRAINT_VIOLATED`, `ROWS_UNACCOUNTED`,
 * `CANCELLED`
 */
export async function mergeFiles(
  room: WriteRoom,
  plan: MergePlan,
  { actions, values }: { readonly actions: MergeActions; readonly values: MergeValues },
  services: RewriteServices,
): Promise<RewrittenFiles> {
  const counts = mergeCounts(actions);
  const marks = plan.target.requirements.deletionVectors;
  const writing: Writing = { room, plan, actions, values, counts, marks, services };
  const isGone = ({ rows, matched }: MatchedFile) => counts.updated === 0 && rows === matched;
  const kept = actions.files.filter((file) => !isGone(file));
  const feeds =
    plan.target.requirements.changeDataFeed && (counts.updated > 0 || (kept.length > 0 && !marks));
  const marked = marks ? await markedFiles(room, plan.snapshot, kept) : [];
  const rows = await mergeRows(room, plan, actions, values, feeds ? actions.files : kept);
  const copied = marks ? 0 : sumOf(actions.files, (file) => file.rows - file.matched);
  const expected = copied + counts.updated + counts.inserted;
  const written = expected === 0 ? undefined : await writeRows(writing, rows, expected);
  const target = written?.target ?? actions.clauses.target;
  const changes = feeds ? await writeChanges(writing, rows, target) : undefined;
  return {
    target: numbered(writing, target, written?.data),
    data: written?.data,
    changes,
    marked,
    removed: actions.files.map(({ add }) => add),
    rowsCopied: copied,
    idsKept: copied + counts.updated === 0 || rows.readsIds,
  };
}

async function writeRows(
  { room, plan, actions, values, marks, services }: Writing,
  rows: MergeRows,
  expected: number,
): Promise<{ readonly data: StagedData; readonly target: BatchTarget }> {
  const { session } = room;
  const { clauses } = actions;
  const ids = idItems(plan, rows);
  const columns = rows.schema.fields.map(({ name }) => quoteName(name));
  const select = (guarded: boolean) =>
    sql`SELECT ${[...columns, ...ids.items]} FROM (${imagesSql(rows, { changedOnly: marks, guarded })}) WHERE ${isWritten(actions)}`;
  const target = await targetOfWritten(session, clauses.target, select(false));
  // A merge that only deletes writes rows as they are.
  const rules = values.clauses.length === 0 ? [] : values.rules.rows;
  const inOneScan = target.metadata.partitionColumns.length === 0;
  const options: DataWriteOptions = {
    rows: expected,
    targetFileBytes: plan.targetFileBytes,
    hiddenColumns: ids.columns,
    guard: rules.length > 0 && inOneScan ? rules.map(violatedSql) : undefined,
    signal: services.signal,
    onProgress: services.onShare,
  };
  const images = sql`SELECT * FROM (${imagesSql(rows, { changedOnly: marks, guarded: false })}) WHERE ${isWritten(actions)}`;
  const described = await session.describe(sql`SELECT ${columns} FROM (${images})`);
  const located = { sql: select(false), located: imagesBatch(rows, images, described) };
  const explain = async (error: unknown) => {
    if (!isGuardStop(error)) return;
    await refuseFailingValues(session, rows, marks);
    await checkRules(session, rules, located);
  };
  try {
    if (rules.length > 0 && !inOneScan) await checkRules(session, rules, { ...located, sql: select(true) });
    const data = await stageData(session, dataTarget(target), select(true), room.staging, options);
    requireAllRows({ rows: expected, clean: data.rows, quarantined: 0, dropped: 0 });
    await checkWritten(session, target, data, { columns: [], checks: [] }, located);
    return { data, target };
  } catch (error) {
    await explain(error);
    throw error;
  }
}

/** SQL over the images that is TRUE for rows that new files hold. */
function isWritten({ names, clauses: { clauses } }: MergeActions): SqlExpression {
  const deletes = clauses.flatMap(({ action }, index) => (action === "delete" ? [index] : []));
  return deletes.length === 0
    ? sql`TRUE`
    : sql`(${names.clause} IS NULL OR ${names.clause} NOT IN (${deletes}))`;
}

/**
 * How rows keep their ids: copied rows also keep their commit versions, updated ones get that of the commit, and
 * inserted ones get both of it. PROTOCOL.md "Writer Requirements for Row Tracking".
 */
function idItems(
  { target }: MergePlan,
  { actions: { names } }: MergeRows,
): { readonly columns?: readonly string[] | undefined; readonly items: readonly SqlExpression[] } {
  const kept = keptRowIds(target);
  if (kept === undefined) return { items: [] };
  const { ids, clause } = names;
  const [idColumn, versionColumn] = kept.columns;
  const version = sql`CASE WHEN ${clause} IS NULL THEN ${ids}.row_commit_version END`;
  return {
    columns: kept.columns,
    items: [sql`${ids}.row_id AS ${quoteName(idColumn)}`, sql`${version} AS ${quoteName(versionColumn)}`],
  };
}

/** PROTOCOL.md "Change Data Files": each changed row before and after, and each inserted one. */
async function writeChanges(
  { room, plan, actions, counts, services }: Writing,
  rows: MergeRows,
  target: BatchTarget,
): Promise<StagedData> {
  const { names, clauses, table } = actions;
  const columns = rows.schema.fields.map(({ name }) => quoteName(name));
  const type = (kind: "delete" | "update" | "insert", text: string) => {
    const own = clauses.clauses.flatMap(({ action }, index) => (action === kind ? [index] : []));
    return own.length === 0 ? sql`` : sql`WHEN ${names.clause} IN (${own}) THEN ${quoteText(text)} `;
  };
  const old = [...rows.values.old].map(([name, value]) => sql`${value} AS ${quoteName(name)}`);
  const [place, acting] = [quoteName(`${names.prefix}at`), quoteName(`${names.prefix}a`)];
  const before = sql`SELECT ${[...old, sql`${acting}.${names.clause} AS ${names.clause}`]} FROM (${rows.scan}) AS ${names.target} JOIN (SELECT place AS ${place}, clause AS ${names.clause} FROM ${table} WHERE place IS NOT NULL) AS ${acting} ON ${acting}.${place} = ${names.target}.${names.place}`;
  const after = imagesSql(rows, { changedOnly: true, guarded: false });
  const typed = (from: SqlSelect, cases: readonly SqlExpression[]) =>
    sql`SELECT * FROM (SELECT ${[...columns, sql`CASE WHEN FALSE THEN '' ${joinSql(cases, sql``)}END AS _change_type`]} FROM (${from})) WHERE _change_type IS NOT NULL`;
  const select = sql`(${typed(before, [type("delete", "delete"), type("update", "update_preimage")])}) UNION ALL (${typed(after, [type("update", "update_postimage"), type("insert", "insert")])})`;
  const expected = counts.deleted + counts.updated * 2 + counts.inserted;
  const data = await stageData(room.session, dataTarget(target), select, room.staging, {
    changeFiles: true,
    rows: expected,
    hiddenColumns: ["_change_type"],
    targetFileBytes: plan.targetFileBytes,
    signal: services.signal,
  });
  requireAllRows({ rows: expected, clean: data.rows, quarantined: 0, dropped: 0 });
  return data;
}

/**
 * The target with the marks of identity columns moved past the numbers that inserted rows took. Where a merge
 * numbers rows, it also moves past numbers that other clauses give, and those of copied rows, as Spark does.
 */
function numbered(
  { values, actions }: Writing,
  target: BatchTarget,
  data: StagedData | undefined,
): BatchTarget {
  const { rules, clauses } = values;
  return rules.numbered.reduce((before, identity) => {
    const taken = clauses.filter(
      ({ clause, columns }) => clause.action === "insert" && !columns.has(identity.column),
    );
    const rows = sumOf(taken, ({ index }) => actions.counts[index] ?? 0);
    const marked = numberedTarget(before, { ...rules, numbered: [identity] }, rows);
    const mark = rows === 0 ? undefined : farthestNumber(marked, identity, data);
    return mark === undefined ? marked : withIdentityMarks(marked, new Map([[identity.column, mark]]));
  }, target);
}

/** The farthest number of an identity column in the written files, by their statistics. */
function farthestNumber(
  { schema, requirements }: BatchTarget,
  { column, step }: IdentityColumn,
  data: StagedData | undefined,
): bigint | undefined {
  const name = physicalName(requireColumn(schema, column), requirements.columnMapping);
  const bounds = (data?.files ?? []).flatMap(({ written }) => {
    const own = written.columns.find(({ path }) => path.length === 1 && path[0] === name);
    const bound = step > 0n ? own?.max : own?.min;
    return bound === undefined ? [] : [BigInt(bound)];
  });
  return bounds.reduce<bigint | undefined>(
    (far, bound) => (far === undefined || (step > 0n ? bound > far : bound < far) ? bound : far),
    undefined,
  );
}
