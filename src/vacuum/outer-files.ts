import { isVarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { canonicalUri, parentUri } from "../storage/open-store.ts";
import { enclosingTable } from "../table/definition/enclosing-table.ts";
import { noteFiles } from "./clone-files.ts";

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
