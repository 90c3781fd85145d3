import { describe, expect, it } from "vitest";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import type { TableContext } from "../../src/log/contract.ts";
import { writeCompaction } from "../../src/log/maintenance/compaction-write.ts";
import { commitPath, compactionPath } from "../../src/log/segment/file-names.ts";
import { recallCommit, rememberCommit } from "../../src/log/segment/known-commits.ts";
import { openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { realWorld } from "../../src/util/world.ts";
import { add, allPaths, diskBacked, firstActions, memoryTable, remove } from "../support/log-tables.ts";

// PROTOCOL.md "Log Compaction Files".

/** Five versions, each adds a file of its number. */
function five(): Promise<TableContext> {
  return memoryTable([firstActions(), ...[1, 2, 3, 4].map((version) => [add(`f${version}`)])]);
}

const paths = async (context: TableContext, version?: number) =>
  allPaths(
    await (await openLog(diskBacked(context.store), version === undefined ? {} : { version })).files(),
  );

describe("a log compaction", () => {
  it.each([1, 2, 3])(
    "does not hide that the commit of version %i, which it covers, is gone",
    async (gone) => {
      const context = await five();
      await writeCompaction(context, 1, 3);
      await context.store.delete(commitPath(gone));
      await expect(paths(context)).rejects.toMatchObject({ code: "LOG_GAP", data: { missing: gone } });
    },
  );

  it("is not used for a version within it, nor for one that begins within it", async () => {
    const context = await five();
    await writeCompaction(context, 1, 3);
    expect(await paths(context, 2)).toEqual(["f1", "f2"]);
    expect(await paths(context, 3)).toEqual(["f1", "f2", "f3"]);
    expect(await paths(context)).toEqual(["f1", "f2", "f3", "f4"]);
  });

  it("is not used as of a time within it", async () => {
    let now = Date.UTC(2024, 0, 1);
    const world = { ...realWorld, now: () => now };
    const context = diskBacked(memoryStore(realWorld.uuid(), "table", world), world);
    for (const [version, actions] of [firstActions(), [add("f1")], [add("f2")], [add("f3")]].entries()) {
      await context.store.put(commitPath(version), serializeActions(actions));
      now += 1000;
    }
    await writeCompaction(context, 1, 3);
    const snapshot = await openLog(context, { timestamp: now - 2000 });
    expect([snapshot.version, await allPaths(await snapshot.files())]).toEqual([2, ["f1", "f2"]]);
  });

  it("that holds two actions on one thing is passed over: only the commits tell which is the newer", async () => {
    const context = await memoryTable([
      firstActions(),
      [{ kind: "txn", appId: "x", version: 1n }],
      [{ kind: "txn", appId: "x", version: 2n }],
      [add("f")],
    ]);
    const both = [2n, 1n].map((version) => ({ kind: "txn" as const, appId: "x", version }));
    await context.store.put(compactionPath(1, 2), serializeActions(both));
    expect((await (await openLog(context)).appTransactions()).get("x")?.version).toBe(2n);
  });
});

describe("a refreshed snapshot", () => {
  /**
   * Versions 0 to 4, a checkpoint of 3, with so many milliseconds between two writes; a snapshot of version 1
   * is held.
   */
  async function held(step = 1000) {
    let clock = Date.UTC(2024, 0, 1);
    const world = {
      ...realWorld,
      now: () => {
        clock += step;
        return clock;
      },
    };
    const context = diskBacked(memoryStore(realWorld.uuid(), "table", world), world);
    const first = firstActions({
      readerFeatures: ["v2Checkpoint"],
      configuration: { "delta.checkpointPolicy": "v2" },
    });
    for (const [version, actions] of [first, [add("a")], [add("b")], [remove("a")], [add("c")]].entries()) {
      await context.store.put(commitPath(version), serializeActions(actions));
    }
    const snapshot = await openLog(context, { version: 1 });
    await snapshot.files();
    await writeCheckpoint(await openLog(context, { version: 3 }));
    return { context, snapshot };
  }

  it("does not follow a late commit into a past that was cleaned up behind it", async () => {
    const { context, snapshot } = await held();
    for (const version of [0, 1, 2]) await context.store.delete(commitPath(version));
    await context.store.put(commitPath(2), serializeActions([add("ghost")]));
    expect(await allPaths(await (await refreshLog(snapshot)).files())).toEqual(["b", "c"]);
  });

  it("does not follow one where the files' times tell nothing, either", async () => {
    const { context, snapshot } = await held(0);
    for (const version of [0, 1, 2]) await context.store.delete(commitPath(version));
    await context.store.put(commitPath(2), serializeActions([add("ghost")]));
    expect(await allPaths(await (await refreshLog(snapshot)).files())).toEqual(["b", "c"]);
  });

  it("does not follow one where cleanup was cut short and left its own commit", async () => {
    const { context, snapshot } = await held();
    await context.store.delete(commitPath(2));
    await context.store.put(commitPath(2), serializeActions([add("ghost")]));
    expect(await allPaths(await (await refreshLog(snapshot)).files())).toEqual(["b", "c"]);
  });
});

it("remembered bytes stand for a commit of their size only, and once", () => {
  const store = memoryStore(realWorld.uuid());
  rememberCommit(store, commitPath(1), new Uint8Array(7));
  expect(recallCommit(store, { path: commitPath(1), size: 8 })).toBeUndefined();
  rememberCommit(store, commitPath(1), new Uint8Array(7));
  expect(recallCommit(store, { path: commitPath(1), size: 7 })).toHaveLength(7);
  expect(recallCommit(store, { path: commitPath(1), size: 7 })).toBeUndefined();
});
