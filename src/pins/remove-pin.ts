import { VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { commitPath } from "../log/segment/file-names.ts";
import { contextBelow } from "../sidetables/context-below.ts";
import { listClones } from "../table/clones/clone-records.ts";
import { contextAt } from "../table/definition/open-context.ts";
import { hasLog } from "../table/definition/refuse-existing.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { mapBounded } from "../util/concurrency.ts";
import { listPins, unknownPin } from "./reading/list-pins.ts";
import { pinFolder, requirePinName } from "./reading/pin-name.ts";
import { soundPin } from "./reading/pin-record.ts";

/** Options of a removal. */
export interface RemovePinOptions {
  /** Only say what would be removed. */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A pin that was removed. */
export interface RemovedPin {
  readonly outcome: "removed" | "dryRun";
  readonly name: string;
  /** The version that it kept; absent of a pin that was never finished. */
  readonly version?: number | undefined;
  /** Files that were deleted, and the bytes of their names; files that the table has too stay there. */
  readonly files: number;
  readonly bytes: number;
}

const deletionsUnderWay = 16;
const atOnce = 1000;

/**
 * Removes a pin, or what an attempt to add one left behind. The commit goes first, so that nobody sees half a pin;
 * after a crash, the same call deletes the rest.
 *
 * @throws `PIN_NOT_FOUND`; `INVALID_ARGUMENT`, also for a pin whose files a shallow clone reads; `STORE_…`, `CANCELLED`
 */
export async function removePin(
  context: TableContext,
  name: string,
  { dryRun = false, signal }: RemovePinOptions = {},
): Promise<RemovedPin> {
  requirePinName(name);
  const pin = contextBelow(context, pinFolder(name));
  const { store } = pin;
  await refuseCloned(pin, name);
  // A pin whose commit is damaged is removed like one that was never finished.
  const version = (await soundPin(context, name))?.version;
  let [files, bytes, found] = [0, 0, (await store.head(commitPath(0), { signal })) !== undefined];
  if (!dryRun) await store.delete(commitPath(0), { signal });
  let batch: string[] = [];
  const flush = async (): Promise<void> => {
    throwIfCancelled(signal, "removing a pin");
    if (!dryRun && store.deleteMany !== undefined) await store.deleteMany(batch, { signal });
    else if (!dryRun) await mapBounded(batch, deletionsUnderWay, (path) => store.delete(path, { signal }));
    batch = [];
  };
  for await (const info of store.list("", { signal })) {
    found = true;
    if (!info.path.startsWith("_delta_log/")) [files, bytes] = [files + 1, bytes + info.size];
    batch.push(info.path);
    if (batch.length === atOnce) await flush();
  }
  if (batch.length > 0) await flush();
  if (!found) throw await unknownPin(context, name);
  if (!dryRun) await removeFolders(context, name);
  return { outcome: dryRun ? "dryRun" : "removed", name, version, files, bytes };
}

/**
 * Removes the pins whose time is over. Nothing else ever removes them.
 *
 * @throws `INVALID_ARGUMENT` if the clock is behind the creation of a pin: it cannot tell which are over
 */
export async function removeExpiredPins(
  context: TableContext,
  options: RemovePinOptions = {},
): Promise<RemovedPin[]> {
  const now = context.world.now();
  const pins = await listPins(context, options);
  const later = pins.find(({ created }) => created.getTime() > now);
  if (later !== undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The clock says ${new Date(now).toISOString()}, which is before the pin ${later.name} was created (${later.created.toISOString()}), so it cannot tell which pins have expired. Set the clock, or remove pins by their names.`,
      { name: later.name, created: later.created.toISOString() },
    );
  const removed: RemovedPin[] = [];
  for (const { name, expires } of pins)
    if (expires !== undefined && expires.getTime() <= now)
      removed.push(await removePin(context, name, options));
  return removed;
}

/** Shallow clones of the pin read its files. @throws `INVALID_ARGUMENT` */
async function refuseCloned(pin: TableContext, name: string): Promise<void> {
  for (const { clone } of (await listClones(pin.store)).values())
    if (await hasLog(await contextAt(pin, clone)))
      throw new VarveError(
        "INVALID_ARGUMENT",
        `The pin ${name} cannot be removed: ${clone}, a shallow clone of it, reads its files. Replace that by a deep clone, or delete it, first.`,
        { name, uri: clone },
      );
}

async function removeFolders({ store }: TableContext, name: string): Promise<void> {
  const folder = pinFolder(name);
  const isOfPin = (path: string): boolean =>
    path === folder || path.startsWith(`${folder}/`) || folder.startsWith(`${path}/`);
  for (let removed = 1; removed > 0; )
    removed = (await store.removeEmptyFolders?.(Number.POSITIVE_INFINITY, isOfPin)) ?? 0;
}
