import { describe, expect, it } from "vitest";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import type { TableContext } from "../../src/log/contract.ts";
import { commitPath, uuidCheckpointPath } from "../../src/log/segment/file-names.ts";
import { readTail } from "../../src/log/segment/tail-read.ts";
import { latestVersion, openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action } from "../../src/protocol/actions.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { realWorld } from "../../src/util/world.ts";
import {
  add,
  allFiles,
  allPaths,
  allTombstones,
  diskBacked,
  firstActions,
  memoryTable,
  remove,
} from "../support/log-tables.ts";

// PROTOCOL.md "Action Reconciliation", "Delta Log Entries", "Protocol Evolution" and "Catalog-managed
// tables".

it("a commit that is not the one that was listed is not read in its place", async () => {
  const { store } = await memoryTable([firstActions(), [add("a")]]);
  const listed = await store.head(commitPath(1));
  if (listed === undefined) throw new Error("the commit is there");
  const file = { from: 1, to: 1, file: listed };
  expect((await readTail(store, [file])).length).toBe(1);
  await store.put(commitPath(1), serializeActions([add("another")]));
  await expect(readTail(store, [file])).rejects.toMatchObject({ code: "LOG_GAP", data: { missing: 1 } });
});

describe("opening a log of commits", () => {
  it("replays adds and removes to the latest version", async () => {
    const context = await memoryTable([
      [...firstActions(), add("a"), add("b")],
      [remove("a"), add("c")],
    ]);
    const snapshot = await openLog(context);
    const files = await snapshot.files();
    expect(snapshot.version).toBe(1);
    expect((await allFiles(files)).map((file) => file.path)).toEqual(["b", "c"]);
    expect((await allTombstones(files)).map((file) => file.path)).toEqual(["a"]);
    expect(await files.totals()).toEqual({ files: 2, bytes: 2000 });
  });

  it("opens an earlier version as it was", async () => {
    const context = await memoryTable([[...firstActions(), add("a")], [add("b")], [remove("a")]]);
    const files = await (await openLog(context, { version: 1 })).files();
    expect((await allFiles(files)).map((file) => file.path)).toEqual(["a", "b"]);
  });

  it("takes every spelling of a path for the same file", async () => {
    const context = await memoryTable([
      [
        ...firstActions(),
        add("/x/a%20b"),
        add("c%20d"),
        add("./f/./g"),
        add("h./i"),
        add("memory://other/e"),
      ],
      [remove("file:///x/a b"), remove("c d"), remove("f/%2E/g"), remove("./h./i")],
    ]);
    expect((await allFiles(await (await openLog(context)).files())).map((file) => file.path)).toEqual([
      "memory://other/e",
    ]);
  });

  it("tells logical files of one data file apart by their deletion vector", async () => {
    const deletionVector = {
      storageType: "u",
      pathOrInlineDv: "ab^-aqEH.-t@S}K{vb[*k^",
      offset: 4,
      sizeInBytes: 40,
      cardinality: 6,
    } as const;
    const context = await memoryTable([
      [...firstActions(), add("a")],
      [remove("a"), add("a", { deletionVector })],
    ]);
    const files = await (await openLog(context)).files();
    expect(await allFiles(files)).toEqual([add("a", { deletionVector })]);
    expect((await allTombstones(files)).map((file) => file.path)).toEqual(["a"]);
  });

  it("says which versions exist when one does not", async () => {
    const context = await memoryTable([firstActions(), [add("a")]]);
    await expect(openLog(context, { version: 7 })).rejects.toMatchObject({
      code: "VERSION_NOT_FOUND",
      data: { available: [[0, 1]] },
    });
  });

  it("refuses a gap between commits", async () => {
    const context = await memoryTable([firstActions(), [add("a")], [add("b")]]);
    await context.store.delete(commitPath(1));
    await expect(openLog(context)).rejects.toMatchObject({ code: "LOG_GAP", data: { missing: 1 } });
  });

  it("refuses a folder without a log", async () => {
    await expect(openLog(await memoryTable([]))).rejects.toMatchObject({ code: "NOT_A_TABLE" });
  });

  it("refreshes to what was committed since, and to itself when nothing was", async () => {
    const context = await memoryTable([[...firstActions(), add("a")]]);
    const before = await openLog(context);
    await before.files();
    expect(await refreshLog(before)).toBe(before);
    await context.store.put(commitPath(1), serializeActions([remove("a"), add("b")]));
    const after = await refreshLog(before);
    expect(after.version).toBe(1);
    expect((await allFiles(await after.files())).map((file) => file.path)).toEqual(["b"]);
    expect((await allFiles(await before.files())).map((file) => file.path)).toEqual(["a"]);
    expect(await latestVersion(context)).toBe(1);
  });

  it("keeps the newest application transaction and drops removed domains", async () => {
    const context = await memoryTable([
      [
        ...firstActions(),
        { kind: "txn", appId: "x", version: 2n ** 60n },
        { kind: "domainMetadata", domain: "d", configuration: "1", removed: false },
      ],
      [
        { kind: "txn", appId: "x", version: 3n },
        { kind: "domainMetadata", domain: "d", configuration: "1", removed: true },
      ],
    ]);
    const [first, second] = [await openLog(context, { version: 0 }), await openLog(context)];
    expect((await first.appTransactions()).get("x")?.version).toBe(2n ** 60n);
    expect((await second.appTransactions()).get("x")?.version).toBe(3n);
    expect([...(await first.domainMetadata()).keys()]).toEqual(["d"]);
    expect((await second.domainMetadata()).size).toBe(0);
  });
});

describe("tables that cannot be read", () => {
  it("opens a table with an unknown reader feature, names the feature, and refuses its files", async () => {
    const snapshot = await openLog(
      await memoryTable([
        [...firstActions({ readerFeatures: ["deletionVectors", "futureThing"] }), add("a")],
      ]),
    );
    expect(snapshot.schema.fields.length).toBe(2);
    expect(snapshot.readObstacle?.message).toContain("futureThing");
    await expect(snapshot.files()).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      data: { features: ["futureThing"] },
    });
    expect((await allFiles(await snapshot.files({ ignoreFeatures: true }))).length).toBe(1);
  });

  it("refuses a catalog-managed table by its path", async () => {
    const table = memoryTable([firstActions({ readerFeatures: ["catalogManaged"] })]);
    await expect(openLog(await table)).rejects.toMatchObject({ code: "CATALOG_MANAGED" });
  });

  it("calls reader version 3 without feature lists corrupt", async () => {
    const [, metadata] = firstActions();
    const table = memoryTable([
      [
        { kind: "protocol", minReaderVersion: 3, minWriterVersion: 7 },
        ...(metadata === undefined ? [] : [metadata]),
      ],
    ]);
    await expect(openLog(await table)).rejects.toMatchObject({ code: "LOG_CORRUPT" });
  });
});

describe("on a store whose listings lag", () => {
  it("a refresh keeps the version it has while the listing shows an older one, and goes on when it catches up", async () => {
    const { store, hide, context } = await laggingTable([[...firstActions(), add("a")], [add("b")]]);
    const held = await openLog(context);
    hide((path) => path === commitPath(1));
    expect((await openLog(context)).version, "opening has nothing but the listing").toBe(0);
    expect(await refreshLog(held)).toBe(held);
    await store.put(commitPath(2), serializeActions([add("c")]));
    hide(() => false);
    expect((await refreshLog(held)).version).toBe(2);
  });

  it("a refresh follows a table that was dropped and created anew with fewer versions", async () => {
    const { store, context } = await laggingTable([[...firstActions(), add("a")], [add("b")]]);
    const held = await openLog(context);
    await store.delete(commitPath(1));
    expect((await refreshLog(held)).version).toBe(0);
  });

  it("the time of a version whose checkpoint is listed before its commit is the commit's own", async () => {
    const actions = firstActions({
      configuration: { "delta.enableInCommitTimestamps": "true" },
      writerFeatures: ["inCommitTimestamp"],
    });
    const stamp = realWorld.now() + 86_400_000;
    const { context, hide } = await laggingTable([
      [{ kind: "commitInfo", info: { inCommitTimestamp: stamp } }, ...actions],
    ]);
    await writeCheckpoint(await openLog(context));
    hide((path) => path === commitPath(0));
    expect((await openLog(context)).timestamp).toBe(stamp);
  });
});

it("a commit that is cleaned up between its listing and its reading is a gap: whoever opens the newest version opens it again", async () => {
  const actions = firstActions({
    configuration: { "delta.enableInCommitTimestamps": "true" },
    writerFeatures: ["inCommitTimestamp"],
  });
  const { store, world } = await memoryTable([
    [{ kind: "commitInfo", info: { inCommitTimestamp: 1 } }, ...actions],
  ]);
  await writeCheckpoint(await openLog(diskBacked(store, world)));
  const listed: ObjectStore = {
    ...store,
    list: async function* (prefix, options) {
      yield* store.list(prefix, options);
      await store.delete(commitPath(0));
    },
  };
  await expect(openLog(diskBacked(listed, world))).rejects.toMatchObject({ code: "LOG_GAP" });
});

/** A table whose listings leave out what the test hides. */
async function laggingTable(commits: readonly (readonly Action[])[]) {
  const { store, world } = await memoryTable(commits);
  let isHidden = (_path: string): boolean => false;
  const lagging: ObjectStore = {
    ...store,
    list: async function* (prefix, options) {
      for await (const file of store.list(prefix, options)) if (!isHidden(file.path)) yield file;
    },
  };
  const hide = (test: (path: string) => boolean): void => {
    isHidden = test;
  };
  return { store, hide, context: diskBacked(lagging, world) };
}

describe("a version that others clean up to beyond while it is opened, beside a torn checkpoint", () => {
  /** Version 1 is the newest when it is listed; by the time its torn checkpoint is read, only version 2 is left. */
  async function overtakenTable(): Promise<TableContext> {
    const clock = { now: 1000 };
    const world = { ...realWorld, now: () => clock.now };
    const table = await memoryTable([[...firstActions(), add("a")], [add("b")]], world);
    const torn = uuidCheckpointPath(1, realWorld.uuid(), "json");
    await table.store.put(torn, new TextEncoder().encode('{"add":{"path":"stray'));
    const overtake = async () => {
      clock.now = 2000;
      await table.store.delete(torn);
      await table.store.put(commitPath(2), serializeActions([add("c")]));
      await writeCheckpoint(await openLog(table));
      for (const version of [0, 1]) await table.store.delete(commitPath(version));
      await table.store.put(torn, new TextEncoder().encode('{"add":{"path":"stray'));
    };
    const store: ObjectStore = {
      ...table.store,
      get: async (path, options) => {
        if (path === torn && (await table.store.head(commitPath(2))) === undefined) await overtake();
        return table.store.get(path, options);
      },
    };
    return diskBacked(store, table.world);
  }

  it.each([
    ["the newest version", {}],
    ["the version as of a time", { timestamp: 2000 }],
  ])("does not disturb who opens %s", async (_, options) => {
    const snapshot = await openLog(await overtakenTable(), options);
    expect(snapshot.version).toBe(2);
    expect((await allPaths(await snapshot.files())).sort()).toEqual(["a", "b", "c"]);
  });

  it("is gone for who asks for it by its number", async () => {
    await expect(openLog(await overtakenTable(), { version: 1 })).rejects.toMatchObject({
      code: "CHECKPOINT_CORRUPT",
    });
  });
});
