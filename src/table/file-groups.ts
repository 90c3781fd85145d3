import type { EngineValue, Session } from "../engine/contract.ts";
import { isVarveError, VarveError } from "../errors.ts";
import { filePattern, quoteFile } from "../util/sql-text.ts";
import { footerColumns, type PhysicalField, parsePhysicalSchema } from "./physical-schema.ts";

/** Files whose footers describe the same columns. */
export interface FileGroup {
  readonly fields: readonly PhysicalField[];
  /** Local file names. */
  readonly files: ReadonlySet<string>;
}

const filesAQuery = 5_000;

/**
 * Groups local Parquet files by what their footers say, so that each group can be read by one scan with one set of conversions.
 *
 * @throws `DATA_FILE_CORRUPT` naming the file whose footer cannot be read
 */
export async function groupByFooter(session: Session, files: readonly string[]): Promise<FileGroup[]> {
  const groups = new Map<string, Set<string>>();
  const distinct = [...new Set(files)];
  for (let start = 0; start < distinct.length; start += filesAQuery) {
    const chunk = distinct.slice(start, start + filesAQuery);
    for (const [digest, names] of await digests(session, chunk)) {
      const group = groups.get(digest) ?? new Set();
      for (const name of names) group.add(name);
      groups.set(digest, group);
    }
  }
  const found: FileGroup[] = [];
  for (const names of groups.values()) {
    const [sample = ""] = names;
    const rows = await session.rows(`SELECT ${footerColumns} FROM parquet_schema(${quoteFile(sample)}) ORDER BY column_id`);
    found.push({ fields: parsePhysicalSchema(rows, sample), files: names });
  }
  return found;
}

async function digests(session: Session, files: readonly string[]): Promise<[string, string[]][]> {
  const described = footerColumns.split(", ").map((column) => `coalesce(CAST(${column} AS VARCHAR), '')`);
  const sql = `SELECT digest, list(file_name) AS files FROM (
    SELECT file_name, md5(string_agg(concat_ws(chr(31), ${described.join(", ")}), chr(30) ORDER BY column_id)) AS digest
    FROM parquet_schema($1) GROUP BY file_name) GROUP BY digest ORDER BY digest`;
  try {
    const rows = await session.rows(sql, [files.map(filePattern)]);
    return rows.map((row) => [String(row["digest"]), texts(row["files"])]);
  } catch (error) {
    throw await namingTheFile(session, files, error);
  }
}

/** The engine does not always say which file of a list is broken: reads them one by one to find out. */
async function namingTheFile(session: Session, files: readonly string[], error: unknown): Promise<unknown> {
  if (isVarveError(error, "CANCELLED", "DATA_FILE_MISSING")) return error;
  for (const file of files) {
    try {
      await session.rows("SELECT count(*) FROM parquet_schema($1)", [[filePattern(file)]]);
    } catch (cause) {
      if (isVarveError(cause, "CANCELLED", "DATA_FILE_MISSING")) return cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `The data file ${file} is not a readable Parquet file: ${reason} \`varve fsck\` lists all such files.`;
      return new VarveError("DATA_FILE_CORRUPT", message, { file }, cause);
    }
  }
  return error;
}

function texts(value: EngineValue | undefined): string[] {
  return Array.isArray(value) ? (value as readonly EngineValue[]).map(String) : [];
}
