import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { fileKeyer } from "../log/segment/file-key.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import type { AddAction, DomainMetadataAction, MetadataAction, ProtocolAction } from "../protocol/actions.ts";
import { clusteringDomain } from "../protocol/domains.ts";
import { supportedWriterFeatures } from "../protocol/features.ts";
import { ownHistoryKeys } from "../protocol/own-history.ts";
import { propertyKey, propertyOf } from "../protocol/properties.ts";
import { columnMetadata, metadataKeys } from "../schema/column-metadata.ts";
import { findField } from "../schema/fields.ts";
import { parseSchema, serializeSchema } from "../schema/schema-json.ts";
import type { StructField } from "../schema/types.ts";
import { type MaintenanceOutcome, maintainLog } from "../table/commit/log-maintenance.ts";
import { commitChange } from "../table/commit/table-change.ts";
import { protocolWith } from "../table/definition/table-definition.ts";
import { isPastRetention, missingFiles } from "../table/scan/missing-files.ts";
import { optionText } from "../util/option-text.ts";
import { sumOf } from "../util/sum.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import { refuseAppendOnly } from "./append-only.ts";
import { hasOtherIds, rowIdMarkAfter } from "./restored-row-ids.ts";

/** Options of a restore. */
export interface RestoreOptions {
  /** Say what would change, and write nothing. */
  readonly dryRun?: boolean | undefined;
  /**
   * Restore the version even if the store does not have all of its files any more. They are listed again, as Spark
   * does with `spark.sql.files.ignoreMissingFiles`, and named in the result: rows cannot be read from them until they
   * are put back. Default: refuse.
   */
  readonly ignoreMissingFiles?: boolean | undefined;
  /** Kept in the version's history. */
  readonly userMetadata?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Result of a restore. */
export interface RestoreResult {
  /** `unchanged`: the version that was asked for is the newest, and nothing was committed. */
  readonly outcome: "committed" | "unchanged" | "dryRun";
  /** The version that the restore became, or else the newest one. */
  readonly version: number;
  /** The version whose state the table has again. */
  readonly restoredVersion: number;
  /** Files that the table did not have any more, or with other deleted rows. */
  readonly filesRestored: number;
  readonly filesRemoved: number;
  readonly bytesRestored: number;
  readonly bytesRemoved: number;
  /**
   * Data files and deletion vectors that were listed again and are gone, with `ignoreMissingFiles`; absent if there
   * are none.
   */
  readonly missingFiles?: readonly string[] | undefined;
  /** Data files and files of deletion vectors that came back from a pin; absent if none was restored from. */
  readonly filesFromPin?: number | undefined;
}

/** A {@link RestoreResult}, with the maintenance that follows. */
export interface RestoreOutcome extends RestoreResult {
  readonly maintenance?: Promise<MaintenanceOutcome> | undefined;
}

/** The version to go back to. */
export type RestorePoint = { readonly version: number } | { readonly timestamp: number };

/**
 * Gives a table the rows, schema and properties of an earlier version, as a new version. Nothing is copied:
 * files are listed again, so all that the earlier version needs must still be there.
 *
 * The protocol is never lowered; ids of rows and columns and numbers of identity columns that were given since are
 * not given again.
 *
 * @throws `VERSION_NOT_FOUND`, `TIMESTAMP_OUT_OF_RANGE`; `DATA_FILE_MISSING` naming files that are gone, before
 * anything is written, or after the commit if a vacuum deleted them meanwhile, unless they are ignored;
 * `TABLE_APPEND_ONLY`, `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
 */
export async function restore(
  snapshot: LogSnapshot,
  point: RestorePoint,
  options: RestoreOptions = {},
): Promise<RestoreOutcome> {
  const log = await openLog(snapshot.context, point);
  const parameters = {
    version: "version" in point ? String(point.version) : "",
    timestamp: "timestamp" in point ? new Date(point.timestamp).toISOString() : "",
  };
  return restoreState(snapshot, { log, version: log.version, parameters }, options);
}

/** A state to go back to: a version of the table, or the pin that keeps one. */
export interface RestoredState {
  readonly log: LogSnapshot;
  /** The version of the table that it is. */
  readonly version: number;
  /** Of the commit's operation. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Of a pin: its files, by the paths that they have in the table. */
  files?(): AsyncIterable<readonly AddAction[]>;
  /**
   * Of a pin: puts files of the state back where the table had them, and returns how many were gone.
   *
   * @throws `DATA_FILE_MISSING`
   */
  bring?(files: readonly AddAction[], options: { readonly dryRun: boolean }): Promise<number>;
}

/** As {@link restore}, to any state that belongs to the table. */
export async function restoreState(
  snapshot: LogSnapshot,
  state: RestoredState,
  options: RestoreOptions,
): Promise<RestoreOutcome> {
  const { context } = snapshot;
  const { log: earlier, version: restoredVersion, parameters } = state;
  if (earlier.readObstacle !== undefined) throw earlier.readObstacle;
  const target = await existingTarget(snapshot);
  const unchanged = nothingRestored(snapshot, restoredVersion);
  if (restoredVersion >= snapshot.version) return unchanged;
  const { restored, relisted, removed, files, bytes } = await fileDifference(snapshot, state);
  if (removed.length > 0) refuseAppendOnly(target);
  const ignored = options.ignoreMissingFiles === true;
  const filesFromPin = await state.bring?.(restored, { dryRun: options.dryRun === true });
  const gone =
    filesFromPin === undefined ? await filesGone(snapshot, restoredVersion, restored, { ignored }) : {};
  const result: RestoreResult = {
    ...unchanged,
    filesRestored: restored.length,
    filesRemoved: removed.length,
    bytesRestored: sizeOf(restored),
    bytesRemoved: sizeOf(removed),
    ...gone,
    ...(filesFromPin === undefined ? {} : { filesFromPin }),
  };
  if (options.dryRun === true) return { ...result, outcome: "dryRun" };
  const change = await commitChange(
    { context, snapshot },
    {
      operation: "RESTORE",
      operationParameters: parameters,
      definition: await definitionOf(snapshot, earlier),
      files: {
        adds: [...restored.map((file) => ({ ...file, dataChange: true })), ...relisted],
        removes: removed,
        metrics: metricsOf(result, { files, bytes }),
      },
      // A commit with metadata that read the whole table yields even to a blind append, whose rows would stay.
      reads: { wholeTable: true },
      userMetadata: options.userMetadata,
      signal: options.signal,
    },
  );
  if (change.outcome === "alreadyApplied") return { ...unchanged, version: change.version };
  // A vacuum that was deleting them has not seen this version.
  const { version: committed } = change;
  const goneSince =
    filesFromPin !== undefined || isPastRetention(earlier)
      ? await filesGone(snapshot, restoredVersion, restored, { ignored, committed })
      : {};
  return {
    ...result,
    ...goneSince,
    outcome: "committed",
    version: change.version,
    maintenance: maintainLog(context, change, { base: snapshot }),
  };
}

function nothingRestored(snapshot: LogSnapshot, restoredVersion: number): RestoreResult {
  return {
    outcome: "unchanged",
    version: snapshot.version,
    restoredVersion,
    filesRestored: 0,
    filesRemoved: 0,
    bytesRestored: 0,
    bytesRemoved: 0,
  };
}

/** How two versions differ in their files; with another deletion vector, a file is another one. */
interface FileDifference {
  /** Files that only the earlier version has. */
  readonly restored: readonly AddAction[];
  /** Files of both, whose row ids the present version does not have any more, or which got others since. */
  readonly relisted: readonly AddAction[];
  /** Files that only the present version has. */
  readonly removed: readonly AddAction[];
  /** Number and bytes of all files of the earlier version. */
  readonly files: number;
  readonly bytes: number;
}

async function fileDifference(now: LogSnapshot, state: RestoredState): Promise<FileDifference> {
  const keyOf = fileKeyer(now.context.store.uri);
  const current = new Map<string, AddAction>();
  for await (const chunk of (await now.files()).all())
    for (const file of chunk) current.set(keyOf(file), file);
  const [restored, relisted]: [AddAction[], AddAction[]] = [[], []];
  let [files, bytes] = [0, 0];
  for await (const chunk of state.files?.() ?? (await state.log.files()).all())
    for (const file of chunk) {
      [files, bytes] = [files + 1, bytes + file.size];
      const key = keyOf(file);
      const same = current.get(key);
      if (same === undefined) restored.push(file);
      else if (hasOtherIds(file, same)) relisted.push({ ...file, dataChange: false });
      current.delete(key);
    }
  return { restored, relisted, removed: [...current.values()], files, bytes };
}

/**
 * Looks for data files and deletion vectors that the store does not have any more.
 *
 * @param committed the version that lists them again, once it is there
 * @throws `DATA_FILE_MISSING` naming them, unless they are ignored
 */
async function filesGone(
  { context }: LogSnapshot,
  version: number,
  files: readonly AddAction[],
  { ignored, committed }: { readonly ignored: boolean; readonly committed?: number },
): Promise<Pick<RestoreResult, "missingFiles">> {
  const missing = await missingFiles(context, files);
  if (missing === undefined) return {};
  const { paths, text } = missing;
  if (ignored) return { missingFiles: paths };
  const outcome =
    committed === undefined
      ? "Nothing was written"
      : `The restore was committed as version ${committed}, which cannot be read`;
  throw new VarveError(
    "DATA_FILE_MISSING",
    `Version ${version} cannot be restored: ${paths.length} of its files ${paths.length === 1 ? "is" : "are"} gone, probably removed by a vacuum: ${text}. ${outcome}. Choose a later version, put the files back, or restore it without them: ${optionText("ignoreMissingFiles")}.`,
    { version, path: paths[0], store: context.store.uri, missing: paths },
  );
}

/** What the commit changes of the table's definition. */
async function definitionOf(
  now: LogSnapshot,
  earlier: LogSnapshot,
): Promise<(ProtocolAction | MetadataAction | DomainMetadataAction)[]> {
  const features = [...supportedWriterFeatures(earlier.protocol)].filter(
    (name) => !supportedWriterFeatures(now.protocol).has(name),
  );
  const protocol = features.length === 0 ? now.protocol : protocolWith(now.protocol, features);
  const [before, after] = [await clusteringOf(now), await clusteringOf(earlier)];
  const removed = before === undefined ? undefined : { ...before, removed: true };
  const domain = after ?? removed;
  const moves = before?.configuration !== after?.configuration;
  const mark = await rowIdMarkAfter(now, earlier);
  return [
    ...(protocol === now.protocol ? [] : [protocol]),
    restoredMetadata(now, earlier),
    ...(moves && domain !== undefined ? [domain] : []),
    ...(mark === undefined ? [] : [mark]),
  ];
}

async function clusteringOf(snapshot: LogSnapshot): Promise<DomainMetadataAction | undefined> {
  const domain = (await snapshot.domainMetadata()).get(clusteringDomain);
  return domain?.removed === true ? undefined : domain;
}

/** Properties that later versions of the table depend on, whatever state it is given. */
const keptProperties = [propertyKey("enableInCommitTimestamps"), ...ownHistoryKeys];

/** The earlier metadata, in which no number goes back that must never be given twice. */
function restoredMetadata(now: LogSnapshot, earlier: LogSnapshot): MetadataAction {
  const configuration: Record<string, string> = { ...earlier.metadata.configuration };
  const present = now.metadata.configuration;
  for (const key of keptProperties) {
    delete configuration[key];
    if (present[key] !== undefined) configuration[key] = present[key];
  }
  const highest = Math.max(
    propertyOf(present, "columnMapping.maxColumnId"),
    propertyOf(configuration, "columnMapping.maxColumnId"),
  );
  if (highest > 0) configuration[propertyKey("columnMapping.maxColumnId")] = String(highest);
  const { fields } = parseSchema(earlier.metadata.schemaString);
  const numbered = fields.map((field) => withMark(field, findField(now.schema, field.name)));
  const isSame = numbered.every((field, index) => field === fields[index]);
  return {
    ...earlier.metadata,
    id: now.metadata.id,
    createdTime: now.metadata.createdTime,
    configuration,
    schemaString: isSame
      ? earlier.metadata.schemaString
      : serializeSchema({ type: "struct", fields: numbered }),
  };
}

/** The field of an identity column with the later one of two high-water marks. */
function withMark(field: StructField, now: StructField | undefined): StructField {
  const identity = columnMetadata(field).identity;
  const mark = now === undefined ? undefined : columnMetadata(now).identity?.highWaterMark;
  if (identity === undefined || mark === undefined) return field;
  const { step, highWaterMark: before } = identity;
  const isLater = before === undefined || (step > 0n ? mark > before : mark < before);
  if (!isLater) return field;
  const value = BigInt(Number(mark)) === mark && Number.isSafeInteger(Number(mark)) ? Number(mark) : mark;
  return { ...field, metadata: { ...field.metadata, [metadataKeys.identityHighWaterMark]: value } };
}

function metricsOf(
  result: RestoreResult,
  { files, bytes }: Pick<FileDifference, "files" | "bytes">,
): Record<string, string> {
  return {
    numRestoredFiles: String(result.filesRestored),
    numRemovedFiles: String(result.filesRemoved),
    restoredFilesSize: String(result.bytesRestored),
    removedFilesSize: String(result.bytesRemoved),
    numOfFilesAfterRestore: String(files),
    tableSizeAfterRestore: String(bytes),
  };
}

function sizeOf(files: readonly AddAction[]): number {
  return sumOf(files, ({ size }) => size);
}
