import { createHash } from "node:crypto";
import type { Dirent } from "node:fs";
import { lstat, readdir, rm } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { throwIfCancelled } from "../../util/cancel.ts";
import type { AbandonedOptions, ReadOptions } from "../contract/object-store.ts";
import { isPrivateName, privateNamePrefix } from "../contract/paths.ts";
import { isSystemError, type LocalRoot, localError } from "./local-root.ts";

/** The only folder of a table, besides its own, where each commit leaves files. */
const logFolderName = "_delta_log";

/** Prefix of the names of staging folders in the root. */
export const stagingPrefix = `${privateNamePrefix}staging-`;

/**
 * Prefix of the names of this root's staging folders in the folder above it, used while the root does not
 * exist yet.
 */
export function stagingPrefixAbove({ folder }: LocalRoot): string {
  return `${stagingPrefix}${createHash("sha256").update(folder).digest("hex").slice(0, 12)}-`;
}

/**
 * Removes temporary files and staging folders of a root that have not changed since `before`; see
 * `ObjectStore.removeAbandoned`.
 */
export async function removeAbandonedLocal(
  root: LocalRoot,
  before: number,
  options: AbandonedOptions = {},
): Promise<number> {
  let removed = 0;
  for await (const file of privateEntries(root, options))
    if (await removeIfOlder(root, file, before)) removed++;
  return removed;
}

/** See `ObjectStore.listAbandoned`. */
export async function listAbandonedLocal(
  root: LocalRoot,
  before: number,
  options: ReadOptions = {},
): Promise<string[]> {
  const abandoned: string[] = [];
  for await (const file of privateEntries(root, options)) {
    if (await isOlder(root, file, before)) abandoned.push(relative(root.folder, file).split(sep).join("/"));
  }
  return abandoned;
}

async function* privateEntries(root: LocalRoot, options: AbandonedOptions): AsyncIterable<string> {
  const above = dirname(root.folder);
  for (const name of await namesAbove(root, above))
    if (name.startsWith(stagingPrefixAbove(root))) yield join(above, name);
  yield* privateBelow(root, root.folder, options.nearby === true ? 1 : Number.POSITIVE_INFINITY, options);
}

/** Returns nothing if the folder above may not be read. */
async function namesAbove(root: LocalRoot, above: string): Promise<string[]> {
  try {
    return await readdir(above);
  } catch (error) {
    if (isSystemError(error, "ENOENT", "EACCES", "EPERM")) return [];
    throw localError(root, above, "list", error);
  }
}

/**
 * Links are not followed, because their targets do not belong to the store. `depth`: how many levels of
 * folders are searched.
 */
async function* privateBelow(
  root: LocalRoot,
  folder: string,
  depth: number,
  options: AbandonedOptions,
): AsyncIterable<string> {
  throwIfCancelled(options.signal, `looking for abandoned files below ${root.folder}`);
  for (const entry of await entriesOf(root, folder)) {
    const file = join(folder, entry.name);
    if (isPrivateName(entry.name)) yield file;
    else if (entry.isDirectory() && depth > 0 && (options.nearby !== true || entry.name === logFolderName))
      yield* privateBelow(root, file, depth - 1, options);
  }
}

async function entriesOf(root: LocalRoot, folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return [];
    throw localError(root, folder, "list", error);
  }
}

async function removeIfOlder(root: LocalRoot, file: string, before: number): Promise<boolean> {
  if (!(await isOlder(root, file, before))) return false;
  try {
    await rm(file, { recursive: true, force: true });
    return true;
  } catch (error) {
    throw localError(root, file, "remove", error);
  }
}

/** Whether nothing in a file or folder has changed since `before`; a folder does not change where its files grow. */
async function isOlder(root: LocalRoot, file: string, before: number): Promise<boolean> {
  try {
    const status = await lstat(file);
    if (status.mtimeMs >= before) return false;
    if (!status.isDirectory()) return true;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return false;
    throw localError(root, file, "look at", error);
  }
  for (const { name } of await entriesOf(root, file))
    if (!(await isOlder(root, join(file, name), before))) return false;
  return true;
}
