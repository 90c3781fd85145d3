import { isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import type { ObjectInfo } from "../storage/contract/object-store.ts";
import type { CloneRecord } from "../table/clones/clone-records.ts";
import { contextAt } from "../table/definition/open-context.ts";
import { noteFiles } from "../table/definition/outer-files.ts";
import { optionText } from "../util/option-text.ts";

/** What the shallow clones of a table need of its files. */
export interface CloneFiles {
  /** Keys of files that clones need, of the table and of others: a clone may spell the table's root otherwise. */
  readonly keys: ReadonlySet<string>;
  /** Clones that are not found where their records say: in the making, on a disk that is not mounted, or gone. */
  readonly unreachable: readonly CloneRecord[];
  /** Clones in the making that replace a table. */
  readonly replacing: readonly CloneRecord[];
}

/** How long the making of a clone may take, from its record to its first commit, in milliseconds. */
const patience = 24 * 60 * 60 * 1000;

/**
 * The files that the recorded shallow clones of a table need: those of their newest versions, and those that they removed
 * at `since` (milliseconds since 1970-01-01 UTC) or later.
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
  const unreachable: CloneRecord[] = [];
  const replacing: CloneRecord[] = [];
  for (const record of records.values()) {
    const snapshot = await openClone(context, record, signal);
    if (snapshot === undefined) {
      unreachable.push(record);
      continue;
    }
    const isRecent = context.world.now() - record.createdTime < patience;
    if (isRecent && snapshot.version === record.replacedVersion) replacing.push(record);
    await noteFiles(snapshot, context, since, keys);
  }
  return { keys, unreachable, replacing };
}

/**
 * Whether a clone that cannot be looked at may need a file: it reads none that came after it was made. The margin is
 * for its making, and for clocks that differ.
 */
export function mayNeed({ createdTime }: CloneRecord, { modified }: Pick<ObjectInfo, "modified">): boolean {
  return modified < createdTime + patience;
}

/** The clone's newest version; `undefined` if there is no table in its place. */
async function openClone(
  context: TableContext,
  { clone }: CloneRecord,
  signal: AbortSignal | undefined,
): Promise<LogSnapshot | undefined> {
  try {
    return await openLog(await contextAt(context, clone), { signal });
  } catch (error) {
    if (isVarveError(error, "NOT_A_TABLE")) return undefined;
    if (!isVarveError(error) || error.code === "CANCELLED") throw error;
    throw unreadable(error, clone);
  }
}

function unreadable(error: VarveError, clone: string): VarveError {
  return new VarveError(
    error.code,
    `Cannot read the shallow clone ${clone}, whose files must stay: ${error.message} Nothing was deleted. If the clone is not needed any more, delete its folder and name it in ${optionText("forgetClones")}.`,
    { ...error.data, clone },
    error,
  );
}
