import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { contextBelow } from "../sidetables/context-below.ts";
import { unknownPin } from "./list-pins.ts";
import { pinFolder, requirePinName } from "./pin-name.ts";
import { type Pin, readPin } from "./pin-record.ts";

/** A pin and the table that it is. */
export interface OpenedPin {
  readonly pin: Pin;
  /** The pin's only version, with the schema, properties and rows of the one that is pinned. */
  readonly log: LogSnapshot;
}

/**
 * Opens a pin by its name.
 *
 * @throws `PIN_NOT_FOUND` with the most similar name, `LOG_CORRUPT`, `INVALID_ARGUMENT`
 */
export async function openPin(context: TableContext, name: string): Promise<OpenedPin> {
  requirePinName(name);
  const pin = await readPin(context, name);
  if (pin === undefined) throw await unknownPin(context, name);
  // Whatever another program may have committed to it since.
  return { pin, log: await openLog(contextBelow(context, pinFolder(name)), { version: 0 }) };
}
