import { VarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import type { ReadOptions } from "../../storage/contract/object-store.ts";
import { mapBounded } from "../../util/concurrency.ts";
import { nearestName } from "../../util/nearest-name.ts";
import { isPinName, pinFolder, pinsPrefix } from "./pin-name.ts";
import { type Pin, readPin, soundPin } from "./pin-record.ts";

const readsUnderWay = 8;
const namedPins = 10;

/**
 * The pins of a table, oldest first. Those that were left unfinished are not among them.
 *
 * @throws `LOG_CORRUPT` naming a pin whose commit is damaged
 */
export async function listPins(context: TableContext, options: ReadOptions = {}): Promise<Pin[]> {
  return pinsBy(readPin, context, options);
}

/** Like {@link listPins}, without pins whose commits are damaged, which a check reports. */
export function soundPins(context: TableContext, options: ReadOptions = {}): Promise<Pin[]> {
  return pinsBy(soundPin, context, options);
}

async function pinsBy(
  read: (context: TableContext, name: string) => Promise<Pin | undefined>,
  context: TableContext,
  options: ReadOptions,
): Promise<Pin[]> {
  const names = await pinNames(context, options);
  const pins = await mapBounded(names, readsUnderWay, (name) => read(context, name));
  return pins
    .filter((pin) => pin !== undefined)
    .sort((a, b) => a.created.getTime() - b.created.getTime() || (a.name < b.name ? -1 : 1));
}

/** Names of the pins of each pinned version of a table, oldest first. */
export async function pinsByVersion(
  context: TableContext,
  tableId: string,
  { signal }: ReadOptions = {},
): Promise<ReadonlyMap<number, readonly string[]>> {
  const names = new Map<number, string[]>();
  for (const pin of await soundPins(context, { signal }))
    if (pin.tableId === tableId) names.set(pin.version, [...(names.get(pin.version) ?? []), pin.name]);
  return names;
}

/** Names under which there is anything, be it unfinished. One request a pin, however many files it has. */
export async function pinNames(
  { store }: Pick<TableContext, "store">,
  { signal }: ReadOptions = {},
): Promise<string[]> {
  const names: string[] = [];
  for (let startAfter: string | undefined; ; ) {
    const options = startAfter === undefined ? { signal } : { startAfter, signal };
    let name: string | undefined;
    for await (const { path } of store.list(pinsPrefix, options)) {
      [name] = path.slice(pinsPrefix.length).split("/", 1);
      break;
    }
    if (name === undefined) return names;
    if (isPinName(name)) names.push(name);
    // Behind every path of the folder: nothing sorts after the last code point.
    startAfter = `${pinFolder(name)}/\u{10ffff}`;
  }
}

/** The error for a name without a pin, with the most similar one. */
export async function unknownPin(context: TableContext, name: string): Promise<VarveError> {
  const names = (await soundPins(context)).map((pin) => pin.name);
  const nearest = nearestName(name, names);
  const some = names.slice(0, namedPins).join(", ");
  const known =
    names.length === 0
      ? "it has no pins"
      : `its pins are ${some}${names.length > namedPins ? ` and ${names.length - namedPins} more` : ""}`;
  const advice = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
  return new VarveError(
    "PIN_NOT_FOUND",
    `${context.store.uri} has no pin ${JSON.stringify(name)}; ${known}.${advice} A version is written as v12, a time as 2024-06-01T00:00:00Z.`,
    { name, nearest, pins: names.slice(0, namedPins), store: context.store.uri },
  );
}
