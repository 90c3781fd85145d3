import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { isVarveError, type VarveError } from "../../../src/errors.ts";
import { schema } from "../../../src/schema/builder.ts";
import { memoryStore } from "../../../src/storage/memory/memory-store.ts";
import { realWorld } from "../../../src/util/world.ts";

// Features of readers that go with the history that used them: ALTER TABLE … DROP FEATURE … TRUNCATE HISTORY.

const hour = 3_600_000;
const start = Date.UTC(2026, 4, 1, 12, 0, 30);

/** A table in memory, whose world and files have the time that the test sets. */
async function timedTable(properties: Record<string, string>) {
  let now = start;
  const world = { ...realWorld, now: () => now };
  const uri = `ram://${randomUUID()}`;
  const store = { ...memoryStore(uri.slice("ram://".length), "", world), uri };
  const options = { world, openStore: async () => store };
  const table = await createTable(uri, {
    schema: schema().integer("id").string("v"),
    properties,
    ...options,
  });
  await table.append([1, 2, 3].map((id) => ({ id, v: `v${id}` })));
  await table.append([4, 5].map((id) => ({ id, v: `v${id}` })));
  const log = async () => {
    const names = [];
    for await (const { path } of store.list("_delta_log/0")) names.push(path.slice("_delta_log/".length));
    return names;
  };
  const oldest = async () => Number((await log()).find((name) => name.endsWith(".json"))?.slice(0, 20));
  return {
    table,
    log,
    oldest,
    reopened: () => openTable(uri, options),
    setTime: (hours: number) => {
      now = start + hours * hour;
    },
  };
}

async function idsOf(table: Pick<Table, "rows">): Promise<number[]> {
  const ids = [];
  for await (const { id } of table.rows()) ids.push(Number(id));
  return ids.sort();
}

async function failure(work: Promise<unknown>): Promise<VarveError> {
  try {
    await work;
  } catch (error) {
    if (isVarveError(error)) return error;
    throw error;
  }
  throw new Error("nothing failed");
}

const withVectors = { "delta.enableDeletionVectors": "true" };
const drop = { dropFeatures: ["deletionVectors"], truncateHistory: true } as const;

const features = (table: Table) => table.snapshot().log.protocol.writerFeatures ?? [];

describe("features that are dropped with the history that used them", () => {
  it("wait for the retention, then go with the versions before", async () => {
    const { table, oldest, log, setTime } = await timedTable(withVectors);
    await table.delete("id = 2");
    const first = await failure(table.alter(drop));
    expect(first).toMatchObject({
      code: "HISTORY_RETAINED",
      data: { features: ["deletionVectors"], version: 4, due: Date.UTC(2026, 4, 2, 12, 1) },
    });
    expect(first.message).toContain("2026-05-02T12:01:00.000Z");
    await table.refresh();
    expect(table.snapshot().version).toBe(5);
    expect(table.snapshot().properties).not.toHaveProperty("delta.enableDeletionVectors");
    expect(features(table)).toContain("deletionVectors");
    expect(await oldest()).toBe(0);
    await table.append([{ id: 6, v: "v6" }]);

    setTime(24);
    expect(await failure(table.alter(drop))).toMatchObject({
      code: "HISTORY_RETAINED",
      data: first.data,
      message: first.message,
    });
    expect(await oldest()).toBe(0);

    setTime(24.01);
    expect(await table.alter(drop)).toEqual({
      outcome: "committed",
      version: 7,
      featuresAdded: [],
      featuresDropped: ["deletionVectors"],
    });
    expect(await oldest()).toBe(5);
    expect((await log()).filter((name) => name.includes("checkpoint"))).toHaveLength(1);
    expect(features(table)).not.toContain("deletionVectors");
    expect(features(table)).not.toContain("checkpointProtection");
    expect(await idsOf(table)).toEqual([1, 3, 4, 5, 6]);
    const [newest] = await table.history({ limit: 1 });
    expect(newest?.operationParameters).toMatchObject({
      featureName: "deletionVectors",
      truncateHistory: "true",
    });
  });

  it.each([
    ["columnMapping", { "delta.columnMapping.mode": "name" }, "interval 24 hours"],
    ["typeWidening", { "delta.enableTypeWidening": "true" }, "interval 3 hours"],
    ["v2Checkpoint", { "delta.checkpointPolicy": "v2" }, "interval 2 days"],
  ])(
    "%s too, by the retention that the table has",
    async (feature, on: Record<string, string>, retention) => {
      const key = "delta.dropFeatureTruncateHistory.retentionDuration";
      const { table, oldest, setTime } = await timedTable({ ...on, [key]: retention });
      if (feature === "columnMapping") await table.alter({ renameColumns: { v: "w" } });
      if (feature === "typeWidening") await table.alter({ alterColumns: { id: { type: "long" } } });
      if (feature === "v2Checkpoint") await table.log.checkpoint();
      const statement = `ALTER TABLE t DROP FEATURE ${feature} TRUNCATE HISTORY`;
      const { code, data } = await failure(table.sql(statement, {}));
      const { version } = await table.refresh();
      expect({ code, features: data["features"] }).toEqual({ code: "HISTORY_RETAINED", features: [feature] });
      const hours = { columnMapping: 24, typeWidening: 3, v2Checkpoint: 48 }[feature] ?? 0;
      expect(data["due"]).toBe(start + 30_000 + hours * hour);
      setTime(hours + 0.01);
      await table.sql(statement, {});
      await table.refresh();
      expect(table.snapshot().version).toBe(version + 1);
      expect(features(table)).not.toContain(feature);
      expect(await oldest()).toBe(version);
      expect(await idsOf(table)).toEqual([1, 2, 3, 4, 5]);
    },
  );

  it("go at once where no version used them", async () => {
    const { table, oldest } = await timedTable({ "delta.feature.deletionVectors": "supported" });
    expect(await table.alter(drop)).toMatchObject({ outcome: "committed", version: 3 });
    expect(await oldest()).toBe(0);
    expect(features(table)).not.toContain("deletionVectors");
  });

  it("go at once where a column only has a name like a trace of them", async () => {
    const { table } = await timedTable({ "delta.feature.typeWidening": "supported" });
    await table.append([{ id: 6, v: "v6", "delta.typeChanges": 1 }], { mergeSchema: true });
    expect(await table.alter({ dropFeatures: ["typeWidening"], truncateHistory: true })).toMatchObject({
      outcome: "committed",
      version: 4,
    });
  });

  it("keep history for an hour whatever the retention says", async () => {
    const { table, setTime } = await timedTable({
      ...withVectors,
      "delta.dropFeatureTruncateHistory.retentionDuration": "interval 0 hours",
    });
    expect((await failure(table.alter(drop))).data["due"]).toBe(start + hour);
    setTime(0.9);
    expect(await failure(table.alter(drop))).toMatchObject({ code: "HISTORY_RETAINED" });
    setTime(1);
    expect(await table.alter(drop)).toMatchObject({ outcome: "committed" });
  });

  it("wait longer where they were used again in between", async () => {
    const { table, setTime } = await timedTable(withVectors);
    await failure(table.alter(drop));
    setTime(20);
    await table.refresh();
    await table.alter({ set: withVectors });
    await table.delete("id = 1");
    const { version } = table.snapshot();
    setTime(25);
    const error = await failure(table.alter(drop));
    expect(error.data).toMatchObject({ version: version + 1, due: start + 30_000 + 49 * hour });
    setTime(49.01);
    expect(await table.alter(drop)).toMatchObject({ outcome: "committed" });
    expect(await idsOf(table)).toEqual([2, 3, 4, 5]);
  });

  it.each(["false", "true"])(
    "keep history while the clock is wrong (times in commits: %s)",
    async (stamps) => {
      const { table, oldest, setTime } = await timedTable({
        ...withVectors,
        "delta.enableInCommitTimestamps": stamps,
      });
      setTime(1000);
      const { due } = (await failure(table.alter(drop))).data;
      expect(due).toBe(start + 30_000 + 1024 * hour);
      for (const hours of [0, -5000, 25, 1023]) {
        setTime(hours);
        expect(await failure(table.alter(drop))).toMatchObject({ code: "HISTORY_RETAINED", data: { due } });
        expect(await oldest()).toBe(0);
      }
      setTime(1024.01);
      expect(await table.alter(drop)).toMatchObject({ outcome: "committed" });
      expect(await oldest()).toBe(3);
    },
  );

  it("end the protection of checkpoints that an earlier drop left", async () => {
    const { table, oldest, setTime } = await timedTable(withVectors);
    await table.delete("id = 2");
    await table.alter({ dropFeatures: ["deletionVectors"] });
    await table.settled();
    expect(await failure(table.alter({ dropFeatures: ["checkpointProtection"] }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("truncateHistory"),
    });
    const end = { dropFeatures: ["checkpointProtection"], truncateHistory: true };
    expect(await failure(table.alter(end))).toMatchObject({
      code: "HISTORY_RETAINED",
      data: { version: 4, due: start + 30_000 + 24 * hour },
    });
    setTime(24.01);
    expect(await table.alter(end)).toMatchObject({ outcome: "committed", version: 6 });
    expect(await oldest()).toBe(5);
    expect(features(table)).not.toContain("checkpointProtection");
    expect(table.snapshot().properties).not.toHaveProperty("delta.requireCheckpointProtectionBeforeVersion");
    expect(await idsOf(table)).toEqual([1, 3, 4, 5]);
  });

  it("leave what an earlier drop protects, also where a version before the feature is restored", async () => {
    const { table, oldest } = await timedTable({});
    await table.alter({ set: withVectors, upgradeProtocol: true });
    await table.delete("id = 2");
    await table.alter({ dropFeatures: ["deletionVectors"] });
    await table.restore(2);
    await table.settled();
    expect(features(table)).toContain("checkpointProtection");
    expect(table.snapshot().properties).toEqual({ "delta.requireCheckpointProtectionBeforeVersion": "6" });
    const end = table.alter({ dropFeatures: ["checkpointProtection"], truncateHistory: true });
    expect(await failure(end)).toMatchObject({ code: "HISTORY_RETAINED", data: { version: 5 } });
    expect(await oldest()).toBe(0);
    expect(await idsOf(table)).toEqual([1, 2, 3, 4, 5]);
  });

  it("are refused where history is no matter, and with other changes, before anything is written", async () => {
    const { table } = await timedTable({ ...withVectors, "delta.feature.checkConstraints": "supported" });
    for (const options of [
      { truncateHistory: true },
      { dropFeatures: ["checkConstraints"], truncateHistory: true },
      { ...drop, set: { mine: "1" } },
      { dropFeatures: ["columnMapping"], truncateHistory: true },
    ])
      expect(await failure(table.alter(options))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await table.refresh()).toMatchObject({ version: 2 });
  });

  it("yield to another writer that commits in between", async () => {
    const { table, reopened, setTime } = await timedTable(withVectors);
    await failure(table.alter(drop));
    setTime(25);
    const other = await reopened();
    const outcomes = await Promise.allSettled([table.alter(drop), other.append([{ id: 6, v: "v6" }])]);
    for (const outcome of outcomes)
      if (outcome.status === "rejected")
        expect(outcome.reason).toMatchObject({ code: expect.stringMatching(/^CONFLICT_/) });
    expect(outcomes.some(({ status }) => status === "fulfilled")).toBe(true);
  });
});
