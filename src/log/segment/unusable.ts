import { isVarveError } from "../../errors.ts";

/** The file without which reading should be tried again after an error. */
export function unusablePath(error: unknown): string | undefined {
  if (isVarveError(error, "CHECKPOINT_CORRUPT") && typeof error.data["path"] === "string")
    return error.data["path"];
  if (isVarveError(error, "LOG_CORRUPT") && typeof error.data["compaction"] === "string")
    return error.data["compaction"];
  return undefined;
}
