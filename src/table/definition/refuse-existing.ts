import { VarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";

/** @throws `TABLE_EXISTS` if there is anything in the place of a table's log */
export async function refuseExisting(
  context: TableContext,
  advice = "Open it, or choose another address.",
): Promise<void> {
  if (!(await hasLog(context))) return;
  throw new VarveError("TABLE_EXISTS", `A table already exists at ${context.store.uri}. ${advice}`, {
    uri: context.store.uri,
  });
}

/** Whether there is anything in the place of a table's log. */
export async function hasLog({ store }: Pick<TableContext, "store">): Promise<boolean> {
  for await (const _ of store.list("_delta_log/")) return true;
  return false;
}
