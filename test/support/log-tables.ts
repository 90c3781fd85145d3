import { duckdbEngine } from "../../src/engine/session/session.ts";
import type { LiveFiles, TableContext } from "../../src/log/contract.ts";
import { commitPath } from "../../src/log/segment/file-names.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action, AddAction, RemoveAction } from "../../src/protocol/actions.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { localFiles } from "../../src/storage/file-cache.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { realWorld, type World } from "../../src/util/world.ts";

/** The context of a table in a store, as the layers above make it. */
export function contextOf(store: ObjectStore, world: World = realWorld): TableContext {
  return {
    store,
    world,
    engine: async () => duckdbEngine,
    localFile: async (path) => {
      if (store.localPath === undefined) throw new Error(`${store.uri} has no local file for ${path}`);
      return store.localPath(path);
    },
  };
}

/** The context of a table in memory whose files the engine reads through copies in the temporary folder. */
export function diskBacked(store: ObjectStore, world: World = realWorld): TableContext {
  return { ...contextOf(store, world), localFile: localFiles(store) };
}

/** A table in memory whose commits are these. */
export async function memoryTable(
  commits: readonly (readonly Action[])[],
  world: World = realWorld,
): Promise<TableContext> {
  const store = memoryStore(realWorld.uuid(), "table", world);
  for (const [version, actions] of commits.entries())
    await store.put(commitPath(version), serializeActions(actions));
  return diskBacked(store, world);
}

/**
 * Protocol and metadata of a plain table with columns `id long, part string`, as its first commit has them.
 */
export function firstActions(
  change: {
    configuration?: Record<string, string>;
    readerFeatures?: string[];
    writerFeatures?: string[];
  } = {},
): Action[] {
  const fields = [
    { name: "id", type: "long", nullable: true, metadata: {} },
    { name: "part", type: "string", nullable: true, metadata: {} },
  ];
  const { readerFeatures, writerFeatures } = change;
  return [
    {
      kind: "protocol",
      minReaderVersion: readerFeatures === undefined ? 1 : 3,
      minWriterVersion: readerFeatures === undefined && writerFeatures === undefined ? 2 : 7,
      ...(readerFeatures === undefined ? {} : { readerFeatures }),
      ...(readerFeatures === undefined && writerFeatures === undefined
        ? {}
        : { writerFeatures: writerFeatures ?? readerFeatures ?? [] }),
    },
    {
      kind: "metaData",
      id: "5fba94ed-9794-4965-ba6e-6ee3c0d22af9",
      format: { provider: "parquet", options: {} },
      schemaString: JSON.stringify({ type: "struct", fields }),
      partitionColumns: [],
      configuration: change.configuration ?? {},
    },
  ];
}

/** An add of one kilobyte. */
export function add(path: string, more: Partial<AddAction> = {}): AddAction {
  return {
    kind: "add",
    path,
    partitionValues: {},
    size: 1000,
    modificationTime: 1_700_000_000_000,
    dataChange: true,
    ...more,
  };
}

/** A remove at the same time as {@link add}'s. */
export function remove(path: string, more: Partial<RemoveAction> = {}): RemoveAction {
  return { kind: "remove", path, dataChange: true, deletionTimestamp: 1_700_000_000_000, ...more };
}

/** All live files. */
export async function allFiles(files: LiveFiles): Promise<AddAction[]> {
  const found: AddAction[] = [];
  for await (const chunk of files.all()) found.push(...chunk);
  return found;
}

/** The paths of all live files, sorted. */
export async function allPaths(files: LiveFiles): Promise<string[]> {
  const found: string[] = [];
  for await (const chunk of files.paths()) found.push(...chunk);
  return found.sort();
}

/** The paths that the log names of live files, or of tombstones since a time, and of their vectors, sorted. */
export async function allReferences(
  files: LiveFiles,
  kind: "add" | "remove",
  since?: number,
): Promise<string[]> {
  const found: string[] = [];
  for await (const chunk of files.references(kind, since)) found.push(...chunk);
  return found.sort();
}

/** All tombstones. */
export async function allTombstones(files: LiveFiles): Promise<RemoveAction[]> {
  const found: RemoveAction[] = [];
  for await (const chunk of files.tombstones()) found.push(...chunk);
  return found;
}
