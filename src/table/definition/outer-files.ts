import { isVarveError } from "../../errors.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import { pathKeyer } from "../../log/segment/file-key.ts";
import { openLog } from "../../log/snapshot/open-log.ts";
import type { AddAction, RemoveAction } from "../../protocol/actions.ts";
import { pathsOf } from "../../protocol/named-paths.ts";
import { absoluteLogPath, decodeLogPath } from "../../schema/paths.ts";
import { canonicalUri, parentUri } from "../../storage/open-store.ts";
import { isAbsolute } from "../scan/action-paths.ts";
import { enclosingTable } from "./enclosing-table.ts";

/** What a table around another one needs of the other's folder. */
export interface OuterFiles {
  /** URI of the outer table. */
  readonly table: string;
  /** Keys of the inner table's files. */
  readonly keys: ReadonlySet<string>;
}

/**
 * The files in a table's folder, or in one that is to be a table, that the table around it needs: those of its newest
 * version, and those that it removed at `since` (milliseconds since 1970-01-01 UTC) or later. `undefined` if there is
 * no such table.
 *
 * @throws as `openLog`, because the files of a table that cannot be read are not known
 */
export async function outerFiles(
  context: TableContext,
  since: number,
  signal?: AbortSignal,
): Promise<OuterFiles | undefined> {
  const outer = await enclosingTable(context, parentUri(canonicalUri(context.store.uri)));
  if (outer === undefined) return undefined;
  const keys = new Set<string>();
  try {
    await noteFiles(await openLog(outer, { signal }), context, since, keys);
  } catch (error) {
    if (!isVarveError(error, "NOT_A_TABLE")) throw error;
  }
  return { table: outer.store.uri, keys };
}

/** Collects keys of what another table needs of a table's files: as `outerFiles`, and all that it names by absolute paths. */
export async function noteFiles(
  other: LogSnapshot,
  { store }: TableContext,
  since: number,
  keys: Set<string>,
): Promise<void> {
  const keyOf = pathKeyer(store.uri);
  const root = other.context.store.uri;
  const note = (action: AddAction | RemoveAction): void => {
    for (const path of pathsOf(action)) {
      const key = keyOf(absoluteLogPath(root, path));
      // The rest of what the other table has in its own folder is not this one's.
      if (!isAbsolute(key) || decodeLogPath(path).kind === "absolute") keys.add(key);
    }
  };
  const files = await other.files({ ignoreFeatures: true });
  for await (const chunk of files.all()) chunk.forEach(note);
  for await (const chunk of files.tombstones())
    for (const tombstone of chunk) if ((tombstone.deletionTimestamp ?? 0) >= since) note(tombstone);
}
