import { stat } from "node:fs/promises";
import { isVarveError, VarveError } from "../../errors.ts";
import { fileList, quoteText } from "../../util/sql-text.ts";
import type { EngineSource, StagedRelation } from "../contract.ts";
import type { EngineCore } from "../core.ts";
import { positionColumns } from "./position.ts";

/** A view of Parquet files, columns united by name; nothing is copied. @throws `SOURCE_UNREADABLE` naming the file. */
export async function stageParquet(core: EngineCore, source: Extract<EngineSource, { kind: "parquet" }>): Promise<StagedRelation> {
  if (source.files.length === 0) throw new VarveError("INVALID_ARGUMENT", "No Parquet file was named. Name at least one.", {});
  for (const file of source.files) await assertFilled(file);
  const scan = `read_parquet(${fileList(source.files)}, union_by_name = ${source.files.length > 1}, hive_partitioning = false)`;
  const sql = `SELECT * FROM ${scan}`;
  try {
    const columns = await core.describe(sql);
    const taken = new Set(columns.map((column) => column.name.toLowerCase()));
    const file = taken.has("filename") ? (source.files.length === 1 ? quoteText(source.files[0] ?? "") : "NULL::VARCHAR") : "filename";
    const row = taken.has("file_row_number") ? "NULL::BIGINT" : "file_row_number";
    return {
      sql,
      columns,
      positionedSql: `SELECT *, ${file} AS ${positionColumns.file}, ${row} AS ${positionColumns.row} FROM ${scan}`,
      positionColumns,
    };
  } catch (error) {
    throw isVarveError(error, "DATA_FILE_CORRUPT", "DATA_FILE_MISSING") ? unreadableFile(error) : error;
  }
}

/** @throws `SOURCE_UNREADABLE` for a file that is absent, no file, or empty. */
export async function assertFilled(file: string): Promise<void> {
  const found = await stat(file).catch((error: unknown) => {
    throw new VarveError(
      "SOURCE_UNREADABLE",
      `The file ${file} cannot be opened: ${error instanceof Error ? error.message : String(error)}.`,
      { file },
      error,
    );
  });
  if (!found.isFile()) throw new VarveError("SOURCE_UNREADABLE", `${file} is not a file. Name the files in it.`, { file });
  if (found.size === 0) throw new VarveError("SOURCE_UNREADABLE", `The file ${file} is empty.`, { file });
}

function unreadableFile(error: VarveError): VarveError {
  return new VarveError("SOURCE_UNREADABLE", error.message, error.data, error);
}
