import type { PartitionColumn } from "../../dialects/statements/syntax.ts";
import { VarveError } from "../../errors.ts";
import { logFolder } from "../../log/segment/file-names.ts";
import { encodePartitionValue } from "../../schema/partition-values.ts";
import { parseHiveSegment } from "../../schema/paths.ts";
import { foldName } from "../../schema/schema-json.ts";
import { pathText, typeText } from "../../schema/type-names.ts";
import type { ObjectInfo, ObjectStore, ReadOptions } from "../../storage/contract/object-store.ts";
import { isHiddenPath } from "../../storage/contract/paths.ts";

/** A file that becomes part of a table where it is. */
export interface ParquetFile extends ObjectInfo {
  /** As the log spells them. */
  readonly partitionValues: Readonly<Record<string, string | null>>;
}

/**
 * The files of a folder that is to be a table, with the partition values that their folders say. Names that begin
 * with `_` or `.` belong to other programs.
 *
 * @throws `SOURCE_UNREADABLE` for a folder without files; `INVALID_ARGUMENT` for a table below it, and for folders that
 * are not those of the partition columns, naming the file; `SCHEMA_MISMATCH` for a value that is not of its column's type
 */
export async function parquetFiles(
  store: ObjectStore,
  columns: readonly PartitionColumn[],
  options: ReadOptions = {},
): Promise<ParquetFile[]> {
  const files: ParquetFile[] = [];
  for await (const info of store.list("", options)) {
    const log = info.path.indexOf(`/${logFolder}/`);
    if (log > 0 && !isHiddenPath(info.path.slice(0, log))) throw otherTable(store, info.path.slice(0, log));
    if (isHiddenPath(info.path)) continue;
    files.push({ ...info, partitionValues: partitionValues(info.path, columns) });
  }
  if (files.length > 0) return files;
  throw new VarveError(
    "SOURCE_UNREADABLE",
    `There are no files in ${store.uri} to make a table of (names that begin with _ or . do not count). Check the address: it must be that of a folder.`,
    { uri: store.uri },
  );
}

/** Its files are not all of its rows' files: its log says which. */
function otherTable({ uri }: ObjectStore, folder: string): VarveError {
  return new VarveError(
    "INVALID_ARGUMENT",
    `The folder ${folder} below ${uri} is a table of its own, with files that it may have removed rows of. Nothing was written. Move it elsewhere, or append its rows to the new table.`,
    { uri, path: folder },
  );
}

function partitionValues(path: string, columns: readonly PartitionColumn[]): Record<string, string | null> {
  const folders = path.split("/").slice(0, -1);
  const pairs = folders.flatMap((folder) => {
    const pair = parseHiveSegment(folder);
    return pair === undefined ? [] : [pair];
  });
  const found = pairs.map(([name]) => name);
  const isDeclared =
    found.length === columns.length &&
    found.every((name, index) => foldName(name) === foldName(columns[index]?.name ?? ""));
  if (!isDeclared) throw otherColumns(path, found, columns);
  return Object.fromEntries(
    columns.map((column, index) => [column.name, typedValue(path, column, pairs[index]?.[1] ?? null)]),
  );
}

function typedValue(path: string, { name, type }: PartitionColumn, text: string | null): string | null {
  try {
    return encodePartitionValue(type, text);
  } catch (cause) {
    throw new VarveError(
      "SCHEMA_MISMATCH",
      `The folder of ${path} gives partition column ${pathText([name])} the value ${JSON.stringify(text)}, which is not of its type ${typeText(type)}. Nothing was written. Declare another type, such as string, or rename the folder.`,
      { column: [name], expected: typeText(type), found: text, file: path },
      cause,
    );
  }
}

function otherColumns(
  path: string,
  found: readonly string[],
  columns: readonly PartitionColumn[],
): VarveError {
  const [names, wanted] = [found, columns.map(({ name }) => name)].map((list) =>
    list.length === 0 ? "none" : list.map((name) => pathText([name])).join(", "),
  );
  const example = found.map((name) => `${pathText([name])} string`).join(", ");
  const remedy =
    found.length === 0
      ? "Leave the partition columns out"
      : `Declare those of the folders, each with its type, in their order, as in ${JSON.stringify(example)}`;
  return new VarveError(
    "INVALID_ARGUMENT",
    `The folders of ${path} have the partition columns ${names}, but the declared ones are: ${wanted}. Nothing was written. ${remedy}.`,
    { path, found, known: columns.map(({ name }) => name) },
  );
}
