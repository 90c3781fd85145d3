import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CheckpointOptions, writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import { lastCheckpointPath } from "../../src/log/segment/file-names.ts";
import { closeLogSession } from "../../src/log/segment/log-session.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import type { Action } from "../../src/protocol/actions.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { commitNewTable, commitTransaction } from "../../src/table/commit/transaction.ts";
import { openContext } from "../../src/table/definition/open-context.ts";
import { realWorld } from "../../src/util/world.ts";
import { add, metadata, protocol, remove } from "../support/commit-tools.ts";

// PROTOCOL.md "Checkpoints" and "Last Checkpoint File".

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "varve-order-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const now = Date.UTC(2026, 0, 1);
const hour = 3_600_000;

async function table(actions: readonly Action[], configuration: Record<string, string> = {}) {
  const context = await openContext(root, { world: { ...realWorld, now: () => now } });
  const first = [protocol(["appendOnly"], ["v2Checkpoint"]), metadata(configuration)];
  await commitNewTable(context, { actions: first, operation: "CREATE TABLE" });
  await commitTransaction(await openLog(context), { actions, operation: "WRITE" });
  return context;
}

/** Which files a checkpoint writes, in the order in which each was there whole. */
async function written(options: CheckpointOptions): Promise<string[]> {
  const context = await table([add("a"), add("b"), add("c")]);
  const done: string[] = [];
  const { store } = context;
  const slow: ObjectStore = {
    ...store,
    put: async (path, bytes, more) => {
      await store.put(path, bytes, more);
      done.push(path);
    },
    putFile: async (path, file, more) => {
      // The largest file takes longest.
      await new Promise((resolve) => setTimeout(resolve, 20));
      await store.putFile(path, file, more);
      done.push(path);
    },
  };
  await writeCheckpoint(await openLog({ ...context, store: slow }), options);
  await closeLogSession(context);
  return done.map((path) => path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "UUID").slice("_delta_log/".length));
}

const one = "00000000000000000001";
const hint = lastCheckpointPath.slice("_delta_log/".length);

describe("a checkpoint is written before what names it", () => {
  it.each<[string, CheckpointOptions, string[]]>([
    ["classic, then the hint", { kind: "classic" }, [`${one}.checkpoint.parquet`, hint]],
    ["V2, then the hint", { kind: "v2" }, [`${one}.checkpoint.UUID.json`, hint]],
    [
      "sidecar, V2, then the hint",
      { kind: "v2", inlineLimit: 1 },
      ["_sidecars/UUID.parquet", `${one}.checkpoint.UUID.json`, hint],
    ],
  ])("%s", async (_, options, expected) => {
    expect(await written(options)).toEqual(expected);
  });

  it.each(["classic", "v2"] as const)(
    "a %s one that cannot be written leaves the hint alone",
    async (kind) => {
      const context = await table([add("a")]);
      const { store } = context;
      const refuse = (path: string) =>
        path.includes(".checkpoint.") ? Promise.reject(new Error("the disk is full")) : undefined;
      const full: ObjectStore = {
        ...store,
        put: async (path, bytes, more) => (await refuse(path)) ?? store.put(path, bytes, more),
        putFile: async (path, file, more) => (await refuse(path)) ?? store.putFile(path, file, more),
      };
      await expect(writeCheckpoint(await openLog({ ...context, store: full }), { kind })).rejects.toThrow(
        "the disk is full",
      );
      expect(await store.head(lastCheckpointPath)).toBeUndefined();
      await closeLogSession(context);
    },
  );
});

describe("what a checkpoint holds", () => {
  /** The lines of a V2 checkpoint of one file. */
  async function lines(
    actions: readonly Action[],
    configuration: Record<string, string> = {},
  ): Promise<Record<string, never>[]> {
    const context = await table(actions, configuration);
    const { path } = await writeCheckpoint(await openLog(context), { kind: "v2" });
    const text = new TextDecoder().decode(await context.store.get(path));
    await closeLogSession(context);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  it("are tombstones younger than the retention, to the millisecond", async () => {
    const removes = [0, 1, -1].map((later) =>
      remove(`at ${later}`, { deletionTimestamp: now - hour + later }),
    );
    const found = await lines(removes, { "delta.deletedFileRetentionDuration": "interval 1 hour" });
    expect(found.flatMap((line) => (line["remove"] === undefined ? [] : [line["remove"]["path"]]))).toEqual([
      "at 1",
    ]);
  });

  it("are files that count as no change of data, tombstones without statistics", async () => {
    const found = await lines([
      add("a"),
      remove("b", { deletionTimestamp: now, stats: "{}", tags: { a: "b" } }),
    ]);
    expect(found.flatMap(({ add: file }) => (file === undefined ? [] : [file["dataChange"]]))).toEqual([
      false,
    ]);
    const [tombstone] = found.flatMap(({ remove: file }) => (file === undefined ? [] : [file]));
    expect(tombstone).toMatchObject({ path: "b", dataChange: false });
    expect(Object.keys(tombstone ?? {})).not.toEqual(expect.arrayContaining(["stats"]));
    expect(Object.keys(tombstone ?? {})).not.toEqual(expect.arrayContaining(["tags"]));
  });

  it("is progress that has not expired; what has no time never does", async () => {
    const progress: Action[] = [
      { kind: "txn", appId: "timeless", version: 1n },
      { kind: "txn", appId: "young", version: 1n, lastUpdated: now - hour + 1 },
      { kind: "txn", appId: "old", version: 1n, lastUpdated: now - hour },
    ];
    const found = await lines(progress, { "delta.setTransactionRetentionDuration": "interval 1 hour" });
    expect(found.flatMap(({ txn }) => (txn === undefined ? [] : [txn["appId"]]))).toEqual([
      "timeless",
      "young",
    ]);
  });
});
