import type { TableContext } from "../log/contract.ts";
import { storeBelow } from "../storage/store-below.ts";

/**
 * The context of a table that lives in a folder of another one, whose connections and local copies of files
 * it shares.
 */
export function contextBelow(context: TableContext, folder: string): TableContext {
  return {
    ...context,
    store: storeBelow(context.store, folder),
    localFile: (path) => context.localFile(`${folder}/${path}`),
  };
}
