import type { AddAction, RemoveAction } from "./actions.ts";
import { deletionVectorPlace } from "./deletion-vector.ts";

/** The data file of an action and the file of its deletion vector, as spelled in the log. */
export function pathsOf({ path, deletionVector }: AddAction | RemoveAction): string[] {
  if (deletionVector === undefined) return [path];
  const place = deletionVectorPlace(deletionVector);
  return place.kind === "file" ? [path, place.path] : [path];
}
