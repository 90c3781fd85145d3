import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { recordsOf } from "../protocol/record-count.ts";
import { decodeLogPath } from "../schema/paths.ts";
import type { ObjectStore } from "../storage/contract/object-store.ts";
import { footerRows } from "../table/scan/file-groups.ts";
import { mapBounded } from "../util/concurrency.ts";
import { counted } from "../util/counted.ts";
import { makeTemporaryFolder, removeTemporaryFolder } from "../util/temporary-folder.ts";
import type { StagedBatch } from "./staged-batch.ts";

/** Number of files that are checked or deleted at once. */
const filesAtOnce = 16;

/** Number of bytes at a file's end that are read first: the whole footer of most files. */
const footerGuess = 65_536;

/**
 * Compares the files of a staged batch with its record: a commit must not name a file that is gone or has
 * another size or number of rows, because the audit was of the rows that were there before.
 *
 * @throws `DATA_FILE_MISSING`; `DATA_FILE_CORRUPT` if a footer cannot be read; `ROWS_UNACCOUNTED`
 */
export async function requireStagedFiles(context: TableContext, batch: StagedBatch): Promise<void> {
  const recorded = batch.files.map(({ path, size, stats }) => ({
    path: stagedPath(path),
    size,
    rows: recordsOf(stats),
  }));
  const misfits = batch.misfits === undefined ? [] : [{ ...batch.misfits, size: undefined }];
  const files = await mapBounded([...recorded, ...misfits], filesAtOnce, async ({ path, size, rows }) => {
    const info = await context.store.head(path);
    if (info === undefined || (size !== undefined && info.size !== size))
      throw missing(batch, path, info === undefined ? "gone" : "damaged");
    return { path, size: info.size, rows };
  });
  const counts = await rowCounts(context, files);
  files.forEach(({ path, rows }, index) => {
    const actual = counts[index] ?? 0;
    if (rows !== undefined && rows !== actual) throw unaccounted(batch, path, rows, actual);
  });
  const total = counts.slice(0, recorded.length).reduce((sum, count) => sum + count, 0);
  if (total !== batch.rows) throw unaccounted(batch, undefined, batch.rows, total);
}

/** Deletes the data files of a staged batch. */
export async function deleteStagedFiles({ store }: TableContext, batch: StagedBatch): Promise<void> {
  await mapBounded(batch.files, filesAtOnce, (file) => store.delete(stagedPath(file.path)));
}

interface FilePlace {
  readonly path: string;
  readonly size: number;
}

/**
 * The number of rows of each file by its footer. The footer is copied to a new name, because the engine may
 * have cached another footer of a file that it has read.
 */
async function rowCounts({ store, engine }: TableContext, files: readonly FilePlace[]): Promise<number[]> {
  if (files.length === 0) return [];
  const folder = makeTemporaryFolder();
  try {
    const copies = await mapBounded(files, filesAtOnce, (file, index) =>
      copyFooter(store, file, join(folder, `${index}.parquet`)),
    );
    await using session = await (await engine()).open();
    const counts = await footerRows(session, copies);
    return copies.map((name) => counts.get(name) ?? 0);
  } finally {
    await removeTemporaryFolder(folder);
  }
}

/** Makes a Parquet file of only a file's footer, from which its counts can be read. */
async function copyFooter(store: ObjectStore, { path, size }: FilePlace, target: string): Promise<string> {
  let end = await store.getRange(path, -Math.min(size, footerGuess), footerGuess);
  // The footer, its length in 4 bytes, and the magic number: https://parquet.apache.org/docs/file-format/
  const length = end.length < 8 ? 0 : Buffer.from(end).readUInt32LE(end.length - 8) + 8;
  if (length > end.length && length <= size) end = await store.getRange(path, -length, length);
  await writeFile(
    target,
    Buffer.concat([Buffer.from("PAR1"), end.subarray(Math.max(0, end.length - length))]),
  );
  return target;
}

/** A data file of a staged batch, relative to the table's root. */
function stagedPath(logPath: string): string {
  const decoded = decodeLogPath(logPath);
  if (decoded.kind === "relative") return decoded.path;
  throw new VarveError(
    "STAGED_INVALID",
    `The record of a staged batch refers to ${decoded.uri}, which is outside the table. Discard the batch and stage it again.`,
    { path: decoded.uri },
  );
}

function missing({ id }: StagedBatch, path: string, state: "gone" | "damaged"): VarveError {
  return new VarveError(
    "DATA_FILE_MISSING",
    `The file ${path} of the staged batch ${id} is ${state}: a vacuum removes old files that belong to no version. Stage the rows again.`,
    { path, id },
  );
}

function unaccounted(
  { id }: StagedBatch,
  path: string | undefined,
  recorded: number,
  actual: number,
): VarveError {
  const where = path === undefined ? "its files hold" : `its file ${path} holds`;
  return new VarveError(
    "ROWS_UNACCOUNTED",
    `The staged batch ${id} was recorded with ${counted(recorded, "row")} where ${where} ${actual}. Nothing was published. Discard the batch and stage it again.`,
    { id, path, recorded, found: actual },
  );
}
