import { engineTypeText } from "../dialects/engine-types.ts";
import { assignTo } from "../dialects/spark/assign.ts";
import { literal } from "../dialects/spark/literals.ts";
import { literalTerm, type Term } from "../dialects/spark/term.ts";
import { translateSpark } from "../dialects/spark/translate.ts";
import type { AssignedValue } from "../dialects/statements/syntax.ts";
import { VarveError } from "../errors.ts";
import { columnMetadata } from "../schema/column-metadata.ts";
import { pathText, typeText } from "../schema/type-names.ts";
import type { StructField, StructType } from "../schema/types.ts";
import { type SqlExpression, sql } from "../sql/sql.ts";
import { plainName, quoteName, quoteText } from "../sql/sql-text.ts";
import type { AssignedColumn } from "../write/plan/assigned-rows.ts";
import type { AssignedSource } from "../write/plan/write-source.ts";

const noColumns: StructType = { type: "struct", fields: [] };

/** Constants for columns of a table. */
export interface InsertedValues {
  /** The columns that the values are for, in their order. */
  readonly columns: readonly StructField[];
  /** One value for each column. */
  readonly rows: readonly (readonly AssignedValue[])[];
  /** The time of defaults such as `current_timestamp()`, in milliseconds since 1970-01-01 UTC. */
  readonly now: number;
}

/**
 * Rows of VALUES as a source, each value evaluated and assigned as Spark does. Columns that are DEFAULT in every
 * row are left to the writer.
 *
 * @throws `SCHEMA_MISMATCH` for a value that cannot be assigned, `UNSUPPORTED_FEATURE` for an expression that varve
 * cannot evaluate as Spark would
 */
export function valuesSource({ columns, rows, now }: InsertedValues): AssignedSource {
  const given = columns.map((field, index) => ({
    field,
    values: rows.map((row) => row[index] ?? "default"),
  }));
  const isGiven = ({ values }: GivenColumn) => values.some((value) => value !== "default");
  // Rows have at least one column.
  const first = given.some(isGiven) ? undefined : given.find(({ field }) => !isComputed(field));
  const used = given.flatMap((column) => {
    const { field, values } = column;
    if (column === first || isGiven(column))
      return [{ field, cells: values.map((value, row) => cellOf(value, field, { now, row })) }];
    requireNotAlways(field);
    return [];
  });
  if (used.length === 0) throw onlyComputed(columns);
  const names = used.map((_, index) => ({
    value: plainName(`v${index}`),
    fails: plainName(`f${index}`),
    text: plainName(`t${index}`),
  }));
  const lines = rows.map(
    (_, row) =>
      sql`(${used.flatMap(({ cells }) => {
        const cell = cells[row];
        return cell === undefined ? [] : [cell.term.sql, cell.term.fails ?? sql`FALSE`, quoteText(cell.text)];
      })}, ${row})`,
  );
  const heads = [...names.flatMap(({ value, fails, text }) => [value, fails, text]), plainName("n")];
  const select = sql`SELECT * FROM (VALUES ${lines}) AS v(${heads})`;
  const assigned = used.map(({ field, cells }, index): AssignedColumn => {
    const { value, fails, text } = names[index] ?? { value: sql`NULL`, fails: sql`FALSE`, text: sql`NULL` };
    const found = [...new Set(cells.map((cell) => cell.type))].join(" or ");
    return {
      name: field.name,
      sql: value,
      type: engineTypeText(field.type),
      fails: cells.some((cell) => cell.term.fails !== undefined) ? fails : undefined,
      shown: text,
      expected: typeText(field.type),
      found,
    };
  });
  const columnsOfRows = [
    ...used.flatMap(({ field }, index) => [
      { name: `v${index}`, type: engineTypeText(field.type) },
      { name: `f${index}`, type: "BOOLEAN" },
      { name: `t${index}`, type: "VARCHAR" },
    ]),
    { name: "n", type: "INTEGER" },
  ];
  return { assigned: { sql: select, columns: columnsOfRows }, assign: () => assigned, needsRows: false };
}

interface GivenColumn {
  readonly field: StructField;
  readonly values: readonly AssignedValue[];
}

function isComputed(field: StructField): boolean {
  const { generation, identity } = columnMetadata(field);
  return generation !== undefined || identity !== undefined;
}

function onlyComputed(columns: readonly StructField[]): VarveError {
  const names = columns.map(({ name }) => pathText([name])).join(", ");
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `The INSERT has DEFAULT alone for ${names}, which are computed. Give a value for at least one other column. Nothing was written.`,
    { columns: columns.map(({ name }) => name) },
  );
}

interface Cell {
  readonly term: Term;
  /** The value as it was written, and its type. */
  readonly text: string;
  readonly type: string;
}

function cellOf(
  value: AssignedValue,
  field: StructField,
  { now, row }: { readonly now: number; readonly row: number },
): Cell {
  const given = value === "default" ? defaultOf(field, now) : constantOf(value.text, field, row);
  const assigned = assignTo(given, field.type, "place");
  const text = value === "default" ? "DEFAULT" : value.text;
  if (assigned === undefined) throw notAssignable(field, typeText(given.type), text, row);
  return { term: assigned, text: text.slice(0, 200), type: typeText(given.type) };
}

function constantOf(text: string, field: StructField, row: number): Term {
  try {
    return translateSpark(text, noColumns, { doubledQuotes: true });
  } catch (error) {
    if (!(error instanceof VarveError) || error.code !== "UNSUPPORTED_FEATURE") throw error;
    throw new VarveError(
      "UNSUPPORTED_FEATURE",
      `Cannot evaluate ${text.slice(0, 200)}, the value of column ${pathText([field.name])} in row ${row}, as Spark does. ${error.message} Nothing was written.`,
      { ...error.data, column: [field.name], row },
      error,
    );
  }
}

/** The default of a column in a row where other rows have values. */
function defaultOf(field: StructField, now: number): Term {
  requireNotAlways(field);
  const { default: expression } = columnMetadata(field);
  if (isComputed(field))
    throw new VarveError(
      "UNSUPPORTED_FEATURE",
      `Column ${pathText([field.name])} is computed, so an INSERT has DEFAULT for it in all of its rows or in none. Insert the others separately. Nothing was written.`,
      { column: [field.name] },
    );
  return expression === undefined
    ? literalTerm(literal("void", null))
    : translateSpark(expression, noColumns, { now });
}

function requireNotAlways(field: StructField): void {
  if (columnMetadata(field).identity?.allowExplicitInsert !== false) return;
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${pathText([field.name])} is an identity column that is always generated, so no value can be given for it, not even DEFAULT. List the other columns: INSERT INTO t (a, b) VALUES …. Nothing was written.`,
    { column: [field.name], expected: "no such column", found: "values" },
  );
}

/** @param row counted from 0; absent for a whole column */
function notAssignable(field: StructField, found: string, text?: string, row?: number): VarveError {
  const expected = typeText(field.type);
  const value = text === undefined ? found : `${found} ${text.slice(0, 200)}`;
  const place = row === undefined ? "" : ` (row ${row})`;
  return new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${pathText([field.name])} is a ${expected}, to which a ${value}${place} cannot be assigned. Nothing was written. Cast it to the column's type.`,
    { column: [field.name], expected, found, row, reason: "type" },
  );
}

/** A column of a query as assigned to a column of the table. */
export function assignedColumn(
  field: StructField,
  given: Term,
  shown: SqlExpression = quoteName(field.name),
): AssignedColumn {
  const assigned = assignTo(given, field.type, "place");
  if (assigned === undefined) throw notAssignable(field, typeText(given.type));
  return {
    name: field.name,
    sql: assigned.sql,
    type: engineTypeText(field.type),
    fails: assigned.fails,
    shown,
    expected: typeText(field.type),
    found: typeText(given.type),
  };
}
