import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { pathKeyer } from "../log/segment/file-key.ts";
import { pathsOf } from "../protocol/named-paths.ts";
import { listStaged } from "../staging/staged-batch.ts";
import { isAbsolute } from "../table/scan/action-paths.ts";
import { checkLogPath } from "../table/scan/data-files.ts";
import { throwIfCancelled } from "../util/cancel.ts";

/** Which files of a version's log are looked at. */
export interface ReferenceSearch {
  /** Time of deletion from which on tombstones count, in milliseconds since 1970-01-01 UTC; default: all of them. */
  readonly since?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Keys (paths relative to the table's root) of the files and deletion vectors of a version, and of its
 * tombstones.
 */
export async function referencedFiles(snapshot: LogSnapshot, search: ReferenceSearch): Promise<Set<string>> {
  return collected(snapshot, search, () => undefined);
}

/**
 * The same, where the files that are not among them are to be deleted: what a path of the version means that
 * is none is not known, so that no file may be deleted for not being named.
 *
 * @throws `LOG_CORRUPT`
 */
export async function neededFiles(snapshot: LogSnapshot, search: ReferenceSearch): Promise<Set<string>> {
  const { uri } = snapshot.context.store;
  return collected(snapshot, search, (key) => {
    if (!isAbsolute(key)) checkLogPath(key, uri);
  });
}

async function collected(
  snapshot: LogSnapshot,
  { since, signal }: ReferenceSearch,
  checkLive: (key: string) => void,
): Promise<Set<string>> {
  const keyOf = pathKeyer(snapshot.context.store.uri);
  const keys = new Set<string>();
  const files = await snapshot.files();
  for await (const chunk of files.references("add")) {
    throwIfCancelled(signal, "reading the table's files");
    for (const path of chunk) {
      const key = keyOf(path);
      checkLive(key);
      keys.add(key);
    }
  }
  for await (const chunk of files.references("remove", since)) {
    throwIfCancelled(signal, "reading the table's files");
    for (const path of chunk) keys.add(keyOf(path));
  }
  return keys;
}

/** Keys of the files of staged batches, which no version names yet. */
export async function stagedFiles(context: TableContext): Promise<Set<string>> {
  const keyOf = pathKeyer(context.store.uri);
  const keys = new Set<string>();
  for (const { files } of await listStaged(context))
    for (const file of files) for (const path of pathsOf(file)) keys.add(keyOf(path));
  return keys;
}
