import type { LogSnapshot } from "../log/contract.ts";
import { pathKeyer } from "../log/segment/file-key.ts";
import { isHiddenPath } from "../storage/contract/paths.ts";
import { patienceWith } from "../table/commit/log-maintenance.ts";
import { naming, openSideTable, type SideTable, type SideTableOptions } from "./side-table.ts";

/** Age in milliseconds from which a purge of a side table removes rows that nobody needs any more. */
export const purgedAfter = 90 * 24 * 60 * 60 * 1000;

/**
 * Deletes the data files of a side table that its newest version does not have, so that the rows that only
 * earlier versions hold are gone; those versions can no longer be read.
 *
 * Files that the log names as removed go at once: nothing makes them part of a version again. A file that the
 * log does not name may be about to be committed, so it stays until no writer can still be at work on it. A
 * call that is interrupted is finished by the next one.
 *
 * @returns the number of files deleted
 */
export async function removeOldFiles(side: SideTable, options: SideTableOptions = {}): Promise<number> {
  const newest = await openSideTable(side, options);
  return newest === undefined ? 0 : naming(side, () => removeFilesBefore(newest, options));
}

async function removeFilesBefore(newest: LogSnapshot, { signal }: SideTableOptions): Promise<number> {
  const { store, world } = newest.context;
  const { present, removed } = await namedFiles(newest);
  const before = world.now() - patienceWith(newest.metadata);
  const old: string[] = [];
  for await (const { path, modified } of store.list("", { signal })) {
    if (isHiddenPath(path) || !path.endsWith(".parquet") || present.has(path)) continue;
    if (removed.has(path) || modified < before) old.push(path);
  }
  for (const path of old) await store.delete(path, { signal });
  return old.length;
}

interface NamedFiles {
  /** Keys of the version's files. */
  readonly present: ReadonlySet<string>;
  /** Keys of files that earlier versions had. */
  readonly removed: ReadonlySet<string>;
}

async function namedFiles(newest: LogSnapshot): Promise<NamedFiles> {
  const keyOf = pathKeyer(newest.context.store.uri);
  const [present, removed] = [new Set<string>(), new Set<string>()];
  const files = await newest.files();
  for await (const chunk of files.all()) for (const { path } of chunk) present.add(keyOf(path));
  for await (const chunk of files.tombstones()) for (const { path } of chunk) removed.add(keyOf(path));
  return { present, removed };
}
