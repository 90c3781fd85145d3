import type { Table } from "../../index.ts";
import { openOptions } from "./open-options.ts";
import type { StoreFlags } from "./options.ts";
import { printFailure } from "./print.ts";

/** Opens the table that a command names; its module is loaded only then. */
export async function openedTable(uri: string, flags: StoreFlags): Promise<Table> {
  const { openTable } = await import("../../api/open-table.ts");
  return openTable(uri, openOptions(flags));
}

/**
 * Waits for the maintenance that follows commits of a command, and prints each failed step on standard error;
 * the commits themselves have landed.
 */
export async function printWarnings(table: Table): Promise<void> {
  for (const { warnings } of await table.settled())
    for (const { message } of warnings) printFailure(`warning: ${message}`);
}
