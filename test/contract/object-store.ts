import { existsSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ListOptions, ObjectInfo, ObjectStore } from "../../src/storage/contract/object-store.ts";
import { mapBounded } from "../../src/util/concurrency.ts";

/** What the suite needs from a kind of store. */
export interface StoreUnderTest {
  /**
   * Stores over one and the same fresh, empty root: as many clients as asked for, sharing nothing but what
   * they store.
   */
  readonly open: (clients: number) => Promise<readonly ObjectStore[]>;
  readonly close?: () => Promise<void>;
  /** Objects in the long listing; default 2500. */
  readonly manyObjects?: number;
  /** Rounds of the 50-way race; default 10. */
  readonly raceRounds?: number;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const utf8Order = (names: readonly string[]): string[] =>
  [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

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

/** Where UTF-16 order and byte order part: U+FF5E sorts before U+1F600 in UTF-8. */
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

/** The one contract suite: what every `ObjectStore` does, whatever holds the bytes. */
export function describeObjectStore(name: string, makeStore: () => Promise<StoreUnderTest>): void {
  describe(`object store contract: ${name}`, () => {
    let under: StoreUnderTest;
    beforeAll(async () => {
      under = await makeStore();
    });
    afterAll(async () => {
      await under.close?.();
    });
    const fresh = async (): Promise<ObjectStore> => (await under.open(1))[0] ?? fail();

    readingAndWriting(fresh);
    ranges(fresh);
    listing(fresh, () => under);
    creating(() => under, fresh);
    refusing(fresh);
    cancelling(fresh);
    cleaning(fresh);
  });
}

function readingAndWriting(fresh: () => Promise<ObjectStore>): void {
  it("gives back what was put, and replaces it whole", async () => {
    const store = await fresh();
    await store.put("folder/object", utf8("first, longer"));
    await store.put("folder/object", utf8("second"));
    expect(text(await store.get("folder/object"))).toBe("second");
    expect((await store.head("folder/object"))?.size).toBe(6);
  });

  it("holds every byte value and an empty object", async () => {
    const store = await fresh();
    const bytes = Uint8Array.from({ length: 1024 }, (_, index) => index % 256);
    await store.put("bytes", bytes);
    await store.put("empty", new Uint8Array());
    expect(Buffer.compare(await store.get("bytes"), bytes)).toBe(0);
    expect((await store.get("empty")).length).toBe(0);
    expect((await store.head("empty"))?.size).toBe(0);
  });

  it("does not change what it holds when the caller reuses the buffer", async () => {
    const store = await fresh();
    const bytes = utf8("before");
    await store.put("object", bytes);
    bytes.fill(0);
    (await store.get("object")).fill(0);
    expect(text(await store.get("object"))).toBe("before");
  });

  it("answers with OBJECT_NOT_FOUND or nothing for what is not there, folders included", async () => {
    const store = await fresh();
    await store.put("folder/object", utf8("x"));
    for (const path of ["missing", "folder", "folder/object/below", "no/such/folder"]) {
      await expect(store.get(path), path).rejects.toMatchObject({
        code: "OBJECT_NOT_FOUND",
        message: expect.stringContaining(path),
      });
      await expect(store.getRange(path, 0, 1), path).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
      await expect(store.getRange(path, -1, 1), path).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
      expect(await store.head(path), path).toBeUndefined();
    }
  });

  it("deletes, and deleting what is not there succeeds", async () => {
    const store = await fresh();
    await store.put("a/b", utf8("x"));
    await store.delete("a/b");
    await store.delete("a/b");
    await store.delete("never/was");
    expect(await store.head("a/b")).toBeUndefined();
    expect(await paths(store, "")).toEqual([]);
  });

  it("tells a plausible time of modification", async () => {
    const store = await fresh();
    await store.put("object", utf8("x"));
    const info = await store.head("object");
    expect(Math.abs((info?.modified ?? 0) - Date.now())).toBeLessThan(3_600_000);
    expect(Number.isInteger(info?.modified)).toBe(true);
  });

  it("keeps names with spaces, percent signs, unicode, plus, equals, hash and question mark apart and as they are", async () => {
    const store = await fresh();
    for (const name of awkwardNames) await store.put(`awkward/${name}`, utf8(name));
    for (const name of awkwardNames) {
      expect(text(await store.get(`awkward/${name}`)), name).toBe(name);
      expect(text(await store.getRange(`awkward/${name}`, 0, 3)), name).toBe(text(utf8(name).slice(0, 3)));
      expect((await store.head(`awkward/${name}`))?.size, name).toBe(utf8(name).length);
      expect(await store.putIfAbsent(`awkward/${name}`, utf8("other")), name).toBe("exists");
    }
    expect(await paths(store, "awkward/")).toEqual(utf8Order(awkwardNames.map((name) => `awkward/${name}`)));
    for (const name of awkwardNames)
      expect(await paths(store, `awkward/${name}`), name).toEqual([`awkward/${name}`]);
    for (const name of awkwardNames) await store.delete(`awkward/${name}`);
    expect(await paths(store, "")).toEqual([]);
  });

  it("moves a staged file in, with its bytes, and leaves no staged file", async () => {
    const store = await fresh();
    await store.put("existing", utf8("x"));
    const folder = await store.stagingFolder();
    const file = join(folder, "part-1.parquet");
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256);
    await writeFile(file, bytes);
    expect(await paths(store, ""), "staging is never listed").toEqual(["existing"]);
    await store.putFile("year=2024/part 1.parquet", file);
    expect(existsSync(file)).toBe(false);
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
    expect(Buffer.compare(await store.get("year=2024/part 1.parquet"), bytes)).toBe(0);
  });
}

function ranges(fresh: () => Promise<ObjectStore>): void {
  const cases: readonly (readonly [start: number, length: number, expected: string])[] = [
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

  it("reads ranges from the start, from the end, and past the end", async () => {
    const store = await fresh();
    await store.put("digits", utf8("0123456789"));
    for (const [start, length, expected] of cases) {
      expect(text(await store.getRange("digits", start, length)), `start ${start}, length ${length}`).toBe(
        expected,
      );
    }
  });

  it("reads any range of an empty object as nothing", async () => {
    const store = await fresh();
    await store.put("empty", new Uint8Array());
    for (const [start, length] of cases)
      expect((await store.getRange("empty", start, length)).length).toBe(0);
  });
}

function listing(fresh: () => Promise<ObjectStore>, under: () => StoreUnderTest): void {
  it("lists in UTF-8 byte order, recursively, names beyond the basic plane last", async () => {
    const store = await fresh();
    const names = orderedNames.map((name, index) => `order/${index % 2 === 0 ? "x" : "y"}/${name}`);
    for (const name of names.filter(
      (candidate) => !names.some((other) => other.startsWith(`${candidate}/`)),
    )) {
      await store.put(name, utf8("x"));
    }
    const listed = await paths(store, "order/");
    expect(listed.length).toBeGreaterThan(10);
    expect(listed).toEqual(utf8Order(listed));
  });

  it("takes the prefix as a plain string and lists nothing for a missing folder", async () => {
    const store = await fresh();
    for (const name of ["log/0001.json", "log/0002.json", "log/0010.json", "log.json", "logs/a", "lo"])
      await store.put(name, utf8(name));
    expect(await paths(store, "log/000")).toEqual(["log/0001.json", "log/0002.json"]);
    expect(await paths(store, "log")).toEqual([
      "log.json",
      "log/0001.json",
      "log/0002.json",
      "log/0010.json",
      "logs/a",
    ]);
    expect(await paths(store, "log/")).toHaveLength(3);
    expect(await paths(store, "missing/")).toEqual([]);
    expect(await paths(store, "lo/")).toEqual([]);
    expect(await paths(store, "")).toHaveLength(6);
  });

  it("starts after a given path, exclusive, whether or not it exists", async () => {
    const store = await fresh();
    for (const name of ["l/1", "l/2", "l/3/a", "l/3/b", "l/4", "l/_x/y"]) await store.put(name, utf8(name));
    expect(await paths(store, "l/", { startAfter: "l/2" })).toEqual(["l/3/a", "l/3/b", "l/4", "l/_x/y"]);
    expect(await paths(store, "l/", { startAfter: "l/2zzz" })).toEqual(["l/3/a", "l/3/b", "l/4", "l/_x/y"]);
    expect(await paths(store, "l/", { startAfter: "l/3/a" })).toEqual(["l/3/b", "l/4", "l/_x/y"]);
    expect(await paths(store, "l/", { startAfter: "l/3" })).toEqual(["l/3/a", "l/3/b", "l/4", "l/_x/y"]);
    expect(await paths(store, "l/", { startAfter: "a" })).toHaveLength(6);
    expect(await paths(store, "l/", { startAfter: "l/z" })).toEqual([]);
    expect(await paths(store, "l/", { startAfter: "m" })).toEqual([]);
  });

  it("tells sizes and times in listings as head does", async () => {
    const store = await fresh();
    await store.put("l/sized", utf8("four"));
    const [listed] = await collect(store, "l/");
    expect(listed).toMatchObject({ path: "l/sized", size: 4 });
    expect(listed?.modified).toBeGreaterThan(1_600_000_000_000);
  });

  it("lists a long folder whole, in order, and from the middle", async () => {
    const store = await fresh();
    const names = Array.from(
      { length: under().manyObjects ?? 2500 },
      (_, index) => `log/${String(index).padStart(20, "0")}.json`,
    );
    await mapBounded(names, 16, (name) => store.put(name, utf8("x")));
    expect(await paths(store, "log/")).toEqual(names);
    const middle = Math.floor(names.length / 3);
    expect(await paths(store, "log/", { startAfter: names[middle] ?? "" })).toEqual(names.slice(middle + 1));
  });

  it("lets the consumer stop early", async () => {
    const store = await fresh();
    for (const name of ["a", "b", "c"]) await store.put(name, utf8(name));
    const seen: string[] = [];
    for await (const info of store.list("")) {
      seen.push(info.path);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(["a", "b"]);
  });
}

function creating(under: () => StoreUnderTest, fresh: () => Promise<ObjectStore>): void {
  it("creates an object once; the second attempt answers exists and changes nothing", async () => {
    const store = await fresh();
    expect(await store.putIfAbsent("_delta_log/00000000000000000000.json", utf8("first"))).toBe("created");
    expect(await store.putIfAbsent("_delta_log/00000000000000000000.json", utf8("second"))).toBe("exists");
    expect(text(await store.get("_delta_log/00000000000000000000.json"))).toBe("first");
    expect(await paths(store, ""), "nothing else is left").toEqual(["_delta_log/00000000000000000000.json"]);
  });

  it("creates again after a delete", async () => {
    const store = await fresh();
    expect(await store.putIfAbsent("object", utf8("first"))).toBe("created");
    await store.delete("object");
    expect(await store.putIfAbsent("object", new Uint8Array())).toBe("created");
    expect(await store.putIfAbsent("object", utf8("x"))).toBe("exists");
  });

  it("lets exactly one of 50 concurrent creators win, and keeps the winner's bytes", async () => {
    const clients = await under().open(5);
    const contenders = Array.from({ length: 50 }, (_, index) => ({
      index,
      store: clients[index % clients.length] ?? fail(),
    }));
    for (let round = 0; round < (under().raceRounds ?? 10); round++) {
      const path = `_delta_log/${String(round).padStart(20, "0")}.json`;
      const outcomes = await Promise.all(
        contenders.map(({ store, index }) => settle(store, path, `writer ${index}`)),
      );
      const winners = outcomes.flatMap((outcome, index) => (outcome === "created" ? [index] : []));
      expect(winners, `round ${round}`).toHaveLength(1);
      expect(new Set(outcomes)).toEqual(new Set(["created", "exists"]));
      expect(text(await (clients[0] ?? fail()).get(path))).toBe(`writer ${winners[0]}`);
    }
  });
}

function refusing(fresh: () => Promise<ObjectStore>): void {
  it("refuses paths that leave the root", async () => {
    const store = await fresh();
    for (const path of ["../outside", "a/../../outside", "..", "/etc/passwd", "a/.."]) {
      const expected = { code: "PATH_OUTSIDE_TABLE" };
      await expect(store.get(path), path).rejects.toMatchObject(expected);
      await expect(store.getRange(path, 0, 1), path).rejects.toMatchObject(expected);
      await expect(store.head(path), path).rejects.toMatchObject(expected);
      await expect(store.put(path, utf8("x")), path).rejects.toMatchObject(expected);
      await expect(store.putIfAbsent(path, utf8("x")), path).rejects.toMatchObject(expected);
      await expect(store.delete(path), path).rejects.toMatchObject(expected);
      await expect(paths(store, `${path}/`), path).rejects.toMatchObject(expected);
      if (store.localPath) expect(() => store.localPath?.(path), path).toThrowError(/leads out/);
    }
  });

  it("refuses paths that are not canonical or cannot be written in UTF-8", async () => {
    const store = await fresh();
    for (const path of ["", "a//b", "./a", "a/.", "a/", "a\0b", "lone\ud800"]) {
      await expect(store.get(path), JSON.stringify(path)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      await expect(store.put(path, utf8("x")), JSON.stringify(path)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    }
  });
}

function cancelling(fresh: () => Promise<ObjectStore>): void {
  it("does nothing once the caller's signal has aborted", async () => {
    const store = await fresh();
    await store.put("object", utf8("x"));
    const signal = AbortSignal.abort(new Error("enough"));
    const expected = { code: "CANCELLED" };
    await expect(store.get("object", { signal })).rejects.toMatchObject(expected);
    await expect(store.getRange("object", 0, 1, { signal })).rejects.toMatchObject(expected);
    await expect(store.head("object", { signal })).rejects.toMatchObject(expected);
    await expect(store.put("object", utf8("y"), { signal })).rejects.toMatchObject(expected);
    await expect(store.putIfAbsent("new", utf8("y"), { signal })).rejects.toMatchObject(expected);
    await expect(store.delete("object", { signal })).rejects.toMatchObject(expected);
    await expect(paths(store, "", { signal })).rejects.toMatchObject(expected);
    expect(await paths(store, "")).toEqual(["object"]);
    expect(text(await store.get("object"))).toBe("x");
  });
}

function cleaning(fresh: () => Promise<ObjectStore>): void {
  it("removes only unfinished work when told to remove what was abandoned", async () => {
    const store = await fresh();
    await store.put("_delta_log/0.json", utf8("x"));
    await store.put("p=1/part.parquet", utf8("x"));
    await store.removeAbandoned?.(Date.now() + 3_600_000);
    expect(await paths(store, "")).toEqual(["_delta_log/0.json", "p=1/part.parquet"]);
  });
}

/** As a committer does: an unknown outcome is settled by reading the object back. */
async function settle(store: ObjectStore, path: string, content: string): Promise<string> {
  for (;;) {
    const outcome = await store.putIfAbsent(path, utf8(content));
    if (outcome !== "unknown") return outcome;
    if ((await store.head(path)) === undefined) continue;
    return text(await store.get(path)) === content ? "created" : "exists";
  }
}

async function collect(store: ObjectStore, prefix: string, options?: ListOptions): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const info of store.list(prefix, options)) found.push(info);
  return found;
}

async function paths(store: ObjectStore, prefix: string, options?: ListOptions): Promise<string[]> {
  return (await collect(store, prefix, options)).map((info) => info.path);
}

function fail(): never {
  throw new Error("the suite was given no store");
}
