import { EventEmitter, once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { schema } from "../../../src/schema/builder.ts";
import type { ObjectStore } from "../../../src/storage/contract/object-store.ts";
import { localDiskStore } from "../../../src/storage/local/local-disk-store.ts";
import { canonicalUri } from "../../../src/storage/open-store.ts";
import { dataFiles, freshFolder } from "../table-folder.ts";
import { makeOlder } from "./aged-table.ts";

const now = { retainHours: 0, retentionCheck: false } as const;
const columns = schema().long("id").string("v");

/** Versions 1, 2, …, each of which has one row, and no file of another. */
async function overwritten(folder: string, versions: number): Promise<Table> {
  const table = await createTable(folder, { schema: columns });
  for (let id = 1; id <= versions; id++) await table.overwrite([{ id, v: "a" }]);
  return table;
}

const ranges = (found: readonly { readonly from: number; readonly to: number }[]) =>
  found.map(({ from, to }) => `${from}-${to}`).join(" ");

const ids = async (source: Pick<Table, "rows">) => {
  const found: number[] = [];
  for await (const { id } of source.rows()) found.push(Number(id));
  return found.sort((a, b) => a - b);
};

describe("a vacuum names the versions that stop being readable", () => {
  it("also where an inventory does not name all of their files", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { schema: columns });
    await table.append([{ id: 1, v: "a" }]);
    const [first] = dataFiles(folder);
    await table.append([{ id: 2, v: "a" }]);
    const second = dataFiles(folder).find((path) => path !== first);
    await table.overwrite([{ id: 3, v: "a" }]);
    makeOlder(folder, 1);
    const plan = await table.vacuum({ ...now, inventory: [{ path: second }], dryRun: true });
    expect(ranges(plan.unreadableVersions)).toBe("2-2");
    await table.vacuum({ ...now, inventory: [{ path: second }] });
    expect(ranges((await table.vacuum({ ...now, dryRun: true })).unreadableVersions)).toBe("1-1");
  });

  it("also behind a damaged commit, from the next checkpoint on", async () => {
    const folder = join(freshFolder(), "t");
    {
      await using table = await overwritten(folder, 4);
      await table.log.checkpoint();
      for (const id of [5, 6]) await table.overwrite([{ id, v: "a" }]);
    }
    makeOlder(folder, 1);
    writeFileSync(join(folder, "_delta_log", `${"0".repeat(19)}2.json`), "{");
    await using table = await openTable(folder);
    expect(await ids(await table.at(5))).toEqual([5]);
    const { unreadableVersions } = await table.vacuum({ ...now, dryRun: true });
    expect(ranges(unreadableVersions)).toBe("1-1 4-5");
  });
});

describe("a vacuum keeps", () => {
  it("files of a table below, although an inventory names none of its log", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await overwritten(folder, 1);
    await using inner = await overwritten(join(folder, "inner"), 1);
    makeOlder(folder, 1);
    const inventory = dataFiles(folder).map((path) => ({ path }));
    expect(inventory).toHaveLength(2);
    expect((await table.vacuum({ ...now, inventory })).files).toEqual([]);
    expect(await ids(inner)).toEqual([1]);
  });

  it("files of the table around this one", async () => {
    const folder = join(freshFolder(), "t");
    await using outer = await createTable(folder, {
      schema: columns,
      partitionBy: ["v"],
      source: [{ id: 1, v: "a" }],
    });
    await using inner = await overwritten(join(folder, "v=a"), 2);
    makeOlder(folder, 1);
    const [lost, ...others] = (await inner.vacuum(now)).files;
    expect([lost, others]).toEqual([expect.stringMatching(/^part-/), []]);
    expect(await ids(outer)).toEqual([1]);
    expect(await ids(inner)).toEqual([2]);
  });

  it("what was restored and removed again between its listing and its deletions", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await overwritten(folder, 3);
    makeOlder(folder, 1);
    const confirm = async () => {
      await using other = await openTable(folder);
      await other.restore(2);
      await other.overwrite([{ id: 5, v: "a" }]);
      return true;
    };
    expect((await table.vacuum({ ...now, confirm })).files).toHaveLength(1);
    expect(await ids(await table.at(4))).toEqual([2]);
  });

  it("what is restored while it deletes other files", async () => {
    const folder = join(freshFolder(), "t");
    await (await overwritten(folder, 3)).close();
    // Enough of them, before the table's own in their order, that those are not deleted together with them.
    for (let index = 0; index < 4000; index++) writeFileSync(join(folder, `a${index}.parquet`), "");
    makeOlder(folder, 1);
    const store = localDiskStore(folder);
    let restoring: Promise<unknown> | undefined;
    const restore = async () => {
      await using other = await openTable(folder);
      await other.restore(2);
    };
    const restoresFirst = async (path: string) => {
      if (!path.startsWith("a")) return store.delete(path);
      restoring ??= restore();
      await restoring;
      await store.delete(path);
    };
    const openStore = () => ({ ...store, delete: restoresFirst });
    await using table = await openTable(folder, { openStore });
    const { files } = await table.vacuum({ ...now, record: false });
    expect(files).toHaveLength(4001);
    await table.refresh();
    expect(await ids(table)).toEqual([2]);
  });

  it("everything where a retention is longer than time itself", async () => {
    await using table = await overwritten(join(freshFolder(), "t"), 2);
    for (const retainHours of [1e12, Number.POSITIVE_INFINITY]) {
      const { files, before } = await table.vacuum({ retainHours });
      expect(files).toEqual([]);
      expect(before.toISOString()).toMatch(/^-\d+/);
    }
  });
});

/** A clone of version 2 that has been recorded with its source, and waits before its first commit. */
async function waitingClone(source: string, target: string, replace: boolean) {
  const signals = new EventEmitter();
  const [begun, released] = [once(signals, "begun"), once(signals, "released")];
  const store = localDiskStore(target);
  const waiting: ObjectStore = {
    ...store,
    putIfAbsent: async (path, bytes, settings) => {
      signals.emit("begun");
      await released;
      return store.putIfAbsent(path, bytes, settings);
    },
  };
  const table = await openTable(source, {
    openStore: (uri) => {
      const folder = fileURLToPath(canonicalUri(uri));
      return folder === target ? waiting : localDiskStore(folder);
    },
  });
  const done = table.clone(target, { version: 2, replace });
  await Promise.race([begun, done]);
  return {
    finish: async () => {
      signals.emit("released");
      await done;
      await table.close();
    },
  };
}

describe("a vacuum keeps what a clone in the making may need", () => {
  it("that begins between its listing and its deletions", async () => {
    const root = freshFolder();
    const [folder, target] = [join(root, "t"), join(root, "c")];
    await using table = await overwritten(folder, 3);
    makeOlder(folder, 1);
    let finish = async (): Promise<void> => undefined;
    const confirm = async () => {
      ({ finish } = await waitingClone(folder, target, false));
      return true;
    };
    expect((await table.vacuum({ ...now, confirm })).files).toEqual([]);
    await finish();
    await using clone = await openTable(target);
    expect(await ids(clone)).toEqual([2]);
    expect((await table.vacuum(now)).files).toHaveLength(1);
    expect(await ids(clone)).toEqual([2]);
  });

  it("that replaces another table", async () => {
    const root = freshFolder();
    const [folder, target] = [join(root, "t"), join(root, "c")];
    await using table = await overwritten(folder, 3);
    {
      await using other = await overwritten(target, 1);
      expect(other.snapshot().version).toBe(1);
    }
    makeOlder(root, 1);
    const { finish } = await waitingClone(folder, target, true);
    expect((await table.vacuum(now)).files).toEqual([]);
    await finish();
    await using clone = await openTable(target);
    expect(await ids(clone)).toEqual([2]);
    expect((await table.vacuum(now)).files).toHaveLength(1);
    expect(await ids(clone)).toEqual([2]);
  });
});

/** A table whose version 2 loses its files, as to a vacuum that has begun, just before a commit to one of its stores. */
async function losingTable(folder: string): Promise<Table> {
  await using table = await overwritten(folder, 3);
  const lost = dataFiles(folder);
  await table.overwrite([{ id: 4, v: "a" }]);
  makeOlder(folder, 8);
  const openStore = (uri: string): ObjectStore => {
    const store = localDiskStore(fileURLToPath(canonicalUri(uri)));
    return {
      ...store,
      putIfAbsent: async (path, bytes, options) => {
        if (/^_delta_log\/0+[05]\.json$/.test(path))
          for (const file of lost) rmSync(join(folder, file), { force: true });
        return store.putIfAbsent(path, bytes, options);
      },
    };
  };
  return await openTable(folder, { openStore });
}

describe("an old version whose files a vacuum deletes before the commit", () => {
  it("fails a restore, which names the version that it became", async () => {
    await using table = await losingTable(join(freshFolder(), "t"));
    await expect(table.restore(2)).rejects.toMatchObject({
      code: "DATA_FILE_MISSING",
      message: expect.stringContaining("The restore was committed as version 5, which cannot be read"),
    });
  });

  it("fails a clone, which names its version", async () => {
    const root = freshFolder();
    await using table = await losingTable(join(root, "t"));
    await expect(table.clone(join(root, "c"), { version: 2 })).rejects.toMatchObject({
      code: "DATA_FILE_MISSING",
      message: expect.stringContaining("The clone was committed as version 0, which cannot be read"),
    });
  });
});
