import type { AddAction, DeletionVectorDescriptor, RemoveAction } from "../../protocol/actions.ts";
import { logPathKey } from "../../schema/paths.ts";

/** Turns a file action into the key of its logical file: equal keys are the same logical file. */
export type FileKeyer = (action: Pick<AddAction | RemoveAction, "path" | "deletionVector">) => string;

/**
 * Makes the keys of one table's logical files, PROTOCOL.md "Add File and Remove File": path and deletion
 * vector id.
 *
 * Every spelling of a path gives one key, absolute ones below the table's own root included.
 */
export function fileKeyer(storeUri: string): FileKeyer {
  const pathKey = pathKeyer(storeUri);
  return ({ path, deletionVector }) => {
    const key = pathKey(path);
    // No path holds a NUL, so no path and vector can be mistaken for another pair.
    return deletionVector === undefined ? key : `${key}\u0000${deletionVectorId(deletionVector)}`;
  };
}

/** The key of a path alone, one for all of its spellings. */
export function pathKeyer(storeUri: string): (path: string) => string {
  const root = `${logPathKey(storeUri).replace(/\/+$/, "")}/`;
  return (path) => {
    const key = logPathKey(path);
    return key.startsWith(root) ? key.slice(root.length) : key;
  };
}

/** PROTOCOL.md "Derived Fields", `uniqueId`. */
function deletionVectorId(vector: DeletionVectorDescriptor): string {
  const id = `${vector.storageType}${vector.pathOrInlineDv}`;
  return vector.offset === undefined ? id : `${id}@${vector.offset}`;
}
