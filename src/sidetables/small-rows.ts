import type { LogSnapshot } from "../log/contract.ts";
import type { ParquetRow, ValueForms } from "../parquet/read-rows.ts";
import type { AddAction } from "../protocol/actions.ts";
import type { Predicate } from "../protocol/predicate.ts";
import { typeText } from "../schema/type-names.ts";
import type { StructField } from "../schema/types.ts";
import { locateFiles } from "../table/scan/data-files.ts";
import { appendAll } from "../util/append-all.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { naming, type SideTable, type SideTableOptions } from "./side-table.ts";

/** Bytes up to which files are read faster than the engine starts. */
const mostBytes = 1024 * 1024;
const mostFiles = 32;

/** What to read of a side table's version. */
export interface SmallRead {
  readonly fields: readonly StructField[];
  /** Files that are proved to hold no matching row are left out; rows are not filtered. */
  readonly predicate: Predicate;
  readonly forms: ValueForms;
}

/**
 * The rows of a version of a side table without the engine: where its files are few, small, and as varve writes
 * them. Of all others, of damaged ones too, the engine reads or says what is the matter.
 *
 * @returns undefined where the engine must read
 * @throws errors of the log, `DATA_FILE_MISSING`, `CANCELLED`
 */
export async function smallRows(
  side: SideTable,
  snapshot: LogSnapshot,
  { fields, predicate, forms }: SmallRead,
  { signal }: SideTableOptions = {},
): Promise<ParquetRow[] | undefined> {
  if (!isPlain(snapshot, fields)) return undefined;
  return await naming(side, async () => {
    const { files } = await (await snapshot.files()).prune(predicate);
    if (!areSmall(files)) return undefined;
    const paths = files.map(({ path }) => path);
    const local = await locateFiles(snapshot.context, paths, signal);
    const [{ readParquetRows }, { readSmallFile }] = await Promise.all([
      import("../parquet/read-rows.ts"),
      import("../parquet/small-file.ts"),
    ]);
    const rows: ParquetRow[] = [];
    for (const [index, { size }] of files.entries()) {
      throwIfCancelled(signal, `reading the ${side.name}`);
      const read = (bytes: Buffer) => readParquetRows(bytes, fields, forms);
      const found = await readSmallFile(local[index] ?? "", size, read);
      if (found === undefined) return undefined;
      appendAll(rows, found);
    }
    return rows;
  });
}

/** Whether the version's files have its columns as they are, with the types that are wanted. */
function isPlain(snapshot: LogSnapshot, fields: readonly StructField[]): boolean {
  const { schema, metadata, protocol } = snapshot;
  const { minReaderVersion, readerFeatures = [] } = protocol;
  if (metadata.partitionColumns.length > 0 || minReaderVersion === 2) return false;
  if (readerFeatures.some((feature) => feature !== "deletionVectors")) return false;
  return fields.every(({ name, type }) => {
    const own = schema.fields.find((field) => field.name === name);
    return own !== undefined && typeText(own.type) === typeText(type);
  });
}

function areSmall(files: readonly AddAction[]): boolean {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return (
    files.length <= mostFiles &&
    bytes <= mostBytes &&
    files.every(({ deletionVector }) => deletionVector === undefined)
  );
}
