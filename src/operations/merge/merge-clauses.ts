import { VarveError } from "../../errors.ts";
import { columnMetadata } from "../../schema/column-metadata.ts";
import { findField, requireColumn } from "../../schema/fields.ts";
import { foldName } from "../../schema/schema-json.ts";
import { isPrimitive, pathText } from "../../schema/type-names.ts";
import type { DeltaType, StructField, StructType } from "../../schema/types.ts";
import { quoteSparkName } from "../../sql/sql-text.ts";
import { optionText } from "../../util/option-text.ts";
import type { MergeClause, MergeClauses } from "../../write/merge/merge-plan.ts";
import type { BatchTarget } from "../../write/plan/batch-target.ts";
import type { Assignment } from "../../write/rewrite/rewrite-plan.ts";
import { assignedPath, refuseIdentity, refuseTwice, requirePath } from "../assigned-paths.ts";
import {
  type AllColumns,
  assignedBy,
  type ClauseKind,
  isAllColumns,
  type MergeAssignment,
  type MergeClauseRequest,
  type MergeExpression,
  type MergeRequest,
} from "./merge-request.ts";
import { allColumns, evolvedTarget, excepts } from "./merge-schema.ts";
import { assignedValue, boundCondition, type MergeSides, valueFromSource } from "./merge-values.ts";

/** A table that is merged into. */
export interface MergeTarget {
  readonly target: BatchTarget;
  /** With the types that the source gives to its untyped columns. */
  readonly typed: BatchTarget;
}

/**
 * Binds the clauses of a merge to the columns of its source: spells out `*`, looks up the columns that are set,
 * translates the expressions, and adds the columns that the source brings.
 *
 * @throws `COLUMN_NOT_FOUND`, `SCHEMA_MISMATCH`, `SQL_FAILED`, `INVALID_ARGUMENT`, `UNSUPPORTED_FEATURE`
 */
export function bindClauses(
  { target, typed }: MergeTarget,
  source: StructType,
  request: MergeRequest,
): MergeClauses {
  const paths = request.clauses.map((clause) => assignedPaths(clause, target.schema, source, request));
  const bySource = request.clauses.map(({ when }) => when === "not matched by source");
  const evolved = request.evolves
    ? evolvedTarget(
        typed,
        source,
        { paths: paths.filter((_, index) => bySource[index] !== true).flat(), all: allColumns(request) },
        request,
      )
    : typed;
  const { names, assignment, evolves, keys = [] } = request;
  for (const key of keys) requireKey(key, target.schema, source);
  const now = target.context.world.now();
  const sides: MergeSides = {
    names,
    assignment,
    evolves,
    before: target.schema,
    after: evolved.schema,
    source,
    partitionColumns: target.metadata.partitionColumns,
    now,
  };
  return {
    target: evolved,
    on: boundCondition(joinExpression(request, target.schema), "matched", sides),
    clauses: request.clauses.map((clause, index) => bound(clause, paths[index] ?? [], sides)),
  };
}

/** The condition ON. That of keys among which CHAR columns are is one of Spark's, by which spaces do not matter. */
function joinExpression({ on, keys = [], names }: MergeRequest, schema: StructType): MergeExpression {
  const isChar = (key: string) => columnMetadata(requireColumn(schema, key)).charLength?.kind === "char";
  if (!keys.some(isChar)) return on;
  const [target, source] = [names.target, names.source].map(quoteSparkName);
  const equal = keys.map(quoteSparkName).map((key) => `${target}.${key} = ${source}.${key}`);
  return { ...on, spark: equal.join(" AND ") };
}

/** @throws `COLUMN_NOT_FOUND` for a column that the table or the source does not have */
function requireKey(key: string, schema: StructType, source: StructType): void {
  requireColumn(schema, key);
  if (findField(source, key) !== undefined) return;
  const columns = source.fields.map(({ name }) => pathText([name]));
  throw new VarveError(
    "COLUMN_NOT_FOUND",
    `The source has no column ${pathText([key])}, by which its rows are matched. It has: ${columns.join(", ")}. Nothing was written.`,
    { column: [key], columns: source.fields.map(({ name }) => name) },
  );
}

/** The paths that a clause assigns by name, as the table, or else the source, spells them. */
function assignedPaths(
  clause: MergeClauseRequest,
  schema: StructType,
  source: StructType,
  { names, evolves }: MergeRequest,
): readonly (readonly string[])[] {
  const assigned = assignedBy(clause);
  if (assigned === undefined || isAllColumns(assigned)) return [];
  const brings = evolves && clause.when !== "not matched by source";
  return assigned.map(({ path }) => {
    const own = withoutTable(path, names.target, schema);
    if (!brings || hasPath(schema, own)) return pathIn(schema, own);
    const theirs = withoutTable(path, names.source, source);
    return hasPath(source, theirs) ? pathIn(source, theirs) : pathIn(schema, own);
  });
}

function withoutTable(
  path: MergeAssignment["path"],
  table: string,
  schema: StructType,
): MergeAssignment["path"] {
  if (typeof path === "string") return path;
  const [first = "", second = ""] = path;
  const isQualified = foldName(first) === foldName(table) && findField(schema, second) !== undefined;
  return isQualified ? path.slice(1) : path;
}

function pathIn(schema: StructType, path: MergeAssignment["path"]): readonly string[] {
  return typeof path === "string" ? assignedPath(schema, path) : requirePath(schema, path);
}

function hasPath(schema: StructType, path: MergeAssignment["path"]): boolean {
  const parts =
    typeof path === "string" && findField(schema, path) === undefined ? path.split(".") : [path].flat();
  let type: DeltaType | undefined = schema;
  for (const name of parts)
    type =
      type === undefined || isPrimitive(type) || type.type !== "struct"
        ? undefined
        : findField(type, name)?.type;
  return type !== undefined;
}

function bound(
  clause: MergeClauseRequest,
  paths: readonly (readonly string[])[],
  sides: MergeSides,
): MergeClause {
  const { when, action } = clause;
  const condition = clause.condition && boundCondition(clause.condition, when, sides);
  if (action === "delete") return { when, condition, action };
  const asked = assignedBy(clause) ?? [];
  const assignments = isAllColumns(asked)
    ? fromSource(asked, clause, sides)
    : named(asked, paths, clause, sides);
  refuseTwice("merge", assignments);
  return action === "update"
    ? { when, condition, action, set: assignments }
    : { when, condition, action, values: assignments };
}

/** Assignments by name. */
function named(
  asked: readonly MergeAssignment[],
  paths: readonly (readonly string[])[],
  { when, action }: MergeClauseRequest,
  sides: MergeSides,
): Assignment[] {
  const all = asked.map(({ value }, index) => ({
    path: requirePath(sides.after, paths[index] ?? []),
    value,
  }));
  for (const { path } of all) requireAssignable(path, action, sides);
  refuseTwice("merge", all);
  return all.flatMap(({ path, value }) => {
    const bound = assignedValue({ path, value }, when, sides);
    return bound === undefined ? [] : [{ path, value: bound }];
  });
}

/** Assignments of `*`: without a change of the schema all columns of the table, else all of the source. */
function fromSource(all: AllColumns, clause: MergeClauseRequest, sides: MergeSides): Assignment[] {
  const pairs = sides.evolves ? sourceColumns(all, sides) : tableColumns(all, clause, sides);
  return pairs.map(({ column, field }) => {
    requireAssignable([field.name], clause.action, sides);
    return { path: [field.name], value: valueFromSource(column, field, clause.when, sides) };
  });
}

/** A column of the source, and the one of the table that takes it. */
interface ColumnPair {
  readonly column: StructField;
  readonly field: StructField;
}

function sourceColumns(all: AllColumns, { source, after }: MergeSides): ColumnPair[] {
  return source.fields
    .filter(({ name }) => !excepts(all, name))
    .map((column) => ({ column, field: requireColumn(after, column.name) }));
}

/** @throws `SCHEMA_MISMATCH` for a column that the source lacks */
function tableColumns(all: AllColumns, { when }: MergeClauseRequest, sides: MergeSides): ColumnPair[] {
  const { source, before, assignment } = sides;
  return before.fields.flatMap((field): ColumnPair[] => {
    if (excepts(all, field.name)) return [];
    const column = findField(source, field.name);
    if (column !== undefined) return [{ column, field }];
    // As an append leaves them to the table; Spark wants them in the source.
    if (assignment === "append" && isComputed(field)) return [];
    throw missingColumn(field, when, sides);
  });
}

function isComputed(field: StructField): boolean {
  const { generation, identity } = columnMetadata(field);
  return generation !== undefined || identity !== undefined;
}

function missingColumn({ name }: StructField, when: ClauseKind, { source }: MergeSides): VarveError {
  const columns = source.fields.map((field) => field.name);
  return new VarveError(
    "COLUMN_NOT_FOUND",
    `The source has no column ${pathText([name])}, which the clause for rows that are ${when} takes from it, as all columns. It has: ${columns.map((other) => pathText([other])).join(", ")}. Set single columns instead, or write with ${optionText("mergeSchema")}, which leaves such columns alone. Nothing was written.`,
    { column: [name], columns },
  );
}

/** @throws `INVALID_ARGUMENT` for a field in an insertion, and for an identity column whose numbers are the table's */
function requireAssignable(
  path: readonly string[],
  action: MergeClauseRequest["action"],
  { after }: MergeSides,
): void {
  const isUpdate = action === "update";
  if (!isUpdate && path.length > 1)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The merge inserts ${pathText(path)}, a field of a struct. List whole columns, with named_struct for its fields.`,
      { column: [...path] },
    );
  const { identity } = columnMetadata(requireColumn(after, path[0] ?? ""));
  if (isUpdate || identity?.allowExplicitInsert === false) refuseIdentity("merge", after, path);
}
