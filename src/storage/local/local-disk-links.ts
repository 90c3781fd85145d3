import { readdir, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { throwIfCancelled } from "../../util/cancel.ts";
import type { ReadOptions } from "../contract/object-store.ts";
import { isSystemError, type LocalRoot, localError } from "./local-root.ts";

/**
 * Paths below a root that symbolic links in it lead to, each step of them; and those of files at other spellings, such
 * as ones through links outside. See `ObjectStore.otherNames`.
 */
export async function otherNames(
  root: LocalRoot,
  files: Iterable<string>,
  options: ReadOptions = {},
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  try {
    const real = await realpath(root.folder);
    const note = (file: string): void => {
      for (const folder of new Set([real, root.folder])) {
        const path = relative(folder, file);
        if (path !== "" && path !== ".." && !path.startsWith(`..${sep}`)) found.add(path);
      }
    };
    const folders = new Map<string, string | undefined>();
    for (const file of files) {
      const folder = dirname(file);
      if (!folders.has(folder)) folders.set(folder, await realOf(folder));
      const real = folders.get(folder);
      if (real !== undefined) note(join(real, basename(file)));
    }
    for await (const link of linksBelow(root.folder, options)) {
      note(resolve(dirname(link), await readlink(link)));
      const target = await realOf(link);
      if (target !== undefined) note(target);
    }
  } catch (error) {
    if (!isSystemError(error, "ENOENT")) throw localError(root, "", "follow the links of", error);
  }
  return found;
}

async function* linksBelow(folder: string, { signal }: ReadOptions): AsyncIterable<string> {
  throwIfCancelled(signal, `listing ${folder}`);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const name = join(folder, entry.name);
    if (entry.isSymbolicLink()) yield name;
    if (entry.isDirectory()) yield* linksBelow(name, { signal });
  }
}

/** `undefined` for a name that leads nowhere. */
async function realOf(name: string): Promise<string | undefined> {
  try {
    return await realpath(name);
  } catch (error) {
    if (isSystemError(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}
