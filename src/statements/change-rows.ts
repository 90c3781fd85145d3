import { assignTo } from "../dialects/spark/assign.ts";
import { sparkPartitionText } from "../dialects/spark/partition-text.ts";
import type { Term } from "../dialects/spark/term.ts";
import { translateSpark } from "../dialects/spark/translate.ts";
import { engineText } from "../dialects/statements/engine-text.ts";
import type {
  Assignment,
  DeleteStatement,
  SqlSlice,
  TableReference,
  UpdateStatement,
} from "../dialects/statements/syntax.ts";
import { mayHaveSubquery, termOrEngine } from "../dialects/statements/unlike-engine.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { deleteRows as deleteFrom } from "../operations/delete-rows.ts";
import { updateRows as update } from "../operations/update-rows.ts";
import { columnMetadata } from "../schema/column-metadata.ts";
import { findField } from "../schema/fields.ts";
import { foldName } from "../schema/schema-json.ts";
import { isPrimitive, pathText, typeText } from "../schema/type-names.ts";
import type { DeltaType, StructType } from "../schema/types.ts";
import type { RewriteOutcome } from "../write/rewrite/commit-rewrite.ts";
import type { SubqueryTables, TranslatedValue } from "../write/rewrite/rewrite-plan.ts";
import {
  afterCompaction,
  type StatementContext,
  type StatementResult,
  type StatementTable,
  tableText,
} from "./contract.ts";
import { querySource } from "./query-tables.ts";
import { Subqueries } from "./subqueries.ts";

/** DELETE FROM. */
export async function deleteRows(
  { kind, target, where }: DeleteStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const table = await context.table(target.table);
  const snapshot = await table.writable();
  const { userMetadata, signal } = context;
  const subqueries = new Subqueries(context, snapshot);
  const resolved = where === undefined ? undefined : await subqueries.resolve(where);
  const perRow = await perRowSubqueries([resolved], target, snapshot, context);
  const chosen = conditionOf(resolved, target, snapshot, perRow);
  const options = {
    condition: chosen?.condition,
    readsTable: subqueries.readsTarget,
    subqueries: perRow?.read,
    userMetadata,
    signal,
  };
  return changed(kind, target, table, await deleteFrom(snapshot, chosen?.where, options));
}

/** UPDATE. */
export async function updateRows(
  { kind, target, set, where }: UpdateStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const table = await context.table(target.table);
  const snapshot = await table.writable();
  const { schema } = snapshot;
  const { userMetadata, signal } = context;
  const subqueries = new Subqueries(context, snapshot);
  const resolved = where === undefined ? undefined : await subqueries.resolve(where);
  const assigned: Assignment[] = [];
  for (const { path, start, value } of set) {
    const [column, ...fields] = isQualified(path, target, schema) ? path.slice(1) : path;
    const own = [column ?? "", ...fields];
    assigned.push({ path: own, start, value: value === "default" ? value : await subqueries.resolve(value) });
  }
  const expressions = assigned.flatMap(({ value }) => (value === "default" ? [] : [value]));
  const perRow = await perRowSubqueries([resolved, ...expressions], target, snapshot, context);
  const request = {
    set: assigned.map((one) => ({ path: one.path, value: newValue(snapshot, one, target, perRow) })),
    ...conditionOf(resolved, target, snapshot, perRow),
    readsTable: subqueries.readsTarget,
    subqueries: perRow?.read,
  };
  return changed(kind, target, table, await update(snapshot, request, { userMetadata, signal }));
}

async function changed(
  statement: string,
  target: TableReference,
  table: StatementTable,
  result: RewriteOutcome,
): Promise<StatementResult> {
  const { outcome, version, rowsDeleted, rowsUpdated, rowsCopied, filesAdded, filesRemoved, filesMarked } =
    result;
  const named = { statement, table: tableText(target.table), version };
  if (outcome !== "committed") return { ...named, outcome: "unchanged" };
  await table.committed(result);
  const { compacted, ...after } = afterCompaction(result);
  const metrics = {
    rowsDeleted,
    rowsUpdated,
    rowsCopied,
    filesAdded,
    filesRemoved,
    filesMarked,
    ...compacted,
  };
  return { ...named, ...after, outcome, metrics };
}

/** An expression over the columns of the table alone: what names the table before a column is left out. */
function unqualified(slice: SqlSlice, target: TableReference, schema: StructType): string {
  const columns = schema.fields.map(({ name }) => name);
  return engineText(slice, { tables: qualifiers(target), columns }).sql;
}

/** The names by which a statement may qualify a column. */
function qualifiers({ table, alias }: TableReference): readonly string[] {
  return alias !== undefined ? [alias] : table.kind === "bound" ? [table.name] : [];
}

function isQualified(path: readonly string[], target: TableReference, schema: StructType): boolean {
  const [first = "", second = ""] = path;
  const isTable = qualifiers(target).some((name) => name.toLowerCase() === first.toLowerCase());
  return isTable && findField(schema, second) !== undefined;
}

/**
 * The condition of a statement: as the engine spells it, for the log and to leave out files, and as Spark evaluates
 * it, where that is known.
 *
 * @throws `SQL_FAILED` for a condition that is not true or false
 */
function conditionOf(
  where: SqlSlice | undefined,
  target: TableReference,
  snapshot: LogSnapshot,
  subqueries: PerRowSubqueries | undefined,
): { readonly where: string; readonly condition: Term | undefined } | undefined {
  if (where === undefined) return undefined;
  const condition = translated(where, target, snapshot);
  if (condition !== undefined && condition.type !== "boolean")
    throw new VarveError(
      "SQL_FAILED",
      `The condition ${where.text} is of type ${typeText(condition.type)}, not true or false. Compare it with something, as in "id = 7".`,
      { condition: where.text, found: typeText(condition.type) },
    );
  const text = subqueries?.texts.get(where) ?? unqualified(where, target, snapshot.schema);
  return { where: text, condition };
}

/** The expressions of a statement in which subqueries are left, and what these read. */
interface PerRowSubqueries {
  readonly texts: ReadonlyMap<SqlSlice, string>;
  readonly read: SubqueryTables;
}

/** `undefined` where no expression has a subquery left. */
async function perRowSubqueries(
  slices: readonly (SqlSlice | undefined)[],
  target: TableReference,
  snapshot: LogSnapshot,
  context: StatementContext,
): Promise<PerRowSubqueries | undefined> {
  const texts = new Map<SqlSlice, string>();
  let tables: SubqueryTables["tables"] = {};
  for (const slice of slices) {
    if (slice === undefined || !mayHaveSubquery(slice)) continue;
    if (translated(slice, target, snapshot) !== undefined) continue;
    const source = await querySource(slice, context);
    texts.set(slice, source.sql);
    tables = { ...tables, ...source.tables };
  }
  const [rowName = "target"] = qualifiers(target);
  return texts.size === 0 ? undefined : { texts, read: { tables, rowName } };
}

/** An expression as Spark evaluates it; `undefined` where that is not known, so that the engine evaluates it. */
function translated(slice: SqlSlice, target: TableReference, snapshot: LogSnapshot): Term | undefined {
  const { schema, context } = snapshot;
  const options = {
    now: context.world.now(),
    doubledQuotes: true,
    padsChars: true,
    qualifiers: qualifiers(target),
  };
  return termOrEngine(slice, () => translateSpark(slice.text, schema, options));
}

/** The value of an assignment, cast to the type of its column or field as Spark does. */
function newValue(
  snapshot: LogSnapshot,
  { path, value }: Assignment,
  target: TableReference,
  subqueries: PerRowSubqueries | undefined,
): string | TranslatedValue {
  const slice = value === "default" ? defaultOf(snapshot, path) : value;
  const given = translated(slice, target, snapshot);
  const type = typeAt(snapshot.schema, path);
  // The verb says what is wrong with the path, and takes values of the engine as an append does.
  if (given === undefined || type === undefined)
    return subqueries?.texts.get(slice) ?? unqualified(slice, target, snapshot.schema);
  const assigned = assignTo(given, type, "name");
  const [expected, found] = [typeText(type), typeText(given.type)];
  if (assigned !== undefined) {
    const { partitionColumns } = snapshot.metadata;
    const isPartitionText =
      type === "string" && path.length === 1 && holdsName(partitionColumns, path[0] ?? "");
    const stored = isPartitionText ? sparkPartitionText(assigned.sql) : assigned.sql;
    return { ...assigned, sql: stored, shown: given.sql, found, expected };
  }
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${pathText(path)} is a ${expected}, to which a ${found} cannot be assigned. Nothing was written. Cast it to the column's type.`,
    { column: [...path], expected, found, reason: "type" },
  );
}

function holdsName(names: readonly string[], name: string): boolean {
  return names.some((other) => foldName(other) === foldName(name));
}

function typeAt(schema: StructType, path: readonly string[]): DeltaType | undefined {
  let type: DeltaType | undefined = schema;
  for (const name of path) {
    if (type === undefined || isPrimitive(type) || type.type !== "struct") return undefined;
    type = findField(type, name)?.type;
  }
  return type;
}

/** A column's default; null without one. */
function defaultOf({ schema }: LogSnapshot, path: readonly string[]): SqlSlice {
  const [name = "", ...fields] = path;
  const field = findField(schema, name);
  if (fields.length > 0 || field === undefined)
    throw new VarveError("INVALID_ARGUMENT", `${pathText(path)} has no default: only a column has one.`, {
      column: [...path],
    });
  return { text: columnMetadata(field).default ?? "NULL", start: 0 };
}
