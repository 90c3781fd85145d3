import { commitPath } from "../../log/segment/file-names.ts";
import { listLog } from "../../log/segment/listing.ts";
import type { ObjectStore } from "../../storage/contract/object-store.ts";

/**
 * Where a commit is in the log. `in the past`: nobody reads it. `gone`: its file was cleaned up meanwhile, so
 * this is unknown.
 */
export type CommitPlace = "in the table" | "in the past" | "gone";

/**
 * Determines where a commit is that may have landed late: after a long pause, the version may have been
 * cleaned up before this commit created it. It is in the past if the log holds a later version, or a
 * checkpoint of this one, that is older than its file.
 *
 * The presence of the previous version proves nothing: an interrupted cleanup leaves it, and a cleanup after
 * the commit removes it.
 */
export async function placeOfLate(store: ObjectStore, version: number): Promise<CommitPlace> {
  const [own, listing] = await Promise.all([
    store.head(commitPath(version)),
    listLog(store, version, undefined),
  ]);
  if (own === undefined) return "gone";
  const later = [...listing.commits].flatMap(([number, file]) => (number > version ? [file] : []));
  const checkpoints = listing.checkpoints.flatMap((checkpoint) => checkpoint.files);
  return [...later, ...checkpoints].some((file) => file.modified < own.modified)
    ? "in the past"
    : "in the table";
}
