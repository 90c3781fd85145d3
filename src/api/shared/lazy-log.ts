import { isVarveError } from "../../errors.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import type { OpenLogOptions } from "../../log/snapshot/open-log.ts";
import type { HistoryEntry, HistoryOptions } from "../../operations/history.ts";
import type { ContextOptions } from "../../table/definition/open-context.ts";

/*
 * The log reader and the stores, loaded when a table is first opened, so that a program that imports varve pays for
 * them only if it uses a table.
 */

/** Opens a table's store and context. @throws `INVALID_URI` */
export async function openContext(uri: string, options: ContextOptions): Promise<TableContext> {
  const context = await import("../../table/definition/open-context.ts");
  return context.openContext(uri, options);
}

/** Opens a version of a table, by default the newest. An error names the pins of a version that is gone. */
export async function openLog(context: TableContext, options: OpenLogOptions = {}): Promise<LogSnapshot> {
  const log = await import("../../log/snapshot/open-log.ts");
  try {
    return await log.openLog(context, options);
  } catch (error) {
    if (options.version === undefined || !isVarveError(error, "VERSION_NOT_FOUND")) throw error;
    const { versionError } = await import("../../pins/pins-instead.ts");
    throw await versionError(error, context, options.version);
  }
}

/** The first version of a table that was just created, from memory; `undefined` if it is not in memory. */
export async function openCreated(context: TableContext): Promise<LogSnapshot | undefined> {
  const log = await import("../../log/snapshot/open-log.ts");
  return log.openCreated(context);
}

/** The newest version of a table that is open. */
export async function refreshLog(snapshot: LogSnapshot): Promise<LogSnapshot> {
  const log = await import("../../log/snapshot/open-log.ts");
  return log.refreshLog(snapshot);
}

/** Every version of a table, newest first. */
export async function readHistory(context: TableContext, options: HistoryOptions): Promise<HistoryEntry[]> {
  const history = await import("../../operations/history.ts");
  return history.readHistory(context, options);
}
