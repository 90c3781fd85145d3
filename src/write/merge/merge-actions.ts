import { engineColumns } from "../../dialects/engine-types.ts";
import type { Session } from "../../engine/core/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import type { Predicate } from "../../protocol/predicate.ts";
import { joinSql, type SqlExpression, type SqlName, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, quoteName } from "../../sql/sql-text.ts";
import { locateFiles } from "../../table/scan/data-files.ts";
import { planFiles } from "../../table/scan/scan.ts";
import { appendAll } from "../../util/append-all.ts";
import { countedFiles, liveRowCounts } from "../rewrite/matched-rows.ts";
import type { MatchedFile } from "../rewrite/rewrite-plan.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import {
  clauseCondition,
  columnsUsed,
  type JoinCondition,
  joinCondition,
  type MergeScope,
  mergeScope,
  type Sides,
} from "./merge-conditions.ts";
import { type MergeNames, mergeNames, rowBits } from "./merge-names.ts";
import type { MergeClause, MergeClauses, MergePlan } from "./merge-plan.ts";
import { candidatePredicate } from "./merge-pruning.ts";
import type { MergeSource } from "./merge-source.ts";
import { onlyDeletes, refuseSeveralMatches } from "./several-matches.ts";

/** What a merge does to which rows. */
export interface MergeActions {
  readonly names: MergeNames;
  readonly scope: MergeScope;
  readonly clauses: MergeClauses;
  readonly source: MergeSource;
  /** What the log can tell of the table's rows that were looked at: files added by others are tested against it. */
  readonly predicate: Predicate;
  /**
   * A table of the session with a row for each row of the table that changes and each that is inserted: `place`
   * (null for inserts), `source` (null for rows that the source does not have) and `clause`.
   */
  readonly table: SqlName;
  /** The table's files that were looked at; places number them in this order. */
  readonly adds: readonly AddAction[];
  /** Rows by clause. */
  readonly counts: readonly number[];
  /** Files that hold rows that change. */
  readonly files: readonly MatchedFile[];
}

/** How the sides of a clause's condition and values are called. */
export const sidesOf: Readonly<Record<MergeClause["when"], Sides>> = {
  matched: "both",
  "not matched": "source",
  "not matched by source": "target",
};

let tablesMade = 0;

/** A name for a table of the session. */
function tableName({ snapshot }: MergePlan): SqlName {
  return plainName(`varve_merge_${++tablesMade}_${snapshot.context.world.uuid().slice(0, 8)}`);
}

/**
 * Finds what a merge does: joins both sides by the columns of its conditions alone, and lets the first clause
 * of its kind act whose condition is true. Fences the session.
 *
 * @throws `MERGE_AMBIGUOUS`, `SQL_FAILED`, `SQL_REFUSED`, errors of the clauses and of the files that are read
 */
export async function mergeActions(
  room: WriteRoom,
  plan: MergePlan,
  source: MergeSource,
  signal: AbortSignal | undefined,
): Promise<MergeActions> {
  const { session } = room;
  const { snapshot } = plan;
  const clauses = plan.resolve(source.schema);
  const names = mergeNames(plan, snapshot.schema, source.columns);
  const readsAll = clauses.clauses.some(({ when }) => when === "not matched by source");
  const predicate: Predicate = readsAll
    ? { op: "constant", value: true }
    : await candidatePredicate(session, plan, clauses.on.text, source);
  const { files: adds } = await (await snapshot.files()).prune(predicate);
  appendAll(
    room.readable,
    await locateFiles(
      snapshot.context,
      adds.map(({ path }) => path),
    ),
  );
  if (adds.length > 1) await session.keepFooters();
  const scope = mergeScope(await room.fence(), plan, engineColumns(snapshot.schema), source.columns);
  const pass: FirstPass = { room, plan, names, scope, clauses, source, adds, signal };
  const table = await actionsTable(pass);
  const counts = await countsOf(session, table, clauses.clauses);
  const files = await changedFiles(pass, table);
  return { names, scope, clauses, source, predicate, adds, table, counts, files };
}

interface FirstPass extends Pick<MergeActions, "names" | "scope" | "clauses" | "source"> {
  readonly room: WriteRoom;
  readonly plan: MergePlan;
  readonly adds: readonly AddAction[];
  readonly signal: AbortSignal | undefined;
}

async function actionsTable(pass: FirstPass): Promise<SqlName> {
  const { room, plan, names, scope, clauses, source, signal } = pass;
  const on = await joinCondition(scope, clauses.on);
  const acts = {
    matched: await actingClause(pass, "matched"),
    inserts: await actingClause(pass, "not matched"),
    missing: await actingClause(pass, "not matched by source"),
  };
  const used = [on.on, ...[on.target, acts.matched, acts.missing].filter((part) => part !== undefined)];
  const target = await targetRows(pass, used, on);
  const rows = source.numbered(names.number);
  const guardedRows =
    on.source === undefined ? rows : sql`SELECT * FROM (${rows}) AS ${names.source} WHERE ${on.source}`;
  const matches = await matchesTable(pass, { target, source: guardedRows, on: on.on, acts: acts.matched });
  await refuseSeveralMatches({ room, plan, names, clauses, target, rows, matches });
  const arms: SqlSelect[] = [];
  if (acts.matched !== undefined)
    arms.push(
      onlyDeletes(clauses)
        ? sql`SELECT place, min(source) AS source, min(clause) AS clause FROM ${matches} GROUP BY place`
        : sql`SELECT place, source, clause FROM ${matches} WHERE clause IS NOT NULL`,
    );
  if (acts.missing !== undefined)
    arms.push(
      sql`SELECT * FROM (SELECT ${names.target}.${names.place} AS place, CAST(NULL AS BIGINT) AS source, ${acts.missing} AS clause FROM (${target}) AS ${names.target} WHERE NOT EXISTS (SELECT 1 FROM ${matches} AS m WHERE m.place = ${names.target}.${names.place})) WHERE clause IS NOT NULL`,
    );
  if (acts.inserts !== undefined)
    arms.push(
      sql`SELECT * FROM (SELECT CAST(NULL AS BIGINT) AS place, ${names.source}.${names.number} AS source, ${acts.inserts} AS clause FROM (${rows}) AS ${names.source} WHERE NOT EXISTS (SELECT 1 FROM ${matches} AS m WHERE m.source = ${names.source}.${names.number})) WHERE clause IS NOT NULL`,
    );
  const table = tableName(plan);
  const select =
    arms.length === 0 ? sql`SELECT * FROM ${matches} WHERE FALSE` : joinSql(arms, sql` UNION ALL `);
  await room.session.execute(sql`CREATE TABLE ${table} AS ${select}`, [], { signal });
  await room.session.execute(sql`DROP TABLE ${matches}`);
  return table;
}

/** The index of the first clause of a kind whose condition is true; absent if there is no such clause. */
async function actingClause(
  { scope, clauses: { clauses } }: FirstPass,
  when: MergeClause["when"],
): Promise<SqlExpression | undefined> {
  const cases: SqlExpression[] = [];
  for (const [index, clause] of clauses.entries())
    if (clause.when === when)
      cases.push(sql`WHEN ${await clauseCondition(scope, clause.condition, sidesOf[when])} THEN ${index}`);
  return cases.length === 0 ? undefined : sql`CAST(CASE ${joinSql(cases, sql` `)} END AS INTEGER)`;
}

/** The table's rows that may matter, with the columns of the conditions and their place. */
async function targetRows(
  { room, plan, names, adds }: FirstPass,
  used: readonly SqlExpression[],
  { target: test }: JoinCondition,
): Promise<SqlSelect> {
  const { snapshot } = plan;
  const read = await columnsUsed(room.session, used, snapshot.schema);
  // An error about a row shows what was read of it.
  const needed = read.length > 0 ? read : snapshot.schema.fields.slice(0, 1).map(({ name }) => name);
  const scan = await planFiles(room.session, snapshot, adds, {
    columns: needed,
    place: names.scanned,
    typedVariants: true,
  });
  const rows = sql`SELECT ${[...needed.map(quoteName), placeItem(names)]} FROM (${scan.sql})`;
  return test === undefined ? rows : sql`SELECT * FROM (${rows}) AS ${names.target} WHERE ${test}`;
}

/** The place of a scanned row as one number. */
export function placeItem({ scanned, place }: MergeNames): SqlExpression {
  const name = quoteName(scanned);
  return sql`((CAST(${name}.file AS BIGINT) << ${rowBits}) + ${name}."row") AS ${place}`;
}

/** A table with each pair of rows that match, and the clause that acts on it. */
async function matchesTable(
  { room, plan, names, clauses: { clauses }, signal }: FirstPass,
  {
    target,
    source,
    on,
    acts,
  }: {
    readonly target: SqlSelect;
    readonly source: SqlSelect;
    readonly on: SqlExpression;
    readonly acts: SqlExpression | undefined;
  },
): Promise<SqlName> {
  const table = tableName(plan);
  const [t, s] = [sql`(${target}) AS ${names.target}`, sql`(${source}) AS ${names.source}`];
  // Without clauses about matches, only those rows of the source matter that have any.
  const insertsOnly = clauses.every(({ when }) => when === "not matched");
  const number = sql`${names.source}.${names.number} AS source`;
  const select = insertsOnly
    ? sql`SELECT CAST(NULL AS BIGINT) AS place, ${number}, CAST(NULL AS INTEGER) AS clause FROM ${s} SEMI JOIN ${t} ON ${on}`
    : sql`SELECT ${names.target}.${names.place} AS place, ${number}, ${acts ?? sql`CAST(NULL AS INTEGER)`} AS clause FROM ${t} JOIN ${s} ON ${on}`;
  await room.session.execute(sql`CREATE TABLE ${table} AS ${select}`, [], { signal });
  return table;
}

/** Actions without those that insert some rows of the source, by `row` of a query. */
export async function withoutInserts(
  { session }: WriteRoom,
  plan: MergePlan,
  actions: MergeActions,
  rows: SqlSelect,
): Promise<MergeActions> {
  const table = tableName(plan);
  await session.execute(
    sql`CREATE TABLE ${table} AS SELECT * FROM ${actions.table} AS a WHERE a.place IS NOT NULL OR NOT EXISTS (SELECT 1 FROM (${rows}) AS d WHERE d.row = a.source)`,
  );
  return { ...actions, table, counts: await countsOf(session, table, actions.clauses.clauses) };
}

async function countsOf(
  session: Session,
  table: SqlName,
  clauses: readonly MergeClause[],
): Promise<readonly number[]> {
  const counts = clauses.map(() => 0);
  const rows = await session.rows(sql`SELECT clause, count(*) AS n FROM ${table} GROUP BY clause`);
  for (const { clause, n } of rows) counts[Number(clause)] = Number(n);
  return counts;
}

/** The files that hold rows that change, with the places of these. */
async function changedFiles(
  { room, plan, adds }: FirstPass,
  table: SqlName,
): Promise<readonly MatchedFile[]> {
  const { snapshot, target } = plan;
  const mask = 2n ** BigInt(rowBits) - 1n;
  const scan = sql`SELECT struct_pack(file := place >> ${rowBits}, "row" := place & ${mask}) AS place FROM ${table} WHERE place IS NOT NULL`;
  const marks = target.requirements.deletionVectors;
  const counting = { scan, place: "place", condition: sql`TRUE`, marks };
  const files = await countedFiles(room.session, adds, counting);
  const rows = await liveRowCounts(
    room.session,
    snapshot,
    files.map(({ add }) => add),
  );
  return files.map((file, index) => ({ ...file, rows: rows[index] ?? 0 }));
}
