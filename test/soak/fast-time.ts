import type { TableContext } from "../../src/log/contract.ts";
import type { ObjectInfo, ObjectStore } from "../../src/storage/contract/object-store.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { realWorld, type World } from "../../src/util/world.ts";
import { type FastTime, type Job, millisecondsOf } from "./job.ts";

/** Opens the table of a job in its fast time: the clock and the times of files run alike, waits are real. */
export async function openFast({
  uri,
  s3,
  temporary,
  time,
}: Pick<Job, "uri" | "s3" | "temporary" | "time">): Promise<TableContext> {
  const world: World = { ...realWorld, now: () => millisecondsOf(time, realWorld.now()) };
  const context = await openContext(uri, {
    threads: 1,
    memoryLimit: 256 * 2 ** 20,
    cache: { folder: `${temporary}/cache` },
    ...(s3 === undefined ? {} : { s3 }),
  });
  return { ...context, world, store: fastStore(context.store, time) };
}

function fastStore(store: ObjectStore, time: FastTime): ObjectStore {
  const fast = (file: ObjectInfo): ObjectInfo => ({ ...file, modified: millisecondsOf(time, file.modified) });
  return {
    ...store,
    head: async (path, options) => {
      const found = await store.head(path, options);
      return found === undefined ? undefined : fast(found);
    },
    list: async function* (prefix, options) {
      for await (const file of store.list(prefix, options)) yield fast(file);
    },
  };
}
