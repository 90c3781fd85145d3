import { VarveError } from "../errors.ts";
import { stateFingerprint } from "../fingerprint/state-fingerprint.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { pathKeyer } from "../log/segment/file-key.ts";
import { commitPath } from "../log/segment/file-names.ts";
import { type CloneProgress, copyFiles, type PlacedFiles } from "../operations/clone/deep-files.ts";
import { shallowFiles } from "../operations/clone/shallow-files.ts";
import type { Action, AddAction, DomainMetadataAction, MetadataAction } from "../protocol/actions.ts";
import { rowIdMark, rowTrackingDomain } from "../protocol/domains.ts";
import { pathsOf } from "../protocol/named-paths.ts";
import { requireWritable } from "../protocol/obstacles.ts";
import { ownHistoryKeys } from "../protocol/own-history.ts";
import { logPathKey } from "../schema/paths.ts";
import { assignRowIds, assignsRowIds } from "../table/commit/row-ids.ts";
import { commitChange } from "../table/commit/table-change.ts";
import { isAbsolute } from "../table/scan/action-paths.ts";
import { missingFiles } from "../table/scan/missing-files.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { optionText } from "../util/option-text.ts";
import { sumOf } from "../util/sum.ts";
import { liveFiles } from "../write/stages/live-files.ts";
import { type PinCost, pinCosts } from "./pin-cost.ts";
import { contextOfPin } from "./reading/open-pin.ts";
import { requirePinName } from "./reading/pin-name.ts";
import { type Pin, type PinKeep, pinJson, readPin } from "./reading/pin-record.ts";

/** Options of a new pin. */
export interface AddPinOptions {
  /**
   * `files` (default): links of the files where the store can, else copies; no vacuum of any program takes them.
   * `reference`: the pin names the table's own files, at no cost; varve's vacuums spare them, those of other programs
   * do not.
   */
  readonly keep?: PinKeep | undefined;
  /** Why it is kept, and who keeps it. */
  readonly reason?: string | undefined;
  readonly owner?: string | undefined;
  /** When it may go, in milliseconds since 1970-01-01 UTC. */
  readonly expires?: number | undefined;
  /** The run that reads it. */
  readonly run?: Pin["run"];
  /** Only say what it would cost. */
  readonly dryRun?: boolean | undefined;
  /** Called now and then while files are placed. */
  readonly onProgress?: ((progress: CloneProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Result of pinning. */
export interface PinResult extends Pin {
  /** `alreadyPinned`: the version had been pinned under that name before, and nothing was changed. */
  readonly outcome: "pinned" | "alreadyPinned" | "dryRun";
  /**
   * Data files and files of deletion vectors that were copied, and their bytes. In a dry run, what would be copied
   * unless files can be linked.
   */
  readonly filesCopied: number;
  readonly bytesCopied: number;
  /** Files that got a second name, which takes no space. In a dry run, what would be linked where disks allow it. */
  readonly filesLinked: number;
  readonly bytesLinked: number;
  /** In a dry run, what each way to keep the files costs. */
  readonly costs?: Readonly<Record<PinKeep, PinCost>> | undefined;
}

/**
 * Keeps a version under a name: a Delta table below the table, in a folder that vacuums leave alone, with files of its
 * own under the same paths (names of the same files where the store can link, else copies), deletion vectors and row ids.
 *
 * Its commit comes last, so that a pin is whole or not there. After a crash, the same call finishes it.
 *
 * @throws `PIN_EXISTS` for a name that keeps another version; `DATA_FILE_MISSING` naming files that are gone;
 * `INVALID_ARGUMENT`, `UNSUPPORTED_FEATURE`, `UNSUPPORTED_PROTOCOL`, `STORE_…`, `CANCELLED`
 */
export async function addPin(
  source: LogSnapshot,
  name: string,
  options: AddPinOptions = {},
): Promise<PinResult> {
  requirePinName(name);
  if (source.readObstacle !== undefined) throw source.readObstacle;
  await source.confirm();
  requireWritable(source.protocol, source.metadata);
  const { context } = source;
  requireFuture(options.expires, source);
  const earlier = await readPin(context, name);
  const keep = options.keep ?? "files";
  if (earlier !== undefined) return samePin(earlier, source, keep);
  const files = await liveFiles(source);
  if (keep === "reference") refuseForeign(source, files);
  const target = contextOfPin(context, { name, keep });
  const pin = await newPin(source, name, target.store.uri, files, options);
  if (options.dryRun === true) {
    await requireFiles(source, files);
    const costs = pinCosts(context.store, files);
    const { requests: _, ...cost } = costs[keep];
    return { outcome: "dryRun", ...pin, ...cost, costs };
  }
  const placed = await place(source, target, files, { ...options, keep });
  throwIfCancelled(options.signal, "pinning a version");
  const landed = await commitPin(source, target, pin, placed.adds, options.signal);
  if (landed !== undefined) return samePin(landed, source, keep);
  await requirePlaced(target, source, placed, keep);
  const { filesCopied, bytesCopied, filesLinked = 0, bytesLinked = 0 } = placed;
  return { outcome: "pinned", ...pin, filesCopied, bytesCopied, filesLinked, bytesLinked };
}

/** The files as the pin's log names them, after they were placed there, if they are. */
async function place(
  source: LogSnapshot,
  target: TableContext,
  files: readonly AddAction[],
  { keep, onProgress, signal }: AddPinOptions,
): Promise<PlacedFiles> {
  if (keep !== "reference") return copyFiles(source, target, files, { asPin: true, onProgress, signal });
  await requireFiles(source, files);
  return { adds: shallowFiles(source, files, { asPin: true }), filesCopied: 0, bytesCopied: 0 };
}

/** The vacuum of another table does not know which of its files a pin names. @throws `INVALID_ARGUMENT` */
function refuseForeign({ context, version }: LogSnapshot, files: readonly AddAction[]): void {
  const keyOf = pathKeyer(context.store.uri);
  const path = files.flatMap(pathsOf).find((each) => isAbsolute(keyOf(each)));
  if (path === undefined) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Version ${version} of ${context.store.uri} reads files outside the table's folder, such as ${path}, which a pin cannot keep by reference: the table there would not know of it. Keep them as files (${optionText('keep: "files"')}).`,
    { version, path },
  );
}

/** The pin that is there. @throws `PIN_EXISTS` if it keeps another version */
function samePin(pin: Pin, { version, metadata, context }: LogSnapshot, keep: PinKeep): PinResult {
  const nothing = { filesCopied: 0, bytesCopied: 0, filesLinked: 0, bytesLinked: 0 };
  const isSame = pin.version === version && pin.tableId === metadata.id;
  const isWeaker = pin.keep === "reference" && keep === "files";
  if (isSame && !isWeaker) return { outcome: "alreadyPinned", ...pin, ...nothing };
  if (isSame)
    throw new VarveError(
      "PIN_EXISTS",
      `The pin ${pin.name} of ${context.store.uri} keeps version ${pin.version} by reference only, and not its files. Add another pin that does, then remove this one (varve pin remove).`,
      { name: pin.name, pinned: pin.version, version, store: context.store.uri },
    );
  const other = pin.tableId === metadata.id ? "" : " of another table that was there before";
  throw new VarveError(
    "PIN_EXISTS",
    `The pin ${pin.name} of ${context.store.uri} keeps version ${pin.version}${other}, not version ${version}. Choose another name, or remove the pin first (varve pin remove).`,
    { name: pin.name, pinned: pin.version, version, store: context.store.uri },
  );
}

function requireFuture(expires: number | undefined, { context }: LogSnapshot): void {
  const now = context.world.now();
  if (expires === undefined || expires > now) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `A pin cannot expire at ${new Date(expires).toISOString()}, which is not after the present time, ${new Date(now).toISOString()}. Choose a later time, or check the clock.`,
    { expires: new Date(expires).toISOString() },
  );
}

async function newPin(
  source: LogSnapshot,
  name: string,
  uri: string,
  files: readonly AddAction[],
  { keep = "files", reason, owner, expires, run, signal }: AddPinOptions,
): Promise<Pin> {
  const { version, timestamp, metadata, context } = source;
  return {
    name,
    uri,
    version,
    timestamp: new Date(timestamp),
    // The clock of this machine may be behind that of the version's writer.
    created: new Date(Math.max(context.world.now(), timestamp)),
    keep,
    reason,
    owner,
    expires: expires === undefined ? undefined : new Date(expires),
    run,
    tableId: metadata.id,
    fingerprint: await stateFingerprint(source, { signal }),
    files: files.length,
    bytes: sumOf(files, ({ size }) => size),
  };
}

/** @throws `DATA_FILE_MISSING` for what could not be pinned */
async function requireFiles({ context, version }: LogSnapshot, files: readonly AddAction[]): Promise<void> {
  const missing = await missingFiles(context, files);
  if (missing === undefined) return;
  throw new VarveError(
    "DATA_FILE_MISSING",
    `Version ${version} of ${context.store.uri} cannot be pinned: files of it are gone, probably removed by a vacuum: ${missing.text}. Pin a later version, or put the files back.`,
    { version, path: missing.paths[0], store: context.store.uri, missing: missing.paths },
  );
}

/** Commits the pin; if another process was first, returns its pin. */
async function commitPin(
  source: LogSnapshot,
  target: TableContext,
  pin: Pin,
  files: readonly AddAction[],
  signal: AbortSignal | undefined,
): Promise<Pin | undefined> {
  const { definition, adds } = await contentOf(source, files);
  try {
    await commitChange(
      { context: target },
      {
        operation: "PIN",
        operationParameters: {
          name: pin.name,
          source: source.context.store.uri,
          sourceVersion: source.version,
        },
        definition,
        files: { adds, metrics: { numFiles: String(pin.files), numOutputBytes: String(pin.bytes) } },
        commitInfo: { pin: pinJson(pin) },
        signal,
      },
    );
    return undefined;
  } catch (error) {
    const other = await readPin(source.context, pin.name);
    if (other === undefined) throw error;
    return other;
  }
}

/** The version's own protocol, metadata, domains and files, as the first commit of another table. */
async function contentOf(
  source: LogSnapshot,
  files: readonly AddAction[],
): Promise<{
  readonly definition: readonly (LogSnapshot["protocol"] | MetadataAction | DomainMetadataAction)[];
  readonly adds: readonly AddAction[];
}> {
  const { protocol, context } = source;
  const configuration: Record<string, string> = { ...source.metadata.configuration };
  for (const key of ownHistoryKeys) delete configuration[key];
  const metadata: MetadataAction = { ...source.metadata, id: context.world.uuid(), configuration };
  const domains = new Map(await source.domainMetadata());
  let adds: readonly Action[] = files;
  // Files from before row tracking was enabled may have no ids yet.
  if (assignsRowIds(source)) adds = assignRowIds(files, rowIdMark(domains.get(rowTrackingDomain)) ?? -1n, 0);
  for (const action of adds) if (action.kind === "domainMetadata") domains.set(action.domain, action);
  return {
    definition: [protocol, metadata, ...domains.values()],
    adds: adds.filter((action) => action.kind === "add"),
  };
}

/**
 * A removal of the pin, or of what an earlier attempt left, may have deleted files that this attempt found there; a
 * vacuum that began before the commit, files that the pin names.
 *
 * @throws `DATA_FILE_MISSING`, after which there is no pin
 */
async function requirePlaced(
  target: TableContext,
  { version, context }: LogSnapshot,
  { adds }: PlacedFiles,
  keep: PinKeep,
): Promise<void> {
  const { store } = target;
  const needed = new Set(adds.flatMap(pathsOf).map(logPathKey));
  if (keep === "files") for await (const { path } of store.list("")) needed.delete(path);
  const missing = keep === "files" ? [...needed] : ((await missingFiles(target, adds))?.paths ?? []);
  const [path] = missing;
  if (path === undefined) return;
  await store.delete(commitPath(0));
  const why =
    keep === "files"
      ? `${path} vanished from the pin meanwhile, probably because another process removed the pin`
      : `${path} vanished from the table meanwhile, probably because of a vacuum`;
  throw new VarveError(
    "DATA_FILE_MISSING",
    `Version ${version} of ${context.store.uri} was not pinned: ${why}. Add it again.`,
    { version, path, store: store.uri, missing },
  );
}
