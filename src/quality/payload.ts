import type { EngineColumn } from "../engine/contract.ts";
import { quoteName, quoteText } from "../util/sql-text.ts";
import { columnsOfRelation } from "./column.ts";

/**
 * A row as a JSON object that loses nothing: booleans, integers to 64 bits and finite fractions as they are, everything else as the engine's
 * text of it, which casts back to the same value. A cell that could not be read as its type is given as the text that it was.
 */
export function payloadSql(columns: readonly EngineColumn[], relation: string, badCells?: string): string {
  const kinds = columnsOfRelation(columns);
  const members = columns.map(({ name, type }, at) => {
    const value = `${relation}.${quoteName(name)}`;
    const json = memberSql(value, type, kinds[at]?.class ?? "nested");
    if (badCells === undefined) return `${quoteText(name)}, ${json}`;
    const bad = `list_filter(${relation}.${quoteName(badCells)}, lambda c: c."column" = ${quoteText(name)})[1]."text"`;
    return `${quoteText(name)}, coalesce(to_json(${bad}), ${json})`;
  });
  return `CAST(json_object(${members.join(", ")}) AS VARCHAR)`;
}

function memberSql(value: string, type: string, kind: string): string {
  if (kind === "boolean" || (kind === "integer" && !/HUGE/.test(type))) return `to_json(${value})`;
  const text = `to_json(CAST(${value} AS VARCHAR))`;
  if (kind === "float" || kind === "double") return `CASE WHEN isfinite(${value}) THEN to_json(${value}) ELSE ${text} END`;
  return text;
}

/** The SELECT that reads payloads back as rows of `columns`; TRY_CAST leaves null what is not of its type, named by {@link unreadableSql}. */
export function payloadColumnsSql(columns: readonly EngineColumn[], payload: string): string {
  return columns.map((column) => `${readSql(column, payload)} AS ${quoteName(column.name)}`).join(", ");
}

/** A condition that is true where a payload holds a value that is not of its column's type. */
export function unreadableSql(columns: readonly EngineColumn[], payload: string): string {
  const tests = columns.map((column) => `(${textOf(column, payload)} IS NOT NULL AND ${readSql(column, payload)} IS NULL)`);
  return tests.length === 0 ? "false" : `(${tests.join(" OR ")})`;
}

function textOf({ name }: EngineColumn, payload: string): string {
  return `json_extract_string(${payload}, ${quoteText(`/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`)})`;
}

function readSql(column: EngineColumn, payload: string): string {
  return column.type === "VARCHAR" ? textOf(column, payload) : `TRY_CAST(${textOf(column, payload)} AS ${column.type})`;
}
