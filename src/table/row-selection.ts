import { isVarveError, VarveError } from "../errors.ts";
import type { DeletionVectorDescriptor } from "../log/actions.ts";
import type { TableContext } from "../log/contract.ts";
import { decodeDeletionVector, deletionVectorPlace, unwrapDeletionVector } from "../log/deletion-vector.ts";
import { mapBounded } from "../util/concurrency.ts";
import { isJsonObject, parseJson } from "../util/json.ts";
import { LogPaths } from "./data-files.ts";

const readsUnderWay = 16;

/**
 * Rows of a file by position: bit `n` (the first bit of a byte is its highest) stands for row `n`; rows beyond the bits are not set.
 * `keep` says which rows are read.
 */
export interface RowSelection {
  readonly bits: Uint8Array;
  readonly keep: "set" | "clear";
}

/** A file whose deleted rows are wanted. */
export interface VectorOwner {
  readonly deletionVector?: DeletionVectorDescriptor;
  /** JSON text of the file's statistics, whose `numRecords` bounds the positions. */
  readonly stats?: string;
}

/**
 * The rows that deletion vectors leave of each file, `undefined` for files without a vector. PROTOCOL.md "Deletion Vectors".
 *
 * @throws `DELETION_VECTOR_CORRUPT` when a vector is damaged or holds another number of rows than the log says; `DATA_FILE_MISSING` naming its file
 */
export async function deletionSelections(context: TableContext, files: readonly VectorOwner[]): Promise<(RowSelection | undefined)[]> {
  const bits = await deletedRows(context, files);
  return bits.map((deleted) => (deleted === undefined ? undefined : { bits: deleted, keep: "clear" }));
}

/** The deleted rows of each file, one bit a row, `undefined` for files without a vector. @throws as {@link deletionSelections} */
export async function deletedRows(context: TableContext, files: readonly VectorOwner[]): Promise<(Uint8Array | undefined)[]> {
  const paths = new LogPaths(context);
  return mapBounded(files, readsUnderWay, async ({ deletionVector, stats }) =>
    deletionVector === undefined
      ? undefined
      : decodeDeletionVector(await readVector(paths, deletionVector), deletionVector, recordsOf(stats)),
  );
}

async function readVector(paths: LogPaths, vector: DeletionVectorDescriptor): Promise<Uint8Array> {
  const place = deletionVectorPlace(vector);
  if (place.kind === "inline") return place.bytes;
  const { store, path } = await paths.resolve(place.path);
  try {
    // Size, data and checksum, and the version byte where the log gives no offset.
    return unwrapDeletionVector(await store.getRange(path, place.offset, vector.sizeInBytes + 9), vector);
  } catch (error) {
    if (!isVarveError(error, "OBJECT_NOT_FOUND")) throw error;
    const message = `The deletion vector file ${path} does not exist, so the rows that it deletes are unknown. Restore it, or travel to a version before it.`;
    throw new VarveError("DATA_FILE_MISSING", message, { path, store: store.uri }, error);
  }
}

/** `numRecords` of a file's statistics, which files with a vector must have; `undefined` where it cannot be had. */
export function recordsOf(stats: string | undefined): number | undefined {
  if (stats === undefined) return undefined;
  try {
    const parsed = parseJson(stats);
    const records = isJsonObject(parsed) ? parsed["numRecords"] : undefined;
    return typeof records === "number" && Number.isSafeInteger(records) && records >= 0 ? records : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
