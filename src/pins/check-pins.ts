import { isVarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { pathKeyer } from "../log/segment/file-key.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import type { AddAction } from "../protocol/actions.ts";
import { deletionVectorPlace } from "../protocol/deletion-vector.ts";
import { pathsOf } from "../protocol/named-paths.ts";
import { logPathKey } from "../schema/paths.ts";
import type { ReadOptions } from "../storage/contract/object-store.ts";
import { copyBetween } from "../storage/copy-between.ts";
import { mapBounded } from "../util/concurrency.ts";
import { pinNames, unknownPin } from "./reading/list-pins.ts";
import { contextOfPin } from "./reading/open-pin.ts";
import { requirePinName } from "./reading/pin-name.ts";
import { type Pin, readPin } from "./reading/pin-record.ts";

/** Options of a check. */
export interface CheckPinsOptions {
  /** Check only this pin; default: all. */
  readonly name?: string | undefined;
  /** Put files back from the table, where it still has them with the same path and size. */
  readonly repair?: boolean | undefined;
  /** Read all rows, and compare those of each file with the fingerprints that were recorded of it. */
  readonly deep?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A file of a pin that is not as the pin's log says. */
export interface PinProblem {
  /** Relative to the pin, or to the table if the pin keeps by reference. */
  readonly path: string;
  readonly problem: "missing" | "wrongSize" | "unreadable" | "changed";
  /** Bytes that it should have, of a data file, and that it has. */
  readonly expectedSize?: number | undefined;
  readonly size?: number | undefined;
  /** Whether it was put back. */
  readonly repaired: boolean;
}

/** What a check found out about a pin. */
export interface PinCheck {
  readonly name: string;
  /** The version that it keeps; absent if its commit cannot be read. */
  readonly version?: number | undefined;
  /**
   * `unfinished`: an attempt to add it was interrupted; add it again, or remove it. `unreadable`: its log is damaged
   * for the `reason`; remove it, and add it again if the table still has the version.
   */
  readonly state: "sound" | "repaired" | "damaged" | "unfinished" | "unreadable";
  readonly reason?: string | undefined;
  readonly problems: readonly PinProblem[];
  /** Of a deep check: how many of the files had a recorded fingerprint. Of others only damage that shows is found. */
  readonly filesRecorded?: number | undefined;
}

/** A file that a pin needs. */
interface NeededFile {
  readonly add: AddAction;
  /** Bytes; of a file of vectors, at least so many. */
  readonly size: number;
  readonly isData: boolean;
}

const looksUnderWay = 32;

/**
 * Looks whether the files of pins are there with the sizes that their logs say; with `deep`, whether their rows are
 * those that were recorded.
 *
 * @throws `PIN_NOT_FOUND`, `INVALID_ARGUMENT`, `STORE_…`, `CANCELLED`
 */
export async function checkPins(context: TableContext, options: CheckPinsOptions = {}): Promise<PinCheck[]> {
  const { name, signal } = options;
  if (name !== undefined) requirePinName(name);
  const names = await pinNames(context, { signal });
  if (name !== undefined && !names.includes(name)) throw await unknownPin(context, name);
  const checks: PinCheck[] = [];
  for (const each of name === undefined ? names : [name]) checks.push(await checkPin(context, each, options));
  return checks;
}

async function checkPin(context: TableContext, name: string, options: CheckPinsOptions): Promise<PinCheck> {
  const { repair = false, signal } = options;
  let pin: Pin | undefined;
  let log: LogSnapshot;
  let needed: Map<string, NeededFile>;
  try {
    pin = await readPin(context, name);
    if (pin === undefined) return { name, state: "unfinished", problems: [] };
    const pinContext = contextOfPin(context, pin);
    const root = pin.keep === "reference" ? context : pinContext;
    log = await openLog(pinContext, { version: 0, signal });
    needed = await neededFiles(log, root);
  } catch (error) {
    if (!isVarveError(error, "LOG_CORRUPT", "CHECKPOINT_CORRUPT", "LOG_GAP")) throw error;
    return { name, version: pin?.version, state: "unreadable", reason: error.message, problems: [] };
  }
  const look = () => findProblems(context, { pin, log, needed }, options);
  const { problems: found, ...deep } = await look();
  const result = { name, version: pin.version, ...deep };
  if (found.length === 0) return { ...result, state: "sound", problems: [] };
  if (!repair || pin.keep === "reference") return { ...result, state: "damaged", problems: found };
  await putBack(context, log.context, { found, needed, signal });
  const left = new Set((await look()).problems.map(({ path }) => path));
  const problems = found.map((problem) => ({ ...problem, repaired: !left.has(problem.path) }));
  return { ...result, state: left.size === 0 ? "repaired" : "damaged", problems };
}

interface CheckedPin {
  readonly pin: Pin;
  readonly log: LogSnapshot;
  readonly needed: ReadonlyMap<string, NeededFile>;
}

/** The files that are missing or have another size; of a deep check, those with other rows, too. */
async function findProblems(
  context: TableContext,
  { pin, log, needed }: CheckedPin,
  { deep, signal }: CheckPinsOptions,
): Promise<Pick<PinCheck, "problems" | "filesRecorded">> {
  const problems =
    pin.keep === "reference"
      ? await referenceProblems(context, needed, signal)
      : await problemsOf(log.context, needed, { signal });
  if (deep !== true) return { problems };
  const { verify } = await import("../fingerprint/verify.ts");
  // The records are of the table, which has another id.
  const recorded = { context, metadata: { ...log.metadata, id: pin.tableId }, version: pin.version };
  const { faults, filesRecorded } = await verify(log, { recorded, limit: 0, signal });
  const known = new Set(problems.map(({ path }) => path));
  const keyOf = pathKeyer((pin.keep === "reference" ? context : log.context).store.uri);
  const keys = new Map([...needed.values()].map(({ add }) => [logPathKey(add.path), keyOf(add.path)]));
  for (const { path, fault } of faults) {
    const key = keys.get(path) ?? path;
    const file = needed.get(key);
    if (file !== undefined && !known.has(key)) problems.push(problem(key, file, fault));
  }
  return { problems, filesRecorded };
}

/** A pin by reference has no files of its own: the table's are all that there is, and cannot be repaired from it. */
async function referenceProblems(
  { store }: TableContext,
  needed: ReadonlyMap<string, NeededFile>,
  signal: AbortSignal | undefined,
): Promise<PinProblem[]> {
  const looks = await mapBounded(needed, looksUnderWay, async ([path, file]) => {
    const info = await store.head(path, { signal });
    if (info !== undefined && isRight(file, info)) return [];
    const what = problem(path, file, info === undefined ? "missing" : "wrongSize");
    return [{ ...what, size: info?.size }];
  });
  return looks.flat().sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** By their paths below the pin, or below the table that the pin refers to. */
async function neededFiles(
  log: LogSnapshot,
  { store }: Pick<TableContext, "store">,
): Promise<Map<string, NeededFile>> {
  const keyOf = pathKeyer(store.uri);
  const needed = new Map<string, NeededFile>();
  for await (const chunk of (await log.files()).all())
    for (const add of chunk) {
      needed.set(keyOf(add.path), { add, size: add.size, isData: true });
      const [, vectors] = pathsOf(add);
      if (vectors === undefined) continue;
      const path = keyOf(vectors);
      const size = Math.max(vectorEnd(add), needed.get(path)?.size ?? 0);
      needed.set(path, { add, size, isData: false });
    }
  return needed;
}

/** Where a file of vectors must at least end. PROTOCOL.md "Deletion Vector File Storage Format": length and checksum. */
function vectorEnd({ deletionVector }: AddAction): number {
  if (deletionVector === undefined || deletionVectorPlace(deletionVector).kind === "inline") return 0;
  return (deletionVector.offset ?? 1) + deletionVector.sizeInBytes + 8;
}

async function problemsOf(
  { store }: TableContext,
  needed: ReadonlyMap<string, NeededFile>,
  options: ReadOptions,
): Promise<PinProblem[]> {
  const problems: PinProblem[] = [];
  const missing = new Map(needed);
  for await (const { path, size } of store.list("", options)) {
    const file = missing.get(path);
    if (file === undefined) continue;
    missing.delete(path);
    if (!isRight(file, { size })) problems.push({ ...problem(path, file, "wrongSize"), size });
  }
  for (const [path, file] of missing) problems.push(problem(path, file, "missing"));
  return problems.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function isRight(file: NeededFile, { size }: { readonly size: number }): boolean {
  return file.isData ? size === file.size : size >= file.size;
}

function problem(path: string, { size, isData }: NeededFile, what: PinProblem["problem"]): PinProblem {
  return { path, problem: what, expectedSize: isData ? size : undefined, repaired: false };
}

/** Places files again that the table still has under the same path, with the size that the pin's log says. */
async function putBack(
  context: TableContext,
  pinContext: TableContext,
  {
    found,
    needed,
    signal,
  }: {
    readonly found: readonly PinProblem[];
    readonly needed: ReadonlyMap<string, NeededFile>;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  for (const { path } of found) {
    const file = needed.get(path);
    if (file === undefined) continue;
    const info = await context.store.head(path, { signal });
    if (info === undefined || !isRight(file, info)) continue;
    const { store } = pinContext;
    const isLinked = await store.linkFrom?.(context.store, info, path, { signal });
    if (isLinked !== true) await copyBetween({ store: context.store, info }, { store, path }, signal);
  }
}
