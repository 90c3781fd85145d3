import { engineColumns } from "../../dialects/engine-types.ts";
import type { Session } from "../../engine/core/contract.ts";
import { assertInternal } from "../../errors.ts";
import type { AddAction } from "../../protocol/actions.ts";
import type { Predicate } from "../../protocol/predicate.ts";
import { joinSql, type SqlExpression, type SqlName, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, quoteName } from "../../sql/sql-text.ts";
import type { FileRows, ReadSet } from "../../table/commit/commit-request.ts";
import { locateFiles } from "../../table/scan/data-files.ts";
import { planFiles } from "../../table/scan/scan.ts";
import { appendAll } from "../../util/append-all.ts";
import type { BatchTarget } from "../plan/batch-target.ts";
import { filesAtPlaces, liveRowCounts } from "../rewrite/matched-rows.ts";
import type { MatchedFile } from "../rewrite/rewrite-plan.ts";
import { openSubqueryTables } from "../rewrite/subquery-tables.ts";
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
  /** Rows of the table that stay, and that rows of the source match which would be inserted without them. */
  readonly withheld: WithheldInserts;
  /** Whether a subquery read the version of the table that is changed, or a later one. */
  readonly readsTarget: boolean;
}

/** Where rows are that keep others from being inserted: each by itself, or all in files. */
type WithheldInserts = Pick<ReadSet, "rows" | "files">;

/** How the sides of a clause's condition and values are called. */
export const sidesOf: Readonly<Record<MergeClause["when"], Sides>> = {
  matched: "both",
  "not matched": "source",
  "not matched by source": "target",
};

let tablesMade = 0;

/** A name for a table of the session. */
export function tableName({ snapshot }: MergePlan): SqlName {
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
  { source, typed }: { readonly source: MergeSource; readonly typed: BatchTarget },
  signal: AbortSignal | undefined,
): Promise<MergeActions> {
  const { session } = room;
  const { snapshot } = plan;
  const clauses = plan.resolve(source.schema, typed);
  const names = mergeNames(plan, snapshot.schema, source.columns);
  const readsAll = clauses.clauses.some(({ when }) => when === "not matched by source");
  const predicate: Predicate = readsAll
    ? { op: "constant", value: true }
    : await candidatePredicate(session, plan, clauses.on, source);
  const { files: adds } = await (await snapshot.files()).prune(predicate);
  appendAll(
    room.readable,
    await locateFiles(
      snapshot.context,
      adds.map(({ path }) => path),
    ),
  );
  if (adds.length > 1) await session.keepFooters();
  const texts = clauses.clauses.flatMap(({ condition }) =>
    condition?.hasSubqueries === true ? [condition.text] : [],
  );
  const { readsTarget } = await openSubqueryTables(room, snapshot, { tables: plan.tables ?? {}, texts });
  const scope = mergeScope(await room.fence(), plan, engineColumns(snapshot.schema), source.columns);
  const pass: FirstPass = { room, plan, names, scope, clauses, source, adds, signal };
  const { table, withheld } = await actionsTable(pass);
  const counts = await countsOf(session, table, clauses.clauses);
  const files = await changedFiles(pass, table);
  return { names, scope, clauses, source, predicate, adds, table, counts, files, withheld, readsTarget };
}

interface FirstPass extends Pick<MergeActions, "names" | "scope" | "clauses" | "source"> {
  readonly room: WriteRoom;
  readonly plan: MergePlan;
  readonly adds: readonly AddAction[];
  readonly signal: AbortSignal | undefined;
}

async function actionsTable(pass: FirstPass): Promise<Pick<MergeActions, "table" | "withheld">> {
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
  await requireTested(pass, matches, [
    ...(on.target === undefined ? [] : [target]),
    ...(on.source === undefined ? [] : [guardedRows]),
  ]);
  await refuseSeveralMatches({ room, plan, names, clauses, target, rows, matches });
  const withheld = await withheldInserts(pass, matches);
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
  return { table, withheld };
}

/**
 * Tests the rows of sides that the join may have left out: the engine reads neither side of one that no rows can
 * meet, as with a constant that cannot be computed.
 */
async function requireTested(
  { room: { session }, source, adds }: FirstPass,
  matches: SqlName,
  tested: readonly SqlSelect[],
): Promise<void> {
  if (tested.length === 0 || source.rows === 0 || adds.length === 0) return;
  const [match] = await session.rows(sql`SELECT 1 FROM ${matches} LIMIT 1`);
  if (match !== undefined) return;
  for (const rows of tested) await session.rows(sql`SELECT count(*) FROM (${rows})`);
}

/**
 * One row of the table for each row of the source that matches some, and on which no clause acts. If another
 * writer deletes it, the row of the source has to be inserted.
 */
async function withheldInserts(
  { room: { session }, clauses: { clauses }, adds }: FirstPass,
  matches: SqlName,
): Promise<WithheldInserts> {
  const alwaysActs = clauses.some(({ when, condition }) => when === "matched" && condition === undefined);
  if (alwaysActs || !clauses.some(({ when }) => when === "not matched")) return {};
  if (insertsOnly(clauses)) {
    // The matches do not say which rows of the table they are.
    const [match] = await session.rows(sql`SELECT 1 FROM ${matches} LIMIT 1`);
    return match === undefined ? {} : { files: adds.map(({ path }) => path) };
  }
  const idle = sql`SELECT min(place) AS place FROM ${matches} GROUP BY source HAVING count(clause) = 0`;
  const files = await filesOfPlaces(session, adds, idle, true);
  return { rows: readRows(files) };
}

function insertsOnly(clauses: readonly MergeClause[]): boolean {
  return clauses.every(({ when }) => when === "not matched");
}

function requireBits(bits: Uint8Array | undefined): Uint8Array {
  assertInternal(bits !== undefined, "rows of a merge whose positions are not known");
  return bits;
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
  const number = sql`${names.source}.${names.number} AS source`;
  const select = insertsOnly(clauses)
    ? sql`SELECT CAST(NULL AS BIGINT) AS place, ${number}, CAST(NULL AS INTEGER) AS clause FROM ${s} SEMI JOIN ${t} ON ${on}`
    : sql`SELECT ${names.target}.${names.place} AS place, ${number}, ${acts ?? sql`CAST(NULL AS INTEGER)`} AS clause FROM ${t} JOIN ${s} ON ${on}`;
  await room.session.execute(sql`CREATE TABLE ${table} AS ${select}`, [], { signal });
  return table;
}

/** The positions of rows that were found in files. */
export function readRows(files: readonly MatchedFile[]): readonly FileRows[] {
  return files.map(({ add: { path }, bits }) => ({ path, rows: requireBits(bits) }));
}

/** Numbers of rows by clause. */
export async function countsOf(
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
export async function changedFiles(
  { room, plan, adds }: Pick<FirstPass, "room" | "plan" | "adds">,
  table: SqlName,
): Promise<readonly MatchedFile[]> {
  const { snapshot, target } = plan;
  const places = sql`SELECT place FROM ${table} WHERE place IS NOT NULL`;
  const files = await filesOfPlaces(room.session, adds, places, target.requirements.deletionVectors);
  const rows = await liveRowCounts(
    room.session,
    snapshot,
    files.map(({ add }) => add),
  );
  return files.map((file, index) => ({ ...file, rows: rows[index] ?? 0 }));
}

/** The files that hold rows at some places, and which they are if these are to be marked. */
export function filesOfPlaces(
  session: Session,
  adds: readonly AddAction[],
  places: SqlSelect,
  marks: boolean,
): Promise<MatchedFile[]> {
  const mask = 2n ** BigInt(rowBits) - 1n;
  const structs = sql`SELECT struct_pack(file := place >> ${rowBits}, "row" := place & ${mask}) AS place FROM (${places})`;
  return filesAtPlaces(session, adds, { places: structs, marks });
}
