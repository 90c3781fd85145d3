import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import { checksumOf, writeChecksum } from "../../src/log/checksum/checksum-write.ts";
import type { TableContext } from "../../src/log/contract.ts";
import { EngineFiles } from "../../src/log/replay/engine-files.ts";
import {
  checkpointPath,
  checksumPath,
  commitPath,
  lastCheckpointPath,
} from "../../src/log/segment/file-names.ts";
import { closeLogSession, withLogSession } from "../../src/log/segment/log-session.ts";
import { latestVersion, openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action, MetadataAction } from "../../src/protocol/actions.ts";
import { sql } from "../../src/sql/sql.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import { countCalls } from "../support/counting-store.ts";
import { add, allPaths, contextOf, diskBacked, firstActions, memoryTable } from "../support/log-tables.ts";

const [, metadata] = firstActions() as [Action, MetadataAction];
const named = (id: string): MetadataAction => ({ ...metadata, id });

/** A table on disk with one commit for each list. */
async function diskTable(commits: readonly (readonly Action[])[]): Promise<TableContext> {
  const folder = await mkdtemp(join(tmpdir(), "varve-opening-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const context = contextOf(localDiskStore(folder));
  for (const [version, actions] of commits.entries())
    await context.store.put(commitPath(version), serializeActions(actions));
  return context;
}

/** Opens a table's newest version; how many checkpoints were read, and which commits were fetched whole. */
async function opened(context: TableContext) {
  const store = countCalls(context.store);
  const checkpoints = new Set<string>();
  const localFile = (path: string) => {
    checkpoints.add(path);
    return context.localFile(path);
  };
  const table = { ...context, store, localFile };
  const snapshot = await openLog(table);
  const fetched = store.counts().trace.filter(({ call, path }) => call === "get" && path.endsWith(".json"));
  await closeLogSession(table);
  return { snapshot, checkpoints: checkpoints.size, fetched: fetched.map(({ path }) => path) };
}

/** Puts a checkpoint and a checksum of a version, its metadata as given. */
async function summed(context: TableContext, version: number, id?: string): Promise<void> {
  const snapshot = await openLog(context, { version });
  const checksum = await checksumOf(snapshot);
  await context.store.delete(checksumPath(version));
  await writeChecksum(context, id === undefined ? checksum : { ...checksum, metadata: named(id) });
}

const paths = (count: number): Action[][] => Array.from({ length: count }, (_, index) => [add(`f${index}`)]);

describe("a checksum beside a checkpoint on local disk", () => {
  it.each([
    [63, 0],
    [64, 1],
  ])("of version %i, whose metadata is of version 0, reads %i checkpoints", async (version, read) => {
    const context = await diskTable([firstActions(), ...paths(version)]);
    await writeCheckpoint(await openLog(context), { kind: "classic" });
    await summed(context, version);
    const found = await opened(context);
    expect([found.checkpoints, found.snapshot.metadata.id]).toEqual([read, metadata.id]);
    await closeLogSession(context);
  });

  it.each([
    [8 * 1024 * 1024, 0],
    [8 * 1024 * 1024 + 1, 1],
  ])("with %i bytes of commits up to the checkpoint reads %i checkpoints", async (bytes, read) => {
    const context = await diskTable([firstActions(), [add("a", { stats: "{}" })]]);
    const sizes = await Promise.all([0, 1].map(async (version) => context.store.head(commitPath(version))));
    const filled = bytes - sizes.reduce((sum, info) => sum + (info?.size ?? 0), 0);
    await context.store.put(
      commitPath(1),
      serializeActions([add("a", { stats: `{${" ".repeat(filled)}}` })]),
    );
    await writeCheckpoint(await openLog(context), { kind: "classic" });
    await summed(context, 1);
    expect((await opened(context)).checkpoints).toBe(read);
    await closeLogSession(context);
  });

  it("is held against the newest protocol and metadata before the checkpoint, and after it", async () => {
    const commits = [firstActions(), [add("a")], [named("newer"), add("b")], [add("c")], [add("d")]];
    for (const [id, read] of [
      [undefined, 0],
      [metadata.id, 1],
      ["strange", 1],
    ] as const) {
      const context = await diskTable(commits);
      await writeCheckpoint(await openLog(context, { version: 3 }), { kind: "classic" });
      await summed(context, 4, id);
      const found = await opened(context);
      expect([found.checkpoints, found.snapshot.metadata.id]).toEqual([read, "newer"]);
      await closeLogSession(context);
    }
    const after = await diskTable([...commits, [named("newest")], [add("e")]]);
    await writeCheckpoint(await openLog(after, { version: 3 }), { kind: "classic" });
    await summed(after, 6, "newer");
    expect((await opened(after)).snapshot.metadata.id).toBe("newest");
    await closeLogSession(after);
  });

  it("is not believed where a commit that would bear it out is damaged: the checkpoint is asked", async () => {
    const context = await diskTable([firstActions(), [add("a")], [add("b")]]);
    await writeCheckpoint(await openLog(context, { version: 1 }), { kind: "classic" });
    await summed(context, 2);
    await context.store.put(commitPath(1), new TextEncoder().encode("{"));
    const found = await opened(context);
    expect([found.checkpoints, found.snapshot.version]).toEqual([1, 2]);
    await closeLogSession(context);
  });
});

describe("a checksum beside a checkpoint in a remote store", () => {
  it.each([
    [4 * 1024 * 1024, 1],
    [4 * 1024 * 1024 + 1, 0],
  ])("of %i bytes, as listed, reads %i checkpoints", async (size, read) => {
    const context = await memoryTable([firstActions(), [add("a")], [add("b")]]);
    await writeCheckpoint(await openLog(context, { version: 1 }), { kind: "classic" });
    await summed(context, 2);
    const { store } = context;
    const list: ObjectStore["list"] = async function* (prefix, options) {
      for await (const file of store.list(prefix, options))
        yield file.path === checkpointPath(1) ? { ...file, size } : file;
    };
    const found = await opened({ ...context, store: { ...store, list } });
    expect([found.checkpoints, found.snapshot.metadata.id]).toEqual([read, metadata.id]);
    await found.snapshot.confirm();
    await closeLogSession(context);
  });
});

describe("the commits that opening reads", () => {
  it.each([
    [64, 64],
    [65, 1],
  ])("of %i with a checksum are %i", async (commits, read) => {
    const context = await memoryTable([firstActions(), ...paths(commits - 1)]);
    await summed(context, commits - 1);
    expect((await opened(context)).fetched).toHaveLength(read);
  });

  it.each([
    [8 * 1024 * 1024, 2],
    [8 * 1024 * 1024 + 1, 1],
  ])("of %i bytes with a checksum are %i", async (bytes, read) => {
    const context = await memoryTable([firstActions(), [add("a", { stats: "{}" })]]);
    const sizes = await Promise.all([0, 1].map(async (version) => context.store.head(commitPath(version))));
    const filled = bytes - sizes.reduce((sum, info) => sum + (info?.size ?? 0), 0);
    await context.store.put(
      commitPath(1),
      serializeActions([add("a", { stats: `{${" ".repeat(filled)}}` })]),
    );
    await summed(context, 1);
    expect((await opened(context)).fetched).toHaveLength(read);
  });

  it("begin at the checkpoint that the hint names, and at the log's start where it names none", async () => {
    const context = await memoryTable([firstActions(), ...paths(4)]);
    await writeCheckpoint(await openLog(context, { version: 2 }), { kind: "classic" });
    const starts = async (work: (table: TableContext) => Promise<unknown>) => {
      const found: unknown[] = [];
      const list: ObjectStore["list"] = (prefix, options) => {
        found.push(options?.startAfter);
        return context.store.list(prefix, options);
      };
      await work({ ...context, store: { ...context.store, list } });
      return found;
    };
    const after1 = "_delta_log/00000000000000000001~";
    expect(await starts(openLog)).toEqual([after1]);
    expect(await starts(latestVersion)).toEqual([after1]);
    expect(await latestVersion(context)).toBe(4);
    await context.store.put(lastCheckpointPath, new TextEncoder().encode('{"version":1,"size":1}'));
    expect(await starts(openLog)).toEqual(["_delta_log/00000000000000000000~"]);
    await context.store.put(lastCheckpointPath, new TextEncoder().encode('{"version":3,"size":1}'));
    expect(await starts(openLog)).toEqual(["_delta_log/00000000000000000002~", undefined]);
    await closeLogSession(context);
  });
});

describe("how files are held", () => {
  it.each([
    [0, 0, false],
    [-1, 0, true],
    [0, -1, true],
  ])(
    "is told by rows of the checkpoint and bytes of commits: limits %i and %i beside them",
    async (rows, bytes, engine) => {
      const context = await memoryTable([[...firstActions(), add("a")], [add("b")], [add("c")]]);
      await writeCheckpoint(await openLog(context, { version: 0 }), { kind: "classic" });
      const sizes = await Promise.all([1, 2].map(async (version) => context.store.head(commitPath(version))));
      const fileLimits = {
        checkpointRows: 3 + rows,
        jsonBytes: sizes.reduce((sum, info) => sum + (info?.size ?? 0), 0) + bytes,
      };
      const files = await (await openLog({ ...context, fileLimits })).files();
      expect(files instanceof EngineFiles).toBe(engine);
      expect(await allPaths(files)).toEqual(["a", "b", "c"]);
      await closeLogSession(context);
    },
  );

  it.each([
    [0, false],
    [-1, true],
  ])("is told by the bytes of a JSON checkpoint: a limit %i beside them", async (bytes, engine) => {
    const context = await memoryTable([
      [...firstActions({ readerFeatures: ["v2Checkpoint"] }), add("a"), add("b")],
    ]);
    const { bytes: size } = await writeCheckpoint(await openLog(context), { kind: "v2" });
    const fileLimits = { checkpointRows: 0, jsonBytes: size + bytes };
    const files = await (await openLog({ ...context, fileLimits })).files();
    expect(files instanceof EngineFiles).toBe(engine);
    expect(await allPaths(files)).toEqual(["a", "b"]);
  });
});

describe("a signal", () => {
  it("goes with every request for a listing, a hint or a commit", async () => {
    const stamped = (time: number): Action => ({ kind: "commitInfo", info: { inCommitTimestamp: time } });
    const first = firstActions({
      writerFeatures: ["inCommitTimestamp"],
      configuration: { "delta.enableInCommitTimestamps": "true" },
    });
    const small = await memoryTable([
      [stamped(1), ...first],
      [stamped(2), add("a")],
    ]);
    const long = await memoryTable([
      [stamped(1), ...first],
      ...paths(70).map((actions, index) => [stamped(2 + index), ...actions]),
    ]);
    await summed(long, 70);
    const { signal } = new AbortController();
    for (const { store, world } of [small, long]) {
      const without: string[] = [];
      const note = (call: string, path: string, options: { signal?: AbortSignal | undefined } = {}): void => {
        // Checksums are small, and read without one.
        if (options.signal !== signal && !path.endsWith(".crc")) without.push(`${call} ${path}`);
      };
      const watched: ObjectStore = {
        ...store,
        get: (path, options) => {
          note("get", path, options);
          return store.get(path, options);
        },
        getRange: (path, start, length, options) => {
          note("getRange", path, options);
          return store.getRange(path, start, length, options);
        },
        head: (path, options) => {
          note("head", path, options);
          return store.head(path, options);
        },
        list: (prefix, options) => {
          note("list", prefix, options);
          return store.list(prefix, options);
        },
      };
      const context = diskBacked(watched, world);
      const newest = await openLog(context, { signal });
      await latestVersion(context, { signal });
      await openLog(context, { signal, version: 1 });
      await openLog(context, { signal, timestamp: 1 });
      const old = await openLog(context, { signal, version: 0 });
      await refreshLog(old, { signal });
      await refreshLog(newest, { signal });
      await expect(openLog(context, { signal, version: 900 })).rejects.toMatchObject({
        code: "VERSION_NOT_FOUND",
        data: { latest: newest.version, available: [[0, newest.version]] },
      });
      expect(without).toEqual([]);
    }
  });
});

describe("the session that reads of a log share", () => {
  it("is one until a read fails, and is closed then and at the end", async () => {
    const context = await memoryTable([firstActions()]);
    const events: string[] = [];
    const engine = async () => {
      const real = await context.engine();
      return {
        ...real,
        open: async (...options: Parameters<typeof real.open>) => {
          const session = await real.open(...options);
          const close = session.close.bind(session);
          events.push("open");
          session.close = async () => {
            events.push("close");
            await close();
          };
          return session;
        },
      };
    };
    const table = { ...context, engine };
    const answer = () => withLogSession(table, async (session) => session.rows(sql`SELECT 1 AS one`));
    expect([await answer(), await answer()]).toEqual([[{ one: 1 }], [{ one: 1 }]]);
    expect(events).toEqual(["open"]);
    await expect(withLogSession(table, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    expect(events).toEqual(["open", "close"]);
    await answer();
    await closeLogSession(table);
    expect(events).toEqual(["open", "close", "open", "close"]);
    await closeLogSession(table);
    expect(events).toHaveLength(4);
    const broken = { ...context, engine: () => Promise.reject(new Error("no engine")) };
    await expect(withLogSession(broken, async () => 1)).rejects.toThrow("no engine");
  });
});
