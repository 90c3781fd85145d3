import assert from "node:assert/strict";
import { realWorld } from "../../util/world.ts";
import type { ObjectStore } from "../contract/object-store.ts";
import { paths, refused, type StoreCase, textOf, utf8 } from "./store-under-test.ts";

/** What a store must not do: leave its root, work after a cancellation, remove what is in use. */
export const refusingCases: readonly StoreCase[] = [
  { name: "refuses paths that leave the root", check: refusesOutside },
  {
    name: "refuses paths that are not canonical or cannot be written in UTF-8",
    check: async (store) => {
      for (const path of ["", "a//b", "./a", "a/.", "a/", "a\0b", "lone\ud800"]) {
        await refused(store.get(path), "INVALID_ARGUMENT", JSON.stringify(path));
        await refused(store.put(path, utf8("x")), "INVALID_ARGUMENT", JSON.stringify(path));
      }
    },
  },
  { name: "does nothing once the caller's signal has aborted", check: cancels },
  {
    name: "removes only unfinished work when told to remove what was abandoned",
    check: async (store) => {
      await store.put("_delta_log/0.json", utf8("x"));
      await store.put("p=1/part.parquet", utf8("x"));
      await store.removeAbandoned?.(realWorld.now() + 3_600_000);
      assert.deepEqual(await paths(store, ""), ["_delta_log/0.json", "p=1/part.parquet"]);
    },
  },
];

async function refusesOutside(store: ObjectStore): Promise<void> {
  const code = "PATH_OUTSIDE_TABLE";
  for (const path of ["../outside", "a/../../outside", "..", "/etc/passwd", "a/.."]) {
    await refused(store.get(path), code, path);
    await refused(store.getRange(path, 0, 1), code, path);
    await refused(store.head(path), code, path);
    await refused(store.put(path, utf8("x")), code, path);
    await refused(store.putIfAbsent(path, utf8("x")), code, path);
    await refused(store.delete(path), code, path);
    await refused(paths(store, `${path}/`), code, path);
    if (store.localPath !== undefined) assert.throws(() => store.localPath?.(path), { code }, path);
  }
}

async function cancels(store: ObjectStore): Promise<void> {
  await store.put("object", utf8("x"));
  const signal = AbortSignal.abort(new Error("enough"));
  const code = "CANCELLED";
  await refused(store.get("object", { signal }), code, "get");
  await refused(store.getRange("object", 0, 1, { signal }), code, "getRange");
  await refused(store.head("object", { signal }), code, "head");
  await refused(store.put("object", utf8("y"), { signal }), code, "put");
  await refused(store.putIfAbsent("new", utf8("y"), { signal }), code, "putIfAbsent");
  await refused(store.delete("object", { signal }), code, "delete");
  await refused(paths(store, "", { signal }), code, "list");
  assert.deepEqual(await paths(store, ""), ["object"]);
  assert.equal(textOf(await store.get("object")), "x");
}
