import type { AddAction } from "../../protocol/actions.ts";
import { type Bin, sizeOf } from "./file-bins.ts";

/** PROTOCOL.md "Commit Provenance Information", under the names of Spark. */
export function layoutMetrics(adds: readonly AddAction[], removed: Bin): Record<string, string> {
  const sizes = adds.map(({ size }) => size).sort((a, b) => a - b);
  const at = (share: number) => String(sizes[Math.floor((sizes.length - 1) * share)] ?? 0);
  return {
    numAddedFiles: String(adds.length),
    numRemovedFiles: String(removed.length),
    numAddedBytes: String(sizeOf(adds)),
    numRemovedBytes: String(sizeOf(removed)),
    minFileSize: at(0),
    p25FileSize: at(0.25),
    p50FileSize: at(0.5),
    p75FileSize: at(0.75),
    maxFileSize: at(1),
    numDeletionVectorsRemoved: String(
      removed.filter(({ deletionVector }) => deletionVector !== undefined).length,
    ),
  };
}
