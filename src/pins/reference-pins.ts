import { isVarveError, VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { pathKeyer } from "../log/segment/file-key.ts";
import { logFolder } from "../log/segment/file-names.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { mapBounded } from "../util/concurrency.ts";
import { pinNames } from "./reading/list-pins.ts";
import { contextOfPin } from "./reading/open-pin.ts";
import { pinFolder } from "./reading/pin-name.ts";
import { type Pin, readPin } from "./reading/pin-record.ts";

const readsUnderWay = 8;

/** The pins that keep by reference: their files are the table's. */
export interface ReferencePins {
  readonly pins: readonly Pin[];
  /** Keys of the files and deletion vectors that they name. */
  files(): Promise<ReadonlySet<string>>;
}

/**
 * Finds the pins that keep by reference.
 *
 * @throws `LOG_CORRUPT` and the like naming a pin whose files are not known, because they must stay
 */
export async function referencePins(
  context: TableContext,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ReferencePins> {
  const names = await pinNames(context, { signal });
  const found = await mapBounded(names, readsUnderWay, (name) => referencePin(context, name));
  const pins = found.filter((pin) => pin !== undefined);
  return { pins, files: () => filesOf(context, pins, signal) };
}

async function filesOf(
  context: TableContext,
  pins: readonly Pin[],
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string>> {
  const keyOf = pathKeyer(context.store.uri);
  const keys = new Set<string>();
  for (const pin of pins)
    try {
      const log = await openLog(contextOfPin(context, pin), { version: 0, signal });
      for await (const paths of (await log.files({ ignoreFeatures: true })).references("add")) {
        throwIfCancelled(signal, "reading the files of pins");
        for (const path of paths) keys.add(keyOf(path));
      }
    } catch (error) {
      if (isVarveError(error) && error.code !== "CANCELLED") throw unknownFiles(error, pin.name);
      throw error;
    }
  return keys;
}

/** `undefined` for a pin that has files of its own, or was not finished. */
async function referencePin(context: TableContext, name: string): Promise<Pin | undefined> {
  try {
    const pin = await readPin(context, name);
    return pin?.keep === "reference" ? pin : undefined;
  } catch (error) {
    if (!isVarveError(error, "LOG_CORRUPT")) throw error;
    if (await hasOwnFiles(context, name)) return undefined;
    throw unknownFiles(error, name);
  }
}

/** Whether a pin has files of its own, which none by reference has. */
async function hasOwnFiles({ store }: TableContext, name: string): Promise<boolean> {
  const folder = `${pinFolder(name)}/`;
  for await (const { path } of store.list(folder))
    if (!path.startsWith(`${folder}${logFolder}/`)) return true;
  return false;
}

function unknownFiles(error: VarveError, name: string): VarveError {
  return new VarveError(
    error.code,
    `The files that the pin ${name} keeps by reference are not known, and must stay: ${error.message} Nothing was deleted.`,
    { ...error.data, name },
    error,
  );
}
