import { isStoreRefusal } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import { parentUri } from "../../storage/open-store.ts";
import { contextAt } from "./open-context.ts";
import { hasLog } from "./refuse-existing.ts";

/** The table at a canonical URI, or else the nearest one above it. */
export async function enclosingTable(
  context: TableContext,
  folder: string | undefined,
): Promise<TableContext | undefined> {
  for (let uri = folder; uri !== undefined; uri = parentUri(uri)) {
    const table = await contextAt(context, uri);
    if (await isTable(table)) return table;
  }
  return undefined;
}

/** Credentials for a folder often do not reach above it: what they do not show cannot be asked for. */
async function isTable(context: TableContext): Promise<boolean> {
  try {
    return await hasLog(context);
  } catch (error) {
    if (isStoreRefusal(error)) return false;
    throw error;
  }
}
