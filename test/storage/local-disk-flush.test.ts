import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import fsPromises from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import { ForgetfulDisk, recordDisk, survivals } from "../support/power-cut.ts";

const [nothing, names] = survivals;
const text = (value: string) => new TextEncoder().encode(value);

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "varve-flush-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What is left of an object if the power is cut when the writes that `work` makes have been acknowledged. */
async function leftAfter(
  path: string,
  work: (store: ObjectStore, staged: (bytes: string) => string) => Promise<unknown>,
  renames?: (from: string, to: string) => void,
): Promise<(string | undefined)[]> {
  const recording = recordDisk(folder, renames);
  try {
    await work(localDiskStore(join(folder, "table")), (bytes) => {
      // As the engine leaves its files: written, not flushed.
      mkdirSync(join(folder, "staging"), { recursive: true });
      const file = join(folder, "staging", "part");
      writeFileSync(file, bytes);
      return file;
    });
  } finally {
    recording.stop();
  }
  const disk = new ForgetfulDisk();
  for (const event of recording.events) disk.apply(event);
  return [nothing, names].map((survival) => {
    const bytes = survival === undefined ? undefined : disk.afterPowerCut(survival).get(`table/${path}`);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  });
}

const elsewhere = (from: string) => {
  if (from.includes("/staging/"))
    throw Object.assign(new Error("EXDEV: cross-device link not permitted"), { code: "EXDEV" });
};

describe("what a local store has acknowledged survives a power cut", () => {
  it.each(["new", "deep/er/and/deeper/new"])("an object that is created once (%s)", async (path) => {
    expect(await leftAfter(path, (store) => store.putIfAbsent(path, text("whole")))).toEqual([
      "whole",
      "whole",
    ]);
  });

  it.each(["new", "deep/er/new"])("an object that is put (%s)", async (path) => {
    expect(await leftAfter(path, (store) => store.put(path, text("whole")))).toEqual(["whole", "whole"]);
  });

  it("an object that is replaced", async () => {
    const work = async (store: ObjectStore) => {
      await store.put("x", text("old"));
      await store.put("x", text("new"));
    };
    expect(await leftAfter("x", work)).toEqual(["new", "new"]);
  });

  it.each(["new", "p=1/q=2/new"])("a file that is moved in (%s)", async (path) => {
    expect(await leftAfter(path, (store, staged) => store.putFile(path, staged("whole")))).toEqual([
      "whole",
      "whole",
    ]);
  });

  it.each(["new", "p=1/q=2/new"])("a file that is copied in from another file system (%s)", async (path) => {
    const work = (store: ObjectStore, staged: (bytes: string) => string) =>
      store.putFile(path, staged("whole"));
    expect(await leftAfter(path, work, elsewhere)).toEqual(["whole", "whole"]);
  });

  it.each<
    [string, (store: ObjectStore, path: string, staged: (bytes: string) => string) => Promise<unknown>]
  >([
    ["created once", (store, path) => store.putIfAbsent(path, text("whole"))],
    ["put", (store, path) => store.put(path, text("whole"))],
    ["moved in", (store, path, staged) => store.putFile(path, staged("whole"))],
  ])("what is %s in a folder that another writer has made, and not flushed yet", async (_, write) => {
    const work = async (store: ObjectStore, staged: (bytes: string) => string) => {
      await store.put("first", text("x"));
      await fsPromises.mkdir(join(folder, "table", "p=1", "q=2"), { recursive: true });
      await write(store, "p=1/q=2/new", staged);
    };
    expect(await leftAfter("p=1/q=2/new", work)).toEqual(["whole", "whole"]);
  });

  it("several files in folders that are made side by side", async () => {
    const paths = ["p=1/a", "p=2/a", "p=1/b", "p=2/q=3/c"];
    for (const path of paths) {
      rmSync(join(folder, "table"), { recursive: true, force: true });
      const work = (store: ObjectStore) => Promise.all(paths.map((one) => store.put(one, text(one))));
      expect(await leftAfter(path, work)).toEqual([path, path]);
    }
  });
});
