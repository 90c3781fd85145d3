import type { AddAction, DeletionVectorDescriptor, RemoveAction } from "../../protocol/actions.ts";
import { logPathKey } from "../../schema/paths.ts";

/** Returns the key of a file action's logical file: equal keys mean the same logical file. */
export type FileKeyer = (action: Pick<AddAction | RemoveAction, "path" | "deletionVector">) => string;

/**
 * Makes the keys of one table's logical files, PROTOCOL.md "Add File and Remove File": path and deletion
 * vector id.
 *
 * All spellings of a path have the same key, including absolute ones below the table's own root.
 */
export function fileKeyer(storeUri: string): FileKeyer {
  const pathKey = pathKeyer(storeUri);
  return ({ path, deletionVector }) => {
    const key = pathKey(path);
    // No path contains a NUL, so the key of a path and vector is unambiguous.
    return deletionVector === undefined ? key : `${key}\u0000${deletionVectorId(deletionVector)}`;
  };
}

/** The key of a path alone, the same for all its spellings. */
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
