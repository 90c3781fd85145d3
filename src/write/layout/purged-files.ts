import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import { propertyOf } from "../../protocol/properties.ts";
import { foreignColumnFiles } from "../../table/scan/columns-in-files.ts";
import type { WriteRoom } from "../stages/write-room.ts";

/**
 * The files that hold what no reader of the table sees: deleted rows that a vector marks, and values of columns that
 * were dropped. Reads the footers of the files without a vector, where columns may have been dropped.
 *
 * @throws `DATA_FILE_MISSING`, `DATA_FILE_CORRUPT` naming the file
 */
export async function filesToPurge(
  { session }: WriteRoom,
  snapshot: LogSnapshot,
  files: readonly AddAction[],
): Promise<AddAction[]> {
  const { configuration } = snapshot.metadata;
  const own = [
    propertyOf(configuration, "rowTracking.materializedRowIdColumnName"),
    propertyOf(configuration, "rowTracking.materializedRowCommitVersionColumnName"),
  ].filter((name) => name !== undefined);
  const plain = files.filter(({ deletionVector }) => deletionVector === undefined);
  const withForeign = await foreignColumnFiles(session, snapshot, plain, own);
  return files.filter((file) => file.deletionVector !== undefined || withForeign.has(file));
}
