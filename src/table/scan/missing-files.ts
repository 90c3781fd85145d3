import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import { pathsOf } from "../../protocol/named-paths.ts";
import { propertyOf } from "../../protocol/properties.ts";
import { mapBounded } from "../../util/concurrency.ts";
import { LogPaths } from "./data-files.ts";

const probesUnderWay = 32;
const namedFiles = 10;

/** Files of a version that its store does not have any more. */
export interface MissingFiles {
  /** As the log spells them. */
  readonly paths: readonly string[];
  /** The first of them, for a message. */
  readonly text: string;
}

/** Looks for data files and deletion vectors of a table's log; `undefined` if all of them are there. */
export async function missingFiles(
  context: TableContext,
  files: readonly AddAction[],
): Promise<MissingFiles | undefined> {
  const resolver = new LogPaths(context);
  const needed = new Set(files.flatMap(pathsOf));
  const found = await mapBounded(needed, probesUnderWay, async (logPath) => {
    const { store, path } = await resolver.resolve(logPath);
    return { logPath, exists: (await store.head(path)) !== undefined };
  });
  const paths = found.filter(({ exists }) => !exists).map(({ logPath }) => logPath);
  if (paths.length === 0) return undefined;
  const more = paths.length > namedFiles ? ` and ${paths.length - namedFiles} more` : "";
  return { paths, text: `${paths.slice(0, namedFiles).join(", ")}${more}` };
}

/** Whether a vacuum by the table's own retention may be deleting files of this version. */
export function isPastRetention({ context, metadata, timestamp }: LogSnapshot): boolean {
  const retention = propertyOf(metadata.configuration, "deletedFileRetentionDuration");
  return timestamp + retention <= context.world.now();
}
