import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isVarveError } from "../../errors.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import { mapBounded } from "../../util/concurrency.ts";
import type { ListOptions, ObjectInfo } from "../contract/object-store.ts";
import { checkPrefix, compareUtf8, isPrivateName, sortUtf8 } from "../contract/paths.ts";
import { existingFile, isSystemError, type LocalRoot, localError } from "./local-root.ts";

const statBatch = 64;

/**
 * Lists files below a root in UTF-8 byte order of their paths, reading a folder only when the consumer
 * reaches it.
 *
 * Symbolic links to files inside the root are listed; links that leave it and links to folders are not
 * objects of the store.
 */
export async function* listLocal(
  root: LocalRoot,
  prefix: string,
  options: ListOptions = {},
): AsyncIterable<ObjectInfo> {
  checkPrefix(prefix);
  const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  yield* listFolder(root, folder, {
    prefix,
    after: options.startAfter ?? "",
    signal: options.signal,
    ignores: options.ignores,
  });
}

interface Range {
  readonly prefix: string;
  readonly after: string;
  readonly signal: AbortSignal | undefined;
  readonly ignores: ListOptions["ignores"];
}

/** `folder` is empty or ends with a slash. */
async function* listFolder(root: LocalRoot, folder: string, range: Range): AsyncIterable<ObjectInfo> {
  throwIfCancelled(range.signal, `listing ${root.folder}`);
  const paths = await entriesOf(root, folder, range);
  let files: string[] = [];
  for (const path of paths) {
    if (!path.endsWith("/") && range.ignores?.(path) !== true) files.push(path);
    if (files.length === statBatch || path.endsWith("/")) {
      yield* await describe(root, files, range.signal);
      files = [];
    }
    if (path.endsWith("/")) yield* listFolder(root, path, range);
  }
  yield* await describe(root, files, range.signal);
}

/**
 * Paths of a folder's entries within the range, in order. Folders end with a slash, so that they sort like
 * their contents.
 */
async function entriesOf(root: LocalRoot, folder: string, range: Range): Promise<string[]> {
  try {
    const name = folder === "" ? root.folder : await existingFile(root, folder.slice(0, -1));
    const entries = await readdir(name, { withFileTypes: true });
    const paths: string[] = [];
    for (const entry of entries) {
      if (isPrivateName(entry.name)) continue;
      const path = `${folder}${entry.name}${entry.isDirectory() ? "/" : ""}`;
      if (mayHold(path, range) && !(entry.isSymbolicLink() && (await leadsOut(root, path)))) paths.push(path);
    }
    return sortUtf8(paths);
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR")) return [];
    throw localError(root, folder, "list", error);
  }
}

function mayHold(path: string, { prefix, after }: Range): boolean {
  if (!path.endsWith("/")) return path.startsWith(prefix) && compareUtf8(path, after) > 0;
  const prefixMeets = path.startsWith(prefix) || prefix.startsWith(path);
  return prefixMeets && (compareUtf8(path, after) > 0 || after.startsWith(path));
}

async function describe(
  root: LocalRoot,
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<ObjectInfo[]> {
  throwIfCancelled(signal, `listing ${root.folder}`);
  const infos = await mapBounded(paths, 8, (path) => infoIfFile(root, path));
  return infos.filter((info) => info !== undefined);
}

/**
 * `undefined` for an entry that has vanished since the folder was read, leads out of the root or is not a
 * file.
 */
async function infoIfFile(root: LocalRoot, path: string): Promise<ObjectInfo | undefined> {
  try {
    const status = await stat(join(root.folder, path));
    if (!status.isFile()) return undefined;
    return { path, size: status.size, modified: Math.trunc(status.mtimeMs) };
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw localError(root, path, "describe", error);
  }
}

async function leadsOut(root: LocalRoot, path: string): Promise<boolean> {
  try {
    await existingFile(root, path);
    return false;
  } catch (error) {
    return isVarveError(error, "PATH_OUTSIDE_TABLE") || isSystemError(error, "ENOENT", "ELOOP");
  }
}
