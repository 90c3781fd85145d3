import { type EnforcementPlan, planEnforcement } from "../../dialects/enforcement.ts";
import { engineColumns } from "../../dialects/engine-types.ts";
import type { FencedSession, Session, StagedRelation } from "../../engine/core/contract.ts";
import { assertInternal } from "../../errors.ts";
import type { StructField, StructType } from "../../schema/types.ts";
import { type SqlExpression, type SqlName, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import type { WriteRules } from "../../table/rules/write-rules.ts";
import { planFiles } from "../../table/scan/scan.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import { keptRowIds } from "../stages/kept-row-ids.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import { type ChosenRows, scanWithChosen } from "./chosen-rows.ts";
import type { MatchedRows } from "./matched-rows.ts";
import type { Assignment, MatchedFile, RewritePlan } from "./rewrite-plan.ts";

/** Names of the columns that the relations of a rewrite have besides the table's. */
export interface OwnNames {
  readonly prefix: string;
  /** TRUE for rows that the condition selects. */
  readonly matched: SqlName;
  /** The struct of row ids, where they are read. */
  readonly ids: SqlName;
}

/** Values that are assigned to the columns of the rows to change. */
export interface AssignedValues {
  /** By the table's columns: SQL over a row's old values. */
  readonly values: ReadonlyMap<string, SqlExpression>;
  /** How the values become those of their columns, and what must be checked. */
  readonly enforcement: EnforcementPlan;
}

/** Rows of a table, of which some are changed. */
export interface ChangingRows {
  /** The table's columns, and `_metadata` if row ids are read. */
  readonly scan: SqlSelect;
  readonly schema: StructType;
  readonly names: OwnNames;
  /** SQL over the table's columns that is TRUE or FALSE for a row. */
  readonly condition: SqlExpression;
  /** Where subqueries are involved: what they gave, in columns of the scan. */
  readonly chosen?: ChosenRows | undefined;
  readonly readsIds: boolean;
}

/** Names that no column of the table has. */
function ownNames(schema: StructType): OwnNames {
  const prefix = freePrefix([...schema.fields.map(({ name }) => name), "_metadata"]);
  return { prefix, matched: quoteName(`${prefix}matched`), ids: quoteName(`${prefix}ids`) };
}

/** The rows of some files, of which the matched ones change. */
export async function changingRows(
  room: Pick<WriteRoom, "session">,
  plan: RewritePlan,
  { condition, chosen }: MatchedRows,
  files: readonly MatchedFile[],
): Promise<ChangingRows> {
  const { target, snapshot } = plan;
  const { schema } = snapshot;
  const names = ownNames(schema);
  const readsIds = keptRowIds(target) !== undefined;
  const adds = files.map(({ add }) => add);
  const own = { schema, names, condition, chosen, readsIds };
  if (chosen !== undefined) {
    const options = { rowTracking: readsIds, place: `${names.prefix}place` };
    return { scan: await scanWithChosen(room, plan, adds, chosen, options), ...own };
  }
  const options = { typedVariants: true, rowTracking: readsIds };
  const scan = await planFiles(room.session, snapshot, adds, options);
  return { scan: scan.sql, ...own };
}

/**
 * Binds the new values of an update, whose types must be such as an append of them would take.
 *
 * @throws `SQL_FAILED`, `SQL_REFUSED`; `SCHEMA_MISMATCH` for a value that can be none of its column
 */
export async function assignedValues(
  fenced: FencedSession,
  { scan, schema, chosen }: Pick<ChangingRows, "scan" | "schema" | "chosen">,
  set: readonly Assignment[],
  partitionColumns: readonly string[],
): Promise<AssignedValues> {
  const columns = engineColumns(schema);
  const bound: BoundAssignment[] = [];
  for (const [index, { path, value }] of set.entries())
    bound.push({
      path,
      value:
        typeof value === "string"
          ? (chosen?.values[index] ?? (await fenced.callerExpression(value, columns)))
          : value.sql,
    });
  const values = new Map<string, SqlExpression>();
  for (const field of schema.fields) {
    const own = bound.filter(({ path }) => path[0] === field.name);
    if (own.length > 0) values.set(field.name, newValue(field, quoteName(field.name), own, 1));
  }
  const described = await fenced.describe(
    sql`SELECT ${[...values].map(([name, value]) => sql`${value} AS ${quoteName(name)}`)} FROM (${scan})`,
  );
  const assigned: StructType = {
    type: "struct",
    fields: schema.fields.filter(({ name }) => values.has(name)),
  };
  return { values, enforcement: planEnforcement(assigned, described, { partitionColumns, ofValues: true }) };
}

/** An assignment whose value is SQL of the engine. */
export interface BoundAssignment {
  readonly path: readonly string[];
  readonly value: SqlExpression;
}

/**
 * A column or field with what is assigned to it or below it; other fields of a struct keep their values, which
 * are null where the struct is.
 */
export function newValue(
  { type }: StructField,
  old: SqlExpression,
  assignments: readonly BoundAssignment[],
  depth: number,
): SqlExpression {
  const [whole] = assignments.filter(({ path }) => path.length === depth);
  if (whole !== undefined) return whole.value;
  assertInternal(typeof type !== "string" && type.type === "struct", "fields of a value that is no struct");
  const fields = type.fields.map((field) => {
    const own = assignments.filter(({ path }) => path[depth] === field.name);
    const before = sql`struct_extract(${old}, ${quoteText(field.name)})`;
    const value = own.length === 0 ? before : newValue(field, before, own, depth + 1);
    return sql`${quoteName(field.name)} := ${value}`;
  });
  return sql`struct_pack(${fields})`;
}

/** The assigned values of the rows to change, by the names of their columns, for the checks of their types. */
export async function assignedRows(
  session: Session,
  { scan, condition }: ChangingRows,
  { values }: AssignedValues,
): Promise<StagedRelation> {
  const items = [...values].map(([name, value]) => sql`${value} AS ${quoteName(name)}`);
  const select = sql`SELECT ${items} FROM (SELECT * FROM (${scan}) WHERE ${condition})`;
  const relation = { sql: select, columns: await session.describe(select) };
  return session.stage({ kind: "relation", relation });
}

/**
 * All rows, with new values where they change: the table's columns, and those of {@link OwnNames}.
 *
 * An assigned value is evaluated for rows that change only; a generated column is computed again from the
 * new values.
 */
export function imagesSql(
  rows: ChangingRows,
  { values, enforcement }: AssignedValues,
  rules: WriteRules,
): SqlSelect {
  const { schema, names } = rows;
  const oldName = (index: number) => quoteName(`${names.prefix}old_${index}`);
  const newName = (index: number) => quoteName(`${names.prefix}new_${index}`);
  const assigned = [...values];
  const ids = rows.readsIds ? [sql`_metadata AS ${names.ids}`] : [];
  const evaluated = sql`SELECT ${[
    ...schema.fields.map(({ name }, index) => sql`${quoteName(name)} AS ${oldName(index)}`),
    ...assigned.map(
      ([, value], index) => sql`CASE WHEN ${rows.condition} THEN ${value} END AS ${newName(index)}`,
    ),
    sql`${rows.condition} AS ${names.matched}`,
    ...ids,
  ]} FROM (${rows.scan})`;
  const own = rows.readsIds ? [names.matched, names.ids] : [names.matched];
  const named = sql`SELECT ${[
    ...schema.fields.map((_, index) => oldName(index)),
    ...assigned.map(([name], index) => sql`${newName(index)} AS ${quoteName(name)}`),
    ...own,
  ]} FROM (${evaluated})`;
  const converted = new Map(enforcement.columns.map((column) => [column.field.name, column.sql]));
  const images = sql`SELECT ${[
    ...schema.fields.map(({ name }, index) => {
      const value = converted.get(name);
      const image =
        value === undefined
          ? oldName(index)
          : sql`CASE WHEN ${names.matched} THEN ${value} ELSE ${oldName(index)} END`;
      return sql`${image} AS ${quoteName(name)}`;
    }),
    ...own,
  ]} FROM (${named})`;
  const computed = [...rules.computed].map(
    ([name, value]) =>
      sql`CASE WHEN ${names.matched} THEN ${value} ELSE ${quoteName(name)} END AS ${quoteName(name)}`,
  );
  return computed.length === 0 ? images : sql`SELECT * REPLACE (${computed}) FROM (${images})`;
}

/** Rows with nothing but whether they are to change added: those of a deletion. */
export function markedSql({ scan, schema, names, condition, readsIds }: ChangingRows): SqlSelect {
  const ids = readsIds ? [sql`_metadata AS ${names.ids}`] : [];
  return sql`SELECT ${[
    ...schema.fields.map(({ name }) => quoteName(name)),
    sql`${condition} AS ${names.matched}`,
    ...ids,
  ]} FROM (${scan})`;
}
