import type { AddAction, RemoveAction } from "../../protocol/actions.ts";
import { deletionVectorPlace } from "../../protocol/deletion-vector.ts";

/** The data file of an action and the file of its deletion vector, as spelled in the log. */
export function pathsOf({ path, deletionVector }: AddAction | RemoveAction): string[] {
  if (deletionVector === undefined) return [path];
  const place = deletionVectorPlace(deletionVector);
  return place.kind === "file" ? [path, place.path] : [path];
}

/** Whether a key is of a file outside the table's root. */
export function isAbsolute(key: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\//.test(key);
}
