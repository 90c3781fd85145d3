import { mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { localFiles } from "../../src/storage/file-cache.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import { clearMemoryStore, memoryStore } from "../../src/storage/memory/memory-store.ts";
import { countCalls } from "../support/counting-store.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-cache-test-"));
});
afterEach(async () => {
  clearMemoryStore("cache");
  await rm(folder, { recursive: true });
});

const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * seed) % 251);

describe("local files", () => {
  it("is the object itself on local disk", async () => {
    const store = localDiskStore(folder);
    await store.put("a/b.parquet", pattern(10, 3));
    expect(await localFiles(store)("a/b.parquet")).toBe(join(folder, "a/b.parquet"));
  });

  it("fetches a remote file once, in parts, whole, and keeps its extension", async () => {
    const store = countCalls(memoryStore("cache"));
    await store.put("part.parquet", pattern(1000, 7));
    const localFile = localFiles(store, { folder, partBytes: 300 });
    const [first, second] = await Promise.all([localFile("part.parquet"), localFile("part.parquet")]);
    expect(first).toBe(second);
    expect(first).toMatch(/\.parquet$/);
    expect(new Uint8Array(await readFile(first))).toEqual(pattern(1000, 7));
    expect(await localFiles(store, { folder })("part.parquet"), "another reader finds the same copy").toBe(
      first,
    );
    expect(store.counts().calls).toMatchObject({ getRange: 4, get: 0 });
    expect(await readdir(folder)).toHaveLength(1);
  });

  it("makes room although a file vanishes meanwhile", async () => {
    const store = memoryStore("cache");
    await store.put("part.parquet", pattern(100, 3));
    // Listed in the folder and not there to be described, as a file is that another process has just removed.
    await symlink(join(folder, "nowhere"), join(folder, "vanished.parquet"));
    const file = await localFiles(store, { folder, maxBytes: 10 })("part.parquet");
    expect(new Uint8Array(await readFile(file))).toEqual(pattern(100, 3));
  });

  it("fetches again when a file of the log has been replaced", async () => {
    const store = memoryStore("cache");
    const localFile = localFiles(store, { folder });
    const path = "_delta_log/00000000000000000010.checkpoint.parquet";
    await store.put(path, pattern(100, 3));
    const before = await localFile(path);
    await store.put(path, pattern(100, 5));
    const after = await localFile(path);
    expect(after).not.toBe(before);
    expect(new Uint8Array(await readFile(after))).toEqual(pattern(100, 5));
  });

  it("asks the store once a process about a data file, and again when its copy is gone", async () => {
    const store = countCalls(memoryStore("cache"));
    await store.put("part.parquet", pattern(100, 3));
    const localFile = localFiles(store, { folder });
    const file = await localFile("part.parquet");
    expect(await localFile("part.parquet")).toBe(file);
    expect(store.counts().calls).toMatchObject({ head: 1, getRange: 1 });
    await rm(file);
    expect(new Uint8Array(await readFile(await localFile("part.parquet")))).toEqual(pattern(100, 3));
  });

  it("replaces a copy that another process left damaged", async () => {
    const store = memoryStore("cache");
    const localFile = localFiles(store, { folder });
    await store.put("x.parquet", pattern(100, 3));
    const file = await localFile("x.parquet");
    await writeFile(file, "short");
    expect(new Uint8Array(await readFile(await localFile("x.parquet")))).toEqual(pattern(100, 3));
  });

  it("evicts the least recently used beyond its bound, and never what was used within the grace time", async () => {
    const store = memoryStore("cache");
    for (const name of ["a", "b", "c", "d"]) await store.put(name, pattern(1000, name.charCodeAt(0)));
    const patient = localFiles(store, { folder, maxBytes: 2000 });
    for (const name of ["a", "b", "c"]) await patient(name);
    expect(await readdir(folder), "all three are in use").toHaveLength(3);
    await age(await patient("a"), 3_000_000);
    await age(await patient("b"), 1_000_000);
    await age(await patient("c"), 2_000_000);
    const kept = [await patient("d"), await localFiles(memoryStore("cache"), { folder })("b")];
    expect((await readdir(folder)).map((name) => join(folder, name)).sort()).toEqual(kept.sort());
  });

  it("removes what a killed process left unfinished, leaves no unfinished file of its own, and reports what is missing", async () => {
    const store = memoryStore("cache");
    await writeFile(join(folder, "x.1234.part"), "half");
    await age(join(folder, "x.1234.part"), 7_200_000);
    await store.put("whole", pattern(10, 3));
    await localFiles(store, { folder })("whole");
    expect(await readdir(folder)).toHaveLength(1);
    const cut = localFiles({ ...store, getRange: async () => new Uint8Array(3) }, { folder });
    await store.put("cut", pattern(10, 3));
    await expect(cut("cut")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await expect(cut("missing")).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
    expect(await readdir(folder)).toHaveLength(1);
  });
});

async function age(file: string, milliseconds: number): Promise<void> {
  const time = (Date.now() - milliseconds) / 1000;
  await utimes(file, time, time);
}
