import { readFile, rm } from "node:fs/promises";
import { throwIfCancelled } from "../../util/cancel.ts";
import { realWorld, type World } from "../../util/world.ts";
import type { ListOptions, ObjectInfo, ObjectStore, ReadOptions } from "../contract/object-store.ts";
import { checkPath, checkPrefix, compareUtf8, objectNotFound, sortUtf8 } from "../contract/paths.ts";
import { temporaryStagingFolder } from "../contract/staging.ts";

interface Stored {
  readonly bytes: Uint8Array;
  readonly modified: number;
  readonly etag: string;
}

/** Objects of one namespace, by relative path. */
interface NameSpace {
  readonly objects: Map<string, Stored>;
  /** Keys in UTF-8 byte order; `undefined` after a key was added or removed. */
  order: readonly string[] | undefined;
}

const nameSpaces = new Map<string, NameSpace>();

/**
 * Opens a store in this process's memory. `memory://NAME/FOLDER` is shared by everyone in the process, and
 * ends with it.
 *
 * It is meant for tests, and has the semantics of a strongly consistent object store.
 */
export function memoryStore(name: string, folder = "", world: World = realWorld): ObjectStore {
  const space = nameSpaces.get(name) ?? { objects: new Map(), order: undefined };
  nameSpaces.set(name, space);
  const base = folder === "" ? "" : `${checkPath(folder)}/`;
  const uri = `memory://${name}${base === "" ? "" : `/${base.slice(0, -1)}`}`;
  const write = (path: string, bytes: Uint8Array, options?: ReadOptions) =>
    store(space, world, base + path, bytes, options);
  const find = (path: string, options?: ReadOptions) => {
    throwIfCancelled(options?.signal, `reading ${path}`);
    return space.objects.get(base + checkPath(path));
  };
  const read = (path: string, options?: ReadOptions) => {
    const object = find(path, options);
    if (object === undefined) throw objectNotFound(uri, path);
    return object.bytes;
  };
  return {
    uri,
    get: async (path, options) => read(path, options).slice(),
    getRange: async (path, start, length, options) => slice(read(path, options), start, length),
    head: async (path, options) => describe(path, find(path, options)),
    list: (prefix, options) => listMemory(space, base, prefix, options),
    put: async (path, bytes, options) => write(checkPath(path), bytes, options),
    putFile: async (path, localFile, options) => {
      write(checkPath(path), await readFile(localFile), options);
      await rm(localFile);
    },
    putIfAbsent: async (path, bytes, options) => {
      if (space.objects.has(base + checkPath(path))) return "exists";
      write(path, bytes, options);
      return "created";
    },
    delete: async (path, options) => {
      throwIfCancelled(options?.signal, `deleting ${path}`);
      if (space.objects.delete(base + checkPath(path))) space.order = undefined;
    },
    stagingFolder: () => temporaryStagingFolder(),
  };
}

/** Drops every object of a namespace, for tests that reuse names. */
export function clearMemoryStore(name: string): void {
  const space = nameSpaces.get(name);
  space?.objects.clear();
  if (space !== undefined) space.order = undefined;
}

function store(space: NameSpace, world: World, key: string, bytes: Uint8Array, options?: ReadOptions): void {
  throwIfCancelled(options?.signal, `writing ${key}`);
  if (!space.objects.has(key)) space.order = undefined;
  space.objects.set(key, { bytes: bytes.slice(), modified: world.now(), etag: world.uuid() });
}

function slice(bytes: Uint8Array, start: number, length: number): Uint8Array {
  const from = start < 0 ? Math.max(0, bytes.length + start) : start;
  return bytes.slice(from, from + length);
}

function describe(path: string, stored: Stored | undefined): ObjectInfo | undefined {
  return stored === undefined
    ? undefined
    : { path, size: stored.bytes.length, modified: stored.modified, etag: stored.etag };
}

async function* listMemory(
  space: NameSpace,
  base: string,
  prefix: string,
  options?: ListOptions,
): AsyncIterable<ObjectInfo> {
  const keyPrefix = base + checkPrefix(prefix);
  const after = options?.startAfter === undefined ? undefined : base + options.startAfter;
  space.order ??= sortUtf8([...space.objects.keys()]);
  const order = space.order;
  for (let index = firstAfter(order, keyPrefix, after); index < order.length; index++) {
    throwIfCancelled(options?.signal, `listing ${prefix}`);
    const key = order[index] ?? "";
    if (!key.startsWith(keyPrefix)) return;
    const info = describe(key.slice(base.length), space.objects.get(key));
    if (info !== undefined) yield info;
  }
}

/** Index of the first key that is not before `prefix` and is after `after`. */
function firstAfter(order: readonly string[], prefix: string, after: string | undefined): number {
  const isBefore = (key: string) =>
    compareUtf8(key, prefix) < 0 || (after !== undefined && compareUtf8(key, after) <= 0);
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(order[middle] ?? "")) low = middle + 1;
    else high = middle;
  }
  return low;
}
