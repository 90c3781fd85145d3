import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { realWorld } from "../../util/world.ts";
import type { ObjectStore } from "../contract/object-store.ts";
import { paths, refused, type StoreCase, textOf, utf8, utf8Order } from "./store-under-test.ts";

/** Names that trip percent-decoding, URL building, signing, or ordering. */
const awkwardNames: readonly string[] = [
  "a file with spaces.parquet",
  "percent%20encoded%2Fname%",
  "plus+and=equals",
  "p=a%3Db/x=1 2/part#1?.json",
  "question?mark&amp;",
  "hash#tag",
  "ünïcödé/日本語/файл.json",
  "emoji-😀.json",
  "quote'\"double",
  "semi;colon:at@comma,$!*(){}[]<>|^~`",
  "back\\slash",
  "trailing.dot.",
  "tilde~",
];

/** Start, length, and the resulting part of `0123456789`. */
const ranges: readonly (readonly [start: number, length: number, expected: string])[] = [
  [0, 10, "0123456789"],
  [0, 1, "0"],
  [3, 4, "3456"],
  [8, 100, "89"],
  [10, 5, ""],
  [50, 5, ""],
  [0, 0, ""],
  [-3, 3, "789"],
  [-3, 2, "78"],
  [-3, 100, "789"],
  [-10, 4, "0123"],
  [-100, 100, "0123456789"],
  [-100, 2, "01"],
];

/** Reading, writing and deleting of whole objects and ranges. */
export const readingCases: readonly StoreCase[] = [
  {
    name: "gives back what was put, and replaces it whole",
    check: async (store) => {
      await store.put("folder/object", utf8("first, longer"));
      await store.put("folder/object", utf8("second"));
      assert.equal(textOf(await store.get("folder/object")), "second");
      assert.equal((await store.head("folder/object"))?.size, 6);
    },
  },
  {
    name: "holds every byte value and an empty object",
    check: async (store) => {
      const bytes = Uint8Array.from({ length: 1024 }, (_, index) => index % 256);
      await store.put("bytes", bytes);
      await store.put("empty", new Uint8Array());
      assert.equal(Buffer.compare(await store.get("bytes"), bytes), 0);
      assert.equal((await store.get("empty")).length, 0);
      assert.equal((await store.head("empty"))?.size, 0);
    },
  },
  {
    name: "does not change what it holds when the caller reuses the buffer",
    check: async (store) => {
      const bytes = utf8("before");
      await store.put("object", bytes);
      bytes.fill(0);
      (await store.get("object")).fill(0);
      assert.equal(textOf(await store.get("object")), "before");
    },
  },
  {
    name: "answers with OBJECT_NOT_FOUND or nothing for what is not there, folders included",
    check: nothingThere,
  },
  {
    name: "deletes, and deleting what is not there succeeds",
    check: async (store) => {
      await store.put("a/b", utf8("x"));
      await store.delete("a/b");
      await store.delete("a/b");
      await store.delete("never/was");
      assert.equal(await store.head("a/b"), undefined);
      assert.deepEqual(await paths(store, ""), []);
    },
  },
  {
    name: "tells a plausible time of modification",
    check: async (store) => {
      await store.put("object", utf8("x"));
      const modified = (await store.head("object"))?.modified;
      assert.ok(modified !== undefined && Number.isInteger(modified), `modified is ${modified}`);
      assert.ok(Math.abs(modified - realWorld.now()) < 3_600_000, `modified is ${modified}`);
    },
  },
  {
    name: "keeps names with spaces, percent signs, unicode, plus, equals, hash and question mark apart and as they are",
    check: keepsAwkwardNames,
  },
  { name: "moves a staged file in, with its bytes, and leaves no staged file", check: movesStagedFile },
  {
    name: "reads ranges from the start, from the end, and past the end",
    check: async (store) => {
      await store.put("digits", utf8("0123456789"));
      for (const [start, length, expected] of ranges)
        assert.equal(
          textOf(await store.getRange("digits", start, length)),
          expected,
          `start ${start}, length ${length}`,
        );
    },
  },
  {
    name: "reads any range of an empty object as nothing",
    check: async (store) => {
      await store.put("empty", new Uint8Array());
      for (const [start, length] of ranges)
        assert.equal((await store.getRange("empty", start, length)).length, 0);
    },
  },
];

async function nothingThere(store: ObjectStore): Promise<void> {
  await store.put("folder/object", utf8("x"));
  for (const path of ["missing", "folder", "folder/object/below", "no/such/folder"]) {
    await refused(store.get(path), "OBJECT_NOT_FOUND", path);
    await assert.rejects(store.get(path), (error: Error) => error.message.includes(path), path);
    await refused(store.getRange(path, 0, 1), "OBJECT_NOT_FOUND", path);
    await refused(store.getRange(path, -1, 1), "OBJECT_NOT_FOUND", path);
    assert.equal(await store.head(path), undefined, path);
  }
}

async function keepsAwkwardNames(store: ObjectStore): Promise<void> {
  for (const name of awkwardNames) await store.put(`awkward/${name}`, utf8(name));
  for (const name of awkwardNames) {
    const path = `awkward/${name}`;
    assert.equal(textOf(await store.get(path)), name);
    assert.equal(textOf(await store.getRange(path, 0, 3)), textOf(utf8(name).slice(0, 3)), name);
    assert.equal((await store.head(path))?.size, utf8(name).length, name);
    assert.equal(await store.putIfAbsent(path, utf8("other")), "exists", name);
  }
  assert.deepEqual(await paths(store, "awkward/"), utf8Order(awkwardNames.map((name) => `awkward/${name}`)));
  for (const name of awkwardNames)
    assert.deepEqual(await paths(store, `awkward/${name}`), [`awkward/${name}`], name);
  for (const name of awkwardNames) await store.delete(`awkward/${name}`);
  assert.deepEqual(await paths(store, ""), []);
}

async function movesStagedFile(store: ObjectStore): Promise<void> {
  await store.put("existing", utf8("x"));
  const folder = await store.stagingFolder();
  const file = join(folder, "part-1.parquet");
  const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256);
  await writeFile(file, bytes);
  assert.deepEqual(await paths(store, ""), ["existing"], "staging is never listed");
  await store.putFile("year=2024/part 1.parquet", file);
  assert.equal(existsSync(file), false);
  assert.deepEqual(await readdir(folder), []);
  await rm(folder, { recursive: true });
  assert.equal(Buffer.compare(await store.get("year=2024/part 1.parquet"), bytes), 0);
}
