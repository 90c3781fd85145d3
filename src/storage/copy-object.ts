import { VarveError } from "../errors.ts";
import { mapBounded } from "../util/concurrency.ts";
import type { ObjectInfo, ObjectStore, ReadOptions } from "./contract/object-store.ts";

/** How an object is copied. */
export interface CopyOptions extends ReadOptions {
  /** Bytes per request. */
  readonly partBytes: number;
  readonly concurrency: number;
  /** Writes bytes at a position of the copy; parts come in any order. */
  readonly write: (bytes: Uint8Array, position: number) => Promise<void>;
}

/**
 * Copies an object in parts; memory is bounded by the parts under way.
 *
 * @throws `STORE_UNAVAILABLE` if the object is shorter than `info` says, the store's errors, and those of
 * `write`
 */
export async function copyObject(
  store: ObjectStore,
  info: ObjectInfo,
  { partBytes, concurrency, write, signal }: CopyOptions,
): Promise<void> {
  const starts = Array.from({ length: Math.ceil(info.size / partBytes) }, (_, index) => index * partBytes);
  await mapBounded(starts, concurrency, async (start) => {
    const length = Math.min(partBytes, info.size - start);
    const bytes = await store.getRange(info.path, start, length, { signal });
    if (bytes.length !== length) throw becameShorter(store, info);
    await write(bytes, start);
  });
}

function becameShorter(store: ObjectStore, info: ObjectInfo): VarveError {
  const message = `${info.path} in ${store.uri} became shorter while it was being read. Retry.`;
  return new VarveError("STORE_UNAVAILABLE", message, { path: info.path, store: store.uri });
}
