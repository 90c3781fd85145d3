import { type FileHandle, open, stat } from "node:fs/promises";
import { VarveError } from "../../../errors.ts";

/**
 * Opens a source file, whatever its format.
 *
 * @throws `SOURCE_UNREADABLE` with the reason if the system refuses, and for a folder
 */
export async function openSourceFile(file: string): Promise<FileHandle> {
  const handle = await open(file).catch((error: unknown) => {
    throw notOpened(file, error);
  });
  // the system opens a folder, and refuses to read it
  if (!(await handle.stat()).isDirectory()) return handle;
  await handle.close();
  throw folderRefused(file);
}

/**
 * Makes sure that a file can be read, before the engine opens it by itself.
 *
 * @throws `SOURCE_UNREADABLE` for a file that is absent, not a file, forbidden, or empty
 */
export async function assertFilled(file: string): Promise<void> {
  const info = await stat(file).catch((error: unknown) => {
    throw notOpened(file, error);
  });
  if (!info.isFile()) throw folderRefused(file);
  if (info.size === 0) throw emptyFile(file);
  await (await openSourceFile(file)).close();
}

/** Size in bytes. @throws `SOURCE_UNREADABLE` with the reason if the system refuses to say */
export async function fileSize(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    throw notOpened(file, error);
  }
}

/** The refusal of a file that has nothing in it, once it is decompressed. */
export function emptyFile(file: string): VarveError {
  const text = `The file ${file} is empty. Pass a file with content.`;
  return new VarveError("SOURCE_UNREADABLE", text, { file });
}

/** The refusal of a folder in the place of a file. */
function folderRefused(file: string): VarveError {
  const text = `${file} is a folder, not a file. Pass the files in it.`;
  return new VarveError("SOURCE_UNREADABLE", text, { file });
}

function notOpened(file: string, cause: unknown): VarveError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VarveError("SOURCE_UNREADABLE", `Cannot open the file ${file}: ${why}.`, { file }, cause);
}
