import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFully } from "../util/write-fully.ts";
import type { ObjectInfo, ObjectStore } from "./contract/object-store.ts";
import { copyObject } from "./copy-object.ts";

/** Bytes of one request. */
const partBytes = 8 * 2 ** 20;

/**
 * Copies an object to another store, which shows it when it is complete: without its bytes passing through this
 * process where the stores can do that, else in parts through a local file.
 *
 * @throws `OBJECT_NOT_FOUND`, and the errors of both stores
 */
export async function copyBetween(
  source: { readonly store: ObjectStore; readonly info: ObjectInfo },
  target: { readonly store: ObjectStore; readonly path: string },
  signal: AbortSignal | undefined,
): Promise<void> {
  const { store, info } = source;
  if ((await target.store.copyFrom?.(store, info, target.path, { signal })) === true) return;
  const folder = await target.store.stagingFolder();
  try {
    const file = join(folder, "copy");
    const handle = await open(file, "wx");
    try {
      const write = (bytes: Uint8Array, position: number) => writeFully(handle, bytes, position);
      await copyObject(store, info, { partBytes, concurrency: 2, write, signal });
    } finally {
      await handle.close();
    }
    await target.store.putFile(target.path, file, { signal });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
