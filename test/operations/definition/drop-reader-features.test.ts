import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { alterTable } from "../../../src/operations/alter/alter.ts";
import { schema } from "../../../src/schema/builder.ts";
import { actionsOf, filesBelow, freshFolder } from "../table-folder.ts";

// PROTOCOL.md "Table Features for New and Existing Tables": features of readers that go.

async function filled(properties: Record<string, string>) {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, { schema: schema().integer("id").string("v"), properties });
  await table.append([1, 2, 3].map((id) => ({ id, v: `v${id}` })));
  await table.append([4, 5].map((id) => ({ id, v: `v${id}` })));
  return { folder, table };
}

async function idsOf(table: Pick<Table, "rows">): Promise<unknown[]> {
  const ids = [];
  for await (const { id } of table.rows()) ids.push(Number(id));
  return ids.sort();
}

const protocolOf = (folder: string, version: number) => actionsOf(folder, version, "protocol")[0];
const checkpoints = (folder: string) =>
  filesBelow(join(folder, "_delta_log"))
    .filter((file) => file.endsWith(".checkpoint.parquet"))
    .map((file) => Number(file.slice(0, 20)));

describe("features of readers that are dropped", () => {
  it("deletionVectors: files with vectors are written again, earlier versions stay readable", async () => {
    const { folder, table } = await filled({
      "delta.enableDeletionVectors": "true",
      "delta.enableChangeDataFeed": "true",
      "delta.enableRowTracking": "true",
    });
    await table.delete("id = 2");
    const result = await table.alter({ dropFeatures: ["deletionVectors"] });
    expect(result).toMatchObject({
      outcome: "committed",
      version: 5,
      featuresAdded: ["checkpointProtection"],
      featuresDropped: ["deletionVectors"],
    });
    await table.settled();
    expect(actionsOf(folder, 4, "add")).toMatchObject([{ dataChange: false }]);
    expect(actionsOf(folder, 4, "remove")).toMatchObject([{ deletionVector: { cardinality: 1 } }]);
    expect(protocolOf(folder, 5)).toMatchObject({ minReaderVersion: 1, minWriterVersion: 7 });
    expect(protocolOf(folder, 5)?.["readerFeatures"]).toBeUndefined();
    expect(protocolOf(folder, 5)?.["writerFeatures"]).toContain("checkpointProtection");
    expect(table.snapshot().properties).toMatchObject({
      "delta.requireCheckpointProtectionBeforeVersion": "5",
    });
    expect(table.snapshot().properties).not.toHaveProperty("delta.enableDeletionVectors");
    expect(checkpoints(folder)).toEqual([4, 5]);
    expect(await idsOf(table)).toEqual([1, 3, 4, 5]);
    expect(await idsOf(await table.at(3))).toEqual([1, 3, 4, 5]);
    expect(await idsOf(await table.at(2))).toEqual([1, 2, 3, 4, 5]);
    await table.delete("id = 1");
    expect(actionsOf(folder, 6, "add")[0]?.["deletionVector"]).toBeUndefined();
  });

  it("columnMapping: files are written again under the names of the columns", async () => {
    const { folder, table } = await filled({ "delta.columnMapping.mode": "name" });
    await table.alter({ renameColumns: { v: "w" } });
    await table.alter({ dropFeatures: ["columnMapping"] });
    expect(protocolOf(folder, 5)).toMatchObject({ minReaderVersion: 1, minWriterVersion: 7 });
    expect(table.snapshot().properties).toEqual({
      "delta.requireCheckpointProtectionBeforeVersion": "5",
    });
    expect(JSON.stringify(table.snapshot().schema)).not.toContain("columnMapping");
    await table.append([{ id: 6, w: "v6" }]);
    expect(await idsOf(await openTable(folder))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await idsOf(await table.at(2))).toEqual([1, 2, 3, 4, 5]);
  });

  it("typeWidening: files are written again with the wide type, and its history goes", async () => {
    const { table } = await filled({ "delta.enableTypeWidening": "true" });
    await table.alter({ alterColumns: { id: { type: "long" } } });
    await table.alter({ dropFeatures: ["typeWidening"] });
    expect(table.snapshot().schema.fields[0]).toMatchObject({ type: "long", metadata: {} });
    expect(await idsOf(table)).toEqual([1, 2, 3, 4, 5]);
    expect(await idsOf(await table.at(2))).toEqual([1, 2, 3, 4, 5]);
  });

  it("v2Checkpoint: a classic checkpoint comes first, and another feature of readers stays", async () => {
    const { folder, table } = await filled({
      "delta.checkpointPolicy": "v2",
      "delta.enableDeletionVectors": "true",
    });
    await table.log.checkpoint();
    await table.alter({ dropFeatures: ["v2Checkpoint"] });
    await table.settled();
    expect(protocolOf(folder, 4)).toMatchObject({
      minReaderVersion: 3,
      readerFeatures: ["deletionVectors"],
    });
    expect(checkpoints(folder)).toEqual([3, 4]);
    expect(await idsOf(await openTable(folder))).toEqual([1, 2, 3, 4, 5]);
  });

  it("go without another commit where nothing uses them, and are refused with other changes", async () => {
    const { folder, table } = await filled({ "delta.feature.deletionVectors": "supported" });
    await expect(
      table.alter({ dropFeatures: ["deletionVectors"], set: { mine: "1" } }),
    ).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await table.alter({ dropFeatures: ["deletionVectors"] })).toMatchObject({ version: 3 });
    expect(protocolOf(folder, 3)?.["writerFeatures"]).not.toContain("deletionVectors");
    await expect(table.alter({ dropFeatures: ["deletionVectors"] })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await expect(
      table.sql("ALTER TABLE t DROP FEATURE checkpointProtection TRUNCATE HISTORY", {}),
    ).rejects.toMatchObject({ code: "HISTORY_RETAINED" });
  });

  it.each([false, true])(
    "stay, and nothing is written, beside others that cannot go (truncating: %s)",
    async (truncateHistory) => {
      const { table } = await filled({ "delta.enableDeletionVectors": "true" });
      await table.delete("id = 2");
      const drop = (...dropFeatures: string[]) => table.alter({ dropFeatures, truncateHistory });
      await expect(drop("deletionVectors", "columnMapping")).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
      expect(await table.refresh()).toMatchObject({ version: 3 });
    },
  );

  it.each([
    ["an append", "CONFLICT_CONCURRENT_APPEND", (table: Table) => table.append([{ id: 6, v: "v6" }])],
    ["a deletion", "CONFLICT_CONCURRENT_DELETE_READ", (table: Table) => table.delete("id > 3")],
    ["an optimization", undefined, (table: Table) => table.optimize()],
  ])("that were found unused before %s meet %s", async (_, code, change) => {
    const { folder, table } = await filled({ "delta.feature.deletionVectors": "supported" });
    const { log } = table.snapshot();
    await change(await openTable(folder));
    const dropping = alterTable(log, { dropFeatures: ["deletionVectors"] });
    if (code === undefined) expect(await dropping).toMatchObject({ outcome: "committed", version: 4 });
    else await expect(dropping).rejects.toMatchObject({ code });
    const { version } = await table.refresh();
    const { writerFeatures = ["deletionVectors"] } = protocolOf(folder, version) ?? {};
    expect((writerFeatures as string[]).includes("deletionVectors")).toBe(code !== undefined);
  });

  it("yield to a commit in between, which could use them", async () => {
    const { folder, table } = await filled({ "delta.feature.deletionVectors": "supported" });
    const other = await openTable(folder);
    const outcomes = await Promise.allSettled([
      table.alter({ dropFeatures: ["deletionVectors"] }),
      other.append([{ id: 6, v: "v6" }]),
    ]);
    for (const outcome of outcomes)
      if (outcome.status === "rejected")
        expect(outcome.reason).toMatchObject({ code: expect.stringMatching(/^CONFLICT_/) });
    expect(outcomes.some(({ status }) => status === "fulfilled")).toBe(true);
  });
});
