import type { StatementPoint } from "../../dialects/statements/syntax.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import { isPinName, pinOfFolder } from "../../pins/reading/pin-name.ts";
import type { Pin } from "../../pins/reading/pin-record.ts";
import { openContext, openLog } from "./lazy-log.ts";
import type { ContextOptions } from "./options.ts";
import { parseTravelPoint, splitTableUri, type TravelPoint } from "./table-uri.ts";

/** A table that a caller names by its URI, at the point that the URI's suffix says. */
export interface TableAtPoint {
  /** Of the pin, if the suffix is the name of one. */
  readonly context: TableContext;
  /** The version or time that the suffix says. */
  readonly point?: TravelPoint | undefined;
  /** The pin whose name the suffix is. */
  readonly pin?: Pin | undefined;
}

/** Opens a version, a time or a pin that SQL names. */
export async function openPoint(context: TableContext, point: StatementPoint): Promise<LogSnapshot> {
  if (!("pin" in point))
    return openLog(context, parseTravelPoint("version" in point ? point.version : point.timestamp));
  const { openPin } = await import("../../pins/reading/open-pin.ts");
  return (await openPin(context, point.pin)).log;
}

/**
 * Opens the context of a table named by its URI. A suffix `@v12` or `@2024-06-01T00:00:00Z` is a point of its
 * history; any other is part of its address if there is a table, and else the name of a pin. The folder of a pin is
 * the pin, too.
 *
 * @throws `PIN_NOT_FOUND`, `INVALID_URI`
 */
export async function tableAtPoint(uri: string, options: ContextOptions): Promise<TableAtPoint> {
  const { uri: address, point } = splitTableUri(uri);
  const context = await openContext(address, options);
  const inFolder = pinOfFolder(address);
  if (inFolder !== undefined) return { point, ...((await pinInFolder(inFolder, options)) ?? { context }) };
  const [, before, name] = /^(.+)@([A-Za-z0-9][A-Za-z0-9._-]*)$/s.exec(address) ?? [];
  if (point !== undefined || before === undefined || name === undefined) return { context, point };
  const { hasLog } = await import("../../table/definition/refuse-existing.ts");
  if (!isPinName(name) || (await hasLog(context))) return { context };
  const table = await openContext(before, options);
  if (!(await hasLog(table))) return { context };
  const { openPin } = await import("../../pins/reading/open-pin.ts");
  const { pin, log } = await openPin(table, name);
  return { context: log.context, pin };
}

/** The pin whose folder a caller names; a folder there that is none may be a table of its own. */
async function pinInFolder(
  { table, name }: { readonly table: string; readonly name: string },
  options: ContextOptions,
): Promise<Required<Pick<TableAtPoint, "context" | "pin">> | undefined> {
  const [{ openPin }, { soundPin }, { hasLog }] = await Promise.all([
    import("../../pins/reading/open-pin.ts"),
    import("../../pins/reading/pin-record.ts"),
    import("../../table/definition/refuse-existing.ts"),
  ]);
  if (!isPinName(name)) return undefined;
  const context = await openContext(table, options);
  const found = await soundPin(context, name);
  if (found === undefined) return undefined;
  // Only a table's own folder is one that its pins may read.
  if (found.keep === "reference" && !(await hasLog(context))) return undefined;
  const { pin, log } = await openPin(context, name);
  return { context: log.context, pin };
}
