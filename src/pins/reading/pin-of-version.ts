import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import { contextAt } from "../../table/definition/open-context.ts";
import { pinOfFolder } from "./pin-name.ts";
import { type Pin, readPin } from "./pin-record.ts";

/** The pin that a version is already, and the context of its table; `undefined` for a version of a table itself. */
export async function pinOfVersion({
  context,
}: LogSnapshot): Promise<{ readonly context: TableContext; readonly pin: Pin } | undefined> {
  const folder = pinOfFolder(context.store.uri);
  if (folder === undefined) return undefined;
  const table = await contextAt(context, folder.table);
  const pin = await readPin(table, folder.name);
  return pin === undefined ? undefined : { context: table, pin };
}
