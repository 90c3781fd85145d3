import { isVarveError } from "../../src/errors.ts";
import type { LogSnapshot } from "../../src/log/contract.ts";
import { parseLogPath, uuidCheckpointPath } from "../../src/log/segment/file-names.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { parseActions, serializeActions } from "../../src/protocol/action-json.ts";
import type { Action, AddAction } from "../../src/protocol/actions.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import type { CommitRequest, CommitResult } from "../../src/table/commit/commit-request.ts";
import { ConflictError } from "../../src/table/commit/conflict-error.ts";
import { commitTransaction } from "../../src/table/commit/transaction.ts";
import type { Mistake } from "./mistake-names.ts";
import type { Run } from "./run-seed.ts";

type Commit = (snapshot: LogSnapshot, request: CommitRequest) => Promise<CommitResult>;

/** The commit that a planted mistake makes of the real one; without a mistake, the real one. */
export function mistaken(mistake: Mistake | undefined, run: Run): Commit {
  const withStore = (change: (store: ObjectStore) => Partial<ObjectStore>): Commit => {
    return (snapshot, request) => {
      const { store } = snapshot.context;
      const context = { ...snapshot.context, store: { ...store, ...change(store) } };
      return commitTransaction(overlay(snapshot, { context }), request);
    };
  };
  switch (mistake) {
    case "repeat-after-unknown":
      return repeatAfterUnknown;
    case "repeat-after-conflict":
      return repeatAfterConflict;
    case "forget-reads":
      return (snapshot, { reads: _forgotten, ...request }) => commitTransaction(snapshot, request);
    case "forget-progress":
      return (snapshot, request) =>
        commitTransaction(overlay(snapshot, { appTransactions: async () => new Map() }), request);
    case "trust-old-snapshots":
      return (snapshot, request) => {
        const world = { ...snapshot.context.world, now: () => snapshot.timestamp };
        return commitTransaction(overlay(snapshot, { context: { ...snapshot.context, world } }), request);
      };
    case "trust-unknown":
      return withStore((store) => ({
        putIfAbsent: async (path, bytes) => {
          const answer = await store.putIfAbsent(path, bytes);
          return answer === "unknown" ? "created" : answer;
        },
      }));
    case "put-overwrites":
      return withStore((store) => ({
        putIfAbsent: async (path, bytes) => {
          if ((await store.head(path)) !== undefined) return "exists";
          await store.put(path, bytes);
          return "created";
        },
      }));
    case "own-metadata-wins":
      return async (snapshot, request) => {
        try {
          return await commitTransaction(snapshot, request);
        } catch (error) {
          if (!isVarveError(error, "CONFLICT_METADATA_CHANGED")) throw error;
          return commitTransaction(await openLog(snapshot.context), request);
        }
      };
    case "checkpoint-drops-a-file":
      return dropFromCheckpoints(run);
    case "clean-what-is-young":
      return cleanWhatIsYoung(run);
    case "commit-across-a-gap":
      return async (snapshot, request) => {
        try {
          return await commitTransaction(snapshot, request);
        } catch (error) {
          if (!isVarveError(error, "LOG_GAP")) throw error;
          return commitTransaction(await openLog(snapshot.context), request);
        }
      };
    case "versions-in-32-bits":
      return (snapshot, request) =>
        commitTransaction(overlay(snapshot, { version: snapshot.version | 0 }), request);
    case "batch-not-looked-up-after-conflict":
      return withStore((store) => ({
        get: changedWinners(store, (actions) => actions.filter(({ kind }) => kind !== "txn")),
      }));
    case "marks-not-united":
      return (snapshot, request) => commitTransaction(snapshot, withoutMarks(request));
    case "rows-read-forgotten":
      return (snapshot, request) => commitTransaction(snapshot, withoutRows(request));
    case "suite-ignored-on-rebase":
      return (snapshot, request) => {
        const { store } = snapshot.context;
        const context = {
          ...snapshot.context,
          store: { ...store, get: changedWinners(store, withSuiteOf(snapshot)) },
        };
        return commitTransaction(overlay(snapshot, { context }), request);
      };
    case "checkpoint-of-a-lost-version":
      return checkpointFirst;
    default:
      // The others are not mistakes of committing.
      return commitTransaction;
  }
}

/**
 * What Kernel-like committers do: an answer that never came is taken for a failure, and the work is committed
 * again.
 */
const repeatAfterUnknown: Commit = async (snapshot, request) => {
  const { store } = snapshot.context;
  for (let attempt = 0; attempt < 5; attempt++) {
    const deaf = {
      ...store,
      putIfAbsent: async (path: string, bytes: Uint8Array) =>
        answerOrThrow(await store.putIfAbsent(path, bytes)),
    };
    try {
      return await commitTransaction(
        overlay(await openLog(snapshot.context), { context: { ...snapshot.context, store: deaf } }),
        request,
      );
    } catch (error) {
      if (!(error instanceof DeafError)) throw error;
    }
  }
  return commitTransaction(snapshot, request);
};

class DeafError extends Error {}

function answerOrThrow(answer: "created" | "exists" | "unknown"): "created" | "exists" {
  if (answer === "unknown") throw new DeafError("no answer");
  return answer;
}

const repeatAfterConflict: Commit = async (snapshot, request) => {
  try {
    return await commitTransaction(snapshot, request);
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    return commitTransaction(await openLog(snapshot.context), request);
  }
};

function dropFromCheckpoints(run: Run): Commit {
  for (const { bucket } of [run.main, run.quarantine]) {
    const write = bucket.write.bind(bucket);
    bucket.write = (path, bytes, modified) => {
      const lines = new TextDecoder().decode(bytes).split("\n");
      const at = path.includes(".checkpoint.") ? lines.findIndex((line) => line.startsWith('{"add"')) : -1;
      write(path, at < 0 ? bytes : new TextEncoder().encode(lines.toSpliced(at, 1).join("\n")), modified);
    };
  }
  return commitTransaction;
}

/** Commits as their bytes would be if nobody had written some of their actions. */
function changedWinners(
  store: ObjectStore,
  change: (actions: readonly Action[]) => readonly Action[],
): ObjectStore["get"] {
  return async (path, options) => {
    const bytes = await store.get(path, options);
    return parseLogPath(path)?.kind === "commit"
      ? serializeActions(change(parseActions(bytes, path)))
      : bytes;
  };
}

function withSuiteOf({ metadata }: LogSnapshot): (actions: readonly Action[]) => readonly Action[] {
  const suite = metadata.configuration["varve.suite"];
  const kept = suite === undefined ? {} : { "varve.suite": suite };
  return (actions) =>
    actions.map((action) => {
      if (action.kind !== "metaData") return action;
      const { "varve.suite": _ignored, ...configuration } = action.configuration;
      return { ...action, configuration: { ...configuration, ...kept } };
    });
}

/** Says of no row that it is marked, so that others mark the same, and vectors are united with nothing. */
function withoutMarks(request: CommitRequest): CommitRequest {
  return { ...request, marked: request.marked?.map((file) => ({ ...file, rows: new Uint8Array() })) };
}

function withoutRows({ reads, ...request }: CommitRequest): CommitRequest {
  const { rows: _forgotten, ...others } = reads ?? {};
  return { ...request, reads: others };
}

/** Writes the checkpoint of the version that it means to commit, before it knows whether that is its own. */
const checkpointFirst: Commit = async (snapshot, request) => {
  const { store, world } = snapshot.context;
  const removed = new Set(
    request.actions.flatMap((action) => (action.kind === "remove" ? [action.path] : [])),
  );
  const live: AddAction[] = [];
  for await (const chunk of (await snapshot.files()).all())
    live.push(...chunk.filter(({ path }) => !removed.has(path)));
  const version = snapshot.version + 1;
  const head: Action[] = [{ kind: "checkpointMetadata", version }, snapshot.protocol, snapshot.metadata];
  const added = request.actions.filter(({ kind }) => kind === "add");
  await store.put(
    uuidCheckpointPath(version, world.uuid(), "json"),
    serializeActions([...head, ...live, ...added]),
  );
  return commitTransaction(snapshot, request);
};

/** Deletes the oldest commit behind no checkpoint at all. */
function cleanWhatIsYoung(run: Run): Commit {
  return async (snapshot, request) => {
    const result = await commitTransaction(snapshot, request);
    const oldest = run.main.bucket.keys.find((key) => /\/\d{20}\.json$/.test(key));
    if (oldest !== undefined && run.random.chance(0.3)) run.main.bucket.delete(oldest, run.scheduler.now);
    return result;
  };
}

/** A snapshot with some of its members replaced; the rest still see their own. */
function overlay(snapshot: LogSnapshot, change: Partial<LogSnapshot>): LogSnapshot {
  return {
    context: snapshot.context,
    version: snapshot.version,
    timestamp: snapshot.timestamp,
    protocol: snapshot.protocol,
    metadata: snapshot.metadata,
    schema: snapshot.schema,
    readObstacle: snapshot.readObstacle,
    confirm: () => snapshot.confirm(),
    appTransactions: () => snapshot.appTransactions(),
    domainMetadata: () => snapshot.domainMetadata(),
    files: (options) => snapshot.files(options),
    ...change,
  };
}
