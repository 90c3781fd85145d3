import { isStoreFailure, isVarveError, VarveError } from "../../../errors.ts";
import { sql } from "../../../sql/sql.ts";
import { fileList, quoteFile } from "../../../sql/sql-text.ts";
import type { EngineRow, EngineValue } from "../../core/contract.ts";
import type { EngineCore } from "../../core/core.ts";

/**
 * A column or a member of one, as the file's own schema has it: the file's name for it, which the engine may
 * change, and the file's type, of which the engine may know less.
 */
export interface ParquetField {
  readonly name: string;
  /** Physical type, e.g. `INT96`; absent for a group. */
  readonly physical?: string | undefined;
  /** Older annotation, e.g. `UTF8`. */
  readonly converted?: string | undefined;
  /** Newer annotation as the engine prints it, e.g. `StringType()`. */
  readonly logical?: string | undefined;
  /** Whether a row has any number of it. */
  readonly repeats: boolean;
  readonly precision?: number | undefined;
  readonly scale?: number | undefined;
  /** The engine's type for a column that is not nested. */
  readonly engineType?: string | undefined;
  readonly children: readonly ParquetField[];
}

/** A column without members, as its pages are written: with levels, of which a list or map has repetitions. */
export interface ParquetLeaf {
  /** Its place among the leaves of the file. */
  readonly ordinal: number;
  readonly path: readonly string[];
  /** The highest definition level. */
  readonly definitions: number;
  /** For each repetition level, from 1, the definition level from which on that list has an element. */
  readonly lists: readonly number[];
  /** Place in the schema of what repeats at each repetition level; leaves that share it have as many. */
  readonly repeated: readonly number[];
}

/** A Parquet file with the columns that its footer names. */
export interface ParquetSchema {
  readonly file: string;
  readonly fields: readonly ParquetField[];
  /** Path and physical type of each leaf, in the order of a row group's columns. */
  readonly leaves: readonly { readonly path: readonly string[]; readonly physical: string }[];
  /** The leaves that a row may have any number of. */
  readonly repeatedLeaves: readonly ParquetLeaf[];
}

/** Groups deeper than this are no data: each level costs the engine a frame of its stack. */
const deepest = 200;

/**
 * Reads the schemas of Parquet files from their footers, and nothing else of them.
 *
 * @throws `SOURCE_UNREADABLE` naming the first file whose footer cannot be read
 */
export async function readParquetSchemas(
  core: EngineCore,
  files: readonly string[],
): Promise<ParquetSchema[]> {
  const byFile = new Map<string, EngineRow[]>();
  for (const row of await schemaRows(core, [...new Set(files)])) {
    const file = String(row["file_name"]);
    const rows = byFile.get(file);
    if (rows === undefined) byFile.set(file, [row]);
    else rows.push(row);
  }
  return files.map((file) => schemaOf(file, byFile.get(file) ?? []));
}

async function schemaRows(core: EngineCore, files: readonly string[]): Promise<EngineRow[]> {
  const columns = sql`file_name, name, type, repetition_type, num_children, converted_type, scale, precision, logical_type, duckdb_type`;
  try {
    return await core.rows(sql`SELECT ${columns} FROM parquet_schema(${fileList(files)})`);
  } catch (error) {
    const [only] = files;
    if (only !== undefined && files.length === 1) throw unreadableParquet(only, error);
    for (const file of files)
      await core
        .rows(sql`SELECT count(*) FROM parquet_schema(${quoteFile(file)})`)
        .catch((cause: unknown) => {
          throw unreadableParquet(file, cause);
        });
    throw error;
  }
}

/** Codes that are about the work or the machine, whatever the file holds. */
const unrelated: ReadonlySet<string> = new Set(["CANCELLED", "MEMORY_LIMIT_TOO_SMALL", "SOURCE_UNREADABLE"]);

/**
 * The failure to read a file, by the file's name; what says nothing of the file stays as it is.
 *
 * @param copy what was read instead of the file
 */
export function unreadableParquet(file: string, error: unknown, copy: string = file): unknown {
  if (!isVarveError(error) || unrelated.has(error.code) || isStoreFailure(error)) return error;
  const [line = ""] = String(error.data["engineMessage"] ?? error.message).split("\n");
  const why = line.replaceAll(copy, file);
  const [, codec] = /Unsupported compression codec "([^"]+)"/.exec(why) ?? [];
  if (codec !== undefined) {
    const text = `The Parquet file ${file} is compressed with ${codec}${codec === "LZ4" ? " in the form of Hadoop (not LZ4_RAW)" : ""}, which varve does not support. Write it with zstd, snappy or gzip.`;
    return new VarveError("SOURCE_UNREADABLE", text, { file, compression: codec }, error);
  }
  const text = `Cannot read the Parquet file ${file}: ${why.replace(/\.$/, "")}. ${remedyOf(why)}.`;
  return new VarveError("SOURCE_UNREADABLE", text, { file }, error);
}

function remedyOf(why: string): string {
  if (/BYTE_STREAM_SPLIT/.test(why)) return "Write its integers with another encoding";
  if (/MAP_KEY_VALUE/.test(why)) return "Write its map with values, or as a list";
  return "Restore it from a copy, or write it again";
}

function schemaOf(file: string, rows: readonly EngineRow[]): ParquetSchema {
  let next = 0;
  const leaves: ParquetSchema["leaves"][number][] = [];
  const repeatedLeaves: ParquetLeaf[] = [];
  const damaged = (what: string) =>
    new VarveError("SOURCE_UNREADABLE", `The Parquet file ${file} is damaged: ${what}.`, { file });
  const read = (parents: LevelPath): ParquetField => {
    const place = next++;
    const row = rows[place];
    if (row === undefined) throw damaged("its schema ends within a group");
    if (parents.path.length >= deepest) throw damaged(`its schema has more than ${deepest} levels`);
    const field = fieldOf(row);
    const levels = place === 0 ? parents : below(parents, field, { row, place });
    const count = Number(row["num_children"] ?? 0);
    if (count === 0) {
      if (levels.lists.length > 0) repeatedLeaves.push({ ...levels, ordinal: leaves.length });
      leaves.push({ path: levels.path, physical: field.physical ?? "" });
    }
    const children: ParquetField[] = [];
    while (children.length < count) children.push(read(levels));
    return { ...field, children };
  };
  const { children: fields } = read({ path: [], definitions: 0, lists: [], repeated: [] });
  return { file, fields, leaves, repeatedLeaves };
}

type LevelPath = Omit<ParquetLeaf, "ordinal">;

/** The levels of a field below its parents. */
function below(
  parents: LevelPath,
  { name, repeats }: ParquetField,
  { row, place }: { readonly row: EngineRow; readonly place: number },
): LevelPath {
  const definitions = parents.definitions + (row["repetition_type"] === "REQUIRED" ? 0 : 1);
  return {
    path: [...parents.path, name],
    definitions,
    lists: repeats ? [...parents.lists, definitions] : parents.lists,
    repeated: repeats ? [...parents.repeated, place] : parents.repeated,
  };
}

function fieldOf(row: EngineRow): ParquetField {
  return {
    name: String(row["name"]),
    physical: text(row["type"]),
    converted: text(row["converted_type"]),
    logical: text(row["logical_type"]),
    repeats: row["repetition_type"] === "REPEATED",
    precision: row["precision"] === null ? undefined : Number(row["precision"]),
    scale: row["scale"] === null ? undefined : Number(row["scale"]),
    engineType: text(row["duckdb_type"]),
    children: [],
  };
}

function text(value: EngineValue | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
