import fsPromises, {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";

const bytes = new TextEncoder().encode("bytes");
let folder: string;
let root: string;
let store: ObjectStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-disk-"));
  root = join(folder, "table");
  store = localDiskStore(root);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function listed(prefix: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of store.list(prefix)) paths.push(path);
  return paths;
}

describe("local disk store", () => {
  it("names its root as a percent-encoded file URI", () => {
    expect(localDiskStore("/data/a b%").uri).toBe("file:///data/a%20b%25");
  });

  it("gives the engine the object's own file name", async () => {
    await store.put("part 1.parquet", bytes);
    expect(store.localPath?.("part 1.parquet")).toBe(join(root, "part 1.parquet"));
  });

  it("creates nothing by reading, listing or failing to read a table that is not there", async () => {
    await expect(store.get("x")).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
    expect(await listed("")).toEqual([]);
    expect(await store.head("x")).toBeUndefined();
    await store.delete("x");
    await expect(stat(root)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("stages above a table that does not exist yet, and beside the data of one that does", async () => {
    const before = await store.stagingFolder();
    await expect(stat(root)).rejects.toMatchObject({ code: "ENOENT" });
    expect(before.startsWith(join(folder, ".varve-staging-"))).toBe(true);
    await store.put("x", bytes);
    const after = await store.stagingFolder();
    expect(after.startsWith(join(root, ".varve-staging-"))).toBe(true);
    await writeFile(join(after, "part.parquet"), bytes);
    expect(await listed("")).toEqual(["x"]);
  });

  it("leaves no temporary file after a create, a lost race, a cancelled or a failed write", async () => {
    await store.putIfAbsent("_delta_log/0.json", bytes);
    await store.putIfAbsent("_delta_log/0.json", bytes);
    await mkdir(join(root, "_delta_log/folder"));
    await expect(store.put("_delta_log/folder", bytes)).rejects.toMatchObject({
      code: "STORE_REFUSED",
      data: { system: "EISDIR" },
    });
    await expect(store.put("_delta_log/0.json/below", bytes)).rejects.toMatchObject({
      code: "STORE_REFUSED",
    });
    expect((await readdir(join(root, "_delta_log"))).sort()).toEqual(["0.json", "folder"]);
  });

  it("copies a staged file in when it lies on another file system, and leaves only the target", async () => {
    const elsewhere = await mkdtemp("/dev/shm/varve-").catch(() => undefined);
    if (elsewhere === undefined || (await stat(elsewhere)).dev === (await stat(folder)).dev) {
      console.log("skipped: /dev/shm is not a second file system here");
      return;
    }
    try {
      await writeFile(join(elsewhere, "part"), bytes);
      await store.putFile("data/part", join(elsewhere, "part"));
      expect(await readdir(elsewhere)).toEqual([]);
      expect(await readdir(join(root, "data"))).toEqual(["part"]);
      expect(await readFile(join(root, "data/part"))).toEqual(Buffer.from(bytes));
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  it("refuses links that lead out of the root, does not list them, and follows those that stay inside", async () => {
    await store.put("inside/real", bytes);
    await writeFile(join(folder, "secret"), "secret");
    await mkdir(join(folder, "other"));
    await writeFile(join(folder, "other/secret"), "secret");
    await symlink(join(folder, "secret"), join(root, "inside/to-secret"));
    await symlink(join(folder, "other"), join(root, "to-other"));
    await symlink(join(root, "inside/real"), join(root, "inside/to-real"));
    const refused = { code: "PATH_OUTSIDE_TABLE" };
    for (const path of ["inside/to-secret", "to-other/secret"]) {
      await expect(store.get(path)).rejects.toMatchObject(refused);
      await expect(store.getRange(path, 0, 1)).rejects.toMatchObject(refused);
      await expect(store.head(path)).rejects.toMatchObject(refused);
      expect(() => store.localPath?.(path)).toThrowError(/leads out/);
    }
    await expect(store.put("to-other/new", bytes)).rejects.toMatchObject(refused);
    await expect(store.putIfAbsent("to-other/deep/new", bytes)).rejects.toMatchObject(refused);
    await expect(store.delete("to-other/secret")).rejects.toMatchObject(refused);
    await expect(listed("to-other/")).rejects.toMatchObject(refused);
    expect(await readdir(join(folder, "other"))).toEqual(["secret"]);
    expect(await listed("")).toEqual(["inside/real", "inside/to-real"]);
  });

  it("works below a root that is itself reached through a link", async () => {
    await mkdir(join(folder, "target"));
    await symlink(join(folder, "target"), root);
    expect(await store.putIfAbsent("_delta_log/0.json", bytes)).toBe("created");
    expect(await listed("_delta_log/")).toEqual(["_delta_log/0.json"]);
    expect(store.uri).toBe(pathToFileURL(root).href);
  });

  it("removes temporary files and staging folders that are older than a time, at any depth, and nothing else", async () => {
    await store.put("p=1/part.parquet", bytes);
    await writeFile(join(root, "p=1/.varve-tmp-dead"), "x");
    await writeFile(join(await store.stagingFolder(), "part"), "x");
    expect(await store.removeAbandoned?.(Date.now() - 60_000)).toBe(0);
    expect(await store.removeAbandoned?.(Date.now() + 60_000)).toBe(2);
    expect([...(await readdir(root)), ...(await readdir(join(root, "p=1")))]).toEqual([
      "p=1",
      "part.parquet",
    ]);
  });

  it("does not know whether an object was created where its folder cannot be flushed: it is there", async () => {
    await store.put("_delta_log/x", bytes);
    const { open } = fsPromises;
    const failing = async (...args: Parameters<typeof open>) => {
      const handle = await open(...args);
      if (args[0] === join(root, "_delta_log")) {
        handle.sync = async () => {
          throw Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" });
        };
      }
      return handle;
    };
    Reflect.set(fsPromises, "open", failing);
    syncBuiltinESMExports();
    try {
      expect(await store.putIfAbsent("_delta_log/0.json", bytes)).toBe("unknown");
    } finally {
      Reflect.set(fsPromises, "open", open);
      syncBuiltinESMExports();
    }
    expect(await store.get("_delta_log/0.json")).toEqual(Buffer.from(bytes));
    expect(await readdir(join(root, "_delta_log"))).toEqual(["0.json", "x"]);
  });

  it("refuses to write where permissions forbid it, and says so", async () => {
    if (process.getuid?.() === 0) {
      console.log("skipped: permissions do not bind the superuser");
      return;
    }
    await mkdir(root, { mode: 0o500 });
    await expect(store.putIfAbsent("x", bytes)).rejects.toMatchObject({
      code: "STORE_REFUSED",
      message: expect.stringContaining("permissions"),
    });
  });
});
