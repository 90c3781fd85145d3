import type { ObjectInfo, ObjectStore } from "./contract/object-store.ts";
import { checkPath, checkPrefix } from "./contract/paths.ts";
import { childUri } from "./open-store.ts";

/**
 * The same store, rooted at one of its folders: the tables below a table (its quarantine, its metrics) share
 * its connections and wrappers, and cannot leave its root.
 *
 * @throws as `ObjectStore` for paths, if `folder` is not one
 */
export function storeBelow(store: ObjectStore, folder: string): ObjectStore {
  const base = `${checkPath(folder)}/`;
  const pathOf = (path: string): string => base + checkPath(path);
  const { localPath, flushFile, deleteMany, copyFrom, linkFrom } = store;
  return {
    uri: childUri(store.uri, folder),
    identity: store.identity === undefined ? undefined : childUri(store.identity, folder),
    get: async (path, options) => await store.get(pathOf(path), options),
    getRange: async (path, start, length, options) =>
      await store.getRange(pathOf(path), start, length, options),
    head: async (path, options) => {
      const info = await store.head(pathOf(path), options);
      return info === undefined ? undefined : below(info, base);
    },
    list: async function* (prefix, options = {}) {
      const { startAfter, ignores, signal } = options;
      const within = {
        signal,
        ignores: ignores === undefined ? undefined : (path: string) => ignores(path.slice(base.length)),
        ...(startAfter === undefined ? {} : { startAfter: base + startAfter }),
      };
      for await (const info of store.list(base + checkPrefix(prefix), within)) yield below(info, base);
    },
    put: async (path, bytes, options) => await store.put(pathOf(path), bytes, options),
    putFile: async (path, localFile, options) => await store.putFile(pathOf(path), localFile, options),
    copyFrom:
      copyFrom === undefined
        ? undefined
        : (source, from, to, options) => copyFrom(source, from, pathOf(to), options),
    linkFrom:
      linkFrom === undefined
        ? undefined
        : (source, from, to, options) => linkFrom(source, from, pathOf(to), options),
    putIfAbsent: async (path, bytes, options) => await store.putIfAbsent(pathOf(path), bytes, options),
    delete: async (path, options) => await store.delete(pathOf(path), options),
    deleteMany:
      deleteMany === undefined ? undefined : (paths, options) => deleteMany(paths.map(pathOf), options),
    flushFile: flushFile === undefined ? undefined : (localFile: string) => flushFile(localFile),
    localPath: localPath === undefined ? undefined : (path) => localPath(pathOf(path)),
    stagingFolder: () => store.stagingFolder(),
  };
}

function below(info: ObjectInfo, base: string): ObjectInfo {
  return { ...info, path: info.path.slice(base.length) };
}
