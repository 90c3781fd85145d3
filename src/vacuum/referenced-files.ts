import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { pathKeyer } from "../log/segment/file-key.ts";
import type { AddAction, RemoveAction } from "../protocol/actions.ts";
import { listStaged } from "../staging/staged-batch.ts";
import { isAbsolute, pathsOf } from "../table/scan/action-paths.ts";
import { checkLogPath } from "../table/scan/data-files.ts";
import { throwIfCancelled } from "../util/cancel.ts";

/**
 * Keys (paths relative to the table's root) of the files and deletion vectors of a version, and of its tombstones
 * for which `isKept` is true.
 */
export async function referencedFiles(
  snapshot: LogSnapshot,
  isKept: (tombstone: RemoveAction) => boolean,
  signal?: AbortSignal,
): Promise<Set<string>> {
  const keyOf = pathKeyer(snapshot.context.store.uri);
  const keys = new Set<string>();
  const files = await snapshot.files();
  const note = (chunk: readonly (AddAction | RemoveAction)[]): void => {
    throwIfCancelled(signal, "reading the table's files");
    for (const action of chunk) for (const path of pathsOf(action)) keys.add(keyOf(path));
  };
  for await (const chunk of files.all()) note(chunk);
  for await (const chunk of files.tombstones()) note(chunk.filter(isKept));
  return keys;
}

/**
 * Holds the paths of a version against what a path may be: what another one means is not known, so no file may be
 * deleted for not being named.
 *
 * @throws `LOG_CORRUPT`
 */
export async function requirePaths(snapshot: LogSnapshot): Promise<void> {
  const { uri } = snapshot.context.store;
  const keyOf = pathKeyer(uri);
  for await (const chunk of (await snapshot.files()).all())
    for (const path of chunk.flatMap(pathsOf)) {
      const key = keyOf(path);
      if (!isAbsolute(key)) checkLogPath(key, uri);
    }
}

/** Keys of the files of staged batches, which no version names yet. */
export async function stagedFiles(context: TableContext): Promise<Set<string>> {
  const keyOf = pathKeyer(context.store.uri);
  const keys = new Set<string>();
  for (const { files } of await listStaged(context))
    for (const file of files) for (const path of pathsOf(file)) keys.add(keyOf(path));
  return keys;
}
