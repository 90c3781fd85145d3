import { type Mismatch, planConversion } from "../../dialects/conversion.ts";
import { type ColumnPlan, planColumn, refuseMismatches } from "../../dialects/enforcement.ts";
import { engineTypeText, openTypeText, parseEngineType } from "../../dialects/engine-types.ts";
import { nullRows } from "../../dialects/row-condition.ts";
import { assertInternal } from "../../errors.ts";
import { findField, holdsVariant, requireColumn } from "../../schema/fields.ts";
import { foldName } from "../../schema/schema-json.ts";
import { typeText } from "../../schema/type-names.ts";
import type { StructField, StructType } from "../../schema/types.ts";
import { untypedAsVoid } from "../../schema/untyped-columns.ts";
import { type SqlExpression, type SqlName, sql } from "../../sql/sql.ts";
import { quoteName } from "../../sql/sql-text.ts";
import { type RowRule, type WriteRules, writeRules } from "../../table/rules/write-rules.ts";
import { type BoundAssignment, newValue } from "../rewrite/new-images.ts";
import type { Assignment, TranslatedValue } from "../rewrite/rewrite-plan.ts";
import type { WriteRoom } from "../stages/write-room.ts";
import { type MergeActions, sidesOf } from "./merge-actions.ts";
import { relationsOf } from "./merge-conditions.ts";
import type { MergeClause } from "./merge-plan.ts";

/** The values that a clause gives to the columns of its rows. */
export interface ClauseValues {
  readonly clause: MergeClause;
  readonly index: number;
  /** By the table's columns. */
  readonly columns: ReadonlyMap<string, ClauseValue>;
  /** Values that may fail, as they were given. */
  readonly risky: readonly RiskyValue[];
}

/** The value of one column. */
export interface ClauseValue {
  readonly field: StructField;
  /** SQL over the rows of both sides, before it is converted. */
  readonly sql: SqlExpression;
  /** Name of that value in the queries. */
  readonly name: SqlName;
  /** How the value of that name becomes that of the column, and what must be checked of it. */
  readonly plan: ColumnPlan;
}

/** A translated value that is not there for some rows. */
export interface RiskyValue {
  readonly path: readonly string[];
  readonly value: TranslatedValue & { readonly fails: SqlExpression };
}

/** The new values of a merge's rows, and what the table computes and requires. */
export interface MergeValues {
  readonly clauses: readonly ClauseValues[];
  /** SQL of the table's old values by their columns, in the types that the merge leaves the table with. */
  readonly old: ReadonlyMap<string, SqlExpression>;
  readonly rules: WriteRules;
}

/**
 * Binds and types the values of a merge's clauses.
 *
 * @throws `SCHEMA_MISMATCH` for a value that can be none of its column; `SQL_FAILED`, `SQL_REFUSED`,
 * `UNSUPPORTED_FEATURE`
 */
export async function mergeValues(
  room: WriteRoom,
  snapshotSchema: StructType,
  actions: MergeActions,
): Promise<MergeValues> {
  const { target } = actions.clauses;
  if (holdsVariant(target.schema)) room.session.enableVariants();
  const old = oldValues(snapshotSchema, target.schema, actions);
  const clauses: ClauseValues[] = [];
  for (const [index, clause] of actions.clauses.clauses.entries())
    if (clause.action !== "delete") clauses.push(await clauseValues(actions, { clause, index, old }));
  return { clauses, old, rules: await rulesOf(room, actions, clauses) };
}

/** The table's columns as expressions see them, converted where the merge changes their types. */
function oldValues(
  before: StructType,
  after: StructType,
  { names }: MergeActions,
): ReadonlyMap<string, SqlExpression> {
  const mismatches: Mismatch[] = [];
  // An untyped column that gets a type is null in every row.
  const nullsAsVoid = untypedAsVoid(before);
  const values = after.fields.map(({ name, type }): [string, SqlExpression] => {
    const field = findField(before, name);
    if (field === undefined) return [name, sql`CAST(NULL AS ${engineTypeText(type)})`];
    const column = sql`${names.target}.${quoteName(field.name)}`;
    if (typeText(field.type) === typeText(type)) return [name, column];
    const known = requireColumn(nullsAsVoid, name).type;
    if (known === "void") return [name, sql`CAST(NULL AS ${engineTypeText(type)})`];
    const { convert } = planConversion(parseEngineType(openTypeText(known)), type, [name], mismatches);
    return [name, convert(column)];
  });
  assertInternal(mismatches.length === 0, "old rows of a merge do not have the types of the table any more");
  return new Map(values);
}

interface Binding {
  readonly clause: Exclude<MergeClause, { action: "delete" }>;
  readonly index: number;
  readonly old: MergeValues["old"];
}

async function clauseValues(
  { names, scope, clauses: { target } }: MergeActions,
  { clause, index, old }: Binding,
): Promise<ClauseValues> {
  const relations = relationsOf(scope, sidesOf[clause.when]);
  const given = clause.action === "update" ? clause.set : clause.values;
  const bound: BoundAssignment[] = [];
  for (const { path, value } of given)
    bound.push({
      path,
      value: typeof value === "string" ? await scope.fenced.callerExpression(value, relations) : value.sql,
    });
  const values = target.schema.fields.flatMap((field) => {
    const own = bound.filter(({ path }) => foldName(path[0] ?? "") === foldName(field.name));
    const none = sql`CAST(NULL AS ${engineTypeText(field.type)})`;
    const before = clause.action === "insert" ? none : (old.get(field.name) ?? none);
    return own.length === 0 ? [] : [{ field, sql: newValue(field, before, own, 1) }];
  });
  const described = await scope.fenced.describe(
    sql`SELECT ${values.length === 0 ? 1 : values.map(({ sql: value }, column) => sql`${value} AS ${quoteName(`v${column}`)}`)} FROM ${nullRows(relations)}`,
  );
  const mismatches: Mismatch[] = [];
  const partitions = new Set(target.metadata.partitionColumns.map(foldName));
  const columns = values.map(({ field, sql: value }, column): [string, ClauseValue] => {
    const name = quoteName(`${names.prefix}new_${index}_${column}`);
    const type = described[column]?.type ?? "";
    const isPartition = partitions.has(foldName(field.name));
    const plan = planColumn(field, { sql: name, type }, mismatches, { isPartition });
    return [field.name, { field, sql: value, name, plan }];
  });
  refuseMismatches(mismatches, { ofValues: true });
  return { clause, index, columns: new Map(columns), risky: given.flatMap(riskyOf) };
}

function riskyOf({ path, value }: Assignment): readonly RiskyValue[] {
  if (typeof value === "string" || value.fails === undefined) return [];
  return [{ path, value: { ...value, fails: value.fails } }];
}

/** What the table computes for columns that clauses leave out, and requires of all. */
async function rulesOf(
  { fence }: WriteRoom,
  { clauses: { target } }: MergeActions,
  clauses: readonly ClauseValues[],
): Promise<WriteRules> {
  const { schema, requirements, context } = target;
  const now = context.world.now();
  const inserts = clauses.filter(({ clause }) => clause.action === "insert");
  const generated = new Set(requirements.generated.map(({ column: [name = ""] }) => foldName(name)));
  // Of columns that a clause leaves out, the table's own value is needed.
  const columns = schema.fields
    .map(({ name }) => name)
    .filter((name) => !generated.has(foldName(name)) && inserts.every(({ columns: own }) => own.has(name)));
  const rules = await writeRules(fence, schema, requirements, { columns, now });
  const assigned = schema.fields
    .map(({ name }) => name)
    .filter((name) => generated.has(foldName(name)) && clauses.some(({ columns: own }) => own.has(name)));
  if (assigned.length === 0) return rules;
  const given = await writeRules(fence, schema, requirements, { columns: [...columns, ...assigned], now });
  const own = (rule: RowRule) => rule.kind === "generated" && assigned.includes(rule.name);
  return { ...rules, rows: [...rules.rows, ...given.rows.filter(own)] };
}
