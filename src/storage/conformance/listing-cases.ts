import assert from "node:assert/strict";
import { mapBounded } from "../../util/concurrency.ts";
import type { ObjectStore } from "../contract/object-store.ts";
import { listed, paths, type StoreCase, type StoreUnderTest, utf8, utf8Order } from "./store-under-test.ts";

/** Names for which UTF-16 order and byte order differ: U+FF5E sorts before U+1F600 in UTF-8. */
const orderedNames: readonly string[] = [
  "a",
  "a-b",
  "a.b",
  "a/b",
  "a/b/c",
  "a0",
  "aa",
  "b",
  "z",
  "é",
  "\uff5e",
  "😀",
  "_a",
  "A",
];

/** Listings: their order, prefix, start and length. */
export const listingCases: readonly StoreCase[] = [
  { name: "lists in UTF-8 byte order, recursively, names beyond the basic plane last", check: byteOrder },
  {
    name: "takes the prefix as a plain string and lists nothing for a missing folder",
    check: async (store) => {
      for (const name of ["log/0001.json", "log/0002.json", "log/0010.json", "log.json", "logs/a", "lo"])
        await store.put(name, utf8(name));
      const log = ["log/0001.json", "log/0002.json", "log/0010.json"];
      assert.deepEqual(await paths(store, "log/000"), log.slice(0, 2));
      assert.deepEqual(await paths(store, "log"), ["log.json", ...log, "logs/a"]);
      assert.deepEqual(await paths(store, "log/"), log);
      assert.deepEqual(await paths(store, "missing/"), []);
      assert.deepEqual(await paths(store, "lo/"), []);
      assert.equal((await paths(store, "")).length, 6);
    },
  },
  {
    name: "starts after a given path, exclusive, whether or not it exists",
    check: async (store) => {
      const names = ["l/1", "l/2", "l/3/a", "l/3/b", "l/4", "l/_x/y"];
      for (const name of names) await store.put(name, utf8(name));
      const after = (startAfter: string) => paths(store, "l/", { startAfter });
      assert.deepEqual(await after("l/2"), names.slice(2));
      assert.deepEqual(await after("l/2zzz"), names.slice(2));
      assert.deepEqual(await after("l/3/a"), names.slice(3));
      assert.deepEqual(await after("l/3"), names.slice(2));
      assert.deepEqual(await after("a"), names);
      assert.deepEqual(await after("l/z"), []);
      assert.deepEqual(await after("m"), []);
    },
  },
  {
    name: "tells sizes and times in listings as head does",
    check: async (store) => {
      await store.put("l/sized", utf8("four"));
      const [info] = await listed(store, "l/");
      assert.equal(info?.path, "l/sized");
      assert.equal(info.size, 4);
      assert.ok(info.modified > 1_600_000_000_000, `modified is ${info.modified}`);
    },
  },
  { name: "lists a long folder whole, in order, and from the middle", check: longFolder },
  {
    name: "lets the consumer stop early",
    check: async (store) => {
      for (const name of ["a", "b", "c"]) await store.put(name, utf8(name));
      const seen: string[] = [];
      for await (const info of store.list("")) {
        seen.push(info.path);
        if (seen.length === 2) break;
      }
      assert.deepEqual(seen, ["a", "b"]);
    },
  },
];

async function byteOrder(store: ObjectStore): Promise<void> {
  const names = orderedNames.map((name, index) => `order/${index % 2 === 0 ? "x" : "y"}/${name}`);
  // no name is a folder of another, because local disks cannot hold both
  const files = names.filter((name) => !names.some((other) => other.startsWith(`${name}/`)));
  for (const name of files) await store.put(name, utf8("x"));
  assert.deepEqual(await paths(store, "order/"), utf8Order(files));
}

async function longFolder(store: ObjectStore, under: StoreUnderTest): Promise<void> {
  const names = Array.from(
    { length: under.manyObjects ?? 2500 },
    (_, index) => `log/${String(index).padStart(20, "0")}.json`,
  );
  await mapBounded(names, 16, (name) => store.put(name, utf8("x")));
  assert.deepEqual(await paths(store, "log/"), names);
  const middle = Math.floor(names.length / 3);
  assert.deepEqual(await paths(store, "log/", { startAfter: names[middle] ?? "" }), names.slice(middle + 1));
}
