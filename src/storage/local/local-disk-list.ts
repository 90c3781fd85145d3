import { type Stats, statSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isVarveError } from "../../errors.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import { mapBounded } from "../../util/concurrency.ts";
import type { ListOptions, ObjectInfo } from "../contract/object-store.ts";
import { checkPrefix, compareUtf8, isPrivateName, sortUtf8 } from "../contract/paths.ts";
import { existingFile, isSystemError, type LocalRoot, localError } from "./local-root.ts";

const statBatch = 64;
/** Files that are asked for between two looks at the clock, and milliseconds that these may take. */
const [timed, briefly] = [8, 2];
/** Looks in a row that find more time gone until the file system is a slow one, and not the machine busy. */
const patience = 3;

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
    delays: 0,
  });
}

interface Range {
  readonly prefix: string;
  readonly after: string;
  readonly signal: AbortSignal | undefined;
  readonly ignores: ListOptions["ignores"];
  /** How often in a row the file system has just taken its time, as one over a network does. */
  delays: number;
}

/** `folder` is empty or ends with a slash. */
async function* listFolder(root: LocalRoot, folder: string, range: Range): AsyncIterable<ObjectInfo> {
  throwIfCancelled(range.signal, `listing ${root.folder}`);
  const paths = await entriesOf(root, folder, range);
  for (let next = 0; next < paths.length; ) {
    const files = filesFrom(paths, next);
    for (const info of await describe(root, files, range)) yield info;
    next += files.length;
    const subfolder = files.length < statBatch ? paths[next++] : undefined;
    if (subfolder !== undefined) yield* listFolder(root, subfolder, range);
  }
}

/** The next files of a folder up to its next folder, at most a batch. */
function filesFrom(paths: readonly string[], start: number): string[] {
  const batch = paths.slice(start, start + statBatch);
  const folder = batch.findIndex((path) => path.endsWith("/"));
  return folder < 0 ? batch : batch.slice(0, folder);
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
      const isFolder = entry.isDirectory();
      const path = `${folder}${entry.name}${isFolder ? "/" : ""}`;
      if (!mayHold(path, range) || (!isFolder && range.ignores?.(path) === true)) continue;
      if (!(entry.isSymbolicLink() && (await leadsOut(root, path)))) paths.push(path);
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

/**
 * A local disk answers in microseconds, a tenth of what a thread costs: it is asked for a batch without one, and the
 * event loop has a turn after it.
 */
async function describe(root: LocalRoot, paths: readonly string[], range: Range): Promise<ObjectInfo[]> {
  throwIfCancelled(range.signal, `listing ${root.folder}`);
  const infos: (ObjectInfo | undefined)[] = [];
  while (infos.length < paths.length && range.delays < patience) {
    const start = performance.now();
    for (const path of paths.slice(infos.length, infos.length + timed)) infos.push(infoNow(root, path));
    range.delays = performance.now() - start > briefly ? range.delays + 1 : 0;
  }
  const rest = await mapBounded(paths.slice(infos.length), 8, (path) => infoByThread(root, path));
  await new Promise(setImmediate);
  return [...infos, ...rest].filter((info) => info !== undefined);
}

function infoNow(root: LocalRoot, path: string): ObjectInfo | undefined {
  try {
    return infoIfFile(path, statSync(join(root.folder, path)));
  } catch (error) {
    return undefinedIfGone(root, path, error);
  }
}

async function infoByThread(root: LocalRoot, path: string): Promise<ObjectInfo | undefined> {
  try {
    return infoIfFile(path, await stat(join(root.folder, path)));
  } catch (error) {
    return undefinedIfGone(root, path, error);
  }
}

function infoIfFile(path: string, status: Stats): ObjectInfo | undefined {
  if (!status.isFile()) return undefined;
  return { path, size: status.size, modified: Math.trunc(status.mtimeMs) };
}

/** For an entry that has vanished since the folder was read, or leads nowhere. */
function undefinedIfGone(root: LocalRoot, path: string, error: unknown): undefined {
  if (!isSystemError(error, "ENOENT", "ENOTDIR", "ELOOP")) throw localError(root, path, "describe", error);
  return undefined;
}

async function leadsOut(root: LocalRoot, path: string): Promise<boolean> {
  try {
    await existingFile(root, path);
    return false;
  } catch (error) {
    return isVarveError(error, "PATH_OUTSIDE_TABLE") || isSystemError(error, "ENOENT", "ELOOP");
  }
}
