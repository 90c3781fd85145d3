import type { ObjectStore, ReadOptions } from "../storage/contract/object-store.ts";

const scheme = "file://";

/**
 * Tells the files of a table that other names lead to: symbolic links in the table, and absolute paths of the log in
 * another spelling than that of the table's root, through links for example. They stay, because the log may name them
 * so.
 *
 * @param keys of files that are needed
 */
export async function linkedFiles(
  store: ObjectStore,
  keys: Iterable<string>,
  options: ReadOptions,
): Promise<(path: string) => boolean> {
  if (store.otherNames === undefined) return () => false;
  const outside = [...keys].filter((key) => key.startsWith(scheme)).map((key) => key.slice(scheme.length));
  const names = await store.otherNames(outside, options);
  if (names.size === 0) return () => false;
  return (path) => {
    for (let cut = path.indexOf("/"); cut > 0; cut = path.indexOf("/", cut + 1))
      if (names.has(path.slice(0, cut))) return true;
    return names.has(path);
  };
}
