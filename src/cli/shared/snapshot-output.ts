import type { Snapshot } from "../../index.ts";
import type { RowOutputFlags } from "./options.ts";
import { runAndPrint } from "./query-output.ts";

/** Options of the commands that print rows of one version, or of a staged batch. */
export interface SnapshotFlags extends RowOutputFlags {
  readonly columns?: readonly string[] | undefined;
  readonly where?: string | undefined;
  readonly limit?: number | undefined;
  readonly rowIds?: boolean | undefined;
}

/** Default number of rows of a table that is not written to a file. */
const shownRows = 20;

/** Prints rows of a version: all that the flags select, or a limited number as a table for people. */
export async function printSnapshot(snapshot: Snapshot, flags: SnapshotFlags): Promise<void> {
  const isShort = flags.format === "table" && flags.output === undefined;
  const limit = flags.limit ?? (isShort ? shownRows : undefined);
  const options = {
    columns: flags.columns,
    where: flags.where,
    limit,
    rowTracking: flags.rowIds === true ? true : undefined,
  };
  const cut = limit === undefined ? undefined : { limit, count: () => snapshot.count(flags.where) };
  await runAndPrint(
    flags,
    (exportFolder) => snapshot.select(exportFolder === undefined ? options : { ...options, exportFolder }),
    cut,
  );
}
