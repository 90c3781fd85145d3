import type { EnforcementCheck } from "../../dialects/enforcement.ts";
import { engineTypeText } from "../../dialects/engine-types.ts";
import type { EngineColumn, StagedRelation } from "../../engine/core/contract.ts";
import { guardSql } from "../../engine/fence/row-guard.ts";
import { assertInternal } from "../../errors.ts";
import type { StructField, StructType } from "../../schema/types.ts";
import { joinSql, type SqlExpression, type SqlName, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { firstIdentity } from "../../table/rules/write-rules.ts";
import { planFiles } from "../../table/scan/scan.ts";
import type { MatchedFile } from "../rewrite/rewrite-plan.ts";
import { keptRowIds } from "../stages/kept-row-ids.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import { type MergeActions, placeItem } from "./merge-actions.ts";
import type { MergePlan } from "./merge-plan.ts";
import type { ClauseValues, MergeValues, RiskyValue } from "./merge-values.ts";

/** The rows of some files of the table, with what becomes of them, and the rows that are inserted. */
export interface MergeRows {
  readonly actions: MergeActions;
  readonly values: MergeValues;
  /** The table as the merge leaves it. */
  readonly schema: StructType;
  /** Rows of the files: their columns, place, and the struct of row ids if these are read. */
  readonly scan: SqlSelect;
  readonly readsIds: boolean;
}

/** The rows of some files, for the second pass of a merge. */
export async function mergeRows(
  { session }: WriteRoom,
  { snapshot, target }: MergePlan,
  actions: MergeActions,
  values: MergeValues,
  files: readonly MatchedFile[],
): Promise<MergeRows> {
  const { names } = actions;
  const readsIds = keptRowIds(target) !== undefined;
  const adds = files.map(({ add }) => add);
  const numbers = new Map(actions.adds.map((add, number) => [add, number]));
  const scan = await planFiles(session, snapshot, adds, {
    typedVariants: true,
    fileNumbers: adds.map((add) => requireNumber(numbers.get(add))),
    rowTracking: readsIds,
    place: names.scanned,
  });
  const columns = snapshot.schema.fields.map(({ name }) => quoteName(name));
  const ids = readsIds ? [sql`_metadata AS ${names.ids}`] : [];
  return {
    actions,
    values,
    schema: actions.clauses.target.schema,
    scan: sql`SELECT ${[...columns, ...ids, placeItem(names)]} FROM (${scan.sql})`,
    readsIds,
  };
}

function requireNumber(number: number | undefined): number {
  assertInternal(number !== undefined, "rows of a file that the merge did not look at");
  return number;
}

/** How the rows of a merge are read. */
export interface ImageOptions {
  /** Whether rows that do not change are left out. */
  readonly changedOnly: boolean;
  /** Whether a value that is none of its column ends the statement. */
  readonly guarded: boolean;
}

/**
 * The rows as the merge leaves them: the table's columns; the clause that acts (null for copied rows), the number
 * of the source's row and the struct of row ids. Deleted rows have their old values.
 */
export function imagesSql(rows: MergeRows, options: ImageOptions): SqlSelect {
  const { actions, values, schema } = rows;
  const { names } = actions;
  const arms = armsOf(rows, options.changedOnly);
  const images = joinSql(
    arms.map((arm) => armImages(rows, arm, options.guarded)),
    sql` UNION ALL `,
  );
  const computed = [...values.rules.computed].map(([name, value]) => {
    const filled = values.clauses.filter(({ columns }) => !columns.has(name)).map(({ index }) => index);
    const isComputed = filled.length === 0 ? sql`FALSE` : sql`${names.clause} IN (${filled})`;
    return sql`CASE WHEN ${isComputed} THEN ${value} ELSE ${quoteName(name)} END AS ${quoteName(name)}`;
  });
  const columns = [
    ...schema.fields.map(({ name }) => quoteName(name)),
    names.clause,
    names.number,
    names.ids,
  ];
  const all = sql`SELECT ${columns} FROM (${images})`;
  return computed.length === 0 ? all : sql`SELECT * REPLACE (${computed}) FROM (${all})`;
}

/** Images as a batch, of which each row has the place of the source's. */
export function imagesBatch(
  { actions: { names, source } }: MergeRows,
  images: SqlSelect,
  columns: readonly EngineColumn[],
): StagedRelation {
  const items = columns.map(({ name }) => quoteName(name));
  const positionColumns = { file: `${names.prefix}file`, row: `${names.prefix}number` };
  return {
    sql: sql`SELECT ${items} FROM (${images})`,
    columns,
    positionedSql: sql`SELECT ${[...items, sql`${source.file} AS ${quoteName(positionColumns.file)}`, names.number]} FROM (${images})`,
    positionColumns,
  };
}

/** One kind of rows: those of the table, or those that are inserted. */
export interface Arm {
  readonly kind: "table" | "inserts";
  /** Relations for a FROM, with the columns of both sides. */
  readonly from: SqlExpression;
  /** Conditions over them. */
  readonly where: readonly SqlExpression[];
  /** SQL over them: the clause that acts, and the number of the source's row. */
  readonly clause: SqlExpression;
  readonly number: SqlExpression;
  readonly clauses: readonly ClauseValues[];
}

/** The kinds of rows that a merge writes. */
export function armsOf(rows: MergeRows, changedOnly: boolean): readonly Arm[] {
  const { actions, values } = rows;
  const { names, table, source } = actions;
  const numbered = source.numbered(names.number);
  const s = quoteName(`${names.prefix}s`);
  const a = quoteName(`${names.prefix}a`);
  const withSource = (place: SqlExpression, of: SqlExpression) =>
    sql`(SELECT ${s}.*, ${place}${a}.clause AS ${names.clause} FROM ${table} AS ${a} JOIN (${numbered}) AS ${s} ON ${s}.${names.number} = ${a}.source WHERE ${of}) AS ${names.source}`;
  const inserts: Arm = {
    kind: "inserts",
    from: withSource(sql``, sql`${a}.place IS NULL`),
    where: [],
    clause: sql`${names.source}.${names.clause}`,
    number: sql`${names.source}.${names.number}`,
    clauses: values.clauses.filter(({ clause }) => clause.action === "insert"),
  };
  const inserted = actions.counts.some((n, index) => n > 0 && isInsert(actions, index));
  const changing = tableArm(rows, changedOnly, withSource);
  return inserted ? [changing, inserts] : [changing];
}

function isInsert({ clauses: { clauses } }: MergeActions, index: number): boolean {
  return clauses[index]?.action === "insert";
}

function tableArm(
  { actions, values, scan }: MergeRows,
  changedOnly: boolean,
  withSource: (place: SqlExpression, of: SqlExpression) => SqlExpression,
): Arm {
  const { names, table, clauses } = actions;
  const updates = values.clauses.filter(({ clause }) => clause.action === "update");
  const missing = updates.filter(({ clause }) => clause.when === "not matched by source");
  const matched = updates.filter(({ clause }) => clause.when === "matched");
  const hasMissing = clauses.clauses.some(({ when }) => when === "not matched by source");
  const place = quoteName(`${names.prefix}at`);
  const a = quoteName(`${names.prefix}a`);
  // Names of the source mean nothing for rows that it does not have, so their values are computed before the join.
  const missed = quoteName(`${names.prefix}missed`);
  const own = missing.flatMap(({ index, columns }) =>
    [...columns.values()].map(
      ({ name, sql: value }) => sql`CASE WHEN ${a}.${names.clause} = ${index} THEN ${value} END AS ${name}`,
    ),
  );
  const target = hasMissing
    ? sql`(SELECT ${[sql`${names.target}.*`, ...own, sql`${a}.${names.clause} AS ${missed}`]} FROM (${scan}) AS ${names.target} LEFT JOIN (SELECT place AS ${place}, clause AS ${names.clause} FROM ${table} WHERE place IS NOT NULL AND source IS NULL) AS ${a} ON ${a}.${place} = ${names.target}.${names.place}) AS ${names.target}`
    : sql`(${scan}) AS ${names.target}`;
  const isMatched = sql`${a}.place IS NOT NULL AND ${a}.source IS NOT NULL`;
  const source =
    matched.length > 0
      ? withSource(sql`${a}.place AS ${place}, `, isMatched)
      : sql`(SELECT ${a}.place AS ${place}, ${a}.source AS ${names.number}, ${a}.clause AS ${names.clause} FROM ${table} AS ${a} WHERE ${isMatched}) AS ${names.source}`;
  const join = changedOnly && !hasMissing ? sql`JOIN` : sql`LEFT JOIN`;
  const clause = sql`${names.source}.${names.clause}`;
  const acting = hasMissing ? sql`coalesce(${clause}, ${names.target}.${missed})` : clause;
  return {
    kind: "table",
    from: sql`${target} ${join} ${source} ON ${names.source}.${place} = ${names.target}.${names.place}`,
    where: changedOnly && hasMissing ? [sql`${acting} IS NOT NULL`] : [],
    clause: acting,
    number: sql`${names.source}.${names.number}`,
    clauses: updates,
  };
}

/** The old and new values of an arm's rows, before the new ones are converted. */
export function armValues({ actions, values, readsIds }: MergeRows, arm: Arm): SqlSelect {
  const { names } = actions;
  const old =
    arm.kind === "table"
      ? [...values.old.values()].map((value, index) => sql`${value} AS ${oldName(names.prefix, index)}`)
      : [];
  const given = arm.clauses.flatMap(({ clause, index, columns }) =>
    [...columns.values()].map(({ name, sql: value }) =>
      clause.when === "not matched by source"
        ? sql`${names.target}.${name}`
        : sql`CASE WHEN ${arm.clause} = ${index} THEN ${value} END AS ${name}`,
    ),
  );
  const ids =
    readsIds && arm.kind === "table"
      ? sql`${names.target}.${names.ids} AS ${names.ids}`
      : sql`CAST(NULL AS STRUCT(row_id BIGINT, row_commit_version BIGINT)) AS ${names.ids}`;
  const own = [sql`${arm.clause} AS ${names.clause}`, sql`${arm.number} AS ${names.number}`, ids];
  return sql`SELECT ${[...old, ...given, ...own]} FROM ${arm.from}${whereSql(arm.where)}`;
}

function whereSql(conditions: readonly SqlExpression[]): SqlExpression {
  return conditions.length === 0 ? sql`` : sql` WHERE ${joinSql(conditions, sql` AND `)}`;
}

function oldName(prefix: string, index: number): SqlName {
  return quoteName(`${prefix}old_${index}`);
}

/** SQL over the relations of an arm that is TRUE where a value cannot be computed. */
export function riskyCondition(arm: Arm, { index }: ClauseValues, { value }: RiskyValue): SqlExpression {
  return sql`(${arm.clause} = ${index} AND ${value.fails})`;
}

/** SQL over the values of an arm that is TRUE where one is none of its column. */
export function checkCondition(
  { names }: MergeActions,
  index: number,
  check: EnforcementCheck,
): SqlExpression {
  return sql`(${names.clause} = ${index} AND ${check.violated})`;
}

function armImages(rows: MergeRows, arm: Arm, guarded: boolean): SqlSelect {
  const { actions, schema } = rows;
  const { names } = actions;
  const risky = arm.clauses.flatMap((own) => own.risky.map((value) => riskyCondition(arm, own, value)));
  const checks = arm.clauses.flatMap(({ index, columns }) =>
    [...columns.values()].flatMap(({ plan }) =>
      plan.checks.map((check) => checkCondition(actions, index, check)),
    ),
  );
  const guards = (fails: readonly SqlExpression[]) => (guarded && fails.length > 0 ? [guardSql(fails)] : []);
  const safeArm = { ...arm, where: [...arm.where, ...guards(risky)] };
  const columns = schema.fields.map(
    (field, index) => sql`${imageOf(rows, arm, field, index)} AS ${quoteName(field.name)}`,
  );
  const own = [names.clause, names.number, names.ids];
  return sql`SELECT ${[...columns, ...own]} FROM (${armValues(rows, safeArm)})${whereSql(guards(checks))}`;
}

/** A column of an arm's rows: what the acting clause gives it, else its old value, or the table's own. */
function imageOf({ actions, values }: MergeRows, arm: Arm, field: StructField, index: number): SqlExpression {
  const { names } = actions;
  const cases = arm.clauses.flatMap(({ index: clause, columns }) => {
    const value = columns.get(field.name);
    return value === undefined ? [] : [{ clause, sql: value.plan.sql }];
  });
  const otherwise =
    arm.kind === "table"
      ? oldName(names.prefix, index)
      : ownValue(
          { actions, values },
          field,
          cases.map(({ clause }) => clause),
        );
  if (cases.length === 0) return otherwise;
  const given = cases.map(({ clause, sql: value }) => sql`WHEN ${clause} THEN ${value}`);
  return sql`CASE ${names.clause} ${joinSql(given, sql` `)} ELSE ${otherwise} END`;
}

/** The table's own value of a column that an insert leaves out. */
function ownValue(
  { actions: { names }, values: { rules } }: Pick<MergeRows, "actions" | "values">,
  { name, type }: StructField,
  givers: readonly number[],
): SqlExpression {
  const identity = rules.numbered.find(({ column }) => column === name);
  if (identity === undefined) return rules.defaults.get(name) ?? sql`CAST(NULL AS ${engineTypeText(type)})`;
  const given = givers.length === 0 ? sql`FALSE` : sql`${names.clause} IN (${[...givers]})`;
  return sql`CAST(${firstIdentity(identity)} + (row_number() OVER (PARTITION BY ${given} ORDER BY ${names.number}) - 1) * ${identity.step} AS BIGINT)`;
}
