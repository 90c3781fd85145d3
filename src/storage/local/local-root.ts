import { realpathSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { VarveError } from "../../errors.ts";
import { systemErrorCode, systemRefusal } from "../../util/system-refusals.ts";
import { checkPath, outsideRoot } from "../contract/paths.ts";

/** A folder that a local store never leaves, not even through symbolic links. */
export interface LocalRoot {
  /** Absolute, as given; may not exist yet and may itself be reached through links. */
  readonly folder: string;
  readonly uri: string;
  /** The resolved path of `folder`; resolved again when something seems to be outside it. */
  real: string | undefined;
  /** Folders below the root whose names are known to be flushed to disk. */
  readonly flushed: Set<string>;
}

/** Absolute file name of `path`, not yet checked for links. @throws as {@link checkPath} */
export function fileNameOf(root: LocalRoot, path: string): string {
  return join(root.folder, checkPath(path));
}

/**
 * Absolute file name of an existing object.
 *
 * @throws `PATH_OUTSIDE_TABLE` if links lead out of the root; the operating system's error (`ENOENT` and
 * others) if it cannot be reached
 */
export async function existingFile(root: LocalRoot, path: string): Promise<string> {
  const file = fileNameOf(root, path);
  await checkInside(root, path, await realpath(file));
  return file;
}

/**
 * Synchronous {@link existingFile}; the name of a file that does not exist is returned unchanged, so that
 * opening it reports the error.
 */
export function existingFileSync(root: LocalRoot, path: string): string {
  const file = fileNameOf(root, path);
  let real: string;
  let realRoot: string;
  try {
    real = realpathSync.native(file);
    realRoot = realpathSync.native(root.folder);
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR", "ENAMETOOLONG")) return file;
    throw localError(root, path, "open", error);
  }
  if (!isBelow(real, realRoot)) throw outsideRoot(path, root.folder);
  return file;
}

/**
 * Checks that the folder of a new file is, as far as it exists, inside the root; returns whether all of it
 * exists.
 *
 * @throws `PATH_OUTSIDE_TABLE`
 */
export async function checkTargetFolder(root: LocalRoot, path: string): Promise<boolean> {
  const target = dirname(fileNameOf(root, path));
  for (let folder = target; folder.length > root.folder.length; folder = dirname(folder)) {
    const real = await realpathIfExists(folder);
    if (real === undefined) continue;
    await checkInside(root, path, real);
    return folder === target;
  }
  return false;
}

/** Whether `error` comes from the operating system with one of `codes`. */
export function isSystemError(error: unknown, ...codes: readonly string[]): boolean {
  const code = systemErrorCode(error);
  return code !== undefined && codes.includes(code);
}

/**
 * Wraps an error of the operating system: `STORE_FULL`, `STORE_FORBIDDEN` or `STORE_REFUSED` if trying again
 * cannot help, else `STORE_UNAVAILABLE`.
 */
export function localError(root: LocalRoot, path: string, action: string, error: unknown): VarveError {
  if (error instanceof VarveError) return error;
  const code = systemErrorCode(error);
  const definite = systemRefusal(code);
  const where = path === "" ? root.folder : `${JSON.stringify(path)} in ${root.folder}`;
  const message = `Could not ${action} ${where} (${code ?? String(error)})${definite === undefined ? "." : `: ${definite.why}.`}`;
  return new VarveError(
    definite?.code ?? "STORE_UNAVAILABLE",
    message,
    { path, store: root.uri, system: code },
    error,
  );
}

async function checkInside(root: LocalRoot, path: string, real: string): Promise<void> {
  if (root.real !== undefined && isBelow(real, root.real)) return;
  root.real = await realpath(root.folder);
  if (!isBelow(real, root.real)) throw outsideRoot(path, root.folder);
}

function isBelow(file: string, folder: string): boolean {
  return file === folder || file.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

async function realpathIfExists(file: string): Promise<string | undefined> {
  try {
    return await realpath(file);
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return undefined;
    throw error;
  }
}
