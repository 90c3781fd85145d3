import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import { pathsOf } from "../../protocol/named-paths.ts";
import { decodeLogPath } from "../../schema/paths.ts";
import type { ObjectStore } from "../../storage/contract/object-store.ts";
import { canonicalUri } from "../../storage/open-store.ts";
import { enclosingTable } from "../../table/definition/enclosing-table.ts";
import { LogPaths } from "../../table/scan/data-files.ts";

/**
 * The stores of the tables in whose folders the files of a version are: the table itself, and for files at absolute
 * paths (a clone's) the nearest table above each.
 */
export async function sourceTables(
  { context }: LogSnapshot,
  files: readonly AddAction[],
): Promise<ObjectStore[]> {
  const own = canonicalUri(context.store.uri);
  const tables = new Map<string, ObjectStore>([[own, context.store]]);
  const paths = new LogPaths(context);
  const folders = new Set<string>();
  for (const logPath of files.flatMap(pathsOf)) {
    if (decodeLogPath(logPath).kind === "relative") continue;
    const { store } = await paths.resolve(logPath);
    const folder = canonicalUri(store.uri);
    // Looking for a table asks the store for every folder above, so once for all files of a folder.
    if (folders.has(folder)) continue;
    folders.add(folder);
    if ([...tables.keys()].some((uri) => folder === uri || folder.startsWith(`${uri}/`))) continue;
    const table = await enclosingTable(context, folder);
    if (table !== undefined) tables.set(canonicalUri(table.store.uri), table.store);
  }
  return [...tables.values()];
}
