import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { lastCheckpointPath, logFolder, padVersion, parseLogPath } from "../../src/log/segment/file-names.ts";
import { listLog } from "../../src/log/segment/listing.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import type { ObjectInfo, ObjectStore } from "../../src/storage/contract/object-store.ts";
import { cleanTableLog, maintainLog } from "../../src/table/commit/log-maintenance.ts";
import type { Mistake } from "./mistake-names.ts";

const hour = 60 * 60 * 1000;

/** A process's store with the planted mistake, if it is one of reading and writing the log's files. */
export function mistakenStore(mistake: Mistake | undefined, store: ObjectStore): ObjectStore {
  switch (mistake) {
    case "compaction-counts-as-commits":
      return { ...store, list: (prefix, options) => withCompactedCommits(store.list(prefix, options)) };
    case "hint-before-checkpoint":
      return {
        ...store,
        put: async (path, bytes, options) => {
          const name = parseLogPath(path);
          if (name?.kind === "checkpoint")
            await store.put(
              lastCheckpointPath,
              new TextEncoder().encode(`{"version":${name.version},"size":1}`),
            );
          await store.put(path, bytes, options);
        },
      };
    default:
      return store;
  }
}

/** Shows each compaction's versions as if their commits were there. */
async function* withCompactedCommits(listed: AsyncIterable<ObjectInfo>): AsyncGenerator<ObjectInfo> {
  const found: ObjectInfo[] = [];
  for await (const file of listed) {
    found.push(file);
    const name = parseLogPath(file.path);
    if (name?.kind !== "compaction") continue;
    for (let version = name.version; version <= name.end; version++)
      found.push({ ...file, path: `${logFolder}/${padVersion(version)}.json` });
  }
  const paths = new Map(found.map((file) => [file.path, file]));
  yield* [...paths.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The maintenance after a commit with the planted mistake, if it is one of cleaning up. */
export function mistakenMaintenance(mistake: Mistake | undefined): typeof maintainLog {
  const clean = cleanups[mistake ?? ""];
  if (clean === undefined) return maintainLog;
  return async (context, committed, options) => {
    const report = await maintainLog(context, committed, {
      ...options,
      skip: [...(options?.skip ?? []), "cleanup"],
    });
    if (report.checkpoint !== undefined) await cleanWith(clean, context, report.checkpoint.version);
    return report;
  };
}

/** What to delete, and in which order. */
type Cleanup = (snapshot: LogSnapshot) => Promise<readonly string[]>;

const cleanups: Readonly<Record<string, Cleanup>> = {
  "cleanup-without-grace": async (snapshot) => {
    const { context } = snapshot;
    const later = { ...context, world: { ...context.world, now: () => context.world.now() + hour } };
    return (await cleanTableLog(overlayContext(snapshot, later), { dryRun: true })).deleted;
  },
  "cleanup-takes-checkpoints-first": async (snapshot) => {
    const { deleted } = await cleanTableLog(snapshot, { dryRun: true });
    const isCheckpoint = (path: string) => parseLogPath(path)?.kind === "checkpoint";
    return [...deleted.filter(isCheckpoint), ...deleted.filter((path) => !isCheckpoint(path))];
  },
  "cleanup-takes-newest-first": async (snapshot) =>
    (await cleanTableLog(snapshot, { dryRun: true })).deleted.toReversed(),
};

async function cleanWith(clean: Cleanup, context: TableContext, version: number): Promise<void> {
  try {
    for (const path of await clean(await openLog(context, { version }))) await context.store.delete(path);
  } catch {
    // As maintenance does: whatever goes wrong here undoes no commit.
  }
}

function overlayContext(snapshot: LogSnapshot, context: TableContext): LogSnapshot {
  const { version, timestamp, protocol, metadata, schema, readObstacle } = snapshot;
  return {
    ...{ context, version, timestamp, protocol, metadata, schema, readObstacle },
    confirm: () => snapshot.confirm(),
    appTransactions: () => snapshot.appTransactions(),
    domainMetadata: () => snapshot.domainMetadata(),
    files: (options) => snapshot.files(options),
  };
}

/** Opens the version of a time as a reader would that sorts the versions as text. */
export async function openAtTextTime(context: TableContext, timestamp: number): Promise<LogSnapshot> {
  const { commits } = await listLog(context.store, 0, undefined);
  const times: { readonly version: number; readonly time: number }[] = [];
  for (const version of [...commits.keys()].map(String).sort().map(Number)) {
    times.push({
      version,
      time: Math.max(commits.get(version)?.modified ?? 0, (times.at(-1)?.time ?? -1) + 1),
    });
  }
  return openLog(context, { version: times.findLast(({ time }) => time <= timestamp)?.version ?? 0 });
}
