import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction, DeletionVectorDescriptor } from "../../protocol/actions.ts";
import { deletionVectorPlace } from "../../protocol/deletion-vector.ts";
import { absoluteLogPath } from "../../schema/paths.ts";

/** Files of a clone as its log names them, without row ids; for a pin, with them. */
export function shallowFiles(
  { context }: LogSnapshot,
  files: readonly AddAction[],
  { asPin = false }: { readonly asPin?: boolean | undefined } = {},
): AddAction[] {
  const { uri } = context.store;
  return files.map(({ baseRowId, defaultRowCommitVersion, ...file }) => ({
    ...file,
    ...(asPin ? { baseRowId, defaultRowCommitVersion } : {}),
    path: absoluteLogPath(uri, file.path),
    dataChange: true,
    deletionVector: file.deletionVector === undefined ? undefined : absoluteVector(uri, file.deletionVector),
  }));
}

/** PROTOCOL.md "Deletion Vector Descriptor Schema": storage type `p`. */
function absoluteVector(root: string, vector: DeletionVectorDescriptor): DeletionVectorDescriptor {
  const place = deletionVectorPlace(vector);
  if (place.kind === "inline") return vector;
  return { ...vector, storageType: "p", pathOrInlineDv: absoluteLogPath(root, place.path) };
}
