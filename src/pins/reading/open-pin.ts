import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import { openLog } from "../../log/snapshot/open-log.ts";
import { contextBelow } from "../../sidetables/context-below.ts";
import { openStore } from "../../storage/open-store.ts";
import { lazyForeignStores } from "../../table/definition/open-context.ts";
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
  return { pin, log: await openLog(contextOfPin(context, pin), { version: 0 }) };
}

/** The context of a pin as a table: one that keeps by reference may read the files of its table. */
export function contextOfPin(
  context: TableContext,
  { name, keep }: Pick<Pin, "name" | "keep">,
): TableContext {
  const pin = contextBelow(context, pinFolder(name));
  if (keep === "files") return pin;
  const open = context.sources?.openStore ?? ((root: string) => openStore(root, { world: context.world }));
  const table = context.store.uri;
  return {
    ...pin,
    foreignStore: lazyForeignStores({ table: pin.store.uri, allowedPrefixes: [table], open }),
  };
}
