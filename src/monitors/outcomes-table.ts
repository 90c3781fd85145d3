import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { canonicalUri, childUri, parentUri } from "../storage/open-store.ts";
import { contextAt } from "../table/definition/open-context.ts";

/**
 * The newest version of the table of outcomes that a monitor names: a URI, or a path relative to the monitored table.
 *
 * It may lie beside the monitored table or below it; elsewhere only below a prefix that the caller allows, because
 * whoever writes the table's properties must not choose what is read.
 *
 * @throws `PATH_OUTSIDE_TABLE`, `TABLE_NOT_FOUND`
 */
export async function outcomesTable({ context }: LogSnapshot, name: string): Promise<LogSnapshot> {
  const own = canonicalUri(context.store.uri);
  const uri = outcomesUri(own, name);
  const around = parentUri(own);
  const isNear = around !== undefined && uri.startsWith(`${around}/`);
  if (!isNear) {
    if (context.foreignStore === undefined) throw outside(own, uri);
    // It throws where the caller did not allow the folder.
    await context.foreignStore(uri);
  }
  return openLog(await contextAt(context, uri));
}

function outside(store: string, uri: string): VarveError {
  return new VarveError(
    "PATH_OUTSIDE_TABLE",
    `The table of outcomes ${uri} is neither beside ${store} nor below it. Move it there.`,
    { uri, store, allowed: [] },
  );
}

/** The URI of a path beside a table, such as `../outcomes`; of a URI or an absolute path, itself. */
function outcomesUri(table: string, name: string): string {
  if (name.startsWith("/") || /^[a-z][a-z0-9+.-]+:/i.test(name)) return canonicalUri(name);
  let uri = table;
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    const next = part === ".." ? parentUri(uri) : childUri(uri, part);
    if (next === undefined)
      throw new VarveError(
        "PATH_OUTSIDE_TABLE",
        `The table of outcomes ${JSON.stringify(name)} lies above the root of ${table}. Name a table beside it.`,
        { uri: name, store: table, allowed: [] },
      );
    uri = next;
  }
  return canonicalUri(uri);
}
