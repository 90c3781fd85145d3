import { statSync } from "node:fs";
import fsPromises, {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import { failDisk, failSync, replaceFs, restoreDisk } from "../support/disk-faults.ts";

const bytes = new TextEncoder().encode("bytes");
const later = Date.now() + 3_600_000;
let folder: string;
let root: string;
let store: ObjectStore;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-faults-"));
  root = join(folder, "table");
  store = localDiskStore(root);
});
afterEach(async () => {
  restoreDisk();
  await rm(folder, { recursive: true, force: true });
});

async function listed(prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of store.list(prefix)) paths.push(path);
  return paths;
}

/** Every answer about a file takes so long as over a network, if the event loop waits for it. */
function slowDisk(): { readonly calls: () => number } {
  const [original, pause] = [statSync, new Int32Array(new SharedArrayBuffer(4))];
  let calls = 0;
  replaceFs("statSync", (file: string) => {
    calls++;
    Atomics.wait(pause, 0, 0, 5);
    return original(file);
  });
  return { calls: () => calls };
}

const isTemporary = (file: string): boolean => file.includes(".varve-tmp-");

describe("a listing of a slow disk", () => {
  it("soon stops blocking the event loop, and is the same", async () => {
    const names = Array.from({ length: 100 }, (_, index) => `x/${index}`);
    for (const name of names) await store.put(name, bytes);
    const usual = await listed();
    const slow = slowDisk();
    expect(await listed()).toEqual(usual);
    expect(slow.calls()).toBe(24);
  });
});

describe("a failure of the local disk", () => {
  const calls: readonly (readonly [
    purpose: string,
    path: string,
    fails: string,
    call: (staged: string) => Promise<unknown> | undefined,
  ])[] = [
    ['read "a/x"', "a/x", "readFile", () => store.get("a/x")],
    ['read "a/x"', "a/x", "open", () => store.getRange("a/x", 0, 1)],
    ['describe "a/x"', "a/x", "stat", () => store.head("a/x")],
    ["list", "", "readdir", () => listed()],
    ['describe "a/x"', "a/x", "statSync", () => listed()],
    ['write "a/x"', "a/x", "open", () => store.put("a/x", bytes)],
    ['write "a/x"', "a/x", "rename", () => store.put("a/x", bytes)],
    ['make the folder of "b/x"', "b/x", "mkdir", () => store.put("b/x", bytes)],
    ['create "a/y"', "a/y", "lstat", () => store.putIfAbsent("a/y", bytes)],
    ['create "a/y"', "a/y", "open", () => store.putIfAbsent("a/y", bytes)],
    ['delete "a/x"', "a/x", "unlink", () => store.delete("a/x")],
    ["make a staging folder for", "", "mkdir", () => store.stagingFolder()],
  ];

  it.each(calls)("is told with what was tried: %s (%s, %s)", async (purpose, path, fails, call) => {
    await store.put("a/x", bytes);
    const staged = join(await store.stagingFolder(), "part");
    await writeFile(staged, bytes);
    for (const [code, expected, advice] of [
      ["EIO", "STORE_UNAVAILABLE", "."],
      ["EACCES", "STORE_FORBIDDEN", ": the file permissions forbid it. Change them, and repeat it."],
      ["ENOSPC", "STORE_FULL", ": the disk is full. Free some space, and repeat it."],
    ] as const) {
      failDisk(fails, code);
      await expect(call(staged)).rejects.toMatchObject({
        code: expected,
        message: `Could not ${purpose}${path === "" ? "" : " in"} ${root} (${code})${advice}`,
        data: { path, store: pathToFileURL(root).href, system: code },
        cause: { code },
      });
      restoreDisk();
    }
    expect(await listed()).toEqual(["a/x"]);
    expect(await store.get("a/x")).toEqual(Buffer.from(bytes));
    expect((await readdir(join(root, "a"))).filter(isTemporary)).toEqual([]);
  });

  it("while a staged file is flushed or moved in is told, and the file stays", async () => {
    const staged = join(await store.stagingFolder(), "part");
    await writeFile(staged, bytes);
    failDisk("rename", "EIO");
    await expect(store.putFile("x", staged)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: `Could not move ${staged} to "x" in ${root} (EIO).`,
    });
    restoreDisk();
    failSync("EIO", (file) => file === staged);
    await expect(store.putFile("x", staged)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await expect(store.flushFile?.(staged)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: `Could not bring to the disk ${JSON.stringify(staged)} in ${root} (EIO).`,
    });
    restoreDisk();
    await store.flushFile?.(staged);
    expect(await readFile(staged)).toEqual(Buffer.from(bytes));
    expect(await listed()).toEqual([]);
  });

  it("that has no code is told as it is", async () => {
    await store.put("x", bytes);
    replaceFs("readFile", () => Promise.reject(new Error("odd")));
    await expect(store.get("x")).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: `Could not read "x" in ${root} (Error: odd).`,
    });
  });
});

describe("an object that is not there, whatever the system calls it", () => {
  it.each(["ENOENT", "ENOTDIR", "ENAMETOOLONG"])("%s", async (code) => {
    await store.put("x", bytes);
    for (const name of ["readFile", "open", "stat"]) failDisk(name, code);
    await expect(store.get("x")).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND", cause: { code } });
    await expect(store.getRange("x", 0, 1)).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
    expect(await store.head("x")).toBeUndefined();
  });

  it.each(["ENOENT", "ENOTDIR", "EISDIR"])("%s, when it is to be deleted", async (code) => {
    failDisk("unlink", code);
    await store.delete("x");
  });

  it.each(["ENOENT", "ENOTDIR", "ELOOP"])("%s, when it vanished while it was listed", async (code) => {
    for (const name of ["a", "b", "c"]) await store.put(name, bytes);
    failDisk("statSync", code, (file) => file.endsWith("/b"));
    expect(await listed()).toEqual(["a", "c"]);
    failDisk("stat", code, (file) => file.endsWith("/b"));
    slowDisk();
    expect(await listed()).toEqual(["a", "c"]);
  });

  it.each(["ENOENT", "ENOTDIR"])("%s, of a folder that vanished while it was listed", async (code) => {
    await store.put("a/x", bytes);
    await store.put("b", bytes);
    failDisk("readdir", code, (file) => file.endsWith("/a"));
    expect(await listed()).toEqual(["b"]);
  });

  it("is no other than a folder, which is none, and has no bytes", async () => {
    await store.put("a/x", bytes);
    expect(await store.head("a")).toBeUndefined();
    await store.delete("a");
    expect(await listed()).toEqual(["a/x"]);
    const long = "n".repeat(300);
    await expect(store.get(long)).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
    expect(await store.head(long)).toBeUndefined();
    expect(store.localPath?.(long)).toBe(join(root, long));
    expect(store.localPath?.("a/x/below")).toBe(join(root, "a/x/below"));
    await expect(store.put(long, bytes)).rejects.toMatchObject({
      code: "STORE_REFUSED",
      message: expect.stringContaining("the name is too long for this file system"),
    });
  });
});

describe("creating an object once on local disk", () => {
  it.each(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])(
    "is refused where the file system makes no hard links: %s",
    async (code) => {
      failDisk("link", code);
      await expect(store.putIfAbsent("x", bytes)).rejects.toMatchObject({
        code: "STORE_NO_CONDITIONAL_PUT",
        data: { store: pathToFileURL(root).href },
        cause: { code },
      });
      expect(await readdir(root)).toEqual([]);
    },
  );

  it.each(["EIO", "ETIMEDOUT", "ESTALE", "EINTR"])("is in doubt where linking ends with %s", async (code) => {
    failDisk("link", code);
    expect(await store.putIfAbsent("x", bytes)).toBe("unknown");
    expect(await readdir(root)).toEqual([]);
  });

  it("fails where linking is refused for another reason", async () => {
    failDisk("link", "ENOSPC");
    await expect(store.putIfAbsent("x", bytes)).rejects.toMatchObject({ code: "STORE_FULL" });
    expect(await readdir(root)).toEqual([]);
  });

  it("answers exists where another came first between looking and linking", async () => {
    failDisk("link", "EEXIST");
    expect(await store.putIfAbsent("x", bytes)).toBe("exists");
    expect(await readdir(root)).toEqual([]);
  });

  it("does not write at all where the object is there already", async () => {
    await store.put("x", bytes);
    failDisk("open", "EIO");
    expect(await store.putIfAbsent("x", bytes)).toBe("exists");
  });

  it("creates nothing where the caller cancels while the bytes are written", async () => {
    await store.put("warm", bytes);
    const controller = new AbortController();
    failSync("never", (file) => {
      if (isTemporary(file)) controller.abort();
      return false;
    });
    await expect(store.putIfAbsent("x", bytes, { signal: controller.signal })).rejects.toMatchObject({
      code: "CANCELLED",
      data: { what: "creating x" },
    });
    expect(await readdir(root)).toEqual(["warm"]);
  });
});

describe("flushing folders", () => {
  it.each(["EINVAL", "ENOTSUP"])("is left to file systems that cannot: %s", async (code) => {
    failSync(code, (file) => !isTemporary(file));
    await store.put("a/x", bytes);
    expect(await store.putIfAbsent("a/y", bytes)).toBe("created");
    expect(await listed()).toEqual(["a/x", "a/y"]);
  });

  it("is a failure of the write where it fails", async () => {
    await store.put("warm", bytes);
    failSync("EIO", (file) => file === root);
    await expect(store.put("x", bytes)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: `Could not write "x" in ${root} (EIO).`,
    });
  });

  it("is done once for the folders above, and again for each new object's own", async () => {
    const flushed: string[] = [];
    failSync("never", (file) => {
      if (!isTemporary(file)) flushed.push(file.slice(folder.length));
      return false;
    });
    await store.put("a/b/x", bytes);
    expect(flushed.toSorted()).toEqual(["", "/table", "/table/a", "/table/a/b"]);
    flushed.length = 0;
    await store.put("a/b/y", bytes);
    await store.put("a/z", bytes);
    expect(flushed).toEqual(["/table/a/b", "/table/a"]);
    flushed.length = 0;
    await localDiskStore(root).put("a/b/w", bytes);
    expect(flushed, "another store knows of nothing that was flushed").toEqual([
      "/table/a",
      "/table",
      "/table/a/b",
    ]);
  });
});

describe("moving a staged file to another file system", () => {
  const elsewhere = (code: string, also: (file: string) => boolean = () => false) =>
    failDisk("rename", code, (file) => file.includes(".varve-staging-") || also(file));

  async function staged(): Promise<string> {
    const file = join(await store.stagingFolder(), "part");
    await writeFile(file, bytes);
    return file;
  }

  it("copies it, and leaves the target alone", async () => {
    await store.put("warm", bytes);
    const file = await staged();
    elsewhere("EXDEV");
    await store.putFile("data/x", file);
    expect(await readdir(join(root, "data"))).toEqual(["x"]);
    expect(await store.get("data/x")).toEqual(Buffer.from(bytes));
    expect(await readdir(dirname(file))).toEqual([]);
  });

  it.each(["copyFile", "rename"])("leaves nothing but the staged file where %s fails", async (name) => {
    await store.put("data/warm", bytes);
    const file = await staged();
    elsewhere("EXDEV");
    failDisk(name, "ENOSPC", (from) => (name === "copyFile" ? true : isTemporary(from)));
    await expect(store.putFile("data/x", file)).rejects.toMatchObject({ code: "STORE_FULL" });
    expect(await readdir(join(root, "data"))).toEqual(["warm"]);
    expect(await readdir(dirname(file))).toEqual(["part"]);
  });

  it("is not tried where renaming fails for another reason", async () => {
    await store.put("warm", bytes);
    const file = await staged();
    elsewhere("EIO");
    await expect(store.putFile("data/x", file)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(await readdir(dirname(file))).toEqual(["part"]);
  });
});

describe("what dead writers left on local disk", () => {
  const old = new Date(1_000_000);
  async function leave(...paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), "x");
      await utimes(join(root, path), old, old);
    }
  }

  it("is named and removed at any depth, but nearby in the root and the log alone", async () => {
    const everywhere = [
      ".varve-tmp-1",
      "_delta_log/.varve-tmp-2",
      "_delta_log/_sidecars/.varve-tmp-3",
      "p=1/.varve-tmp-4",
    ];
    await leave("x", ".other", ...everywhere);
    await store.put("p=1/q=2/x", bytes);
    expect((await store.listAbandoned?.(later))?.toSorted()).toEqual(everywhere);
    expect(await store.removeAbandoned?.(later, { nearby: true })).toBe(2);
    expect((await store.listAbandoned?.(later))?.toSorted()).toEqual(everywhere.slice(2));
    expect(await store.removeAbandoned?.(later, { nearby: false })).toBe(2);
    expect(await store.listAbandoned?.(later)).toEqual([]);
    expect((await readdir(root)).sort()).toEqual([".other", "_delta_log", "p=1", "x"]);
  });

  it("stays where it is as young as the time", async () => {
    await leave(".varve-tmp-1");
    const { mtimeMs } = await stat(join(root, ".varve-tmp-1"));
    expect(await store.listAbandoned?.(mtimeMs)).toEqual([]);
    expect(await store.removeAbandoned?.(mtimeMs)).toBe(0);
    expect(await store.listAbandoned?.(mtimeMs + 1)).toEqual([".varve-tmp-1"]);
    expect(await store.removeAbandoned?.(mtimeMs + 1)).toBe(1);
  });

  it("above a table that is not there yet is its own alone, with all that is in it", async () => {
    const staging = await store.stagingFolder();
    await writeFile(join(staging, "part"), bytes);
    const other = await localDiskStore(join(folder, "other")).stagingFolder();
    expect(await store.listAbandoned?.(later)).toEqual([`../${staging.slice(folder.length + 1)}`]);
    expect(await store.removeAbandoned?.(later, { nearby: true })).toBe(1);
    expect(await readdir(folder)).toEqual([other.slice(folder.length + 1)]);
  });

  it("behind links is not the store's", async () => {
    await leave("x");
    await mkdir(join(folder, "elsewhere"));
    await writeFile(join(folder, "elsewhere/.varve-tmp-1"), "x");
    await symlink(join(folder, "elsewhere"), join(root, "link"));
    expect(await store.removeAbandoned?.(later)).toBe(0);
    expect(await readdir(join(folder, "elsewhere"))).toEqual([".varve-tmp-1"]);
  });

  it("that vanished meanwhile was not removed here", async () => {
    await leave(".varve-tmp-1", ".varve-tmp-2", "p/x");
    failDisk("lstat", "ENOENT", (file) => file.endsWith("-1"));
    failDisk("readdir", "ENOENT", (file) => file.endsWith("/p"));
    expect(await store.listAbandoned?.(later)).toEqual([".varve-tmp-2"]);
    expect(await store.removeAbandoned?.(later)).toBe(1);
  });

  it.each(["ENOENT", "EACCES", "EPERM"])(
    "is looked for below only where the folder above is closed: %s",
    async (code) => {
      await leave(".varve-tmp-1");
      failDisk("readdir", code, (file) => file === folder);
      expect(await store.removeAbandoned?.(later)).toBe(1);
    },
  );

  it.each([
    ["list", "readdir", (file: string) => file === folder, () => folder],
    ["list", "readdir", (file: string) => file === root, () => root],
    ["look at", "lstat", () => true, () => join(root, ".varve-tmp-1")],
    ["remove", "rm", () => true, () => join(root, ".varve-tmp-1")],
  ] as const)("that cannot be handled is a failure: %s (%s)", async (purpose, name, when, path) => {
    await leave(".varve-tmp-1");
    failDisk(name, "EIO", when);
    await expect(store.removeAbandoned?.(later)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: `Could not ${purpose} ${JSON.stringify(path())} in ${root} (EIO).`,
    });
  });

  it("is left when the caller's signal aborts", async () => {
    await leave(".varve-tmp-1");
    const options = { signal: AbortSignal.abort() };
    const expected = { code: "CANCELLED", data: { what: expect.stringContaining(root) } };
    await expect(store.removeAbandoned?.(later, options)).rejects.toMatchObject(expected);
    await expect(store.listAbandoned?.(later, options)).rejects.toMatchObject(expected);
  });
});

describe("links below a local root", () => {
  it("that cannot be followed are not written through", async () => {
    await store.put("a/x", bytes);
    failDisk("realpath", "EACCES", (file) => file === join(root, "a"));
    await expect(store.put("a/y", bytes)).rejects.toMatchObject({
      code: "STORE_FORBIDDEN",
      message: `Could not make the folder of "a/y" in ${root} (EACCES): the file permissions forbid it. Change them, and repeat it.`,
    });
  });

  it("that lead nowhere or in a circle are no objects, and reading them says so", async () => {
    await store.put("x", bytes);
    await symlink(join(root, "nowhere"), join(root, "dangling"));
    await symlink(join(root, "circle"), join(root, "circle"));
    expect(await listed()).toEqual(["x"]);
    await expect(store.get("dangling")).rejects.toMatchObject({ code: "OBJECT_NOT_FOUND" });
    await expect(store.get("circle")).rejects.toMatchObject({
      code: "STORE_REFUSED",
      message: expect.stringContaining("links form a loop"),
    });
    await expect(store.head("circle")).rejects.toMatchObject({ code: "STORE_REFUSED" });
    expect(() => store.localPath?.("circle")).toThrowError(/Could not open "circle".*links form a loop/);
    expect(store.localPath?.("dangling")).toBe(join(root, "dangling"));
    await expect(store.put("circle/x", bytes)).rejects.toMatchObject({ code: "STORE_REFUSED" });
  });

  it("to folders inside are not listed, so that nothing is there twice", async () => {
    await store.put("a/x", bytes);
    await symlink(join(root, "a"), join(root, "b"));
    expect(await listed()).toEqual(["a/x"]);
    expect(await store.get("b/x")).toEqual(Buffer.from(bytes));
  });

  it("to a root whose name begins another's lead out of it", async () => {
    await store.put("x", bytes);
    await mkdir(`${root}-other`);
    await writeFile(join(`${root}-other`, "secret"), "secret");
    await symlink(join(`${root}-other`, "secret"), join(root, "link"));
    await expect(store.get("link")).rejects.toMatchObject({ code: "PATH_OUTSIDE_TABLE" });
    expect(() => store.localPath?.("link")).toThrowError(/leads out/);
    expect(await listed()).toEqual(["x"]);
  });

  it("are asked again when the root itself is replaced by a link elsewhere", async () => {
    await store.put("x", bytes);
    await store.get("x");
    await rm(root, { recursive: true });
    await mkdir(join(folder, "moved"));
    await writeFile(join(folder, "moved", "x"), "moved");
    await symlink(join(folder, "moved"), root);
    expect(String(await store.get("x"))).toBe("moved");
  });
});

describe("a file that becomes shorter while a range of it is read", () => {
  it("gives what is left", async () => {
    await store.put("x", bytes);
    const { open } = fsPromises;
    replaceFs("open", async (...args: Parameters<typeof open>) => {
      const handle = await open(...args);
      const whole = await handle.stat();
      handle.stat = (async () => {
        await truncate(join(root, "x"), 2);
        return whole;
      }) as unknown as typeof handle.stat;
      return handle;
    });
    expect(await store.getRange("x", 0, 5)).toEqual(new Uint8Array(bytes.subarray(0, 2)));
  });
});
