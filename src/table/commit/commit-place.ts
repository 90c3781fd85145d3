import { commitPath } from "../../log/segment/file-names.ts";
import { listLog } from "../../log/segment/listing.ts";
import type { ObjectStore } from "../../storage/contract/object-store.ts";

/**
 * Where a commit lies in the log. `in the past`: nobody reads it. `gone`: its file was cleaned up meanwhile, so
 * nothing tells.
 */
export type CommitPlace = "in the table" | "in the past" | "gone";

/**
 * Where a commit lies that may have landed late: after a long pause the version may have been cleaned up before it
 * was created. It lies in the past where the log holds a later version, or a checkpoint of this one, that is older
 * than its file.
 *
 * The version before it proves nothing either way: a cleanup that was cut short leaves it, and one that came after
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
