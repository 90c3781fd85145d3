import type { Dirent } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { throwIfCancelled } from "../util/cancel.ts";
import { isSystemError, type LocalRoot, localError } from "./local-root.ts";
import type { ReadOptions } from "./object-store.ts";
import { isPrivateName } from "./paths.ts";

/** Removes temporary files and staging folders below a root that have not changed since `before`; see `ObjectStore.removeAbandoned`. */
export async function removeAbandonedLocal(root: LocalRoot, before: number, options?: ReadOptions): Promise<number> {
  let removed = 0;
  for await (const file of privateEntries(root, root.folder, options)) {
    if (await removeIfOlder(root, file, before)) removed++;
  }
  return removed;
}

/** Links are not followed: what lies behind them is not the store's. */
async function* privateEntries(root: LocalRoot, folder: string, options?: ReadOptions): AsyncIterable<string> {
  throwIfCancelled(options?.signal, `removing abandoned files below ${root.folder}`);
  for (const entry of await entriesOf(root, folder)) {
    const file = join(folder, entry.name);
    if (isPrivateName(entry.name)) yield file;
    else if (entry.isDirectory()) yield* privateEntries(root, file, options);
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
  try {
    if ((await stat(file)).mtimeMs >= before) return false;
    await rm(file, { recursive: true, force: true });
    return true;
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return false;
    throw localError(root, file, "remove", error);
  }
}
