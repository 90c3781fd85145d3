import { ConflictError } from "../table/commit/conflict-error.ts";

/**
 * Writes a batch of a stream, and once more after each conflict: nothing of it was committed then, and it is prepared
 * anew against the table as it is. A stream of another process under the same name is no such conflict.
 */
export async function afterConflicts<Result>(write: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof ConflictError) || error.code === "CONFLICT_CONCURRENT_TRANSACTION") throw error;
    }
  }
}
