import type { Engine, SessionOptions } from "../../engine/core/contract.ts";
import type { TableContext } from "../../log/contract.ts";
import type { SourceAccess } from "../../sources/access.ts";
import type { ObjectStore } from "../../storage/contract/object-store.ts";
import { type FileCacheOptions, localFiles } from "../../storage/file-cache.ts";
import { openStore, type StoreOptions } from "../../storage/open-store.ts";
import { defined } from "../../util/defined.ts";
import { realWorld, type World } from "../../util/world.ts";

/** How a table's store, engine and context are opened. */
export interface ContextOptions extends Omit<StoreOptions, "world">, SessionOptions {
  /** Opens the store of a URI instead of varve; if it returns `undefined`, varve opens it. */
  readonly openStore?: ((uri: string) => ObjectStore | Promise<ObjectStore> | undefined) | undefined;
  /** Clock, ids and randomness; default: the real ones. */
  readonly world?: World | undefined;
  /** Local cache of a remote store's immutable files. */
  readonly cache?: FileCacheOptions | undefined;
  /**
   * URIs below which a table's log may name files by absolute paths (shallow clones, converted tables);
   * default: none.
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
  const base: TableContext = {
    store,
    world,
    engine: () => lazyEngine(session),
    sources,
    localFile: localFiles(store, cache),
    memoryLimit,
  };
  if (allowedPrefixes.length === 0) return base;
  return {
    ...base,
    foreignStore: (foreign) => allowedStore(foreign, allowedPrefixes, open),
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

async function allowedStore(
  uri: string,
  prefixes: readonly string[],
  open: (uri: string) => Promise<ObjectStore>,
): Promise<ObjectStore> {
  const { canonicalUri } = await import("../../storage/open-store.ts");
  const { VarveError } = await import("../../errors.ts");
  const canonical = canonicalUri(uri);
  const allowed = prefixes.map((prefix) => canonicalUri(prefix));
  if (allowed.some((prefix) => canonical === prefix || canonical.startsWith(`${prefix}/`))) return open(uri);
  throw new VarveError(
    "PATH_OUTSIDE_TABLE",
    `The table's log refers to files below ${canonical}, outside the table. To read them, add that prefix to allowedPrefixes.`,
    {
      uri: canonical,
      allowed,
    },
  );
}
