import type { Session } from "../../engine/core/contract.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import type { EngineStruct } from "../checkpoint/action-sql.ts";
import { fieldOf } from "../checkpoint/action-sql.ts";

/**
 * SQL of a path's key where it is the path decoded, NULL where only `pathKeyer` knows it: absolute paths,
 * segments `.`, escapes that are not UTF-8.
 *
 * Equal to the result of `pathKeyer` wherever it is not NULL.
 */
export function pathKeySql(path: SqlExpression): SqlExpression {
  const decoded = sql`CASE WHEN contains(${path}, '%') THEN try(url_decode(${path})) ELSE ${path} END`;
  return sql`CASE WHEN ${path} = '' OR regexp_matches(${path}, '^[A-Za-z][A-Za-z0-9+.-]*:/') OR starts_with(${decoded}, '/') OR contains(${decoded}, './') THEN NULL ELSE ${decoded} END`;
}

/**
 * SQL of the end of a logical file's key that stands for its deletion vector (`fileKeyer`); empty text
 * without one. PROTOCOL.md "Action Reconciliation" and "Deletion Vectors": with deletion vectors, in SQL.
 */
export function vectorKeySql(column: SqlExpression, type: EngineStruct): SqlExpression {
  const vector = fieldOf(type, "deletionVector");
  const location = sql`${column}."deletionVector"`;
  if (vector?.kind === "scalar" && vector.name === "JSON") return jsonVectorKeySql(location);
  if (vector?.kind !== "struct") return sql`''`;
  const offset =
    fieldOf(vector, "offset") === undefined ? sql`''` : sql`coalesce('@' || ${location}."offset", '')`;
  return sql`CASE WHEN ${location}."storageType" IS NULL THEN '' ELSE chr(0) || ${location}."storageType" || ${location}."pathOrInlineDv" || ${offset} END`;
}

function jsonVectorKeySql(vector: SqlExpression): SqlExpression {
  const part = (name: string): SqlExpression => sql`json_extract_string(${vector}, ${quoteText(`/${name}`)})`;
  const [kind, id, offset] = [part("storageType"), part("pathOrInlineDv"), part("offset")];
  return sql`CASE WHEN ${vector} IS NULL OR ${kind} IS NULL THEN '' ELSE chr(0) || ${kind} || ${id} || coalesce('@' || ${offset}, '') END`;
}

/**
 * Fills `table`, with columns `path` and `key`, with the keys of the paths that {@link pathKeySql} leaves to
 * JavaScript.
 */
export async function addSpecialKeys(
  session: Session,
  table: string,
  paths: SqlSelect,
  pathKey: (path: string) => string,
): Promise<number> {
  const rows = session.rowStream(
    sql`SELECT DISTINCT path FROM (${paths}) WHERE ${pathKeySql(sql`path`)} IS NULL AND path IS NOT NULL`,
  );
  let batch: string[] = [];
  let added = 0;
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const keys = batch.map(pathKey);
    await session.execute(
      sql`INSERT OR IGNORE INTO ${quoteName(table)} SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[])`,
      [batch, keys],
    );
    added += batch.length;
    batch = [];
  };
  for await (const row of rows) {
    batch.push(String(row["path"]));
    if (batch.length === 4096) await flush();
  }
  await flush();
  return added;
}
