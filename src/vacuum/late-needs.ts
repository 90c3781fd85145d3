import type { LogSnapshot } from "../log/contract.ts";
import { refreshLog } from "../log/snapshot/open-log.ts";
import { type ReferencePins, referencePins } from "../pins/reference-pins.ts";
import { type CloneRecord, listClones } from "../table/clones/clone-records.ts";
import { cloneFiles, mayNeed } from "./clone-files.ts";
import type { VacuumWork } from "./contract.ts";
import { linkedFiles } from "./linked-files.ts";
import { requireUsable } from "./plan-vacuum.ts";
import { neededFiles } from "./referenced-files.ts";

/**
 * Looks, each time it is called, for versions, clones and pins by reference that came after a plan, and returns the files that these do
 * not need either: a restore may have brought some back, and a clone of an earlier version may be in the making.
 *
 * @throws `UNSUPPORTED_FEATURE`, `UNSUPPORTED_PROTOCOL` if the protocol changed meanwhile
 */
export type LateNeeds = (paths: readonly string[]) => Promise<readonly string[]>;

/** @param start the version of the vacuum's own commit, which changes no file */
export function lateNeeds(snapshot: LogSnapshot, work: VacuumWork, start: number | undefined): LateNeeds {
  const { signal } = work.request;
  const planned = start === snapshot.version + 1 ? start : snapshot.version;
  let newest = snapshot;
  let seen: string | undefined;
  let isNeeded: (path: string) => boolean = () => true;
  return async (paths) => {
    newest = await refreshLog(newest, { signal });
    const records = await listClones(snapshot.context.store, { signal });
    const pins = await referencePins(snapshot.context, { signal });
    const state = [
      newest.version,
      ...[...records].map(([path, { createdTime }]) => `${path} ${createdTime}`),
      ...pins.pins.map(({ name, created }) => `${name} ${created.getTime()}`),
    ].join("\n");
    if (state !== seen)
      isNeeded = await needsOf(newest, work, { records, pins, isNew: newest.version !== planned });
    seen = state;
    return paths.filter((path) => !isNeeded(path));
  };
}

async function needsOf(
  newest: LogSnapshot,
  { before, files, request: { signal } }: VacuumWork,
  {
    records,
    pins,
    isNew,
  }: {
    readonly records: ReadonlyMap<string, CloneRecord>;
    readonly pins: ReferencePins;
    readonly isNew: boolean;
  },
): Promise<(path: string) => boolean> {
  const { context } = newest;
  const clones = await cloneFiles(context, { records, since: before, signal });
  if (isNew) requireUsable(newest);
  const needed = isNew ? await neededFiles(newest, { since: before, signal }) : new Set<string>();
  const pinned = await pins.files();
  const isLinked = await linkedFiles(context.store, [...needed, ...clones.keys, ...pinned], { signal });
  const waiting = [...clones.unreachable, ...clones.replacing];
  const late = files.filter((file) => waiting.some((record) => mayNeed(record, file)));
  const awaited = new Set(late.map(({ path }) => path));
  const all = [needed, clones.keys, pinned, awaited];
  return (path) => isLinked(path) || all.some((keys) => keys.has(path));
}
