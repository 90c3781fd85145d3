import type { TableContext } from "../log/contract.ts";
import { storeBelow } from "../storage/store-below.ts";

/** The context of a table in a folder below another table, whose connections and file cache it shares. */
export function contextBelow(context: TableContext, folder: string): TableContext {
  return {
    ...context,
    store: storeBelow(context.store, folder),
    localFile: (path) => context.localFile(`${folder}/${path}`),
  };
}
