import { assertInternal, VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { LogListing } from "../log/segment/listing.ts";
import { listWhole } from "../log/snapshot/open-log.ts";
import { fileTimes } from "../log/snapshot/time-travel.ts";
import { pinsByVersion } from "../pins/reading/list-pins.ts";
import { referencePins } from "../pins/reference-pins.ts";
import { requireWritable } from "../protocol/obstacles.ts";
import { propertyKey, propertyOf } from "../protocol/properties.ts";
import type { ObjectInfo } from "../storage/contract/object-store.ts";
import { listClones } from "../table/clones/clone-records.ts";
import { outerFiles } from "../table/definition/outer-files.ts";
import { isAbsolute } from "../table/scan/action-paths.ts";
import { optionText } from "../util/option-text.ts";
import { sumOf } from "../util/sum.ts";
import {
  type CandidateSearch,
  type Candidates,
  inventoryFiles,
  listedFiles,
  presentFiles,
  removedFiles,
} from "./candidates.ts";
import { type CloneFiles, cloneFiles, mayNeed } from "./clone-files.ts";
import type { PinnedVersion, UnreachableClone, VacuumPlan, VacuumRequest, VacuumWork } from "./contract.ts";
import { type FileFate, FileHistory } from "./file-history.ts";
import { forgottenClones } from "./forgotten-clones.ts";
import { readLastVacuum } from "./last-vacuum-info.ts";
import { linkedFiles } from "./linked-files.ts";
import { neededFiles } from "./referenced-files.ts";
import { earlierClock } from "./store-clock.ts";
import { tablePaths } from "./table-paths.ts";

const hour = 60 * 60 * 1000;
/** What a date can go back, in milliseconds. */
const longest = 8.64e15;

/**
 * Finds what a vacuum deletes, and what cannot be read afterwards.
 *
 * @param staged keys of files of staged batches
 * @throws as `vacuum`
 */
export async function planVacuum(
  snapshot: LogSnapshot,
  staged: ReadonlySet<string>,
  request: VacuumRequest,
): Promise<VacuumWork> {
  requireUsable(snapshot);
  const { context, version } = snapshot;
  const { signal } = request;
  const retention = retentionOf(snapshot, request);
  const now = await earlierClock(context, request);
  const before = now - (retention.requested ?? retention.table);
  const kept = await keptFiles(snapshot, staged, { since: before, signal });
  const records = await listClones(context.store, { signal });
  const { forgotten, others } = await forgottenClones(context, records, request.forgetClones);
  const clones = await cloneFiles(context, { records: others, since: before, signal });
  for (const key of clones.keys) kept.add(key);
  const listing = await listWhole(context, version, { signal });
  const times = fileTimes(listing);
  const lastExpired = times.findLast(({ timestamp }) => timestamp < before)?.version;
  const paths = tablePaths(snapshot);
  const search = { snapshot, kept, paths, signal };
  const present = await findCandidates(search, { request, listing, lastExpired });
  const old = [...present.values()].filter(({ modified }) => modified < before);
  const isLinked = old.length === 0 ? () => false : await linkedFiles(context.store, kept, { signal });
  const deleted = new Map<string, ObjectInfo>();
  for (const file of withoutTwins(old, kept)) if (!isLinked(file.path)) deleted.set(file.path, file);
  const isInTable = (key: string) => !isAbsolute(key) && paths.isVisible(key);
  const fateOf = (key: string): FileFate => {
    const doomed = deleted.get(key);
    if (doomed !== undefined) return doomed;
    return kept.has(key) || present.has(key) || !isInTable(key) ? undefined : "gone";
  };
  const history = deleted.size === 0 ? undefined : await FileHistory.read(snapshot, listing, fateOf, signal);
  // Checkpoints forget removals after the table's retention, which may be shorter than the one that is asked for.
  for (const key of deleted.keys()) {
    const removed = history?.removedAt(key);
    if (removed !== undefined && removed >= before) deleted.delete(key);
  }
  const unreachableClones = keepForClones(clones, deleted);
  const files = [...deleted.values()];
  const losses = await lossesOf(snapshot, history, deleted, request);
  return {
    request,
    plan: {
      version,
      files: files.map(({ path }) => path),
      bytes: sumOf(files, ({ size }) => size),
      before: new Date(before),
      ...losses,
      unreachableClones,
      forgottenClones: [...forgotten.values()].map(({ clone }) => clone),
    },
    before,
    retention,
    staged,
    files,
    forgotten,
    folders: foldersOf([...kept, ...present.keys()].filter(isInTable)),
    lastExpired,
  };
}

/** What the table itself, its staged batches, its pins and the table around it need. */
async function keptFiles(
  snapshot: LogSnapshot,
  staged: ReadonlySet<string>,
  { since, signal }: { readonly since: number; readonly signal: AbortSignal | undefined },
): Promise<Set<string>> {
  const kept = await neededFiles(snapshot, { since, signal });
  for (const key of staged) kept.add(key);
  for (const key of await (await referencePins(snapshot.context, { signal })).files()) kept.add(key);
  for (const key of (await outerFiles(snapshot.context, since, signal))?.keys ?? []) kept.add(key);
  return kept;
}

/** Takes what clones that cannot be looked at may need out of the files to delete. */
function keepForClones(
  { unreachable, replacing }: CloneFiles,
  deleted: Map<string, ObjectInfo>,
): UnreachableClone[] {
  const clones = unreachable.map((record) => {
    const files = [...deleted.values()].filter((file) => mayNeed(record, file));
    const bytes = sumOf(files, ({ size }) => size);
    return { uri: record.clone, recorded: new Date(record.createdTime), files: files.length, bytes };
  });
  for (const record of [...unreachable, ...replacing])
    for (const [key, file] of deleted) if (mayNeed(record, file)) deleted.delete(key);
  return clones;
}

/** What cannot be read without the deleted files. */
async function lossesOf(
  { context, version, metadata }: LogSnapshot,
  history: FileHistory | undefined,
  deleted: ReadonlyMap<string, ObjectInfo>,
  { mode, inventory, signal }: VacuumRequest,
): Promise<Pick<VacuumPlan, "unreadableVersions" | "pinnedVersions" | "unreadableChanges">> {
  if (history === undefined) return { unreadableVersions: [], pinnedVersions: [], unreadableChanges: [] };
  const isDeleted = (key: string) => deleted.has(key);
  // Only a full vacuum has seen every file that exists.
  if (mode === "lite" || inventory !== undefined)
    await history.forgetPresent(isDeleted, (keys) => presentFiles(context.store, keys, signal));
  const unreadableVersions = history.versionsNeeding(isDeleted);
  assertInternal(
    unreadableVersions.every(({ to }) => to < version),
    "a vacuum would delete a file of the newest version",
  );
  const pinnedVersions: PinnedVersion[] = [];
  for (const [version, pins] of await pinsByVersion(context, metadata.id, { signal }))
    if (unreadableVersions.some(({ from, to }) => from <= version && version <= to))
      pinnedVersions.push({ version, pins });
  pinnedVersions.sort((a, b) => a.version - b.version);
  return { unreadableVersions, pinnedVersions, unreadableChanges: history.changesNeeding(isDeleted) };
}

/** PROTOCOL.md "VACUUM Protocol Check": both protocols are checked before anything else. */
export function requireUsable({ readObstacle, protocol, metadata }: LogSnapshot): void {
  if (readObstacle !== undefined) throw readObstacle;
  requireWritable(protocol, metadata);
}

/** @throws `INVALID_ARGUMENT` */
function retentionOf(
  { metadata }: LogSnapshot,
  { retainHours, retentionCheck }: VacuumRequest,
): VacuumWork["retention"] {
  const table = propertyOf(metadata.configuration, "deletedFileRetentionDuration");
  const key = propertyKey("deletedFileRetentionDuration");
  if (retainHours === undefined) {
    if (Number.isFinite(table)) return { table };
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The table's property ${key} is not a duration: ${metadata.configuration[key]}. Set it, or say how many hours to retain.`,
      { property: key },
    );
  }
  if (typeof retainHours !== "number" || Number.isNaN(retainHours))
    throw new VarveError("INVALID_ARGUMENT", "retainHours must be a number of hours.", { retainHours });
  const requested = Math.min(Math.max(0, retainHours * hour), longest);
  if (retentionCheck !== false && retainHours * hour < table)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `A retention of ${retainHours} hours is shorter than the table's own of ${table / hour} (${key}). Files that running writers are about to commit, and versions that readers are reading, could be deleted. Retain more, or switch the check off with ${optionText("retentionCheck: false")} if no one else uses the table.`,
      { retainHours, tableHours: table / hour, property: key },
    );
  return { table, requested };
}

async function findCandidates(
  search: CandidateSearch,
  {
    request: { mode = "full", inventory },
    listing,
    lastExpired,
  }: {
    readonly request: VacuumRequest;
    readonly listing: LogListing;
    readonly lastExpired: number | undefined;
  },
): Promise<Candidates> {
  if (mode !== "full" && mode !== "lite")
    throw new VarveError("INVALID_ARGUMENT", `Unknown mode ${JSON.stringify(mode)}: use full or lite.`, {
      mode,
    });
  if (inventory !== undefined && mode === "lite")
    throw new VarveError("INVALID_ARGUMENT", "Use either an inventory or the mode lite, not both.", { mode });
  if (inventory !== undefined) return inventoryFiles(search, inventory);
  if (mode === "full") return listedFiles(search);
  if (lastExpired === undefined) return new Map();
  const { context } = search.snapshot;
  const from = liteStart(
    listing,
    await readLastVacuum(context.store, search),
    lastExpired,
    context.store.uri,
  );
  return removedFiles(search, listing, from, lastExpired);
}

/** The first version whose removals a lite vacuum has to read. @throws `VACUUM_LITE_UNAVAILABLE` */
function liteStart(listing: LogListing, last: number | undefined, to: number, store: string): number {
  const from = last === undefined ? 0 : last + 1;
  for (let version = from; version <= to; version++) {
    if (listing.commits.has(version)) continue;
    const since =
      last === undefined
        ? "no vacuum has recorded how far it came"
        : `the last vacuum came to version ${last}`;
    throw new VarveError(
      "VACUUM_LITE_UNAVAILABLE",
      `The log of ${store} has no commit of version ${version} any more, and ${since}: the files that were removed since then are not known. Run a full vacuum once; lite ones are possible afterwards.`,
      { missing: version, last },
    );
  }
  return from;
}

/** Without files whose paths differ only in case or in Unicode form from one that is kept: on some disks they are one. */
function withoutTwins(files: readonly ObjectInfo[], kept: ReadonlySet<string>): readonly ObjectInfo[] {
  if (files.length === 0) return files;
  const folded = new Set<string>();
  for (const path of kept) if (!isFolded(path)) folded.add(fold(path));
  return files.filter(({ path }) => {
    const key = isFolded(path) ? path : fold(path);
    return !kept.has(key) && !folded.has(key);
  });
}

function isFolded(path: string): boolean {
  return !/[^ -@[-~]/.test(path);
}

function fold(path: string): string {
  return path.normalize("NFC").toLowerCase();
}

/** Number of folders that hold files, with the root, as Spark counts them. */
function foldersOf(paths: readonly string[]): number {
  const folders = new Set<string>();
  for (const path of paths)
    for (let cut = path.lastIndexOf("/"); cut > 0; cut = path.lastIndexOf("/", cut - 1)) {
      const folder = path.slice(0, cut);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  return folders.size + 1;
}
