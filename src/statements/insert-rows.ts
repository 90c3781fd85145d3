import { engineTypeText, schemaOfEngine } from "../dialects/engine-types.ts";
import { literal } from "../dialects/spark/literals.ts";
import { sparkPartitionText } from "../dialects/spark/partition-text.ts";
import { literalTerm, type Term, typed } from "../dialects/spark/term.ts";
import { translateSpark } from "../dialects/spark/translate.ts";
import { engineText } from "../dialects/statements/engine-text.ts";
import type { InsertStatement } from "../dialects/statements/syntax.ts";
import { refuseUnlike } from "../dialects/statements/unlike-engine.ts";
import { assertInternal, VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { append } from "../operations/append.ts";
import { type OverwriteOptions, overwrite } from "../operations/overwrite.ts";
import { columnMetadata } from "../schema/column-metadata.ts";
import { findField, requireColumn } from "../schema/fields.ts";
import { foldName } from "../schema/schema-json.ts";
import { isPrimitive, pathText, typeText } from "../schema/type-names.ts";
import type { DeltaType, StructField } from "../schema/types.ts";
import { quoteName, quoteSparkName } from "../sql/sql-text.ts";
import { counted } from "../util/counted.ts";
import { type Assign, type AssignedColumn, NoRows } from "../write/plan/assigned-rows.ts";
import type { AssignedSource } from "../write/plan/write-source.ts";
import { afterCompaction, type StatementContext, type StatementResult, tableText } from "./contract.ts";
import { assignedColumn, valuesSource } from "./insert-values.ts";
import { querySource } from "./query-tables.ts";

/** INSERT INTO, INSERT OVERWRITE and INSERT INTO … REPLACE WHERE. */
export async function insertRows(
  given: InsertStatement,
  context: StatementContext,
): Promise<StatementResult> {
  const table = await context.table(given.target.table);
  const snapshot = await table.writable();
  const statement = { ...given, evolves: given.evolves || context.mergeSchema };
  const source = await sourceOf(statement, snapshot, context);
  const replaced = replacement(statement, snapshot, context);
  const { upgradeProtocol, userMetadata, signal } = context;
  const options = { mergeSchema: statement.evolves, upgradeProtocol, userMetadata, signal };
  const named = { statement: "INSERT", table: tableText(statement.target.table) };
  try {
    const result =
      replaced === undefined
        ? await append(snapshot, source, options)
        : await overwrite(snapshot, source, { ...options, ...replaced });
    await table.committed(result);
    const { rows, filesAdded, filesRemoved, bytesAdded } = result;
    const { version, compacted } = afterCompaction(result);
    const metrics = { rows, filesAdded, filesRemoved, bytesAdded, ...compacted };
    return { ...named, outcome: "committed", version, metrics };
  } catch (error) {
    if (!(error instanceof NoRows)) throw error;
    return { ...named, outcome: "unchanged", version: snapshot.version };
  }
}

/** What the rows replace; `undefined` for an append. */
function replacement(
  { overwrite: overwrites, replace, partition }: InsertStatement,
  { metadata, schema }: LogSnapshot,
  { dynamicPartitions }: StatementContext,
): Pick<OverwriteOptions, "replaceWhere" | "dynamicPartitions"> | undefined {
  if (replace?.kind === "where") {
    refuseUnlike(replace.condition);
    return { replaceWhere: engineText(replace.condition).sql };
  }
  if (replace !== undefined)
    throw new VarveError(
      "UNSUPPORTED_FEATURE",
      `varve does not support INSERT INTO … REPLACE ${replace.kind.toUpperCase()}, and neither does Spark's Delta. Use REPLACE WHERE or MERGE INTO. Nothing was changed.`,
      { statement: `REPLACE ${replace.kind.toUpperCase()}` },
    );
  if (!overwrites) return undefined;
  const fixed = partition.filter(({ value }) => value !== undefined);
  if (fixed.length > 0)
    return {
      replaceWhere: fixed
        .map(({ column, value }) => partitionCondition(requireColumn(schema, column), value?.text ?? ""))
        .join(" AND "),
    };
  return dynamicPartitions && metadata.partitionColumns.length > 0 ? { dynamicPartitions: true } : {};
}

/** The rows of a partition. Its value is one of its column: the engine would compare texts with a number as numbers. */
function partitionCondition({ name, type }: StructField, value: string): string {
  const text = engineText({ text: value, start: 0 }).sql;
  if (/^null$/i.test(value) || (type === "string" && text === "''")) return `${quoteName(name)} IS NULL`;
  const isText = /^'(?:[^']|'')*'$/.test(text);
  return `${quoteName(name)} = ${type === "string" && !isText ? `CAST(${text} AS VARCHAR)` : text}`;
}

async function sourceOf(
  statement: InsertStatement,
  snapshot: LogSnapshot,
  context: StatementContext,
): Promise<AssignedSource> {
  const { source } = statement;
  const replaced = replacement(statement, snapshot, context);
  const fixed = [...fixedValues(statement, snapshot), ...omittedStructs(statement, snapshot)];
  const constants = constantRows(statement, snapshot);
  if (constants !== undefined) {
    const columns = targetColumns(statement, snapshot, fixed, constants[0]?.length ?? 0);
    const fields = [...columns, ...fixed.map(({ field }) => field)];
    const rows = constants.map((row, index) => {
      if (row.length !== columns.length) throw wrongArity(columns, row.length, index);
      return [...row, ...fixed.map(({ value }) => value)];
    });
    const values = valuesSource({ columns: fields, rows, now: snapshot.context.world.now() });
    return { ...values, assign: withNullPartitions(values.assign, snapshot) };
  }
  assertInternal(source.kind === "query", "rows of VALUES are constants");
  const assigned = await querySource(source.query, context);
  return {
    assigned,
    assign: withNullPartitions(assignQuery(statement, snapshot, fixed), snapshot),
    // Rows that are not there replace no partition either.
    needsRows: replaced === undefined || replaced.dynamicPartitions === true,
  };
}

/** The rows of VALUES, or the one of a SELECT without FROM, unless the names of its columns matter. */
function constantRows({ source, columns, evolves }: InsertStatement, { schema }: LogSnapshot) {
  if (source.kind === "values") return source.rows;
  const { items } = source;
  if (items === undefined || columns === "name" || (evolves && items.length > schema.fields.length))
    return undefined;
  return [items.map(({ value }) => value)];
}

interface FixedValue {
  readonly field: StructField;
  readonly value: { readonly text: string; readonly start: number };
}

/** The values of a PARTITION clause. @throws `INVALID_ARGUMENT` for a column that does not partition the table */
function fixedValues({ partition }: InsertStatement, { schema, metadata }: LogSnapshot): FixedValue[] {
  return partition.flatMap(({ column, value }) => {
    const field = findField(schema, column);
    const known = metadata.partitionColumns;
    if (field === undefined || !known.some((name) => foldName(name) === foldName(column)))
      throw new VarveError(
        "INVALID_ARGUMENT",
        `Column ${column} does not partition the table, so the PARTITION clause cannot name it. It is partitioned by ${known.length === 0 ? "nothing" : known.join(", ")}.`,
        { column: [column] },
      );
    return value === undefined ? [] : [{ field, value }];
  });
}

/** Structs that a list of columns leaves out, and that are not null because a field of theirs is not. */
function omittedStructs({ columns }: InsertStatement, { schema }: LogSnapshot): FixedValue[] {
  if (columns === undefined || columns === "name") return [];
  const listed = new Set(columns.map(foldName));
  return schema.fields
    .filter(({ name, type }) => !listed.has(foldName(name)) && hasRequiredField(type))
    .filter((field) => columnMetadata(field).default === undefined)
    .map((field) => ({ field, value: { text: "NULL", start: 0 } }));
}

function hasRequiredField(type: DeltaType): boolean {
  if (isPrimitive(type) || type.type !== "struct") return false;
  return type.fields.some((field) => !field.nullable);
}

/** The columns that the values of a row are for, in their order. */
function targetColumns(
  { columns, evolves }: InsertStatement,
  { schema }: LogSnapshot,
  fixed: readonly FixedValue[],
  given: number,
): readonly StructField[] {
  if (columns === "name") {
    // Rows of VALUES have the names col1, col2, …
    const names = Array.from({ length: given }, (_, index) => `col${index + 1}`);
    return listedColumns(names, schema.fields);
  }
  if (columns !== undefined) return listedColumns(columns, schema.fields);
  const open = schema.fields.filter((field) => !fixed.some((one) => one.field === field));
  if (given === open.length || (evolves && given > open.length)) return open;
  throw wrongArity(open, given, 0);
}

function listedColumns(names: readonly string[], fields: readonly StructField[]): StructField[] {
  return names.map((name, index) => {
    if (names.findIndex((other) => foldName(other) === foldName(name)) !== index)
      throw new VarveError("INVALID_ARGUMENT", `The INSERT lists the column ${name} twice. List each once.`, {
        column: [name],
      });
    const field = fields.find((candidate) => foldName(candidate.name) === foldName(name));
    if (field !== undefined) return field;
    const known = fields.map((candidate) => candidate.name);
    throw new VarveError(
      "COLUMN_NOT_FOUND",
      `The table has no column ${JSON.stringify(name)}. It has: ${known.join(", ")}.`,
      { column: [name], columns: known },
    );
  });
}

function wrongArity(columns: readonly StructField[], found: number, row: number): VarveError {
  const expected = columns.map(({ name }) => pathText([name])).join(", ");
  return new VarveError(
    "SCHEMA_MISMATCH",
    `Row ${row + 1} of the INSERT has ${counted(found, "value")} for ${counted(columns.length, "column")} (${expected}). Give a value for each, or list the columns: INSERT INTO t (a, b) …. Nothing was written.`,
    { expected: columns.length, found, row: row + 1, reason: "arity" },
  );
}

/** With the partition values of Spark. */
function withNullPartitions(assign: Assign, { metadata, schema }: LogSnapshot): Assign {
  const texts = metadata.partitionColumns.filter((name) => findField(schema, name)?.type === "string");
  const isText = (name: string) => texts.some((other) => foldName(other) === foldName(name));
  return (given) =>
    assign(given).map((column) =>
      isText(column.name) ? { ...column, sql: sparkPartitionText(column.sql) } : column,
    );
}

/** Assigns the columns of a query, by their place or name. */
function assignQuery(
  statement: InsertStatement,
  snapshot: LogSnapshot,
  fixed: readonly FixedValue[],
): Assign {
  return (given) => {
    const terms = schemaOfEngine(given).fields.map(({ name, type }) => ({
      name,
      term: typed(type, quoteName(name)),
    }));
    const pairs =
      statement.columns === "name" ? byName(terms, snapshot) : byPlace(terms, statement, snapshot, fixed);
    const columns = pairs.map(({ name, term, field }): AssignedColumn => {
      if (field !== undefined) return assignedColumn(field, term, quoteName(name));
      if (!statement.evolves) throw unknownColumn(name, snapshot);
      return {
        name,
        sql: term.sql,
        type: engineTypeText(term.type),
        shown: quoteName(name),
        expected: typeText(term.type),
        found: typeText(term.type),
      };
    });
    return [...columns, ...fixed.map(({ field, value }) => assignedColumn(field, constant(value.text)))];
  };
}

interface Pair {
  readonly name: string;
  readonly term: Term;
  readonly field: StructField | undefined;
}

type Given = Omit<Pair, "field">;

function byName(given: readonly Given[], { schema }: LogSnapshot): Pair[] {
  return given.map((column) => ({ ...column, field: findField(schema, column.name) }));
}

function byPlace(
  given: readonly Given[],
  statement: InsertStatement,
  snapshot: LogSnapshot,
  fixed: readonly FixedValue[],
): Pair[] {
  const columns = targetColumns(statement, snapshot, fixed, given.length);
  if (given.length < columns.length || (given.length > columns.length && !statement.evolves))
    throw wrongArity(columns, given.length, 0);
  return given.map((column, index) => ({ ...column, field: columns[index] }));
}

function constant(text: string): Term {
  return /^null$/i.test(text)
    ? literalTerm(literal("void", null))
    : translateSpark(text, { type: "struct", fields: [] }, { doubledQuotes: true });
}

function unknownColumn(name: string, { schema }: LogSnapshot): VarveError {
  const columns = schema.fields.map((field) => field.name);
  return new VarveError(
    "COLUMN_NOT_FOUND",
    `The table has no column ${quoteSparkName(name)}, which the query of the INSERT has. It has: ${columns.join(", ")}. Leave it out, or write INSERT WITH SCHEMA EVOLUTION.`,
    { column: [name], columns },
  );
}
