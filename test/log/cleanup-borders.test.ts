import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import { checksumOf, writeChecksum } from "../../src/log/checksum/checksum-write.ts";
import type { TableContext } from "../../src/log/contract.ts";
import { cleanExpiredLog } from "../../src/log/maintenance/cleanup.ts";
import { commitPath, sidecarFolder } from "../../src/log/segment/file-names.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { maintenanceProperties } from "../../src/protocol/maintenance-properties.ts";
import { parseInterval } from "../../src/protocol/property-values.ts";
import type { ObjectStore } from "../../src/storage/contract/object-store.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { commitTransaction } from "../../src/table/commit/transaction.ts";
import { add, contextOf, createTable, hastyWorld, metadata, protocol } from "../support/commit-tools.ts";

// PROTOCOL.md "Metadata Cleanup".

const minute = 60_000;
const day = 24 * 60 * minute;
const midnight = Date.UTC(2026, 5, 1);

interface Clock {
  now: number;
}

/**
 * A table without retention, whose versions from 1 on were committed at these minutes from a midnight, each
 * with a checkpoint.
 */
async function table(
  minutes: readonly number[],
  retention = "interval 0 days",
): Promise<{ context: TableContext; clock: Clock }> {
  const clock = { now: midnight - day };
  const world = { ...hastyWorld, now: () => clock.now };
  const context = contextOf(memoryStore(`cleanup-${randomUUID()}`, "", world), world);
  const configuration = { "delta.checkpointPolicy": "v2", "delta.logRetentionDuration": retention };
  await createTable(context, [protocol(["appendOnly"], ["v2Checkpoint"]), metadata(configuration)]);
  for (const [index, at] of minutes.entries()) {
    clock.now = midnight + at * minute;
    await commitTransaction(await openLog(context), { actions: [add(`f${index + 1}`)], operation: "WRITE" });
    await writeCheckpoint(await openLog(context));
  }
  return { context, clock };
}

describe("what cleanup leaves", () => {
  it.each([
    [29, 2],
    [30, 3],
  ])(
    "is everything younger than an hour: %i minutes after midnight it keeps from version %i on",
    async (now, oldest) => {
      const { context, clock } = await table([-120, -90, -30]);
      clock.now = midnight + now * minute;
      expect(await cleanExpiredLog(await openLog(context))).toMatchObject({ oldestKept: oldest });
    },
  );

  it.each([
    [-1, 1],
    [0, 2],
    [1, 2],
  ])(
    "is the whole day that the retention reaches into: %i minutes from midnight it keeps from version %i on",
    async (now, oldest) => {
      const { context, clock } = await table([-2 * 1440, -1440, -1439], "interval 1 days");
      clock.now = midnight + now * minute;
      expect(await cleanExpiredLog(await openLog(context))).toMatchObject({ oldestKept: oldest });
    },
  );

  it("are sidecars of the last full day, named or not", async () => {
    const { context, clock } = await table([-5 * 1440]);
    const names: string[] = [];
    for (const at of [-1441, -1440, -1439, -1]) {
      clock.now = midnight + at * minute;
      names.push(`${sidecarFolder}/${randomUUID()}.parquet`);
      await context.store.put(names.at(-1) ?? "", new Uint8Array([1]));
    }
    clock.now = midnight + 700 * minute;
    await cleanExpiredLog(await openLog(context));
    const left: string[] = [];
    for await (const { path } of context.store.list(`${sidecarFolder}/`)) left.push(path);
    expect(left.sort()).toEqual(names.slice(1).sort());
  });
});

describe("the order of cleanup", () => {
  /**
   * Versions 1 to 12 with checkpoints and checksums, cleaned up but for the last; what was deleted, one by
   * one.
   */
  async function cleaned(stopAfter = Number.POSITIVE_INFINITY) {
    const { context, clock } = await table(Array.from({ length: 12 }, (_, at) => -10_000 + at));
    for (const version of [2, 11])
      await writeChecksum(context, await checksumOf(await openLog(context, { version })));
    clock.now = midnight + day;
    const deleted: string[] = [];
    let underWay = 0;
    const store: ObjectStore = {
      ...context.store,
      delete: async (path) => {
        if (underWay++ > 0) throw new Error("two files are deleted at once");
        if (deleted.length >= stopAfter) throw new Error("the process dies");
        await new Promise((resolve) => setImmediate(resolve));
        await context.store.delete(path);
        deleted.push(path);
        underWay--;
      },
    };
    const report = cleanExpiredLog(await openLog({ ...context, store }));
    return { context, deleted, report };
  }

  it("is one file after the other: commits first, the oldest first", async () => {
    const { deleted, report } = await cleaned();
    expect((await report).deleted).toEqual(deleted);
    const commits = Array.from({ length: 12 }, (_, version) => commitPath(version));
    expect(deleted.slice(0, 12)).toEqual(commits);
    expect(deleted.slice(12)).toEqual([...deleted.slice(12)].sort());
    expect(deleted).toHaveLength(12 + 11 + 2);
  });

  it("leaves a table that reads right wherever it is cut short, and versions that read right or not at all", async () => {
    for (let stop = 0; stop <= 25; stop++) {
      const { context, report } = await cleaned(stop);
      await report.catch(() => undefined);
      const fresh = contextOf(context.store, context.world);
      expect(await (await (await openLog(fresh)).files()).totals()).toMatchObject({ files: 12 });
      for (const version of [0, 1, 5, 11]) {
        const files = await openLog(fresh, { version }).then(
          async (snapshot) => (await (await snapshot.files()).totals()).files,
          () => version,
        );
        expect(files, `version ${version} after ${stop} deletions`).toBe(version);
      }
    }
  });
});

describe("retentions", () => {
  it.each([
    ["interval 1 week", 7 * day],
    ["2 weeks 12 hours", 14.5 * day],
    ["interval 30 days", 30 * day],
    ["interval  2   days  12 hours", 2.5 * day],
    ["1 interval day", undefined],
    ["INTERVAL 90 minutes", 90 * minute],
    ["interval 1 month", undefined],
    ["7", undefined],
  ])("%s are %s milliseconds", (text, expected) => {
    expect(parseInterval(text)).toBe(expected);
  });

  it("are those of the reference implementation where the table names none", () => {
    expect(maintenanceProperties({ configuration: {} })).toMatchObject({
      logRetention: 30 * day,
      deletedFileRetention: 7 * day,
      checkpointInterval: 10,
      expiredLogCleanup: true,
    });
  });
});
