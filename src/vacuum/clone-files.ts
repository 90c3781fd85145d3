import { isVarveError, VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import type { CloneRecord } from "../table/clones/clone-records.ts";
import { contextAt } from "../table/definition/open-context.ts";
import { noteFiles } from "../table/definition/outer-files.ts";

/** What the shallow clones of a table need of its files. */
export interface CloneFiles {
  /** Keys of files that clones need, of the table and of others: a clone may spell the table's root otherwise. */
  readonly keys: ReadonlySet<string>;
  /** Whether a clone is being made, of a version that is not known: then no file goes that a version ever named. */
  readonly isCloning: boolean;
}

/** How long the making of a clone may take, from its record to its first commit, in milliseconds. */
const patience = 24 * 60 * 60 * 1000;

/**
 * The files that the recorded shallow clones of a table need: those of their newest versions, and those that they removed
 * at `since` (milliseconds since 1970-01-01 UTC) or later. A record whose clone is gone keeps nothing.
 *
 * @throws the error of a clone that cannot be read, because its files must stay
 */
export async function cloneFiles(
  context: TableContext,
  {
    records,
    since,
    signal,
  }: {
    readonly records: ReadonlyMap<string, CloneRecord>;
    readonly since: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<CloneFiles> {
  const keys = new Set<string>();
  let isCloning = false;
  for (const [path, { clone, createdTime, replacedVersion }] of records) {
    let isMade = false;
    try {
      const snapshot = await openLog(await contextAt(context, clone), { signal });
      isMade = snapshot.version !== replacedVersion;
      await noteFiles(snapshot, context, since, keys);
    } catch (error) {
      if (!isVarveError(error)) throw error;
      if (error.code !== "NOT_A_TABLE") throw unreadable(error, clone, path);
    }
    if (!isMade && context.world.now() - createdTime < patience) isCloning = true;
  }
  return { keys, isCloning };
}

function unreadable(error: VarveError, clone: string, path: string): VarveError {
  if (error.code === "CANCELLED") return error;
  return new VarveError(
    error.code,
    `Cannot read the shallow clone ${clone}, whose files must stay: ${error.message} Nothing was deleted. If the clone is gone for good, delete its record ${path}.`,
    { ...error.data, clone, path },
    error,
  );
}
