import { randomUUID } from "node:crypto";
import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { listCommitsAfter } from "../../src/log/segment/commit-file.ts";
import { parseActions } from "../../src/protocol/action-json.ts";
import type {
  Action,
  AddAction,
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
  RemoveAction,
  TxnAction,
} from "../../src/protocol/actions.ts";
import type { ObjectStore, PutIfAbsentOutcome } from "../../src/storage/contract/object-store.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import type { CommitRequest } from "../../src/table/commit/commit-request.ts";
import { commitNewTable } from "../../src/table/commit/transaction.ts";
import { realWorld, type World } from "../../src/util/world.ts";

/** A world whose waits take no time. */
export const hastyWorld: World = { ...realWorld, sleep: async () => undefined };

export function contextOf(store: ObjectStore, world: World = hastyWorld): TableContext {
  return {
    store,
    world,
    engine: () => Promise.reject(new Error("this test must not start the engine")),
    localFile: () => Promise.reject(new Error("this test must not open data files")),
  };
}

export function freshMemoryStore(): ObjectStore {
  return memoryStore(`commit-${randomUUID()}`);
}

export const schemaString = JSON.stringify({
  type: "struct",
  fields: [
    { name: "id", type: "long", nullable: true, metadata: {} },
    { name: "part", type: "string", nullable: true, metadata: {} },
  ],
});

export function protocol(
  features?: readonly string[],
  readerFeatures: readonly string[] = [],
): ProtocolAction {
  if (features === undefined) return { kind: "protocol", minReaderVersion: 1, minWriterVersion: 2 };
  if (readerFeatures.length === 0)
    return { kind: "protocol", minReaderVersion: 1, minWriterVersion: 7, writerFeatures: features };
  return {
    kind: "protocol",
    minReaderVersion: 3,
    minWriterVersion: 7,
    readerFeatures,
    writerFeatures: [...features, ...readerFeatures],
  };
}

export function metadata(
  configuration: Readonly<Record<string, string>> = {},
  change: Partial<MetadataAction> = {},
): MetadataAction {
  return {
    kind: "metaData",
    id: "11111111-2222-4333-8444-555555555555",
    format: { provider: "parquet", options: {} },
    schemaString,
    partitionColumns: ["part"],
    configuration,
    createdTime: 0,
    ...change,
  };
}

export function add(path: string, change: Partial<AddAction> = {}): AddAction {
  return {
    kind: "add",
    path,
    partitionValues: { part: "a" },
    size: 10,
    modificationTime: 1,
    dataChange: true,
    stats: '{"numRecords":10,"minValues":{"id":1},"maxValues":{"id":9},"nullCount":{"id":0}}',
    ...change,
  };
}

/** The request of a blind append of one file. */
export function append(path: string, more: Partial<CommitRequest> = {}): CommitRequest {
  return { actions: [add(path)], operation: "WRITE", ...more };
}

export function remove(path: string, change: Partial<RemoveAction> = {}): RemoveAction {
  return { kind: "remove", path, dataChange: true, deletionTimestamp: 1, ...change };
}

/**
 * The table at its newest version, replayed from the JSON commits alone: independent of the code that reads
 * segments and checkpoints.
 */
export async function replay(
  context: TableContext,
): Promise<LogSnapshot & { readonly commits: readonly (readonly Action[])[] }> {
  const listed = await listCommitsAfter(context.store, -1);
  const commits = await Promise.all(
    listed.map(async ({ path }) => parseActions(await context.store.get(path), path)),
  );
  const all = commits.flat();
  const last = <K extends Action["kind"]>(kind: K) =>
    all.filter((action): action is Extract<Action, { kind: K }> => action.kind === kind).at(-1);
  const [foundProtocol, foundMetadata] = [last("protocol"), last("metaData")];
  if (foundProtocol === undefined || foundMetadata === undefined) throw new Error("no table");
  const domains = new Map<string, DomainMetadataAction>();
  for (const action of all) if (action.kind === "domainMetadata") domains.set(action.domain, action);
  const txns = new Map<string, TxnAction>();
  for (const action of all) if (action.kind === "txn") txns.set(action.appId, action);
  const info = commits.at(-1)?.find((action) => action.kind === "commitInfo");
  const stamp = info?.kind === "commitInfo" ? info.info["inCommitTimestamp"] : undefined;
  return {
    context,
    commits,
    version: commits.length - 1,
    timestamp: typeof stamp === "number" ? stamp : (listed.at(-1)?.modified ?? 0),
    protocol: foundProtocol,
    metadata: foundMetadata,
    schema: { type: "struct", fields: [] },
    confirm: async () => undefined,
    appTransactions: async () => txns,
    domainMetadata: async () => domains,
    readObstacle: undefined,
    files: () => Promise.reject(new Error("not needed here")),
  };
}

export async function createTable(
  context: TableContext,
  actions: readonly Action[] = [protocol(), metadata()],
): Promise<void> {
  await commitNewTable(context, { actions, operation: "CREATE TABLE" });
}

/** What a scripted store does with one call of `putIfAbsent`. */
export type PutScript =
  | "honest"
  | "lost before landing"
  | "lost after landing"
  | "refused"
  | (() => Promise<void>);

/**
 * A store whose puts follow a script, one entry a call, then are honest; `failGets` counts reads of commits
 * that fail first.
 */
export function scriptedStore(
  inner: ObjectStore,
  script: PutScript[],
  failing: { gets: number } = { gets: 0 },
): ObjectStore {
  return {
    ...inner,
    uri: inner.uri,
    get: async (path, options) => {
      if (failing.gets > 0) {
        failing.gets--;
        const { VarveError } = await import("../../src/errors.ts");
        throw new VarveError("STORE_UNAVAILABLE", "scripted");
      }
      return inner.get(path, options);
    },
    putIfAbsent: async (path, bytes, options): Promise<PutIfAbsentOutcome> => {
      const step = script.shift() ?? "honest";
      if (typeof step === "function") await step();
      if (step === "lost before landing") return "unknown";
      if (step === "refused") {
        const { VarveError } = await import("../../src/errors.ts");
        throw new VarveError("STORE_REFUSED", "scripted");
      }
      const answer = await inner.putIfAbsent(path, bytes, options);
      return step === "lost after landing" ? "unknown" : answer;
    },
  };
}
