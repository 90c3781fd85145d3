import { lstat, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { throwIfCancelled } from "../../util/cancel.ts";
import type { ReadOptions } from "../contract/object-store.ts";
import { isSystemError, type LocalRoot, localError } from "./local-root.ts";

/**
 * Removes empty folders below a root; see `ObjectStore.removeEmptyFolders`. A folder that only held such folders has
 * just changed, so it is left for a later call. Symbolic links are not followed.
 */
export async function removeEmptyFolders(
  root: LocalRoot,
  before: number,
  isRemovable: (folder: string) => boolean,
  options: ReadOptions = {},
): Promise<number> {
  let removed = 0;
  const visit = async (folder: string): Promise<void> => {
    throwIfCancelled(options.signal, `listing ${root.folder}`);
    const entries = await readdir(join(root.folder, folder), { withFileTypes: true });
    if (entries.length === 0 && folder !== "" && (await removeIfOlder(join(root.folder, folder), before)))
      removed++;
    for (const entry of entries) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (!entry.isDirectory() || !isRemovable(path)) continue;
      try {
        await visit(path);
      } catch (error) {
        if (!isSystemError(error, "ENOENT", "ENOTDIR")) throw localError(root, path, "remove", error);
      }
    }
  };
  try {
    await visit("");
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw localError(root, "", "list", error);
  }
  return removed;
}

/** A folder that somebody writes to, or has just made, stays. */
async function removeIfOlder(folder: string, before: number): Promise<boolean> {
  if ((await lstat(folder)).mtimeMs >= before) return false;
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if (isSystemError(error, "ENOTEMPTY", "EEXIST")) return false;
    throw error;
  }
}
