import { rmSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ListOptions, ObjectStore } from "../../src/storage/contract/object-store.ts";
import { type FileCacheOptions, localFiles } from "../../src/storage/file-cache.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import { clearMemoryStore, memoryStore } from "../../src/storage/memory/memory-store.ts";
import { canonicalUri, childUri, openStore } from "../../src/storage/open-store.ts";
import { s3Store } from "../../src/storage/s3/s3-store.ts";
import { storeBelow } from "../../src/storage/store-below.ts";
import { realWorld, type World } from "../../src/util/world.ts";
import { countCalls } from "../support/counting-store.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-details-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  clearMemoryStore("details");
  await rm(folder, { recursive: true });
});

async function listed(store: ObjectStore, prefix = "", options?: ListOptions): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of store.list(prefix, options)) paths.push(path);
  return paths;
}

describe("opening a store", () => {
  it.each([
    ["memory://a/b/c", "memory://a/b/c"],
    ["memory://a/b//", "memory://a/b"],
    ["memory://a", "memory://a"],
    ["MEMORY://a/", "memory://a"],
    ["s3n://bucket", "s3://bucket"],
    ["S3://bucket/x", "s3://bucket/x"],
    ["file:///data/x/", "file:///data/x"],
    ["FILE:///data/x", "file:///data/x"],
  ])("%s has the URI %s", async (uri, expected) => {
    expect((await openStore(uri, { s3: { endpoint: "http://127.0.0.1:1" } })).uri).toBe(expected);
  });

  it("gives it the caller's world", async () => {
    const world: World = { ...realWorld, now: () => 1234 };
    const store = await openStore("memory://details", { world });
    await store.put("x", utf8("x"));
    expect((await store.head("x"))?.modified).toBe(1234);
  });

  it.each([
    ["gs://bucket/x", 'the scheme "gs" is not supported'],
    ["https://user:hunter2@host/x", 'Cannot open "https://***@host/x": the scheme "https"'],
    ["memory://", "the bucket or name after :// is missing"],
    ["s3:///x", "the bucket or name after :// is missing"],
    ["", 'Cannot open "": it is empty.'],
    ["file://host/x", 'Cannot open "file://host/x": '],
  ])("%j is refused, saying why", async (uri, message) => {
    await expect(openStore(uri)).rejects.toMatchObject({
      code: "INVALID_URI",
      message: expect.stringContaining(message),
      data: { uri: uri.replace("user:hunter2", "***") },
    });
  });

  it("takes what is no URI for a path: one letter and a colon, or a colon without slashes", async () => {
    for (const path of ["c:/data", "x:y", "data:2026", "1a://x", "a b://x"])
      expect((await openStore(path)).uri, path).toBe(pathToFileURL(resolve(path)).href);
  });

  it("spells roots and children in one way", () => {
    expect(canonicalUri("memory://a")).toBe("memory://a");
    expect(canonicalUri("memory://a/b/")).toBe("memory://a/b");
    expect(canonicalUri("data")).toBe(pathToFileURL(resolve("data")).href);
    expect(canonicalUri("file:/data//t/")).toBe("file:///data/t");
    expect(childUri("file:///data//", "a/b c")).toBe("file:///data/a/b%20c");
    expect(childUri("memory://a//", "b c")).toBe("memory://a/b c");
    expect(() => canonicalUri("")).toThrowError(/is empty/);
  });
});

describe("a folder of a store", () => {
  it("has what the store has: local names, flushing, staging; and nothing that it has not", async () => {
    const disk = localDiskStore(folder);
    const below = storeBelow(disk, "a/b");
    expect([below.uri, below.identity]).toEqual([`${disk.uri}/a/b`, `${disk.identity}/a/b`]);
    expect(below.localPath?.("x")).toBe(join(folder, "a/b/x"));
    await writeFile(join(folder, "staged"), "x");
    await below.flushFile?.(join(folder, "staged"));
    await expect(below.flushFile?.(join(folder, "nothing"))).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    expect((await below.stagingFolder()).startsWith(folder)).toBe(true);
    const memory = storeBelow(memoryStore("details"), "a");
    expect([memory.flushFile, memory.localPath, memory.identity]).toEqual([undefined, undefined, undefined]);
    expect(memory.uri).toBe("memory://details/a");
  });

  it("names objects by their paths below it", async () => {
    const memory = memoryStore("details");
    const below = storeBelow(memory, "a");
    for (const path of ["a/x", "a/y/z", "b/x", "ab"]) await memory.put(path, utf8(path));
    expect(await listed(below)).toEqual(["x", "y/z"]);
    expect(await listed(below, "y")).toEqual(["y/z"]);
    expect(await listed(below, "", { startAfter: "x" })).toEqual(["y/z"]);
    expect(await below.head("x")).toMatchObject({ path: "x", size: 3 });
    expect(await below.head("nothing")).toBeUndefined();
    await expect(below.get("../b/x")).rejects.toMatchObject({ code: "PATH_OUTSIDE_TABLE" });
    expect(() => storeBelow(memory, "../a")).toThrowError(/leads out/);
    const signal = AbortSignal.abort();
    await expect(listed(below, "", { signal })).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("what a cancelled call was doing", () => {
  it("is said by each store", async () => {
    const server = await startS3Server();
    const stores = [
      localDiskStore(folder),
      memoryStore("details"),
      await s3Store("bucket", "t", server.options),
    ];
    const signal = AbortSignal.abort();
    for (const store of stores) {
      const calls: readonly (readonly [RegExp, () => Promise<unknown>])[] = [
        [/^(reading|waiting to read) x$/, () => store.get("x", { signal })],
        [/^(reading|waiting to read) x$/, () => store.getRange("x", 0, 1, { signal })],
        [/^(reading|waiting to describe) x$/, () => store.head("x", { signal })],
        [/^(writing|waiting to write) x$/, () => store.put("x", utf8("x"), { signal })],
        [/^(writing|waiting to create) /, () => store.putIfAbsent("x", utf8("x"), { signal })],
        [/^(deleting|waiting to delete) x$/, () => store.delete("x", { signal })],
      ];
      for (const [what, call] of calls)
        await expect(call()).rejects.toMatchObject({
          code: "CANCELLED",
          data: { what: expect.stringMatching(what) },
        });
      await writeFile(join(folder, "staged"), "x");
      await expect(store.putFile("x", join(folder, "staged"), { signal })).rejects.toMatchObject({
        code: "CANCELLED",
        data: { what: "writing x" },
      });
      expect(await readFile(join(folder, "staged"), "utf8")).toBe("x");
      await rm(join(folder, "staged"));
    }
    const [disk, memory, s3] = stores;
    await memory?.put("x", utf8("x"));
    for (const [store, what] of [
      [disk, `listing ${folder}`],
      [memory, "listing x"],
      [s3, "waiting to list x"],
    ] as const)
      await expect(listed(store ?? memoryStore("details"), "x", { signal })).rejects.toMatchObject({
        data: { what },
      });
    expect(server.log).toEqual([]);
    await server.close();
  });
});

describe("the memory store", () => {
  it("moves staged files in, and lists what was added and removed since", async () => {
    const store = memoryStore("details", "t");
    expect(store.uri).toBe("memory://details/t");
    const staging = await store.stagingFolder();
    await writeFile(join(staging, "part"), "x");
    await store.putFile("b", join(staging, "part"));
    expect(await readdir(staging)).toEqual([]);
    await rm(staging, { recursive: true });
    await store.put("a", utf8("aa"));
    expect(await listed(store)).toEqual(["a", "b"]);
    await store.put("a", utf8("aaa"));
    expect((await store.head("a"))?.size).toBe(3);
    await store.put("c", utf8("c"));
    await store.delete("a");
    expect(await listed(store)).toEqual(["b", "c"]);
    const [before, after] = [
      await store.head("c"),
      await store.put("c", utf8("c")).then(() => store.head("c")),
    ];
    expect(before?.etag).not.toBe(after?.etag);
    clearMemoryStore("details");
    expect(await listed(store)).toEqual([]);
    clearMemoryStore("never used");
  });
});

describe("the cache of remote files", () => {
  const bytes = utf8("0123456789");

  function remote() {
    return countCalls(memoryStore("details"));
  }
  const cache = (store: ObjectStore, options: FileCacheOptions = {}) =>
    localFiles(store, { folder: join(folder, "cache"), ...options });

  it("is a folder of this user's own, and so are its files", async () => {
    const store = remote();
    await store.put("a/x.parquet", bytes);
    const file = await cache(store)("a/x.parquet");
    expect((await stat(join(folder, "cache"))).mode & 0o777).toBe(0o700);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(file).toMatch(/\/[0-9a-f]{40}\.parquet$/);
  });

  it("tells files apart by store, path, size and etag, or time where there is none", async () => {
    const store = remote();
    await store.put("x", bytes);
    const info = { path: "x", size: 10, modified: 5 };
    const named = async (change: object, uri = store.uri) =>
      cache({
        ...store,
        uri,
        head: async () => ({ ...info, ...change }),
        get: store.get,
        getRange: async (_, start, length) => bytes.slice(start, start + length),
      })("x");
    const names = [
      await named({}),
      await named({ modified: 6 }),
      await named({ etag: "a" }),
      await named({ etag: "b" }),
      await named({ size: 9 }),
      await named({ path: "y" }),
      await named({}, "memory://other"),
    ];
    expect(new Set(names).size).toBe(7);
    expect(await named({ etag: "a", modified: 7 })).toBe(names[2]);
  });

  it("fetches in parts of the size asked for, so many at a time, and an empty file in none", async () => {
    const store = remote();
    await store.put("x", bytes);
    await store.put("empty", new Uint8Array());
    let [underway, most] = [0, 0];
    const ranges: [number, number][] = [];
    const watched: ObjectStore = {
      ...store,
      getRange: async (path, start, length) => {
        ranges.push([start, length]);
        most = Math.max(most, ++underway);
        await new Promise((done) => setTimeout(done, 5));
        underway--;
        return store.getRange(path, start, length);
      },
    };
    const local = cache(watched, { partBytes: 3, concurrency: 2 });
    expect(String(await readFile(await local("x")))).toBe("0123456789");
    expect(ranges.sort(([a], [b]) => a - b)).toEqual([
      [0, 3],
      [3, 3],
      [6, 3],
      [9, 1],
    ]);
    expect(most).toBe(2);
    expect((await readFile(await local("empty"))).length).toBe(0);
    expect(ranges).toHaveLength(4);
  });

  it("asks about a file of the log each time, and about one of the data once", async () => {
    const store = remote();
    await store.put("_delta_log/x", bytes);
    await store.put("x", bytes);
    const local = cache(store);
    for (const path of ["_delta_log/x", "x"]) for (let round = 0; round < 3; round++) await local(path);
    const heads = store
      .counts()
      .trace.filter(({ call }) => call === "head")
      .map(({ path }) => path);
    expect(heads).toEqual(["_delta_log/x", "_delta_log/x", "_delta_log/x", "x"]);
    expect(store.counts().calls.getRange).toBe(2);
  });

  it("renews the time of what is used", async () => {
    const store = remote();
    await store.put("x", bytes);
    let now = 1_000_000_000;
    const local = cache(store, { world: { ...realWorld, now: () => now } });
    const file = await local("x");
    now += 50_000;
    await local("x");
    expect((await stat(file)).mtimeMs).toBe(now);
  });

  it("says where it failed: a file in the folder's place, a folder in a file's, a store that fails", async () => {
    const store = remote();
    await store.put("x", bytes);
    await writeFile(join(folder, "cache"), "a file");
    await expect(cache(store)("x")).rejects.toMatchObject({
      code: "STORE_REFUSED",
      message: expect.stringMatching(
        /Could not (use|make) the cache of remote files at .*cache.*Choose a cache folder/,
      ),
      data: { file: expect.stringContaining("cache") },
    });
    await rm(join(folder, "cache"));
    const file = await cache(store)("x");
    await rm(file);
    await mkdir(file);
    await expect(cache(store)("x")).rejects.toMatchObject({
      code: "STORE_REFUSED",
      message: expect.stringMatching(/Could not fill the cache/),
    });
    await rm(file, { recursive: true });
    const broken = { ...store, getRange: () => Promise.reject(new Error("broken")) };
    await expect(cache(broken)("x")).rejects.toMatchObject({ code: "STORE_REFUSED", data: { file } });
    expect(await readdir(join(folder, "cache"))).toEqual([]);
    await expect(cache({ ...store, getRange: async () => new Uint8Array(3) })("x")).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      data: { path: "x", store: "memory://details" },
      message: expect.stringContaining("became shorter"),
    });
    expect(await readdir(join(folder, "cache"))).toEqual([]);
  });

  it("evicts at its bound and not below it, and unfinished files after an hour and not before", async () => {
    const store = remote();
    for (const name of ["a", "b", "c"]) await store.put(name, bytes);
    const now = 1_000_000_000_000;
    const world: World = { ...realWorld, now: () => now };
    const [a, b] = [await cache(store, { world })("a"), await cache(store, { world })("b")];
    const age = async (file: string, milliseconds: number) =>
      utimes(file, (now - milliseconds) / 1000, (now - milliseconds) / 1000);
    const unfinished = ["old", "young"].map((name) => join(folder, "cache", `${name}.part`));
    for (const file of unfinished) await writeFile(file, "x");
    const evict = async (maxBytes: number, graceMilliseconds?: number) => {
      await age(a, 700_000);
      await age(b, 650_000);
      await age(unfinished[0] ?? "", 3_600_001);
      await age(unfinished[1] ?? "", 3_599_999);
      const c = await cache(store, { world, maxBytes, graceMilliseconds })("c");
      const left = (await readdir(join(folder, "cache"))).map((name) => join(folder, "cache", name));
      await rm(c);
      return [a, b, c, ...unfinished].map((file) => left.includes(file));
    };
    expect(await evict(31)).toEqual([true, true, true, false, true]);
    await writeFile(unfinished[0] ?? "", "x");
    expect(await evict(21), "only as much as needed").toEqual([false, true, true, false, true]);
    await cache(store, { world })("a");
    await writeFile(unfinished[0] ?? "", "x");
    expect(await evict(0), "what was used within ten minutes stays").toEqual([
      false,
      false,
      true,
      false,
      true,
    ]);
    await cache(store, { world })("a");
    await cache(store, { world })("b");
    await writeFile(unfinished[0] ?? "", "x");
    expect(await evict(0, 700_001), "or within the time asked for").toEqual([true, true, true, false, true]);
  });

  const isRoot = process.getuid?.() === 0;
  if (isRoot) console.log("skipped for root, who may write every folder: a cache folder without permission");
  it.skipIf(isRoot)("is refused where the folder may not be written", async () => {
    await mkdir(join(folder, "cache"));
    await chmod(join(folder, "cache"), 0o500);
    const store = remote();
    await store.put("x", bytes);
    await expect(cache(store)("x")).rejects.toMatchObject({ code: "STORE_REFUSED" });
  });
});

describe("S3 stores", () => {
  let server: S3Server;
  beforeEach(async () => {
    server = await startS3Server({ pageCap: 3 });
  });
  afterEach(() => server.close());

  it("are identified by bucket, prefix and server or region, without credentials", async () => {
    const { credentials } = server.options;
    const at = async (prefix: string, options: object) =>
      (await s3Store("bucket", prefix, { credentials, ...options })).identity;
    expect(await at("t", { endpoint: "http://h:1" })).toBe("s3://bucket/t?at=http%3A%2F%2Fh%3A1");
    expect(await at("", { region: "eu-west-1" })).toBe("s3://bucket?at=eu-west-1");
    expect(await at("", { region: "x", endpoint: "http://h" })).toBe("s3://bucket?at=http%3A%2F%2Fh");
    vi.stubEnv("AWS_REGION", "us-east-2");
    expect(await at("", {})).toBe("s3://bucket?at=");
  });

  it("are refused for names of buckets that are none", async () => {
    for (const bucket of ["", "a b", "-a", "a/b", "key:secret@bucket", "ä"]) {
      await expect(s3Store(bucket, "", server.options), bucket).rejects.toMatchObject({
        code: "INVALID_URI",
        data: { bucket: bucket.replace("key:secret", "***") },
      });
    }
    await expect(s3Store("logs--use1-az4--x-s3", "", server.options)).rejects.toMatchObject({
      code: "STORE_REFUSED",
      data: { bucket: "logs--use1-az4--x-s3" },
    });
    await expect(s3Store("bucket", "../x", server.options)).rejects.toMatchObject({
      code: "PATH_OUTSIDE_TABLE",
    });
    for (const bucket of ["a", "B.c_d-9", "x--x-s3y"])
      expect((await s3Store(bucket, "", server.options)).uri).toBe(`s3://${bucket}`);
  });

  it("ask for ranges by their first and last byte, or by how many from the end", async () => {
    const store = await s3Store("bucket", "t", server.options);
    await store.put("x", utf8("0123456789"));
    await store.getRange("x", 0, 3);
    await store.getRange("x", 9, 1);
    await store.getRange("x", -10, 3);
    await store.get("x");
    expect(server.log.filter(({ method }) => method === "GET").map(({ range }) => range)).toEqual([
      "bytes=0-2",
      "bytes=9-9",
      "bytes=-10",
      undefined,
    ]);
  });

  it("list whatever keys are first in the bucket, from its root", async () => {
    const store = await s3Store("bucket", "", server.options);
    for (const key of ["!", "0", "A/0", "~"]) await store.put(key, utf8(key));
    expect(await listed(store)).toEqual(["!", "0", "A/0", "~"]);
  });

  it("list page by page, pass over folder markers and unaddressable names, and tell etags and times", async () => {
    const bucket = server.buckets.get("bucket");
    const keys = [
      "t/",
      "t/a",
      "t/b/",
      "t/b/c",
      "t/b//d",
      "t/./e",
      "t/../f",
      "t/b/.varve-tmp-1",
      "t/.varve-x/y",
      "t/...",
      "t/z z+%",
      "u/a",
    ];
    for (const key of keys) bucket?.put(key, Buffer.from("x"), {});
    const store = await s3Store("bucket", "t", { ...server.options, pageSize: 2 });
    expect(await listed(store)).toEqual(["...", ".varve-x/y", "a", "b/c", "z z+%"]);
    expect(server.log.length).toBeGreaterThan(4);
    expect(new Set(server.log.map(({ query }) => query["max-keys"]))).toEqual(new Set(["2"]));
    expect(server.log.map(({ query }) => query["start-after"])).toEqual(server.log.map(() => undefined));
    server.log.length = 0;
    expect(await listed(store, "", { startAfter: "a" })).toEqual(["b/c", "z z+%"]);
    expect(server.log[0]?.query["start-after"]).toBe("t/a");
    const info = await store.head("a");
    for await (const each of store.list("a")) expect(each).toEqual({ ...info, modified: expect.any(Number) });
    expect(info).toMatchObject({ path: "a", size: 1, etag: expect.stringMatching(/^"[0-9a-f]{32}"$/) });
    expect(Math.abs((info?.modified ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it.each([
    ["https://s3.eu-west-1.amazonaws.com", true],
    ["https://amazonaws.com", true],
    ["https://s3.cn-north-1.amazonaws.com.cn:443/x", true],
    ["http://s3.eu-west-1.amazonaws.com", false],
    ["https://amazonaws.com.example.org", false],
    ["https://myamazonaws.com", false],
    ["https://minio.example:9000", false],
    ["https://host/s3.amazonaws.com", false],
    [undefined, true],
  ])("of %s are AWS: %s, whose conditional writes need no probe", async (endpoint, isAws) => {
    for (const name of ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"])
      vi.stubEnv(name, undefined);
    for (const name of ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]) vi.stubEnv(name, "/nowhere/aws");
    const options = { endpoint, region: "eu-west-1", credentials: server.options.credentials };
    const store = await s3Store("bucket", "", options);
    // Nothing is sent: the signal has aborted, and the error names the object that was to be made first.
    const work = store.putIfAbsent("x", utf8("x"), { signal: AbortSignal.abort() });
    const what = isAws
      ? "waiting to create x"
      : expect.stringMatching(/^waiting to create _delta_log\/\.varve-probe-/);
    await expect(work).rejects.toMatchObject({ code: "CANCELLED", data: { what } });
  });

  it("configured elsewhere by the environment are not AWS", async () => {
    vi.stubEnv("AWS_ENDPOINT_URL", server.options.endpoint);
    const { region, credentials } = server.options;
    const store = await s3Store("bucket", "t", { region, credentials, pathStyle: true });
    expect(await store.putIfAbsent("x", utf8("x"))).toBe("created");
    expect(server.log.filter(({ key }) => key.includes(".varve-probe-"))).not.toEqual([]);
  });

  it("test the server again where a probe was refused for a reason that passes", async () => {
    const store = await s3Store("bucket", "t", server.options, {
      ...realWorld,
      sleep: async () => undefined,
    });
    server.inject({ kind: "answer", status: 403, code: "AccessDenied" }, ({ method }) => method === "PUT");
    await expect(store.putIfAbsent("x", utf8("x"))).rejects.toMatchObject({ code: "STORE_FORBIDDEN" });
    expect(await store.putIfAbsent("x", utf8("x"))).toBe("created");
    const other = await s3Store(
      "bucket",
      "t",
      { ...server.options },
      { ...realWorld, sleep: async () => undefined },
    );
    server.inject(
      { kind: "answer", status: 500, code: "InternalError" },
      ({ method }) => method === "PUT",
      8,
    );
    await expect(other.putIfAbsent("y", utf8("x"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(server.log.filter(({ method, status }) => method === "PUT" && status === 500)).toHaveLength(8);
    expect([...(server.buckets.get("bucket")?.objects.keys() ?? [])]).toEqual(["t/x"]);
  });

  it("remember which creations are in doubt, the last thousand of them", async () => {
    const store = await s3Store("bucket", "t", server.options, {
      ...realWorld,
      sleep: async () => undefined,
    });
    await store.putIfAbsent("warm", utf8("x"));
    server.inject(
      { kind: "answer-after", status: 500, code: "InternalError" },
      ({ method }) => method === "PUT",
      1001,
    );
    for (let at = 0; at < 1001; at++) expect(await store.putIfAbsent(`x${at}`, utf8("x"))).toBe("unknown");
    expect(await store.putIfAbsent("x1", utf8("x"))).toBe("unknown");
    expect(await store.putIfAbsent("x1000", utf8("x"))).toBe("unknown");
    expect(await store.putIfAbsent("x0", utf8("x"))).toBe("exists");
  });

  it("refuse a server that takes a part, or begins an upload, without naming it", async () => {
    const file = join(folder, "large");
    await writeFile(file, new Uint8Array(6 * 2 ** 20));
    const bucket = server.buckets.get("bucket");
    const store = await s3Store("bucket", "t", { ...server.options, partBytes: 1 });
    if (bucket === undefined) throw new Error("the server has no bucket");
    const { putPart } = bucket;
    bucket.putPart = () => "";
    await expect(store.putFile("x", file)).rejects.toMatchObject({
      code: "STORE_REFUSED",
      data: { path: "x", store: "s3://bucket/t" },
    });
    bucket.putPart = putPart;
    bucket.beginUpload = () => "";
    await expect(store.putFile("x", file)).rejects.toThrowError();
    await expect(store.putFile("x", join(folder, "nothing"))).rejects.toMatchObject({
      code: "SOURCE_UNREADABLE",
      data: { file: join(folder, "nothing") },
    });
    expect(await readdir(folder)).toContain("large");
  });

  it("try three times to abort an upload that failed, but not one that is gone", async () => {
    const file = join(folder, "large");
    await writeFile(file, new Uint8Array(6 * 2 ** 20));
    const store = await s3Store("bucket", "t", { ...server.options, partBytes: 1 });
    const aborts = async (status: number, code: string) => {
      server.log.length = 0;
      server.inject({ kind: "answer", status: 403, code: "AccessDenied" }, ({ method }) => method === "PUT");
      server.inject({ kind: "answer", status, code }, ({ method }) => method === "DELETE", 3);
      await expect(store.putFile("x", file)).rejects.toMatchObject({ code: "STORE_FORBIDDEN" });
      return server.log.filter(({ method }) => method === "DELETE").length;
    };
    expect(await aborts(500, "InternalError")).toBe(3);
    expect(await aborts(404, "NoSuchUpload")).toBe(1);
  });

  it("do not mind that the local file is gone when its bytes are there", async () => {
    const store = await s3Store("bucket", "t", server.options);
    const file = join(folder, "part");
    await writeFile(file, "x");
    server.inject({ kind: "reset-before" }, ({ method }) => {
      if (method === "PUT") rmSync(file, { force: true });
      return false;
    });
    await store.putFile("x", file);
    expect((await store.head("x"))?.size).toBe(1);
  });

  it("upload what is as large as a part whole, and what is larger in parts of 5 MiB at least", async () => {
    const store = await s3Store("bucket", "t", { ...server.options, partBytes: 1 });
    const five = 5 * 2 ** 20;
    for (const [size, parts] of [
      [five, 0],
      [five + 1, 2],
      [2 * five, 2],
    ] as const) {
      const file = join(folder, "part");
      await writeFile(file, new Uint8Array(size));
      server.log.length = 0;
      await store.putFile(`x${size}`, file);
      const sent = server.log.filter(({ query }) => query["partNumber"] !== undefined);
      expect(sent.map(({ query }) => query["partNumber"]).sort()).toEqual(["1", "2"].slice(0, parts));
      expect((await store.head(`x${size}`))?.size).toBe(size);
      expect(await readdir(folder)).toEqual([]);
    }
  });
});
