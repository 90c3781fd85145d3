import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { fileKeyer } from "../log/segment/file-key.ts";
import { latestVersion, openLog } from "../log/snapshot/open-log.ts";
import type { AddAction } from "../protocol/actions.ts";
import { canonicalUri } from "../storage/open-store.ts";
import { type CloneRecord, recordClone } from "../table/clones/clone-records.ts";
import { type MaintenanceOutcome, maintainLog } from "../table/commit/log-maintenance.ts";
import { commitChange } from "../table/commit/table-change.ts";
import { contextAt } from "../table/definition/open-context.ts";
import { hasLog, refuseExisting } from "../table/definition/refuse-existing.ts";
import { isPastRetention, missingFiles } from "../table/scan/missing-files.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { optionText } from "../util/option-text.ts";
import { sumOf } from "../util/sum.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import { liveFiles } from "../write/stages/live-files.ts";
import { refuseAppendOnly } from "./append-only.ts";
import { cloneDefinition } from "./clone/clone-definition.ts";
import { type CloneProgress, copyFiles, type PlacedFiles } from "./clone/deep-files.ts";
import { shallowFiles } from "./clone/shallow-files.ts";
import { sourceTables } from "./clone/source-tables.ts";

/** Options of a clone. */
export interface CloneVerbOptions {
  /** Copy the files too; default: the clone reads those of its source. */
  readonly deep?: boolean | undefined;
  /** Properties that differ from the source's. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /** Replace the table that is there by the clone, as a new version of it; default: refuse. */
  readonly replace?: boolean | undefined;
  /** Do nothing where there is a table already; default: refuse. */
  readonly ifNotExists?: boolean | undefined;
  /** Kept in the version's history. */
  readonly userMetadata?: string | undefined;
  /** Called now and then while a deep clone copies files. */
  readonly onProgress?: ((progress: CloneProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Result of a clone. */
export interface CloneResult {
  /** `unchanged`: there is a table already, and `ifNotExists` was given. */
  readonly outcome: "committed" | "unchanged";
  /** URI of the clone. */
  readonly uri: string;
  /** Version of the clone; absent if nothing was committed. */
  readonly version?: number | undefined;
  /** The version of the source that was cloned. */
  readonly sourceVersion: number;
  /** Files and bytes of the cloned version. */
  readonly files: number;
  readonly bytes: number;
  /** Files that were copied; those that an earlier, interrupted run had copied already do not count. */
  readonly filesCopied: number;
  readonly bytesCopied: number;
  /** Files of a replaced table that the clone does not have. */
  readonly filesRemoved: number;
  readonly bytesRemoved: number;
}

/** A {@link CloneResult}, with the maintenance that follows. */
export interface CloneOutcome extends CloneResult {
  readonly maintenance?: Promise<MaintenanceOutcome> | undefined;
}

/**
 * Makes a table of its own from a version of another one, in one commit: a shallow clone reads the source's files
 * where they are, a deep clone has copies. History and application ids stay with the source.
 *
 * The tables whose files a shallow clone reads keep a record of it, so that it may read them and their vacuum keeps
 * them. A deep clone that was interrupted is continued by cloning again.
 *
 * @throws `TABLE_EXISTS`; `INVALID_ARGUMENT` for a clone inside its source or around it, for a shallow clone in
 * another kind of store, and as `cloneDefinition`; `DATA_FILE_MISSING` naming files that are gone, before anything
 * is written, or after the commit if a vacuum deleted them meanwhile; `UNSUPPORTED_FEATURE`, `TABLE_APPEND_ONLY`,
 * `STORE_FORBIDDEN`, `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
 */
export async function cloneTable(
  source: LogSnapshot,
  uri: string,
  options: CloneVerbOptions = {},
): Promise<CloneOutcome> {
  if (source.readObstacle !== undefined) throw source.readObstacle;
  const context = await contextAt(source.context, uri);
  refusePlace(source, context, options);
  const exists = await hasLog(context);
  if (exists && options.ifNotExists === true)
    return { ...emptyResult(source, context), outcome: "unchanged" };
  if (options.replace !== true)
    await refuseExisting(
      context,
      `Replace it with ${optionText("replace")}, leave it with ${optionText("ifNotExists")}, or choose another address.`,
    );
  const replaced = exists ? await openLog(context) : undefined;
  const { properties = {} } = options;
  const definition = await cloneDefinition(context.world, { source, replaced, properties });
  const files = await liveFiles(source);
  const { adds, filesCopied, bytesCopied } = await placeFiles(source, context, files, {
    ...options,
    tableId: definition.metadata.id,
    replacedVersion: replaced?.version,
  });
  throwIfCancelled(options.signal, "cloning the table");
  const difference = await changedFiles(replaced, adds);
  const result: CloneResult = {
    ...emptyResult(source, context),
    files: files.length,
    bytes: sizeOf(files),
    filesCopied,
    bytesCopied,
    filesRemoved: difference.removes.length,
    bytesRemoved: sizeOf(difference.removes),
  };
  const { protocol, metadata, domains } = definition;
  const change = await commitChange(
    { context, snapshot: replaced },
    {
      operation: "CLONE",
      operationParameters: parametersOf(source, options),
      definition: [protocol, metadata, ...domains],
      files: { ...difference, metrics: metricsOf(result) },
      reads: replaced === undefined ? undefined : { wholeTable: true },
      userMetadata: options.userMetadata,
      signal: options.signal,
    },
  );
  // A vacuum of the source that was deleting them has not seen this clone.
  if (options.deep !== true && isPastRetention(source))
    await requireFilesOfOld(source, files, change.version);
  return {
    ...result,
    version: change.version,
    maintenance:
      change.outcome === "committed" ? maintainLog(context, change, { base: replaced }) : undefined,
  };
}

function parametersOf({ context, version }: LogSnapshot, { deep }: CloneVerbOptions) {
  return { source: context.store.uri, sourceVersion: version, isShallow: deep !== true };
}

/** The files in the place where the clone reads them. */
async function placeFiles(
  source: LogSnapshot,
  context: TableContext,
  files: readonly AddAction[],
  options: CloneVerbOptions & Pick<CloneRecord, "tableId" | "replacedVersion">,
): Promise<PlacedFiles> {
  const { deep = false, tableId, replacedVersion, signal } = options;
  if (deep) return copyFiles(source, context, files, options);
  const record = { clone: context.store.uri, tableId, createdTime: context.world.now(), replacedVersion };
  for (const store of await sourceTables(source, files)) await recordClone(store, record, { signal });
  await requireFilesOfOld(source, files);
  return { adds: shallowFiles(source, files), filesCopied: 0, bytesCopied: 0 };
}

/** The vacuum of the outer one of two tables would remove the files of the inner one. */
function refusePlace(source: LogSnapshot, { store }: TableContext, { deep }: CloneVerbOptions): void {
  const [from, to] = [canonicalUri(source.context.store.uri), canonicalUri(store.uri)];
  const refused = (why: string) =>
    new VarveError("INVALID_ARGUMENT", `Cannot clone ${from} to ${to}: ${why}`, { uri: to, source: from });
  if (from === to) throw refused("they are the same table. Choose another address.");
  if (to.startsWith(`${from}/`))
    throw refused("it lies inside the source, whose vacuum would remove its files. Choose another address.");
  if (from.startsWith(`${to}/`))
    throw refused("the source lies inside it, where its vacuum would remove it. Choose another address.");
  if (deep !== true && schemeOf(from) !== schemeOf(to))
    throw refused(
      "a shallow clone reads the files of its source, so it must be in the same kind of store. Make a deep clone.",
    );
}

function schemeOf(uri: string): string {
  return uri.slice(0, uri.indexOf(":"));
}

/**
 * Older versions may have lost files to a vacuum; the newest one cannot.
 *
 * @param committed version of the clone, once it is made
 * @throws `DATA_FILE_MISSING`
 */
async function requireFilesOfOld(
  source: LogSnapshot,
  files: readonly AddAction[],
  committed?: number,
): Promise<void> {
  if ((await latestVersion(source.context)) === source.version) return;
  const missing = await missingFiles(source.context, files);
  if (missing === undefined) return;
  const { paths, text } = missing;
  const outcome =
    committed === undefined
      ? "No table was made"
      : `The clone was committed as version ${committed}, which cannot be read`;
  throw new VarveError(
    "DATA_FILE_MISSING",
    `Version ${source.version} of ${source.context.store.uri} cannot be cloned: ${paths.length} of its files ${paths.length === 1 ? "is" : "are"} gone, probably removed by a vacuum: ${text}. ${outcome}. Clone a later version, or put the files back.`,
    { version: source.version, path: paths[0], store: source.context.store.uri, missing: paths },
  );
}

/** The files that a replaced table does not have yet, and those of its own that the clone does not have. */
async function changedFiles(
  replaced: LogSnapshot | undefined,
  adds: readonly AddAction[],
): Promise<{ readonly adds: AddAction[]; readonly removes: AddAction[] }> {
  if (replaced === undefined) return { adds: [...adds], removes: [] };
  const keyOf = fileKeyer(replaced.context.store.uri);
  const left = new Map((await liveFiles(replaced)).map((file) => [keyOf(file), file]));
  const added = adds.filter((file) => !left.delete(keyOf(file)));
  const removes = [...left.values()];
  if (removes.length > 0) refuseAppendOnly(await existingTarget(replaced));
  return { adds: added, removes };
}

function emptyResult(source: LogSnapshot, context: TableContext): CloneResult {
  return {
    outcome: "committed",
    uri: context.store.uri,
    sourceVersion: source.version,
    files: 0,
    bytes: 0,
    filesCopied: 0,
    bytesCopied: 0,
    filesRemoved: 0,
    bytesRemoved: 0,
  };
}

function metricsOf(result: CloneResult): Record<string, string> {
  return {
    sourceTableSize: String(result.bytes),
    sourceNumOfFiles: String(result.files),
    numRemovedFiles: String(result.filesRemoved),
    numCopiedFiles: String(result.filesCopied),
    removedFilesSize: String(result.bytesRemoved),
    copiedFilesSize: String(result.bytesCopied),
  };
}

function sizeOf(files: readonly AddAction[]): number {
  return sumOf(files, ({ size }) => size);
}
