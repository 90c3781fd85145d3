import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { VarveError } from "../../src/errors.ts";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import { checksumOf, writeChecksum } from "../../src/log/checksum/checksum-write.ts";
import type { LiveFiles, LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { cleanExpiredLog } from "../../src/log/maintenance/cleanup.ts";
import { EngineFiles } from "../../src/log/replay/engine-files.ts";
import {
  checkpointPartPath,
  checkpointPath,
  checksumPath,
  commitPath,
} from "../../src/log/segment/file-names.ts";
import { closeLogSession } from "../../src/log/segment/log-session.ts";
import type { TableSnapshot } from "../../src/log/snapshot/log-snapshot.ts";
import { openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action, MetadataAction } from "../../src/protocol/actions.ts";
import type { Predicate } from "../../src/protocol/predicate.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { realWorld, type World } from "../../src/util/world.ts";
import { add, allPaths, diskBacked, firstActions, memoryTable, remove } from "../support/log-tables.ts";

const put = (context: TableContext, version: number, ...actions: readonly Action[]): Promise<void> =>
  context.store.put(commitPath(version), serializeActions(actions));

const [, metadata] = firstActions() as [Action, MetadataAction];
const widened: MetadataAction = {
  ...metadata,
  schemaString: JSON.stringify({
    type: "struct",
    fields: ["id", "x"].map((name) => ({ name, type: "long", nullable: true, metadata: {} })),
  }),
  partitionColumns: [],
};
const stats = (column: string, value: number) =>
  `{"numRecords":1,"minValues":{"${column}":${value}},"maxValues":{"${column}":${value}},"nullCount":{"${column}":0}}`;
const is = (column: string, value: number): Predicate => ({
  op: "eq",
  column: [column],
  value: { type: "long", value: String(value) },
});
const pruned = async (files: LiveFiles, predicate: Predicate) =>
  (await files.prune(predicate)).files.map(({ path }) => path).sort();

describe("a refreshed snapshot", () => {
  it.each([
    ["objects", { checkpointRows: 1000, jsonBytes: 1_000_000 }],
    ["the engine", { checkpointRows: 0, jsonBytes: 0 }],
  ])("prunes by the schema that it has now, its files held by %s", async (how, fileLimits) => {
    const table = await memoryTable([[...firstActions(), add("a", { stats: stats("id", 1) })]]);
    const context = { ...table, fileLimits };
    const before = await openLog(context);
    expect((await before.files()) instanceof EngineFiles).toBe(how === "the engine");
    await put(context, 1, widened, add("b", { stats: stats("x", 2) }), add("c", { stats: stats("x", 3) }));
    const after = await refreshLog(before);
    expect(await pruned(await after.files(), is("x", 2))).toEqual(["a", "b"]);
    expect(await pruned(await after.files(), is("id", 9))).toEqual(["b", "c"]);
    expect(after.schema.fields.map(({ name }) => name)).toEqual(["id", "x"]);
    await put(context, 2, add("d", { stats: stats("x", 2) }));
    expect(await pruned(await (await refreshLog(after)).files(), is("x", 2))).toEqual(["a", "b", "d"]);
    expect(await pruned(await before.files(), is("x", 2))).toEqual(["a"]);
  });

  it("is read from the files that one opened anew is read from, at the same time", async () => {
    for (const on of [false, true]) {
      const stamp = (time: number): Action[] =>
        on ? [{ kind: "commitInfo", info: { inCommitTimestamp: time } }] : [];
      const first = on
        ? firstActions({
            writerFeatures: ["inCommitTimestamp"],
            configuration: { "delta.enableInCommitTimestamps": "true" },
          })
        : firstActions();
      const context = await memoryTable([[...stamp(10), ...first]]);
      const before = (await openLog(context)) as TableSnapshot;
      await put(context, 1, ...stamp(20), add("a"));
      await put(context, 2, ...stamp(30), add("b"), remove("a"));
      await writeChecksum(context, { ...(await checksumOf(await openLog(context))), version: 2 });
      const [after, fresh] = [await refreshLog(before), await openLog(context)] as [
        TableSnapshot,
        TableSnapshot,
      ];
      expect(after.segment).toEqual(fresh.segment);
      expect(after.segment.checksum?.path).toBe(checksumPath(2));
      expect([after.version, after.timestamp]).toEqual([fresh.version, fresh.timestamp]);
      if (on) expect(after.timestamp).toBe(30);
      expect(await allPaths(await after.files())).toEqual(["b"]);
      expect(before.segment.version).toBe(0);
    }
  });

  it("knows the progress and the domains of all commits, read before it was refreshed or not", async () => {
    const domain = (name: string, removed = false): Action => ({
      kind: "domainMetadata",
      domain: name,
      configuration: "{}",
      removed,
    });
    const context = await memoryTable([
      [...firstActions(), { kind: "txn", appId: "a", version: 1n }, domain("d"), domain("e")],
    ]);
    const before = await openLog(context);
    await put(context, 1, { kind: "txn", appId: "b", version: 1n }, domain("d", true));
    await put(context, 2, { kind: "txn", appId: "a", version: 2n }, domain("f"));
    const read = async (snapshot: LogSnapshot) => [
      [...(await snapshot.appTransactions())].map(([name, txn]) => `${name} ${txn.version}`).sort(),
      [...(await snapshot.domainMetadata()).keys()].sort(),
    ];
    expect(await read(await refreshLog(before))).toEqual([
      ["a 2", "b 1"],
      ["e", "f"],
    ]);
    expect(await read(before)).toEqual([["a 1"], ["d", "e"]]);
  });

  it("of a table with an unreadable feature by now opens, and refuses its files", async () => {
    const context = await memoryTable([[...firstActions(), add("a")]]);
    const before = await openLog(context);
    await put(context, 1, {
      kind: "protocol",
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ["somethingNew"],
      writerFeatures: ["somethingNew"],
    });
    const after = await refreshLog(before);
    expect(after.readObstacle).toMatchObject({ code: "UNSUPPORTED_FEATURE" });
    await expect(after.files()).rejects.toMatchObject({ code: "UNSUPPORTED_FEATURE" });
    expect((await (await after.files({ ignoreFeatures: true })).totals()).files).toBe(1);
    await expect(after.files()).rejects.toMatchObject({ code: "UNSUPPORTED_FEATURE" });
  });
});

describe("a snapshot that is refreshed for days", () => {
  it.each([
    ["and whose files were read", true],
    ["and whose files nobody reads", false],
  ])("%s does not keep each commit whole", async (_, readsFiles) => {
    const context = await memoryTable([[...firstActions(), add("a")]]);
    let snapshot = await openLog(context);
    if (readsFiles) await snapshot.files();
    const heldBefore = heldBytes();
    const commits = 400;
    for (let version = 1; version <= commits; version++) {
      const info = { kind: "commitInfo" as const, info: { note: `${version} `.padEnd(100_000, "x") } };
      await put(
        context,
        version,
        info,
        { kind: "txn", appId: `app ${version}`, version: 1n },
        add(`f${version}`),
      );
      snapshot = await refreshLog(snapshot);
      if (version > 1) await context.store.delete(commitPath(version - 1));
    }
    expect(heldBytes() - heldBefore).toBeLessThan(20 * 1024 * 1024);
    expect(snapshot.version).toBe(commits);
    expect((await snapshot.appTransactions()).size).toBe(commits);
  });
});

/** Bytes that JavaScript holds when what is not reached was collected. */
function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("the collector cannot be called");
  for (let turn = 0; turn < 3; turn++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe("what opening a table leaves to be read later", () => {
  /** A table whose commits are so many that opening it by its checksum leaves them unread. */
  async function longTable(change: (store: ObjectStore) => Partial<ObjectStore> = () => ({})) {
    const commits: Action[][] = [[...firstActions(), add("a")]];
    for (let version = 1; version <= 70; version++)
      commits.push([{ kind: "txn", appId: `app ${version}`, version: 1n }]);
    const table = await memoryTable(commits);
    await writeChecksum(table, await checksumOf(await openLog(table)));
    // Not a local disk, so that the checksum is believed until somebody asks for more.
    const { localPath: _, ...store } = table.store;
    return { ...table, store: { ...store, ...change(table.store) } };
  }

  it("does not end with the signal of whoever opened it", async () => {
    const context = await longTable();
    const opening = new AbortController();
    const snapshot = await openLog(context, { signal: opening.signal });
    opening.abort();
    expect((await snapshot.appTransactions()).size).toBe(70);
  });

  it("is read again where the store failed the first time", async () => {
    let failures = 1;
    const context = await longTable((store) => ({
      get: async (path, options) => {
        if (path === commitPath(3) && failures-- > 0) throw new VarveError("STORE_UNAVAILABLE", "planned");
        return store.get(path, options);
      },
    }));
    const snapshot = await openLog(context);
    await expect(snapshot.appTransactions()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect((await snapshot.appTransactions()).size).toBe(70);
  });
});

describe("a big commit that became shorter since it was listed", () => {
  it("is not read as if that were all of it", async () => {
    const first = [...firstActions(), add("a")];
    const many = Array.from({ length: 12_000 }, (_, index) =>
      add(`f${index}`, { tags: { note: "x".repeat(800) } }),
    );
    const table = await memoryTable([first, [...many, { kind: "txn", appId: "last", version: 1n }]]);
    expect((await (await openLog(table)).appTransactions()).size).toBe(1);
    const getRange: ObjectStore["getRange"] = async (path, offset, length, options) => {
      const bytes = await table.store.getRange(path, offset, length, options);
      // The last line is cut off, and the rest is a commit like any other.
      return offset === 0 ? bytes : bytes.subarray(0, bytes.lastIndexOf(10, bytes.length - 2) + 1);
    };
    const context = { ...table, store: { ...table.store, getRange } };
    await expect(openLog(context)).rejects.toMatchObject({
      code: "LOG_GAP",
      message: expect.stringMatching(/had \d+ when it was listed/),
    });
  });
});

describe("a schema that cannot be read", () => {
  const unreadable: MetadataAction = { ...metadata, schemaString: '{"type":"struct","fields":5}' };

  it("is an error when the table is opened, and is the feature's error where there is an unknown one", async () => {
    const [protocol] = firstActions();
    await expect(
      openLog(await memoryTable([[...(protocol ? [protocol] : []), unreadable]])),
    ).rejects.toMatchObject({ code: "SCHEMA_INVALID" });
    const [strange] = firstActions({ readerFeatures: ["somethingNew"] });
    const snapshot = await openLog(await memoryTable([[...(strange ? [strange] : []), unreadable]]));
    expect(() => snapshot.schema).toThrowError(expect.objectContaining({ code: "UNSUPPORTED_FEATURE" }));
  });
});

describe("the time of a version whose commit is gone", () => {
  it("is that of its checkpoint's newest part", async () => {
    let now = 1_700_000_000_000;
    const world: World = { ...realWorld, now: () => now };
    const store = memoryStore(realWorld.uuid(), "table", world);
    const context = diskBacked(store, world);
    await put(context, 0, ...firstActions(), add("a"));
    await writeCheckpoint(await openLog(context), { kind: "classic" });
    const bytes = await store.get(checkpointPath(0));
    for (const [part, time] of [
      [1, 300],
      [2, 500],
      [3, 400],
    ] as const) {
      now = time;
      await store.put(checkpointPartPath(0, part, 3), bytes);
    }
    for (const path of [commitPath(0), checkpointPath(0)]) await store.delete(path);
    expect((await openLog(context)).timestamp).toBe(500);
    await closeLogSession(context);
  });
});

describe("a version before the one that commits carry their time from", () => {
  it.each([
    [3, 1_700_000_000_000],
    [1, 77],
  ])("which is %i, has its file's time: %i", async (since, time) => {
    const world: World = { ...realWorld, now: () => 1_700_000_000_000 };
    const context = diskBacked(memoryStore(realWorld.uuid(), "table", world), world);
    const first = firstActions({
      writerFeatures: ["inCommitTimestamp"],
      configuration: {
        "delta.enableInCommitTimestamps": "true",
        "delta.inCommitTimestampEnablementVersion": String(since),
        "delta.inCommitTimestampEnablementTimestamp": "5",
      },
    });
    await put(context, 0, ...first);
    await put(context, 1, { kind: "commitInfo", info: { inCommitTimestamp: 77 } }, add("a"));
    expect((await openLog(context)).timestamp).toBe(time);
  });
});

describe("a long log with times in its commits", () => {
  it("whose newest commit is removed while it is opened is a gap that names the version", async () => {
    const first = firstActions({
      writerFeatures: ["inCommitTimestamp"],
      configuration: { "delta.enableInCommitTimestamps": "true" },
    });
    const stamp = (time: number): Action => ({ kind: "commitInfo", info: { inCommitTimestamp: time } });
    const { store, world } = await memoryTable([
      [stamp(1), ...first],
      ...Array.from({ length: 70 }, (_, index): Action[] => [stamp(index + 2), add(`f${index}`)]),
    ]);
    const context = diskBacked(store, world);
    await writeChecksum(context, await checksumOf(await openLog(context)));
    expect((await openLog(context)).timestamp).toBe(71);
    let asked = 0;
    const vanishing: ObjectStore = {
      ...store,
      get: async (path, options) => {
        // The first look proves the checksum; the second is for the time.
        if (path === commitPath(70) && ++asked === 2) await store.delete(path);
        return store.get(path, options);
      },
    };
    await expect(openLog(diskBacked(vanishing, world))).rejects.toMatchObject({
      code: "LOG_GAP",
      data: { version: 70 },
    });
  });
});

describe("times beyond what the log holds", () => {
  it("are refused with the first time, the last, and the versions", async () => {
    let now = 1000;
    const world: World = { ...realWorld, now: () => now };
    const context = diskBacked(memoryStore(realWorld.uuid(), "table", world), world);
    for (const [version, time] of [1000, 2000, 3000].entries()) {
      now = time;
      await put(context, version, ...(version === 0 ? firstActions() : [add(`f${version}`)]));
    }
    const at = (timestamp: number) => openLog(context, { timestamp });
    const data = { first: 1000, last: 3000, versions: [[0, 2]] };
    await expect(at(999)).rejects.toMatchObject({
      code: "TIMESTAMP_OUT_OF_RANGE",
      data: { ...data, timestamp: 999 },
      message: expect.stringMatching(
        /^1970-01-01T00:00:00\.999Z .*: 0 to 2, .* from 1970-01-01T00:00:01\.000Z to 1970-01-01T00:00:03\.000Z/,
      ),
    });
    expect((await at(3000)).version).toBe(2);
    await expect(at(3001)).rejects.toMatchObject({ data: { ...data, timestamp: 3001 } });
    now = 5000;
    expect((await at(5000)).version).toBe(2);
    await expect(at(5001)).rejects.toMatchObject({ code: "TIMESTAMP_OUT_OF_RANGE" });
    await expect(at(8.64e15)).rejects.toThrow(/^\+275760-09-13T00:00:00\.000Z/);
    await expect(at(-8.64e15 - 1)).rejects.toThrow(/^-8640000000000001 /);
    for (const timestamp of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      await expect(at(timestamp)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", data: { timestamp } });
    await expect(openLog(context, { version: 1, timestamp: 5 })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { version: 1, timestamp: 5 },
    });
    await expect(openLog(await memoryTable([]))).rejects.toMatchObject({
      code: "NOT_A_TABLE",
      data: { uri: expect.stringContaining("table") },
    });
    await expect(openLog(await memoryTable([]), { version: 3 })).rejects.toMatchObject({
      code: "NOT_A_TABLE",
    });
  });
});

describe("cleanup of the log on a store that fails, or beside damaged checkpoints", () => {
  const day = 86_400_000;
  async function aged(): Promise<TableContext> {
    let now = Date.UTC(2026, 0, 1, 12);
    const world: World = { ...realWorld, now: () => now };
    const context = diskBacked(memoryStore(realWorld.uuid(), "table", world), world);
    const configuration = { "delta.logRetentionDuration": "interval 5 days" };
    await put(context, 0, ...firstActions({ readerFeatures: ["v2Checkpoint"], configuration }), add("a"));
    await put(context, 1, add("b"));
    await writeCheckpoint(await openLog(context), { kind: "v2", inlineLimit: 0 });
    await context.store.put("_delta_log/_sidecars/stray.parquet", new Uint8Array(1));
    now += 20 * day;
    await put(context, 2, add("c"));
    return context;
  }

  it.each(["STORE_UNAVAILABLE", "STORE_REFUSED"] as const)("says %s and deletes nothing", async (code) => {
    const context = await aged();
    const snapshot = await openLog(context);
    const deleted: string[] = [];
    const { store } = context;
    const failing: ObjectStore = {
      ...store,
      delete: async (path, options) => {
        deleted.push(path);
        return store.delete(path, options);
      },
      get: async (path, options) => {
        if (path.includes(".checkpoint.")) throw new VarveError(code, "The store failed.", {});
        return store.get(path, options);
      },
    };
    const broken = diskBacked(failing, context.world);
    await expect(cleanExpiredLog({ ...snapshotOf(snapshot), context: broken })).rejects.toMatchObject({
      code,
    });
    expect(deleted).toEqual([]);
  });

  it("keeps every sidecar where a newer checkpoint cannot be read, for nobody knows what it names", async () => {
    const context = await aged();
    await context.store.put(
      "_delta_log/00000000000000000002.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json",
      new TextEncoder().encode("{"),
    );
    expect((await cleanExpiredLog(await openLog(context))).deleted).toEqual([commitPath(0)]);
    expect(await context.store.head("_delta_log/_sidecars/stray.parquet")).toBeDefined();
  });

  it("takes away the sidecars of checkpoints that go, and keeps those of newer ones", async () => {
    const context = await aged();
    const named = async (version: number) => {
      const snapshot = await openLog(context, { version });
      return (await writeCheckpoint(snapshot, { kind: "v2", inlineLimit: 0 })).sidecars;
    };
    const first = await named(0);
    const snapshot = await openLog(context);
    await put(context, 3, add("d"));
    const newest = await named(3);
    const old: ObjectStore["list"] = async function* (prefix, options) {
      for await (const file of context.store.list(prefix, options))
        yield file.path.includes("_sidecars/") ? { ...file, modified: 0 } : file;
    };
    const aging = diskBacked({ ...context.store, list: old }, context.world);
    const { deleted } = await cleanExpiredLog({ ...snapshotOf(snapshot), context: aging });
    expect(deleted).toEqual(expect.arrayContaining([...first, "_delta_log/_sidecars/stray.parquet"]));
    expect(deleted).not.toEqual(expect.arrayContaining([...newest]));
    expect(await allPaths(await (await openLog(context, { version: 1 })).files())).toEqual(["a", "b"]);
  });

  it("says what is wrong with a checkpoint that cannot be read, and deletes nothing", async () => {
    const context = await aged();
    const snapshot = await openLog(context);
    for await (const { path } of context.store.list("_delta_log/_sidecars/"))
      await context.store.delete(path);
    expect(await cleanExpiredLog(snapshot)).toMatchObject({
      deleted: [],
      reason: expect.stringMatching(/checkpoint of version 1 cannot be relied upon: it was damaged/),
    });
    expect(await context.store.head(commitPath(0))).toBeDefined();
  });

  it("deletes in the order that it tells, and in a dry run tells the same and deletes nothing", async () => {
    const context = await aged();
    const dry = await cleanExpiredLog(await openLog(context), { dryRun: true });
    expect(dry).toEqual({
      deleted: [commitPath(0), "_delta_log/_sidecars/stray.parquet"],
      oldestKept: 1,
    });
    expect(await context.store.head(commitPath(0))).toBeDefined();
    expect(await cleanExpiredLog(await openLog(context))).toEqual(dry);
    expect(await cleanExpiredLog(await openLog(context))).toEqual({ deleted: [], oldestKept: 1 });
  });

  function snapshotOf(snapshot: LogSnapshot): LogSnapshot {
    const { version, timestamp, protocol: of, metadata: about, schema } = snapshot;
    return {
      context: snapshot.context,
      version,
      timestamp,
      protocol: of,
      metadata: about,
      schema,
      readObstacle: undefined,
      confirm: () => snapshot.confirm(),
      appTransactions: () => snapshot.appTransactions(),
      domainMetadata: () => snapshot.domainMetadata(),
      files: (options) => snapshot.files(options),
    };
  }
});
