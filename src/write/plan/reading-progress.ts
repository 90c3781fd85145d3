import type { StageOptions } from "../../engine/core/contract.ts";
import type { WriteProgress } from "./write-options.ts";

/** Reports the reading of a source as a phase, with the share of its files that has been read. */
export function readingProgress(
  onProgress: ((progress: WriteProgress) => void) | undefined,
): StageOptions["onProgress"] {
  if (onProgress === undefined) return undefined;
  return ({ rows, bytes, totalBytes }) => {
    if (bytes === undefined || totalBytes === undefined) onProgress({ phase: "reading", rows });
    else onProgress({ phase: "reading", rows, bytes, totalBytes, share: bytes / totalBytes });
  };
}
