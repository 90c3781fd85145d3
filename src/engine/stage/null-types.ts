import { engineTypeName, parseEngineType, withNullTypes } from "../../dialects/engine-types.ts";
import { type SqlSelect, sql } from "../../sql/sql.ts";
import type { EngineColumn } from "../core/contract.ts";
import type { EngineCore } from "../core/core.ts";
import { storedName } from "./shared/position.ts";

/**
 * The columns of a query's result as the query knows them: what is NULL in every row by its own text has no
 * type, although the engine's results have it as INTEGER. Nothing of the query is run.
 */
export async function withTypesOfNulls(
  core: EngineCore,
  query: SqlSelect,
  columns: readonly EngineColumn[],
): Promise<readonly EngineColumn[]> {
  if (!columns.some(({ type }) => type.includes("INTEGER"))) return columns;
  const names = columns.map((_, index) => storedName(index));
  // A join that matches nothing: the types are known before the query's first row is.
  const [row] = await core.rows(
    sql`SELECT ${names.map((name) => sql`typeof(${name}) AS ${name}`)} FROM (SELECT 1) LEFT JOIN (${query}) AS told(${names}) ON false`,
  );
  return columns.map((column, index) => {
    const told = String(row?.[names[index] ?? ""] ?? "");
    if (!told.includes('"NULL"')) return column;
    const type = withNullTypes(parseEngineType(column.type), parseEngineType(told));
    return { ...column, type: engineTypeName(type) };
  });
}
