import type { ListOptions, ObjectInfo, ObjectStore } from "../../src/storage/contract/object-store.ts";

/** The calls of an `ObjectStore` that reach what holds the bytes. */
export type StoreCall = "get" | "getRange" | "head" | "list" | "put" | "putFile" | "putIfAbsent" | "delete";

/** Calls and bytes since the store was wrapped or the counts were reset. */
export interface StoreCounts {
  readonly calls: Readonly<Record<StoreCall, number>>;
  readonly bytesRead: number;
  /** Without `putFile`, whose bytes the store moves itself. */
  readonly bytesWritten: number;
  /** Objects that listings yielded. */
  readonly listed: number;
  /** Paths (prefixes for listings) in the order of the calls. */
  readonly trace: readonly { readonly call: StoreCall; readonly path: string }[];
}

/** A store that counts what is asked of it; see {@link countCalls}. */
export interface CountingStore extends ObjectStore {
  counts(): StoreCounts;
  reset(): void;
}

/** Wraps a store so that tests and benchmarks can tell what an operation cost. */
export function countCalls(store: ObjectStore): CountingStore {
  const tally = new Tally();
  const counted: CountingStore = {
    ...store,
    get: async (path, options) => tally.read("get", path, store.get(path, options)),
    getRange: async (path, start, length, options) =>
      tally.read("getRange", path, store.getRange(path, start, length, options)),
    head: (path, options) => {
      tally.note("head", path);
      return store.head(path, options);
    },
    list: (prefix, options) => tally.list(store, prefix, options),
    put: (path, bytes, options) => {
      tally.write("put", path, bytes);
      return store.put(path, bytes, options);
    },
    putFile: (path, localFile, options) => {
      tally.note("putFile", path);
      return store.putFile(path, localFile, options);
    },
    putIfAbsent: (path, bytes, options) => {
      tally.write("putIfAbsent", path, bytes);
      return store.putIfAbsent(path, bytes, options);
    },
    delete: (path, options) => {
      tally.note("delete", path);
      return store.delete(path, options);
    },
    counts: () => tally.counts(),
    reset: () => tally.reset(),
  };
  return counted;
}

class Tally {
  #trace: { call: StoreCall; path: string }[] = [];
  #bytesRead = 0;
  #bytesWritten = 0;
  #listed = 0;

  note(call: StoreCall, path: string): void {
    this.#trace.push({ call, path });
  }

  write(call: StoreCall, path: string, bytes: Uint8Array): void {
    this.note(call, path);
    this.#bytesWritten += bytes.length;
  }

  async read(call: StoreCall, path: string, reading: Promise<Uint8Array>): Promise<Uint8Array> {
    this.note(call, path);
    const bytes = await reading;
    this.#bytesRead += bytes.length;
    return bytes;
  }

  async *list(store: ObjectStore, prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo> {
    this.note("list", prefix);
    for await (const info of store.list(prefix, options)) {
      this.#listed++;
      yield info;
    }
  }

  counts(): StoreCounts {
    const calls: Record<StoreCall, number> = {
      get: 0,
      getRange: 0,
      head: 0,
      list: 0,
      put: 0,
      putFile: 0,
      putIfAbsent: 0,
      delete: 0,
    };
    for (const { call } of this.#trace) calls[call]++;
    return {
      calls,
      bytesRead: this.#bytesRead,
      bytesWritten: this.#bytesWritten,
      listed: this.#listed,
      trace: [...this.#trace],
    };
  }

  reset(): void {
    this.#trace = [];
    this.#bytesRead = 0;
    this.#bytesWritten = 0;
    this.#listed = 0;
  }
}
