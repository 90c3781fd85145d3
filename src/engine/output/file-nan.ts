import { joinSql, sql } from "../../sql/sql.ts";
import { plainName, quoteFile, quoteName } from "../../sql/sql-text.ts";
import type { WrittenFile } from "../core/contract.ts";
import { engineVector } from "./row-groups.ts";
import type { WrittenRelation } from "./written-file.ts";

/**
 * The engine says of a file's last row group alone whether it holds NaN. A row group with NaN has no bounds
 * in the file's footer; columns with such a row group are looked through.
 */
export async function withNan(
  writer: WrittenRelation,
  files: readonly WrittenFile[],
): Promise<WrittenFile[]> {
  const results: WrittenFile[] = [];
  for (const file of files) {
    const unsure = file.columns.filter(({ hasNan }) => hasNan === false);
    const bounded =
      file.rows <= engineVector || unsure.length === 0 ? undefined : await boundedColumns(writer, file);
    if (bounded === undefined) {
      results.push(file);
      continue;
    }
    const candidates = unsure.filter(
      ({ path }) => !bounded.has(path.join(pathMark)) && !isNested(writer, path),
    );
    const items = candidates.map(
      ({ path }, index) =>
        sql`bool_or(isnan(${joinSql(path.map(quoteName), sql`.`)})) AS ${plainName(`n${index}`)}`,
    );
    const [row] =
      items.length === 0
        ? []
        : await writer.core.rows(sql`SELECT ${items} FROM read_parquet(${quoteFile(file.file)})`);
    const columns = file.columns.map((column) => {
      if (column.hasNan !== false || bounded.has(column.path.join(pathMark))) return column;
      const { hasNan, ...others } = column;
      const index = candidates.indexOf(column);
      return index < 0 ? others : { ...column, hasNan: row?.[`n${index}`] === true };
    });
    results.push({ ...file, columns });
  }
  return results;
}

/** What the engine puts between the names of a path. */
const pathMark = ", ";

/**
 * Paths of columns that have bounds, or no value, in every row group; `undefined` for a file of one row
 * group.
 */
async function boundedColumns(
  { core }: WrittenRelation,
  { file }: WrittenFile,
): Promise<ReadonlySet<string> | undefined> {
  const rows = await core.rows(
    sql`SELECT path_in_schema AS path, count(*) AS groups,
      count_if(stats_max_value IS NULL AND stats_null_count IS DISTINCT FROM num_values) AS unbounded
      FROM parquet_metadata(${quoteFile(file)}) GROUP BY ALL`,
  );
  if (rows.every((row) => Number(row["groups"]) <= 1)) return undefined;
  return new Set(rows.flatMap((row) => (Number(row["unbounded"]) === 0 ? [String(row["path"])] : [])));
}

/** Whether a value lies in a list or map, so that a row has any number of them. */
function isNested({ core: { driver }, columns }: WrittenRelation, path: readonly string[]): boolean {
  let type = columns.find(({ name }) => name === path[0])?.type;
  for (const name of path.slice(1)) {
    if (!(type instanceof driver.api.DuckDBStructType)) return true;
    type = type.entryTypes[type.entryNames.indexOf(name)];
  }
  return false;
}
