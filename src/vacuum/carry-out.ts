import { isVarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { refreshLog } from "../log/snapshot/open-log.ts";
import type { RemoveAction } from "../protocol/actions.ts";
import type { ObjectStore } from "../storage/contract/object-store.ts";
import type { CommitResult } from "../table/commit/commit-request.ts";
import { maintainLog } from "../table/commit/log-maintenance.ts";
import { commitChange } from "../table/commit/table-change.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { mapBounded } from "../util/concurrency.ts";
import { defined } from "../util/defined.ts";
import type { JsonValue } from "../util/json.ts";
import { cloneFiles } from "./clone-files.ts";
import type { VacuumOutcome, VacuumWork } from "./contract.ts";
import { writeLastVacuum } from "./last-vacuum-info.ts";
import { linkedFiles } from "./linked-files.ts";
import { requireUsable } from "./plan-vacuum.ts";
import { referencedFiles, requirePaths } from "./referenced-files.ts";
import { tablePaths } from "./table-paths.ts";

const deletedTogether = 4000;
const deletesUnderWay = 32;

/**
 * Deletes the files of a plan, between two commits that tell of it. A vacuum that is interrupted leaves the rest to the
 * next one.
 */
export async function carryOut(snapshot: LogSnapshot, work: VacuumWork): Promise<VacuumOutcome> {
  const { context } = snapshot;
  const { plan, request, before } = work;
  const isVisible = tablePaths(snapshot).isVisible;
  const removeFolders = async () =>
    (await context.store.removeEmptyFolders?.(before, isVisible, { signal: request.signal })) ?? 0;
  if (plan.files.length === 0) {
    await noteProgress(work, context.store);
    return { outcome: "unchanged", ...plan, foldersRemoved: await removeFolders() };
  }
  const records = request.record ?? !context.store.uri.startsWith("s3:");
  const start = records ? await commitStart(snapshot, work) : undefined;
  let files: readonly string[] = [];
  try {
    files = await stillUnneeded(snapshot, work);
    await deleteFiles(context.store, files, request);
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

/**
 * The files of a plan without those that a version or clone which came after it needs: a restore may have brought them
 * back, and a clone of an earlier version may be in the making.
 *
 * @throws `UNSUPPORTED_FEATURE`, `UNSUPPORTED_PROTOCOL` if the protocol changed meanwhile
 */
async function stillUnneeded(
  snapshot: LogSnapshot,
  { plan, before, named, request: { signal } }: VacuumWork,
): Promise<readonly string[]> {
  const newest = await refreshLog(snapshot, { signal });
  const clones = await cloneFiles(snapshot.context, before, signal);
  const isNew = newest.version !== snapshot.version;
  if (isNew) requireUsable(newest);
  const isYoung = ({ deletionTimestamp }: RemoveAction) => (deletionTimestamp ?? 0) >= before;
  if (isNew) await requirePaths(newest);
  const needed = isNew ? await referencedFiles(newest, isYoung, signal) : new Set<string>();
  const isLinked = await linkedFiles(snapshot.context.store, [...needed, ...clones.keys], { signal });
  return plan.files.filter(
    (path) =>
      !isLinked(path) &&
      !needed.has(path) &&
      !clones.keys.has(path) &&
      !(clones.isCloning && named.has(path)),
  );
}

async function deleteFiles(
  store: ObjectStore,
  files: readonly string[],
  { onProgress, signal }: VacuumWork["request"],
): Promise<void> {
  for (let start = 0; start < files.length; start += deletedTogether) {
    throwIfCancelled(signal, "deleting files");
    const part = files.slice(start, start + deletedTogether);
    if (store.deleteMany !== undefined) await store.deleteMany(part, { signal });
    else await mapBounded(part, deletesUnderWay, (path) => store.delete(path, { signal }));
    onProgress?.((start + part.length) / files.length);
  }
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
