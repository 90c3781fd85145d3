import type { EngineColumn } from "../engine/contract.ts";
import type { StructField } from "../schema/types.ts";
import { quoteName, quoteText } from "../util/sql-text.ts";
import { columnsOfRelation } from "./column.ts";
import { errorsType } from "./errors-list.ts";

/**
 * A row as a JSON object that loses nothing: booleans, integers to 64 bits and finite fractions as they are, everything else as the engine's
 * text of it, which casts back to the same value. A cell that could not be read as its type is given as the text that it was.
 *
 * @param fieldOf the table's column that a column goes to: as it is spelled there it is called in the object; into a variant goes JSON
 */
export function payloadSql(
  columns: readonly EngineColumn[],
  relation: string,
  badCells: string | undefined,
  fieldOf: (column: string) => StructField | undefined,
): string {
  const kinds = columnsOfRelation(columns);
  const members = columns.map(({ name, type }, at) => {
    const value = `${relation}.${quoteName(name)}`;
    const field = fieldOf(name);
    const key = quoteText(field?.name ?? name);
    const json = field?.type === "variant" ? `to_json(${value})` : memberSql(value, type, kinds[at]?.class ?? "nested");
    if (badCells === undefined) return `${key}, ${json}`;
    const bad = `list_filter(${relation}.${quoteName(badCells)}, lambda c: c."column" = ${quoteText(name)})[1]."text"`;
    return `${key}, coalesce(to_json(${bad}), ${json})`;
  });
  return `CAST(json_object(${members.join(", ")}) AS VARCHAR)`;
}

function memberSql(value: string, type: string, kind: string): string {
  if (kind === "boolean" || (kind === "integer" && !/HUGE/.test(type))) return `to_json(${value})`;
  const text = `to_json(CAST(${value} AS VARCHAR))`;
  if (kind === "float" || kind === "double") return `CASE WHEN isfinite(${value}) THEN to_json(${value}) ELSE ${text} END`;
  return text;
}

/** The SELECT that reads payloads back as rows of `columns`; TRY_CAST leaves null what is not of its type, named by {@link payloadErrorsSql}. */
export function payloadColumnsSql(columns: readonly EngineColumn[], payload: string): string {
  return columns.map((column) => `${readSql(column, payload)} AS ${quoteName(column.name)}`).join(", ");
}

/** SQL for the list of what of a payload does not fit the columns: values that are not of their type, and values of no column at all. */
export function payloadErrorsSql(columns: readonly EngineColumn[], payload: string): string {
  const unreadable = columns.map((column) => {
    const [name, text] = [column.name, textOf(column, payload)];
    return `CASE WHEN ${text} IS NOT NULL AND ${readSql(column, payload)} IS NULL THEN ${misfit(quoteText(name), quoteText(`${name} must be a ${column.type}`), text)} END`;
  });
  const names = columns.map(({ name }) => quoteText(name)).join(", ");
  const value = `json_extract_string(${payload}, '/' || replace(replace(k, '~', '~0'), '/', '~1'))`;
  const unknown = `list_filter(json_keys(${payload}), lambda k: NOT list_contains([${names}], k) AND ${value} IS NOT NULL)`;
  const strays = `list_transform(${unknown}, lambda k: ${misfit("k", "'the table has no column ' || k", value)})`;
  return `CAST(list_concat(list_filter([${unreadable.join(", ")}], lambda e: e IS NOT NULL), ${strays}) AS ${errorsType})`;
}

function misfit(column: string, message: string, observed: string): string {
  return `{check_id: 'schema:' || ${column}, check_name: 'schema', columns: [${column}], message: ${message}, observed_value: ${observed}, severity: 'critical', rule_fingerprint: ''}`;
}

/** A condition that is true where a payload says something of a column, be it null. */
export function mentionsSql(column: string, payload: string): string {
  return `json_exists(${payload}, ${quoteText(pointer(column))})`;
}

function textOf({ name }: EngineColumn, payload: string): string {
  return `json_extract_string(${payload}, ${quoteText(pointer(name))})`;
}

function pointer(name: string): string {
  return `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function readSql(column: EngineColumn, payload: string): string {
  // writing makes a variant of JSON; one that is made before comes out of a query as text
  if (column.type === "VARIANT")
    return `CASE WHEN ${textOf(column, payload)} IS NOT NULL THEN json_extract(${payload}, ${quoteText(pointer(column.name))}) END`;
  return column.type === "VARCHAR" ? textOf(column, payload) : `TRY_CAST(${textOf(column, payload)} AS ${column.type})`;
}
