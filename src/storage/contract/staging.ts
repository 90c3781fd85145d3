import { tmpdir } from "node:os";
import { VarveError } from "../../errors.ts";
import { refusalCode } from "../../util/system-refusals.ts";
import { makeTemporaryFolder } from "../../util/temporary-folder.ts";

/**
 * Creates a folder below the system's temporary folder, readable only by this user, for files on their way to
 * a remote store.
 */
export async function temporaryStagingFolder(): Promise<string> {
  try {
    return makeTemporaryFolder();
  } catch (error) {
    const folder = tmpdir();
    throw new VarveError(
      refusalCode(error),
      `Could not create a folder for temporary files in ${folder}. Choose a temporary folder that this user may write to.`,
      { folder },
      error,
    );
  }
}
