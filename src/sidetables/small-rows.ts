import { readFile } from "node:fs/promises";
import type { LogSnapshot } from "../log/contract.ts";
import type { ParquetRow, ValueForms } from "../parquet/read-rows.ts";
import type { AddAction } from "../protocol/actions.ts";
import type { Predicate } from "../protocol/predicate.ts";
import { typeText } from "../schema/type-names.ts";
import type { StructField } from "../schema/types.ts";
import { locateFiles } from "../table/scan/data-files.ts";
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
    const [{ readParquetRows }, { UnfitFile }] = await Promise.all([
      import("../parquet/read-rows.ts"),
      import("../parquet/unfit.ts"),
    ]);
    const rows: ParquetRow[] = [];
    for (const [index, file] of local.entries()) {
      throwIfCancelled(signal, `reading the ${side.name}`);
      try {
        const bytes = await readFile(file);
        if (bytes.length !== files[index]?.size) return undefined;
        for (const row of readParquetRows(bytes, fields, forms)) rows.push(row);
      } catch (error) {
        if (error instanceof UnfitFile || isReadFailure(error)) return undefined;
        throw error;
      }
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

/** The engine reads the file again, and says why it cannot. */
function isReadFailure(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
