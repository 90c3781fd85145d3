import { describe, expect, it } from "vitest";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import { checksumOf, readChecksumBase, writeChecksum } from "../../src/log/checksum/checksum-write.ts";
import { writeCompaction } from "../../src/log/maintenance/compaction-write.ts";
import { commitPath, parseLogPath, uuidCheckpointPath } from "../../src/log/segment/file-names.ts";
import { openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action } from "../../src/protocol/actions.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { commitTransaction } from "../../src/table/commit/transaction.ts";
import { realWorld } from "../../src/util/world.ts";
import { add, allPaths, diskBacked, firstActions, memoryTable } from "../support/log-tables.ts";

const start = Date.UTC(2024, 0, 1);
const hour = 3_600_000;

/** Thirteen versions, an hour apart; the last is opened a day later. */
async function thirteen(commit: (version: number) => readonly Action[]) {
  let clock = start;
  const store = memoryStore(realWorld.uuid(), "table", { ...realWorld, now: () => clock });
  for (let version = 0; version < 13; version++) {
    clock = start + version * hour;
    await store.put(commitPath(version), serializeActions(commit(version)));
  }
  return diskBacked(store, { ...realWorld, now: () => start + 24 * hour });
}

describe("more than ten versions", () => {
  it("are opened as of a time by their files' times, in the order of numbers", async () => {
    const context = await thirteen((version) => (version === 0 ? firstActions() : [add(`f${version}`)]));
    for (let version = 0; version < 13; version++) {
      expect((await openLog(context, { timestamp: start + version * hour })).version).toBe(version);
      expect((await openLog(context, { timestamp: start + (version + 1) * hour - 1 })).version).toBe(version);
    }
  });

  it("are opened as of a time by the times in them, in the order of numbers", async () => {
    const configuration = { "delta.enableInCommitTimestamps": "true" };
    const first = firstActions({ writerFeatures: ["inCommitTimestamp"], configuration });
    const context = await thirteen((version) => [
      { kind: "commitInfo", info: { inCommitTimestamp: start + version * hour } },
      ...(version === 0 ? first : []),
    ]);
    for (let version = 0; version < 13; version++) {
      expect((await openLog(context, { timestamp: start + version * hour })).version).toBe(version);
      expect((await openLog(context, { timestamp: start + (version + 1) * hour - 1 })).version).toBe(version);
    }
  });

  it("are told as one range of versions that can be read", async () => {
    const context = await thirteen((version) => (version === 0 ? firstActions() : [add(`f${version}`)]));
    await expect(openLog(context, { version: 13 })).rejects.toMatchObject({
      data: { available: [[0, 12]], latest: 12 },
    });
    await context.store.delete(commitPath(2));
    await expect(openLog(context, { version: 11 })).rejects.toMatchObject({
      code: "LOG_GAP",
      data: { missing: 2, available: [[0, 1]] },
    });
  });

  it("are read from the newest checkpoint by number", async () => {
    const context = await thirteen((version) =>
      version === 0
        ? firstActions({
            readerFeatures: ["v2Checkpoint"],
            configuration: { "delta.checkpointPolicy": "v2" },
          })
        : [add(`f${version}`)],
    );
    for (const version of [9, 10]) await writeCheckpoint(await openLog(context, { version }));
    for (let version = 0; version < 10; version++) await context.store.delete(commitPath(version));
    const files = await (await openLog(diskBacked(context.store))).files();
    expect(await files.totals()).toMatchObject({ files: 12 });
  });
});

describe("versions of 2^31 and more", () => {
  const far = 2 ** 31 + 5;

  /** A table whose log begins with a checkpoint of `version`. */
  async function farTable(version: number) {
    const [protocol, metadata] = firstActions({
      readerFeatures: ["v2Checkpoint"],
      configuration: { "delta.checkpointPolicy": "v2" },
    });
    if (protocol === undefined || metadata === undefined) throw new Error("a table begins with both");
    const context = await memoryTable([]);
    const head: Action[] = [{ kind: "checkpointMetadata", version, tags: {} }, protocol, metadata];
    await context.store.put(
      uuidCheckpointPath(version, realWorld.uuid(), "json"),
      serializeActions([...head, add("old")]),
    );
    await context.store.put(commitPath(version), serializeActions([add("old")]));
    return context;
  }

  it.each([2 ** 31 - 2, far, 2 ** 32 + 1, 2 ** 52])(
    "are opened, committed to, checkpointed and travelled to (%i)",
    async (version) => {
      const context = await farTable(version);
      const before = await openLog(context);
      expect(before.version).toBe(version);
      for (const path of ["a", "b", "c"]) {
        await commitTransaction(await openLog(context), { actions: [add(path)], operation: "WRITE" });
      }
      const newest = await refreshLog(before);
      expect(newest.version).toBe(version + 3);
      expect(await allPaths(await newest.files())).toEqual(["a", "b", "c", "old"]);
      await writeCompaction(context, version + 1, version + 3);
      await writeChecksum(context, await checksumOf(newest));
      await writeCheckpoint(newest);
      expect(await readChecksumBase(context, version + 3)).toMatchObject({ numFiles: 4 });
      const again = diskBacked(context.store);
      expect((await openLog(again)).version).toBe(version + 3);
      expect(await allPaths(await (await openLog(again, { version: version + 2 })).files())).toEqual([
        "a",
        "b",
        "old",
      ]);
      await expect(openLog(again, { version: version - 1 })).rejects.toMatchObject({
        data: { available: [[version, version + 3]] },
      });
    },
  );

  it("are read from file names exactly, up to 2^53 - 1", () => {
    expect(parseLogPath(commitPath(far))).toEqual({ kind: "commit", version: far });
    expect(parseLogPath(commitPath(Number.MAX_SAFE_INTEGER))).toEqual({
      kind: "commit",
      version: Number.MAX_SAFE_INTEGER,
    });
  });
});
