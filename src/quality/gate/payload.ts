import { parseEngineType } from "../../dialects/engine-types.ts";
import { shownType } from "../../dialects/shown-type.ts";
import { isVariantParts } from "../../dialects/variant-conversion.ts";
import type { EngineColumn } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { variantJsonSql } from "../../schema/encoded-variant.ts";
import { findField, holdsVariant } from "../../schema/fields.ts";
import type { StructType } from "../../schema/types.ts";
import { joinSql, type SqlExpression, type SqlText, sql } from "../../sql/sql.ts";
import { lambda, quoteName, quoteText } from "../../sql/sql-text.ts";
import { withArticle } from "../../util/counted.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import { columnsOfRelation } from "../model/column.ts";
import { errorsType } from "./errors-list.ts";
import { payloadValueSql } from "./payload-value.ts";

/**
 * The only member of the payload of a line that could not be read: its text. None of the table's columns is
 * called so.
 */
export function lineMember(columns: Iterable<string>): string {
  return `${freePrefix(columns)}line`;
}

/** The check id of the error of such a line. */
export const lineCheckId = "schema:lines";

/**
 * SQL for a quarantined row's payload, with the text of an unreadable line under its present member: the
 * table's columns, and with them the free name, may have changed since the row was set aside.
 *
 * Such a row is recognised by its error, and the member because varve writes it first in the payload; any
 * other member with such a name is a column's value.
 */
export function currentPayloadSql(
  columns: Iterable<string>,
  payload: SqlExpression,
  errors: SqlExpression,
): SqlExpression {
  const brokenLine = (error: SqlExpression) =>
    sql`${error}.check_id = ${quoteText(lineCheckId)} AND ${error}.check_name = 'schema' AND len(${error}."columns") = 0`;
  const isLine = sql`coalesce(list_bool_or(list_transform(${errors}, ${lambda("e", brokenLine)})), false)`;
  const renamed = sql`regexp_replace(${payload}, '^\\{"__varve[0-9]*_line":', ${quoteText(`{"${lineMember(columns)}":`)})`;
  return sql`CASE WHEN ${isLine} THEN ${renamed} ELSE ${payload} END`;
}

/**
 * A row as a lossless JSON object: booleans, integers up to 64 bits and finite fractions as they are,
 * everything else as the engine's text, which casts back to the same value. A cell that could not be read as
 * its type is the original text; a line that could not be read is {@link lineMember}. Variants need the
 * session's variant function.
 *
 * @param table the target columns: the object uses their spelling of names; a variant's value is JSON
 * @throws `UNSUPPORTED_FEATURE` for a column that holds variants inside lists, maps or structs
 */
export function payloadSql(
  columns: readonly EngineColumn[],
  relation: SqlExpression,
  badCells: string | undefined,
  table: StructType,
): SqlExpression {
  const fieldOf = (name: string) => findField(table, name);
  const kinds = columnsOfRelation(columns);
  const members = columns.map(({ name, type }, index) => {
    const value = sql`${relation}.${quoteName(name)}`;
    const field = fieldOf(name);
    const key = quoteText(field?.name ?? name);
    if (field !== undefined && field.type !== "variant" && holdsVariant(field.type))
      throw variantInside(field.name);
    const json =
      field?.type === "variant"
        ? variantMemberSql(value, type)
        : memberSql(value, type, kinds[index]?.class ?? "nested");
    if (badCells === undefined) return sql`${key}, ${json}`;
    const bad = sql`list_filter(${relation}.${quoteName(badCells)}, ${lambda("c", (cell) => sql`${cell}."column" = ${quoteText(name)}`)})[1]."text"`;
    return sql`${key}, coalesce(to_json(${bad}), ${json})`;
  });
  const row = sql`CAST(json_object(${members}) AS VARCHAR)`;
  if (badCells === undefined) return row;
  const cell = sql`${relation}.${quoteName(badCells)}[1]`;
  const line = sql`CAST(json_object(${quoteText(lineMember(table.fields.map(({ name }) => name)))}, ${cell}."text") AS VARCHAR)`;
  return sql`CASE WHEN ${cell}."expected" IS NOT NULL AND ${cell}."column" IS NULL THEN ${line} ELSE ${row} END`;
}

/**
 * The same JSON as for a table's variants; a value that no variant can hold, which is why the row is set
 * aside, is written as by the engine.
 */
function variantMemberSql(value: SqlExpression, type: string): SqlExpression {
  const source = parseEngineType(type);
  if (type !== "VARIANT" && !isVariantParts(source)) return sql`to_json(${value})`;
  // of the two parts by themselves: the engine's type may not hold what the row is set aside for
  const text = isVariantParts(source)
    ? sql`varve_variant_json(${value}."metadata", coalesce(${value}."value", '\\x00'::BLOB))`
    : variantJsonSql(value);
  const json = sql`CAST(${text} AS JSON)`;
  return sql`CASE WHEN ${value} IS NULL THEN NULL ELSE coalesce(TRY(${json}), to_json(${value})) END`;
}

function variantInside(column: string): VarveError {
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `Cannot set rows aside: column ${column} has variants inside another type, which the quarantine's JSON cannot represent ` +
      "without loss. Reject such batches instead of setting rows aside. Nothing was written.",
    { column: [column], feature: "variantType" },
  );
}

function memberSql(value: SqlExpression, type: string, kind: string): SqlExpression {
  if (kind === "boolean" || (kind === "integer" && !/HUGE/.test(type))) return sql`to_json(${value})`;
  const text = sql`to_json(CAST(${value} AS VARCHAR))`;
  if (kind === "float" || kind === "double")
    return sql`CASE WHEN isfinite(${value}) THEN to_json(${value}) ELSE ${text} END`;
  return text;
}

/** What a quarantine has of a row, as SQL: its payload, and its errors when it was last tested. */
export interface StoredRow {
  readonly payload: SqlExpression;
  /** See {@link errorsType}. */
  readonly errors: SqlExpression;
}

/** A row of a relation that has the quarantine's own names. */
export const storedRow: StoredRow = { payload: sql`payload`, errors: sql`errors` };

/**
 * The SELECT that reads payloads back as rows of `columns`. Values that a column cannot hold exactly become null, and
 * so do those of binary and variant columns that were refused and not repaired since; {@link payloadErrorsSql} names
 * them.
 */
export function payloadColumnsSql(columns: readonly EngineColumn[], row: StoredRow): SqlText {
  return joinSql(columns.map((column) => sql`${readSql(column, row)} AS ${quoteName(column.name)}`));
}

/** SQL for a struct of the cells of a payload as they came, as text; null where it mentions no such column. */
export function rawCellsSql(columns: readonly string[], row: StoredRow): SqlExpression {
  const cells = columns.map((name) => sql`${quoteName(name)} := ${textOf(name, row)}`);
  return sql`struct_pack(${cells})`;
}

/**
 * SQL for the list of what does not fit the columns in a payload: values of the wrong type, and values of
 * unknown columns.
 */
export function payloadErrorsSql(columns: readonly EngineColumn[], row: StoredRow): SqlExpression {
  const { payload } = row;
  const unreadable = columns.map((column) => {
    const { name } = column;
    const text = textOf(name, row);
    return sql`CASE WHEN ${text} IS NOT NULL AND ${readSql(column, row)} IS NULL THEN ${misfit(quoteText(name), quoteText(`${name} must be ${withArticle(shownType(column.type))}`), text)} END`;
  });
  const names = columns.map(({ name }) => quoteText(name));
  const value = sql`json_extract_string(${payload}, '/' || replace(replace(k, '~', '~0'), '/', '~1'))`;
  const unknown = sql`list_filter(json_keys(${payload}), lambda k: NOT list_contains([${names}], k) AND ${value} IS NOT NULL)`;
  const stray = misfit(sql`k`, sql`'the table has no column ' || k`, value);
  const line = lineMember(columns.map(({ name }) => name));
  const strays = sql`list_transform(${unknown}, lambda k: CASE WHEN k = ${quoteText(line)} THEN ${brokenLineError(line)} ELSE ${stray} END)`;
  return sql`CAST(list_concat(list_filter([${unreadable}], lambda e: e IS NOT NULL), ${strays}) AS ${errorsType})`;
}

function brokenLineError(member: string): SqlExpression {
  return sql`{check_id: ${quoteText(lineCheckId)}, check_name: 'schema', columns: CAST([] AS VARCHAR[]), message: ${quoteText(`the line could not be read: set the columns to what it should say, and ${member} to NULL`)}, observed_value: CAST(NULL AS VARCHAR), severity: 'critical', rule_fingerprint: ''}`;
}

function misfit(column: SqlExpression, message: SqlExpression, observed: SqlExpression): SqlExpression {
  return sql`{check_id: 'schema:' || ${column}, check_name: 'schema', columns: [${column}], message: ${message}, observed_value: ${observed}, severity: 'critical', rule_fingerprint: ''}`;
}

/** A condition that is true if a payload mentions a column, even as null. */
export function mentionsSql(column: string, payload: SqlExpression): SqlExpression {
  return sql`json_exists(${payload}, ${quoteText(pointer(column))})`;
}

function textOf(name: string, { payload }: StoredRow): SqlExpression {
  return sql`json_extract_string(${payload}, ${quoteText(pointer(name))})`;
}

function pointer(name: string): string {
  return `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function readSql({ name, type }: EngineColumn, row: StoredRow): SqlExpression {
  const text = textOf(name, row);
  // writing converts JSON to a variant; a variant made before would be returned by a query as text
  const value =
    type === "VARIANT"
      ? sql`CASE WHEN ${text} IS NOT NULL THEN json_extract(${row.payload}, ${quoteText(pointer(name))}) END`
      : payloadValueSql({ name, type }, text);
  return takesAnyText(type) ? sql`CASE WHEN NOT ${isRefusedSql(name, row)} THEN ${value} END` : value;
}

/** Whether every text is that of some value of a type, so that a text cannot show that it was refused. */
function takesAnyText(type: string): boolean {
  return /\b(BLOB|VARIANT)\b/.test(type.replaceAll(/"(?:[^"]|"")*"/g, ""));
}

/** Whether a cell did not fit its column when its row was tested, and was not repaired since. */
function isRefusedSql(name: string, { errors }: StoredRow): SqlExpression {
  const isAbout = (error: SqlExpression) =>
    sql`${isMisfitOf(error, [name])} AND ${error}.rule_fingerprint <> ${repairedMark}`;
  return sql`coalesce(list_bool_or(list_transform(${errors}, ${lambda("e", isAbout)})), false)`;
}

/** Instead of the fingerprint of a rule, which errors about a cell's type do not have. */
const repairedMark = quoteText("repaired");

/** SQL for a row's errors after a repair of columns: those about their types stay, and say so. */
export function repairedErrorsSql(errors: SqlExpression, columns: readonly string[]): SqlExpression {
  const marked = (error: SqlExpression) =>
    sql`CASE WHEN ${isMisfitOf(error, columns)} THEN struct_update(${error}, rule_fingerprint := ${repairedMark}) ELSE ${error} END`;
  return columns.length === 0 ? errors : sql`list_transform(${errors}, ${lambda("e", marked)})`;
}

function isMisfitOf(error: SqlExpression, columns: readonly string[]): SqlExpression {
  const ids = columns.map((name) => quoteText(`schema:${name}`));
  return sql`${error}.check_name = 'schema' AND ${error}.check_id IN (${ids})`;
}
