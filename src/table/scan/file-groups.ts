import { statSync } from "node:fs";
import type { EngineValue, Session } from "../../engine/core/contract.ts";
import { isVarveError, VarveError } from "../../errors.ts";
import { sql } from "../../sql/sql.ts";
import { filePattern, quoteFile } from "../../sql/sql-text.ts";
import {
  footerColumns,
  type PhysicalField,
  type PhysicalType,
  parsePhysicalSchema,
} from "./physical-schema.ts";

/** Files whose footers describe the same columns. */
export interface FileGroup {
  readonly fields: readonly PhysicalField[];
  /** Local file names. */
  readonly files: ReadonlySet<string>;
}

const filesAQuery = 5_000;

/** What was read before of a file, valid as long as it is the same file. */
interface KnownFooter {
  readonly size: number;
  readonly changed: number;
  readonly fields: readonly PhysicalField[];
}

const mostKnown = 50_000;
/**
 * Footers by local file name. Data files never change, so a table that is read again need not read them
 * again.
 */
const known = new Map<string, KnownFooter>();
/** Columns by their digest: files with the same columns share them, which also identifies groups. */
const columns = new Map<string, readonly PhysicalField[]>();

/**
 * Groups local Parquet files by their footers, so that each group can be read by one scan with one set of
 * conversions.
 *
 * @throws `DATA_FILE_CORRUPT` naming the file whose footer cannot be read
 */
export async function groupByFooter(session: Session, files: readonly string[]): Promise<FileGroup[]> {
  const groups = new Map<readonly PhysicalField[], Set<string>>();
  const put = (fields: readonly PhysicalField[], file: string): void => {
    const group = groups.get(fields);
    if (group === undefined) groups.set(fields, new Set([file]));
    else group.add(file);
  };
  const unknown: string[] = [];
  for (const file of new Set(files)) {
    const footer = knownFooter(file);
    if (footer === undefined) unknown.push(file);
    else put(footer, file);
  }
  for (let start = 0; start < unknown.length; start += filesAQuery) {
    for (const [digest, names] of await digests(session, unknown.slice(start, start + filesAQuery))) {
      for (const [alike, part] of await byAnnotation(session, digest, names)) {
        const fields = await columnsOf(session, alike, part[0] ?? "");
        for (const name of part) {
          put(fields, name);
          remember(name, fields);
        }
      }
    }
  }
  return [...groups].map(([fields, names]) => ({ fields, files: names }));
}

/**
 * Number of rows of local Parquet files by their footers, including deleted ones.
 *
 * @throws `DATA_FILE_CORRUPT` naming the file whose footer cannot be read
 */
export async function footerRows(
  session: Session,
  files: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const distinct = [...new Set(files)];
  const counts = new Map<string, number>();
  for (let start = 0; start < distinct.length; start += filesAQuery) {
    const part = distinct.slice(start, start + filesAQuery);
    try {
      const counted = sql`SELECT file_name, num_rows FROM parquet_file_metadata($1)`;
      const rows = await session.rows(counted, [part.map(filePattern)]);
      for (const row of rows) counts.set(String(row["file_name"]), Number(row["num_rows"]));
    } catch (error) {
      throw await namingTheFile(session, part, error);
    }
  }
  return counts;
}

function knownFooter(file: string): readonly PhysicalField[] | undefined {
  const footer = known.get(file);
  if (footer === undefined) return undefined;
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats?.size === footer.size && stats.mtimeMs === footer.changed ? footer.fields : undefined;
}

function remember(file: string, fields: readonly PhysicalField[]): void {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (known.size >= mostKnown) {
    known.clear();
    columns.clear();
  }
  known.set(file, { size: stats.size, changed: stats.mtimeMs, fields });
}

async function columnsOf(
  session: Session,
  digest: string,
  sample: string,
): Promise<readonly PhysicalField[]> {
  const cached = columns.get(digest);
  if (cached !== undefined) return cached;
  const rows = await session.rows(
    sql`SELECT ${footerColumns} FROM parquet_schema(${quoteFile(sample)}) ORDER BY column_id`,
  );
  const fields = parsePhysicalSchema(rows, sample);
  columns.set(digest, fields);
  return fields;
}

const filesDescribed = 100;

/**
 * Tells files whose variants Parquet annotates from those that have the same columns without the annotation,
 * which `parquet_schema()` does not show, but the engine reads as another type.
 */
async function byAnnotation(
  session: Session,
  digest: string,
  files: readonly string[],
): Promise<ReadonlyMap<string, string[]>> {
  const alike = new Map<string, string[]>();
  const fields = await columnsOf(session, digest, files[0] ?? "");
  if (!fields.some(({ type }) => mayBeVariant(type))) return new Map([[digest, [...files]]]);
  for (let start = 0; start < files.length; start += filesDescribed) {
    const part = files.slice(start, start + filesDescribed);
    const rows = part.map(
      (file) => sql`(SELECT varve_file FROM read_parquet(${quoteFile(file)}) AS varve_file)`,
    );
    const described = await session.describe(sql`SELECT ${rows}`);
    part.forEach((file, index) => {
      const key = `${digest} ${described[index]?.type ?? ""}`;
      const known = alike.get(key);
      if (known === undefined) alike.set(key, [file]);
      else known.push(file);
    });
  }
  return alike;
}

function mayBeVariant(type: PhysicalType): boolean {
  if (type.kind === "leaf") return false;
  if (type.kind === "list") return mayBeVariant(type.element);
  if (type.kind === "map") return mayBeVariant(type.value);
  return type.fields.some(({ name, type: inner }) => name === "metadata" || mayBeVariant(inner));
}

async function digests(session: Session, files: readonly string[]): Promise<[string, string[]][]> {
  const described = footerColumns.map((column) => sql`coalesce(CAST(${column} AS VARCHAR), '')`);
  const query = sql`SELECT digest, list(file_name) AS files FROM (
    SELECT file_name, md5(string_agg(concat_ws(chr(31), ${described}), chr(30) ORDER BY column_id)) AS digest
    FROM parquet_schema($1) GROUP BY file_name) GROUP BY digest ORDER BY digest`;
  try {
    const rows = await session.rows(query, [files.map(filePattern)]);
    return rows.map((row) => [String(row["digest"]), texts(row["files"])]);
  } catch (error) {
    throw await namingTheFile(session, files, error);
  }
}

/** The engine does not always say which file of a list is broken, so they are read one by one. */
async function namingTheFile(session: Session, files: readonly string[], error: unknown): Promise<unknown> {
  if (isVarveError(error, "CANCELLED", "DATA_FILE_MISSING")) return error;
  for (const file of files) {
    try {
      await session.rows(sql`SELECT count(*) FROM parquet_schema($1)`, [[filePattern(file)]]);
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
