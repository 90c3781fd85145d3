import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import { checksumOf, writeChecksum } from "../../src/log/checksum/checksum-write.ts";
import type { TableContext } from "../../src/log/contract.ts";
import { cleanExpiredLog } from "../../src/log/maintenance/cleanup.ts";
import { writeCompaction } from "../../src/log/maintenance/compaction-write.ts";
import { checksumPath, commitPath, compactionPath, sidecarFolder } from "../../src/log/segment/file-names.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { commitTransaction } from "../../src/table/commit/transaction.ts";
import {
  add,
  contextOf,
  createTable,
  hastyWorld,
  metadata,
  protocol,
  remove,
} from "../support/commit-tools.ts";

// PROTOCOL.md "Metadata Cleanup" and "Log Compaction Files".

const day = 86_400_000;
const start = Date.UTC(2026, 0, 1, 12);

interface Aged {
  readonly context: TableContext;
  setTime(days: number): void;
}

/** A table whose version N was committed on day N, with JSON checkpoints at the given versions. */
async function agedTable(
  versions: number,
  checkpoints: readonly number[],
  configuration: Record<string, string> = {},
  features: readonly string[] = ["appendOnly"],
): Promise<Aged> {
  let now = start;
  const world = { ...hastyWorld, now: () => now };
  const context = contextOf(memoryStore(`cleanup-${randomUUID()}`, "", world), world);
  const setTime = (days: number) => {
    now = start + days * day;
  };
  await createTable(context, [
    protocol(features, ["v2Checkpoint"]),
    metadata({
      "delta.checkpointPolicy": "v2",
      "delta.logRetentionDuration": "interval 5 days",
      ...configuration,
    }),
  ]);
  for (let version = 1; version <= versions; version++) {
    setTime(version);
    await commitTransaction(await openLog(context), { actions: [add(`f${version}`)], operation: "WRITE" });
    if (checkpoints.includes(version)) await writeCheckpoint(await openLog(context));
  }
  return { context, setTime };
}

async function logFiles(context: TableContext): Promise<string[]> {
  const names: string[] = [];
  for await (const { path } of context.store.list("_delta_log/"))
    names.push(path.slice("_delta_log/".length).replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, "UUID"));
  return names;
}

const short = (version: number, rest: string) => `${String(version).padStart(20, "0")}.${rest}`;

describe("cleanExpiredLog", () => {
  it("keeps the newest checkpoint at or before the cutoff, its commit and everything after", async () => {
    const { context } = await agedTable(12, [3, 6, 9]);
    for (const version of [2, 8])
      await writeChecksum(context, await checksumOf(await openLog(context, { version })));
    await writeCompaction(context, 1, 4);
    await writeCompaction(context, 7, 10);
    // Day 12 less five days is day 7 at noon; its midnight comes after the commit of day 6: the checkpoint of
    // 6 stays.
    const report = await cleanExpiredLog(await openLog(context));
    expect(report.oldestKept).toBe(6);
    expect(await logFiles(context)).toEqual([
      short(6, "checkpoint.UUID.json"),
      ...[6].map((version) => short(version, "json")),
      short(7, `${String(10).padStart(20, "0")}.compacted.json`),
      short(7, "json"),
      short(8, "crc"),
      short(8, "json"),
      short(9, "checkpoint.UUID.json"),
      ...[9, 10, 11, 12].map((version) => short(version, "json")),
      "_last_checkpoint",
    ]);
    for (const version of [6, 7, 12])
      expect((await (await (await openLog(context, { version })).files()).totals()).files).toBe(version);
    await expect(openLog(context, { version: 5 })).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
  });

  it("deletes commits before the checkpoints that stand for them", async () => {
    const { context } = await agedTable(12, [3, 6]);
    const { deleted } = await cleanExpiredLog(await openLog(context));
    const firstCheckpoint = deleted.findIndex((path) => path.includes("checkpoint"));
    expect(deleted.slice(0, firstCheckpoint)).toEqual([0, 1, 2, 3, 4, 5].map(commitPath));
  });

  it("deletes nothing without a checkpoint to stand on, and nothing twice", async () => {
    const bare = await agedTable(12, []);
    expect(await cleanExpiredLog(await openLog(bare.context))).toEqual({ deleted: [] });
    const late = await agedTable(12, [11]);
    expect(await cleanExpiredLog(await openLog(late.context))).toEqual({ deleted: [] });
    const twice = await agedTable(12, [6]);
    expect((await cleanExpiredLog(await openLog(twice.context))).deleted).toHaveLength(6);
    expect(await cleanExpiredLog(await openLog(twice.context))).toEqual({ deleted: [], oldestKept: 6 });
  });

  it("a dry run says what would go and leaves it", async () => {
    const { context } = await agedTable(12, [6]);
    const before = await logFiles(context);
    expect((await cleanExpiredLog(await openLog(context), { dryRun: true })).deleted).toHaveLength(6);
    expect(await logFiles(context)).toEqual(before);
  });

  it.each([
    ["lacks a file", (text: string) => text.replace(/\{"add".*\n/, "")],
    ["is cut short", (text: string) => text.slice(0, text.length / 2)],
    ["is empty", () => ""],
  ])("deletes nothing behind a checkpoint that %s", async (_, damage) => {
    const { context } = await agedTable(12, [6]);
    await writeChecksum(context, await checksumOf(await openLog(context, { version: 6 })));
    for await (const { path } of context.store.list("_delta_log/")) {
      if (!path.includes("checkpoint.")) continue;
      await context.store.put(
        path,
        new TextEncoder().encode(damage(new TextDecoder().decode(await context.store.get(path)))),
      );
    }
    const before = await logFiles(context);
    const report = await cleanExpiredLog(await openLog(context, { version: 12 }));
    expect(report).toMatchObject({ deleted: [], reason: expect.stringContaining("cannot be relied upon") });
    expect(await logFiles(context)).toEqual(before);
  });

  it("keeps the last hour whatever the property says", async () => {
    const { context } = await agedTable(6, [4, 6], { "delta.logRetentionDuration": "interval 0 days" });
    const report = await cleanExpiredLog(await openLog(context));
    expect(report.oldestKept).toBe(4);
  });

  it("keeps everything for a retention that cannot be read", async () => {
    const { context } = await agedTable(12, [6], { "delta.logRetentionDuration": "a while" });
    expect(await cleanExpiredLog(await openLog(context))).toEqual({ deleted: [] });
  });

  it("keeps what a feature asks to protect", async () => {
    const { context } = await agedTable(12, [3, 6]);
    const report = await cleanExpiredLog(await openLog(context), {
      protectors: [async () => undefined, async () => 4],
    });
    expect(report.oldestKept).toBe(3);
    expect((await (await (await openLog(context, { version: 4 })).files()).totals()).files).toBe(4);
  });

  it("keeps protected checkpoints (feature checkpointProtection)", async () => {
    const { context } = await agedTable(12, [6], { "delta.requireCheckpointProtectionBeforeVersion": "9" }, [
      "appendOnly",
      "checkpointProtection",
    ]);
    expect(await cleanExpiredLog(await openLog(context))).toEqual({
      deleted: [],
      reason: expect.stringContaining("checkpointProtection keeps the versions before 9 together"),
    });
  });

  it("removes protected versions in one go once all of them are old enough", async () => {
    const { context } = await agedTable(
      12,
      [3, 6],
      { "delta.requireCheckpointProtectionBeforeVersion": "6" },
      ["appendOnly", "checkpointProtection"],
    );
    const report = await cleanExpiredLog(await openLog(context));
    expect(report.oldestKept).toBe(6);
    expect(report.deleted.slice(0, 6)).toEqual([0, 1, 2, 3, 4, 5].map(commitPath));
  });

  it("goes by the time in the commit where the table has it", async () => {
    const { context } = await agedTable(12, [6], { "delta.enableInCommitTimestamps": "true" }, [
      "appendOnly",
      "inCommitTimestamp",
    ]);
    expect((await cleanExpiredLog(await openLog(context))).oldestKept).toBe(6);
  });

  it("deletes sidecars that no checkpoint names once they are a day old", async () => {
    const { context, setTime } = await agedTable(6, [6]);
    const bytes = new Uint8Array([1]);
    await context.store.put(`${sidecarFolder}/${randomUUID()}.parquet`, bytes);
    setTime(14);
    const young = `${sidecarFolder}/${randomUUID()}.parquet`;
    await context.store.put(young, bytes);
    await cleanExpiredLog(await openLog(context));
    const left: string[] = [];
    for await (const { path } of context.store.list(`${sidecarFolder}/`)) left.push(path);
    expect(left).toEqual([young]);
  });
});

describe("writeCompaction", () => {
  it("stands for its commits: the table reads the same without them", async () => {
    const { context } = await agedTable(5, []);
    await commitTransaction(await openLog(context), {
      actions: [remove("f2"), remove("f5")],
      operation: "DELETE",
      txn: { appId: "x", version: 3n },
    });
    expect(await writeCompaction(context, 1, 6)).toBe(compactionPath(1, 6));
    const expected = await (await (await openLog(context)).files()).totals();
    const text = new TextDecoder().decode(await context.store.get(compactionPath(1, 6)));
    expect(text).not.toContain("commitInfo");
    expect(text.match(/"remove"/g)).toHaveLength(2);
    for (const version of [1, 2, 3, 4, 5])
      await context.store.put(commitPath(version), new TextEncoder().encode('{"commitInfo":{}}\n'));
    const fresh = contextOf(context.store, context.world);
    const after = await openLog(fresh);
    expect(await (await after.files()).totals()).toEqual(expected);
    expect((await after.appTransactions()).get("x")?.version).toBe(3n);
    expect(await context.store.head(checksumPath(6))).toBeUndefined();
  });

  it.each([
    [3, 3],
    [4, 2],
    [-1, 2],
  ])("refuses the range %i to %i", async (from, to) => {
    const { context } = await agedTable(5, []);
    await expect(writeCompaction(context, from, to)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("refuses a range that is not all there", async () => {
    const { context } = await agedTable(2, []);
    await expect(writeCompaction(context, 1, 3)).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
  });
});
