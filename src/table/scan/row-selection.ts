import type { Session } from "../../engine/core/contract.ts";
import { isVarveError, VarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import type { DeletionVectorDescriptor } from "../../protocol/actions.ts";
import {
  checkClaims,
  decodeDeletionVector,
  deletionVectorPlace,
  unwrapDeletionVector,
} from "../../protocol/deletion-vector.ts";
import type { BitSet } from "../../util/bit-sets.ts";
import { mapBounded } from "../../util/concurrency.ts";
import { LogPaths, locateFiles } from "./data-files.ts";
import { footerRows } from "./file-groups.ts";

const readsUnderWay = 16;

/**
 * Rows of a file by position: bit `n` (the first bit of a byte is its highest) is row `n`; rows beyond the
 * bits are not set. `keep` says which rows are read.
 */
export interface RowSelection {
  readonly bits: Uint8Array;
  readonly keep: "set" | "clear";
}

/** A file whose deleted rows are requested. */
export interface VectorOwner {
  /** As the log spells it. */
  readonly path: string;
  readonly deletionVector?: DeletionVectorDescriptor | undefined;
}

/**
 * The rows that deletion vectors leave of each file, `undefined` for files without a vector. PROTOCOL.md
 * "Deletion Vectors".
 *
 * @param session reads the footers of files with a vector, because the number of rows limits the size of a
 * vector
 * @throws `DELETION_VECTOR_CORRUPT` if a vector is damaged, holds another number of rows than the log says,
 * or deletes rows that the file does not have; `DATA_FILE_MISSING` naming a file; `DATA_FILE_CORRUPT`
 */
export async function deletionSelections(
  session: Session,
  context: TableContext,
  files: readonly VectorOwner[],
  signal?: AbortSignal,
): Promise<(RowSelection | undefined)[]> {
  const bits = await deletedRows(session, context, files, signal);
  return bits.map((deleted) => (deleted === undefined ? undefined : { bits: deleted, keep: "clear" }));
}

/**
 * The deleted rows of each file, one bit a row, `undefined` for files without a vector. PROTOCOL.md "Reader
 * Requirements for Deletion Vectors".
 *
 * @throws as {@link deletionSelections}
 */
export async function deletedRows(
  session: Session,
  context: TableContext,
  files: readonly VectorOwner[],
  signal?: AbortSignal,
): Promise<(Uint8Array | undefined)[]> {
  const owners = files.filter(({ deletionVector }) => deletionVector !== undefined);
  const local = await locateFiles(
    context,
    owners.map(({ path }) => path),
    signal,
  );
  const counts = await footerRows(session, local);
  const rowsOf = new Map(owners.map((owner, index) => [owner, counts.get(local[index] ?? "") ?? 0]));
  const paths = new LogPaths(context);
  return mapBounded(files, readsUnderWay, async (owner) => {
    const { deletionVector } = owner;
    if (deletionVector === undefined) return undefined;
    const rows = rowsOf.get(owner) ?? 0;
    checkClaims(deletionVector, rows);
    return decodeDeletionVector(await readVector(paths, deletionVector, signal), deletionVector, rows);
  });
}

/**
 * The rows that a vector deletes of a file whose number of rows is known, one bit a row.
 *
 * @throws as {@link deletionSelections}
 */
export async function rowsOfVector(
  context: TableContext,
  vector: DeletionVectorDescriptor,
  rows: number,
  signal?: AbortSignal,
): Promise<BitSet> {
  checkClaims(vector, rows);
  return decodeDeletionVector(await readVector(new LogPaths(context), vector, signal), vector, rows);
}

async function readVector(
  paths: LogPaths,
  vector: DeletionVectorDescriptor,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const place = deletionVectorPlace(vector);
  if (place.kind === "inline") return place.bytes;
  const { store, path } = await paths.resolve(place.path);
  try {
    // Size, data and checksum, plus the version byte if the log gives no offset.
    const bytes = await store.getRange(path, place.offset, vector.sizeInBytes + 9, { signal });
    return unwrapDeletionVector(bytes, vector);
  } catch (error) {
    if (!isVarveError(error, "OBJECT_NOT_FOUND")) throw error;
    const message = `The deletion vector file ${path} does not exist, so its deleted rows are unknown. Restore it, or read a version before it.`;
    throw new VarveError("DATA_FILE_MISSING", message, { path, store: store.uri }, error);
  }
}
