import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { pathKeyer } from "../log/segment/file-key.ts";
import { type RestoreOptions, type RestoreOutcome, restoreState } from "../operations/restore.ts";
import type { AddAction } from "../protocol/actions.ts";
import { pathsOf } from "../protocol/named-paths.ts";
import { encodeLogPath } from "../schema/paths.ts";
import { copyBetween } from "../storage/copy-between.ts";
import { mapBounded } from "../util/concurrency.ts";
import { type OpenedPin, openPin } from "./reading/open-pin.ts";

const filesUnderWay = 8;

/**
 * Gives a table the state of the version that a pin keeps, as a new version. Files that a vacuum has deleted come back
 * from the pin, as links where the store can, else as copies; those that are still there are listed again.
 *
 * @throws `PIN_NOT_FOUND`; `INVALID_ARGUMENT` for the pin of another table that was there before; as `restore`
 */
export async function restorePin(
  snapshot: LogSnapshot,
  name: string,
  options: RestoreOptions = {},
): Promise<RestoreOutcome> {
  const opened = await openPin(snapshot.context, name);
  const { pin, log } = opened;
  if (pin.tableId !== snapshot.metadata.id)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The pin ${name} keeps a version of another table that was at ${snapshot.context.store.uri} before, so this table cannot be restored to it. Read it as ${pin.uri}.`,
      { name, tableId: pin.tableId },
    );
  const { version } = pin;
  return restoreState(
    snapshot,
    {
      log,
      version,
      parameters: { version: String(version), timestamp: "", pin: name },
      files: () => filesInTable(snapshot, log),
      bring: (files, { dryRun }) => bring(snapshot, opened, files, { ...options, dryRun }),
    },
    options,
  );
}

/** A pin by reference names the table's files by absolute paths. */
async function* filesInTable(
  { context }: LogSnapshot,
  log: LogSnapshot,
): AsyncGenerator<readonly AddAction[]> {
  const keyOf = pathKeyer(context.store.uri);
  for await (const files of (await log.files()).all())
    yield files.map((file) => ({ ...file, path: encodeLogPath(keyOf(file.path)) }));
}

async function bring(
  { context }: LogSnapshot,
  { pin, log }: OpenedPin,
  files: readonly AddAction[],
  { dryRun, signal }: Pick<RestoreOptions, "dryRun" | "signal">,
): Promise<number> {
  const keyOf = pathKeyer(context.store.uri);
  const sizes = new Map<string, number | undefined>();
  for (const file of files)
    for (const path of pathsOf(file)) sizes.set(keyOf(path), path === file.path ? file.size : undefined);
  const { store } = context;
  const own = pin.keep === "files" ? log.context.store : store;
  const looks = await mapBounded(sizes, filesUnderWay, async ([path, size]) => {
    if ((await store.head(path, { signal })) !== undefined) return [];
    const info = await own.head(path, { signal });
    return [{ path, info: info !== undefined && (size ?? info.size) === info.size ? info : undefined }];
  });
  const gone = looks.flat();
  const [lost] = gone.filter(({ info }) => info === undefined);
  if (lost !== undefined)
    throw new VarveError(
      "DATA_FILE_MISSING",
      `Version ${pin.version} cannot be restored from the pin ${pin.name}: neither the table nor the pin has ${lost.path} as it was. Nothing was written. Put the file back; varve pin check names all that are gone.`,
      { version: pin.version, path: lost.path, store: store.uri, pins: [pin.name] },
    );
  if (dryRun !== true)
    await mapBounded(gone, filesUnderWay, async ({ path, info }) => {
      if (info === undefined || (await store.linkFrom?.(own, info, path, { signal })) === true) return;
      await copyBetween({ store: own, info }, { store, path }, signal);
    });
  return gone.length;
}
