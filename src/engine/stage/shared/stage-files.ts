import { isVarveError, VarveError } from "../../../errors.ts";
import { type SqlExpression, sql } from "../../../sql/sql.ts";
import { fileList, quoteFile, quoteName, quoteText, textList } from "../../../sql/sql-text.ts";
import type { EngineSource, Relation, StagedRelation } from "../../core/contract.ts";
import type { EngineCore } from "../../core/core.ts";
import { positionNames, storedName } from "./position.ts";
import { assertFilled } from "./source-file.ts";

/**
 * A view of Parquet files, columns united by name; nothing is copied but rows of files with a column that
 * hides where the engine says they are.
 *
 * @param options `ofQuery`: the file holds a query's result, whose rows come from no file
 * @throws `SOURCE_UNREADABLE` naming the file
 */
export async function stageParquet(
  core: EngineCore,
  source: Extract<EngineSource, { kind: "parquet" }>,
  { ofQuery = false }: { readonly ofQuery?: boolean | undefined } = {},
): Promise<StagedRelation> {
  const { files } = source;
  if (files.length === 0)
    throw new VarveError("INVALID_ARGUMENT", "No Parquet file was given. Pass at least one.", {});
  for (const file of files) await assertFilled(file);
  const united = files.length > 1 ? sql`true` : sql`false`;
  const scan = sql`read_parquet(${fileList(files)}, union_by_name = ${united}, hive_partitioning = false)`;
  const select = sql`SELECT * FROM ${scan}`;
  try {
    const columns = await core.describe(select);
    const taken = new Set(columns.map((column) => column.name.toLowerCase()));
    if (taken.has("file_row_number") || (taken.has("filename") && !ofQuery)) {
      const starts = ofQuery ? [] : await fileStarts(core, files);
      return await numberedCopy(core, { sql: select, columns }, fileAndRow(starts));
    }
    const names = positionNames(taken);
    const file = ofQuery ? sql`NULL::VARCHAR` : sql`filename`;
    return {
      sql: select,
      columns,
      positionedSql: sql`SELECT *, ${file} AS ${names.file}, file_row_number AS ${names.row} FROM ${scan}`,
      positionColumns: { file: names.file, row: names.row },
    };
  } catch (error) {
    throw isVarveError(error, "DATA_FILE_CORRUPT", "DATA_FILE_MISSING") ? unreadableFile(error) : error;
  }
}

/** Where a file's rows begin among those of all files. */
export interface FileStart {
  readonly file: string;
  readonly from: number;
}

async function fileStarts(core: EngineCore, files: readonly string[]): Promise<FileStart[]> {
  const starts: FileStart[] = [];
  let from = 0;
  for (const file of files) {
    starts.push({ file, from });
    const [row] = await core.rows(sql`SELECT num_rows AS n FROM parquet_file_metadata(${quoteFile(file)})`);
    from += Number(row?.["n"]);
  }
  return starts;
}

/**
 * SQL of the file that a staged row came from, and of its ordinal there, by the row's ordinal in its table.
 */
export function fileAndRow(starts: readonly FileStart[]): readonly [SqlExpression, SqlExpression] {
  const only = starts[0];
  if (only === undefined || starts.length === 1)
    return [only === undefined ? sql`NULL::VARCHAR` : quoteText(only.file), sql`rowid`];
  const froms = sql`[${starts.map((start) => start.from)}]`;
  const files = textList(starts.map((start) => start.file));
  const number = sql`len(list_filter(${froms}, lambda f: f <= rowid))`;
  return [sql`${files}[${number}]`, sql`rowid - ${froms}[${number}]`];
}

/** Copies a relation's rows into a table, where each has a place. */
export async function numberedCopy(
  core: EngineCore,
  { sql: select, columns }: Relation,
  [file, row]: readonly [SqlExpression, SqlExpression] = fileAndRow([]),
): Promise<StagedRelation> {
  const table = core.freshName("staged");
  await core.run(sql`CREATE TABLE ${table} (${columns.map((_, index) => storedName(index))}) AS ${select}`);
  const selected = columns.map(({ name }, index) => sql`${storedName(index)} AS ${quoteName(name)}`);
  const names = positionNames(columns.map(({ name }) => name));
  return {
    sql: sql`SELECT ${selected} FROM ${table}`,
    columns,
    positionedSql: sql`SELECT ${selected}, ${file} AS ${names.file}, ${row} AS ${names.row} FROM ${table}`,
    positionColumns: { file: names.file, row: names.row },
  };
}

function unreadableFile(error: VarveError): VarveError {
  return new VarveError("SOURCE_UNREADABLE", error.message, error.data, error);
}
