import type { AddAction, RemoveAction } from "./actions.ts";

/** The action that removes a live file's rows. */
export function removeAction(
  { kind: _, modificationTime: __, clusteringProvider: ___, ...file }: AddAction,
  now: number,
): RemoveAction {
  return { kind: "remove", ...file, deletionTimestamp: now, dataChange: true, extendedFileMetadata: true };
}
