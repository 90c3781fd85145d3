import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import { contextAt } from "../../table/definition/open-context.ts";
import { type Pin, readPin } from "./pin-record.ts";

const pinFolderText = /^(.+)\/_pins\/([^/]+)\/*$/;

/** The pin that a version is already, and the context of its table; `undefined` for a version of a table itself. */
export async function pinOfVersion({
  context,
}: LogSnapshot): Promise<{ readonly context: TableContext; readonly pin: Pin } | undefined> {
  const [, uri, name] = pinFolderText.exec(context.store.uri) ?? [];
  if (uri === undefined || name === undefined) return undefined;
  const table = await contextAt(context, uri);
  const pin = await readPin(table, name);
  return pin === undefined ? undefined : { context: table, pin };
}
