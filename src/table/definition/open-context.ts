import type { Engine, SessionOptions } from "../../engine/core/contract.ts";
import type { TableContext } from "../../log/contract.ts";
import type { SourceAccess } from "../../sources/access.ts";
import type { ObjectStore } from "../../storage/contract/object-store.ts";
import { type FileCacheOptions, localFiles } from "../../storage/file-cache.ts";
import { openStore, type StoreOptions } from "../../storage/open-store.ts";
import { defined } from "../../util/defined.ts";
import { realWorld, type World } from "../../util/world.ts";
import type { ForeignAccess } from "./foreign-stores.ts";

/** How a table's store, engine and context are opened. */
export interface ContextOptions extends Omit<StoreOptions, "world">, SessionOptions {
  /** Opens the store of a URI instead of varve; if it returns `undefined`, varve opens it. */
  readonly openStore?: ((uri: string) => ObjectStore | Promise<ObjectStore> | undefined) | undefined;
  /** Clock, ids and randomness; default: the real ones. */
  readonly world?: World | undefined;
  /** Local cache of a remote store's immutable files. */
  readonly cache?: FileCacheOptions | undefined;
  /**
   * URIs below which a table's log may name files by absolute paths, in addition to those of a table that it is a
   * shallow clone of, made by varve; default: none.
   */
  readonly allowedPrefixes?: readonly string[] | undefined;
}

/**
 * What a table needs to be read and written: its store, a lazily loaded engine, the world, and the file
 * cache.
 */
export async function openContext(uri: string, options: ContextOptions = {}): Promise<TableContext> {
  const { world = realWorld, cache, memoryLimit, threads, temporaryFolder, allowedPrefixes = [] } = options;
  const sources = sourceAccess(options);
  const open = sources.openStore;
  const store = await open(uri);
  const session: SessionOptions = {
    memoryLimit,
    threads,
    temporaryFolder,
  };
  return {
    store,
    world,
    engine: () => lazyEngine(session),
    sources,
    localFile: localFiles(store, cache),
    memoryLimit,
    foreignStore: lazyForeignStores({ table: store.uri, allowedPrefixes, open }),
  };
}

/** The context of another table, with the store options, engine limits and clock of this one. */
export async function contextAt(context: TableContext, uri: string): Promise<TableContext> {
  const open = context.sources?.openStore ?? ((root: string) => openStore(root, { world: context.world }));
  const store = await open(uri);
  const foreignStore = lazyForeignStores({ table: store.uri, allowedPrefixes: [], open });
  return { ...context, store, localFile: localFiles(store), foreignStore };
}

/** Stores outside the table, which few tables have: their rules are loaded on first use. */
export function lazyForeignStores(access: ForeignAccess): (uri: string) => Promise<ObjectStore> {
  let stores: Promise<(uri: string) => Promise<ObjectStore>> | undefined;
  return async (uri) => {
    stores ??= import("./foreign-stores.ts").then(({ foreignStores }) => foreignStores(access));
    return (await stores)(uri);
  };
}

/** What source files over a network are fetched with: the stores of tables with these options. */
export function sourceAccess({
  world = realWorld,
  s3,
  openStore: openForeign,
  temporaryFolder,
}: ContextOptions): SourceAccess {
  return {
    openStore: async (root) => (await openForeign?.(root)) ?? openStore(root, { s3, world }),
    temporaryFolder,
    world,
  };
}

/** The engine, loaded on first use; its sessions have the table's limits unless they set their own. */
async function lazyEngine(defaults: SessionOptions): Promise<Engine> {
  const { duckdbEngine } = await import("../../engine/session/session.ts");
  return { open: (options) => duckdbEngine.open({ ...defaults, ...defined(options ?? {}) }) };
}
