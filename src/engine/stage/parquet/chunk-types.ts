import { VarveError } from "../../../errors.ts";
import { pathText } from "../../../schema/type-names.ts";
import { sql } from "../../../sql/sql.ts";
import { quoteFile, textList } from "../../../sql/sql-text.ts";
import type { EngineCore } from "../../core/core.ts";
import { type ParquetSchema, unreadableParquet } from "./parquet-schema.ts";

/**
 * Makes sure that a file's schema has the types of its first row group. The engine reads all bytes as those of
 * the schema's type; which row group is damaged instead makes no difference to it.
 *
 * @throws `SOURCE_UNREADABLE` naming file and column
 */
export async function refuseOtherTypes(core: EngineCore, { file, leaves }: ParquetSchema): Promise<void> {
  const types = textList(leaves.map(({ physical }) => physical));
  // a limit, because the engine takes long to list the chunks of many row groups
  const first = sql`SELECT column_id, type FROM parquet_metadata(${quoteFile(file)}) LIMIT ${leaves.length}`;
  const select = sql`SELECT column_id, type FROM (${first}) WHERE type IS DISTINCT FROM ${types}[column_id + 1] LIMIT 1`;
  const [bad] = await core.rows(select).catch((error: unknown) => {
    throw unreadableParquet(file, error);
  });
  if (bad === undefined) return;
  const { path = [], physical } = leaves[Number(bad["column_id"])] ?? {};
  const text = `Cannot read the Parquet file ${file}: column ${pathText(path)} has the type ${bad["type"]} in a row group, and ${physical} in the schema. Restore it from a copy, or write it again.`;
  throw new VarveError("SOURCE_UNREADABLE", text, { file, column: [...path] });
}
