import { isVarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { refreshLog } from "../log/snapshot/open-log.ts";
import type { ObjectStore } from "../storage/contract/object-store.ts";
import { forgetClone } from "../table/clones/clone-records.ts";
import type { CommitResult } from "../table/commit/commit-request.ts";
import { maintainLog } from "../table/commit/log-maintenance.ts";
import { commitChange } from "../table/commit/table-change.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { mapBounded } from "../util/concurrency.ts";
import { defined } from "../util/defined.ts";
import type { JsonValue } from "../util/json.ts";
import type { VacuumOutcome, VacuumWork } from "./contract.ts";
import { writeLastVacuum } from "./last-vacuum-info.ts";
import { type LateNeeds, lateNeeds } from "./late-needs.ts";
import { tablePaths } from "./table-paths.ts";

const deletedTogether = 4000;
const deletesUnderWay = 32;
/** In milliseconds. */
const day = 24 * 60 * 60 * 1000;

/**
 * Deletes the files of a plan, between two commits that tell of it. A vacuum that is interrupted leaves the rest to the
 * next one.
 */
export async function carryOut(snapshot: LogSnapshot, work: VacuumWork): Promise<VacuumOutcome> {
  const { context } = snapshot;
  const { plan, request, before } = work;
  const isVisible = tablePaths(snapshot).isVisible;
  const removeFolders = async () => {
    await removeAbandoned(context, before, request.signal);
    return (await context.store.removeEmptyFolders?.(before, isVisible, { signal: request.signal })) ?? 0;
  };
  for (const [path, record] of work.forgotten) await forgetClone(context.store, path, record);
  if (plan.files.length === 0) {
    await noteProgress(work, context.store);
    return { outcome: "unchanged", ...plan, foldersRemoved: await removeFolders() };
  }
  const records = request.record ?? !context.store.uri.startsWith("s3:");
  const start = records ? await commitStart(snapshot, work) : undefined;
  let files: readonly string[] = [];
  try {
    files = await deleteFiles(context.store, work, lateNeeds(snapshot, work, start?.version));
  } catch (error) {
    if (start !== undefined) await commitFailure(snapshot, work, error);
    throw error;
  }
  const foldersRemoved = await removeFolders();
  await noteProgress(work, context.store);
  const end = records
    ? await commitEnd(snapshot, work, "COMPLETED", {
        numDeletedFiles: String(files.length),
        numVacuumedDirectories: String(work.folders),
      })
    : undefined;
  return {
    outcome: "deleted",
    ...plan,
    version: end?.version ?? plan.version,
    files,
    foldersRemoved,
    maintenance: end?.outcome === "committed" ? maintainLog(context, end) : undefined,
  };
}

/** Removes what killed writers and vacuums left, as far as it is cheap to find; no writer works for more than a day. */
async function removeAbandoned(
  { store, world }: TableContext,
  before: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const oldest = Math.min(before, world.now() - day);
  await store.removeAbandoned?.(oldest, { nearby: true, signal });
}

/** Deletes files in parts, each without what became needed since; returns those that were deleted. */
async function deleteFiles(
  store: ObjectStore,
  { plan: { files }, request: { onProgress, signal } }: VacuumWork,
  stillUnneeded: LateNeeds,
): Promise<string[]> {
  const deleted: string[] = [];
  for (let start = 0; start < files.length; start += deletedTogether) {
    throwIfCancelled(signal, "deleting files");
    const planned = files.slice(start, start + deletedTogether);
    const part = await stillUnneeded(planned);
    if (store.deleteMany !== undefined) await store.deleteMany(part, { signal });
    else await mapBounded(part, deletesUnderWay, (path) => store.delete(path, { signal }));
    for (const path of part) deleted.push(path);
    onProgress?.((start + planned.length) / files.length);
  }
  return deleted;
}

/** Lite vacuums, Spark's too, begin where this one ends. One that read an inventory may have left files out. */
async function noteProgress({ request, lastExpired }: VacuumWork, store: ObjectStore): Promise<void> {
  if (request.inventory === undefined && lastExpired !== undefined) await writeLastVacuum(store, lastExpired);
}

function commitStart(snapshot: LogSnapshot, work: VacuumWork): Promise<CommitResult> {
  const { plan, request, retention } = work;
  return commit(snapshot, work, "VACUUM START", {
    operationParameters: defined({
      retentionCheckEnabled: request.retentionCheck !== false,
      defaultRetentionMillis: Number.isFinite(retention.table) ? retention.table : undefined,
      specifiedRetentionMillis: retention.requested,
    }),
    metrics: { numFilesToDelete: String(plan.files.length), sizeOfDataToDelete: String(plan.bytes) },
  });
}

function commitEnd(
  snapshot: LogSnapshot,
  work: VacuumWork,
  status: "COMPLETED" | "FAILED",
  metrics?: Readonly<Record<string, JsonValue>>,
): Promise<CommitResult> {
  return commit(snapshot, work, "VACUUM END", { operationParameters: { status }, metrics });
}

/** The vacuum's own error is what its caller has to see. */
async function commitFailure(snapshot: LogSnapshot, work: VacuumWork, cause: unknown): Promise<void> {
  try {
    await commitEnd(snapshot, work, "FAILED");
  } catch (error) {
    if (!isVarveError(error) || !isVarveError(cause)) throw error;
  }
}

async function commit(
  snapshot: LogSnapshot,
  { request: { userMetadata } }: VacuumWork,
  operation: string,
  {
    operationParameters,
    metrics,
  }: {
    readonly operationParameters: Readonly<Record<string, JsonValue>>;
    readonly metrics?: Readonly<Record<string, JsonValue>> | undefined;
  },
): Promise<CommitResult> {
  const base = await refreshLog(snapshot);
  return commitChange(
    { context: snapshot.context, snapshot: base },
    { operation, operationParameters, files: { adds: [], metrics }, userMetadata },
  );
}
