import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { schema } from "../../../src/schema/builder.ts";
import { actionsOf, filesBelow, freshFolder, rowsOf } from "../table-folder.ts";

const columns = schema().long("a");

describe("properties of a new table", () => {
  it("are stored as every engine spells them, so that a table that tracks rows names its columns for ids", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, {
      schema: columns,
      properties: { "delta.enableRowTracking": "TRUE" },
    });
    expect(table.snapshot().properties).toEqual({
      "delta.enableRowTracking": "true",
      "delta.rowTracking.materializedRowIdColumnName": expect.stringMatching(/^_row-id-col-/),
      "delta.rowTracking.materializedRowCommitVersionColumnName":
        expect.stringMatching(/^_row-commit-version-col-/),
    });
    await table.append([{ a: 1 }]);
    expect(actionsOf(folder, 1, "add")[0]).toMatchObject({ baseRowId: 0, defaultRowCommitVersion: 1 });
  });

  it.each([
    ["delta.appendOnly", "maybe"],
    ["delta.nonsense", "1"],
    ["delta.feature.clustering", "perhaps"],
    ["delta.columnMapping.mode", "both"],
  ])("are refused, and nothing is created: %s = %s", async (key, value) => {
    for (const given of [{ schema: columns }, { source: [{ a: 1 }] }]) {
      const folder = join(freshFolder(), "t");
      const attempt = createTable(folder, { ...given, properties: { [key]: value } });
      await expect(attempt).rejects.toMatchObject({ code: "INVALID_ARGUMENT", data: { key } });
      expect(filesBelow(folder)).toEqual([]);
    }
  });
});

describe("properties of another writer's table", () => {
  async function foreign(
    configuration: Record<string, string>,
    features: readonly string[] = [],
  ): Promise<Table> {
    const folder = join(freshFolder(), "t");
    mkdirSync(join(folder, "_delta_log"), { recursive: true });
    const protocol = {
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: features,
      writerFeatures: ["appendOnly", "rowTracking", ...features],
    };
    const field = { name: "a", type: "long", nullable: true, metadata: {} };
    const schemaString = JSON.stringify({ type: "struct", fields: [field] });
    const id = "11111111-1111-4111-8111-111111111111";
    const metaData = {
      id,
      format: { provider: "parquet", options: {} },
      schemaString,
      partitionColumns: [],
      configuration,
    };
    writeFileSync(
      join(folder, "_delta_log", `${"0".repeat(20)}.json`),
      `${JSON.stringify({ protocol })}\n${JSON.stringify({ metaData })}\n`,
    );
    return openTable(folder);
  }

  it("that nobody knows are kept, and the table is read and written", async () => {
    const table = await foreign({ "delta.fromTheFuture": "7", "delta.rowTrackingSuspended": "TRUE" });
    await table.append([{ a: 1 }]);
    await table.alter({ set: { mine: "1" } });
    expect(table.snapshot().properties).toMatchObject({ "delta.fromTheFuture": "7" });
    expect(await rowsOf(table)).toEqual([{ a: 1n }]);
    expect(actionsOf(table.uri.replace("file://", ""), 1, "add")[0]).not.toHaveProperty("baseRowId");
    await expect(table.alter({ set: { "delta.fromTheFuture": "8" } })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await table.alter({ unset: ["delta.fromTheFuture"] });
    expect(table.snapshot().properties).not.toHaveProperty("delta.fromTheFuture");
  });

  it.each([
    ["delta.appendOnly", "maybe", "false"],
    ["delta.rowTrackingSuspended", "1", "true"],
    ["delta.enableChangeDataFeed", "on", "false"],
  ])(
    "that mean nothing refuse the write by key and value, not the read, until they are set right: %s = %s",
    async (key, value, right) => {
      const table = await foreign({ "delta.rowTrackingSuspended": "true", [key]: value });
      expect(await rowsOf(table)).toEqual([]);
      const refusal = {
        code: "PROPERTY_INVALID",
        data: { key, value },
        message: expect.stringContaining(`${key} is "${value}"`),
      };
      await expect(table.append([{ a: 1 }])).rejects.toMatchObject(refusal);
      await expect(table.alter({ set: { mine: "1" } })).rejects.toMatchObject(refusal);
      await table.alter({ set: { [key]: right } });
      await table.append([{ a: 1 }]);
      expect(await rowsOf(table)).toEqual([{ a: 1n }]);
    },
  );

  it("that mean nothing refuse the read where it depends on them", async () => {
    const table = await foreign({ "delta.columnMapping.mode": "both" }, ["columnMapping"]);
    const refusal = { code: "PROPERTY_INVALID", data: { key: "delta.columnMapping.mode", value: "both" } };
    await expect(rowsOf(table)).rejects.toMatchObject(refusal);
    await expect(table.append([{ a: 1 }])).rejects.toMatchObject(refusal);
  });

  it("that only steer maintenance harm no write", async () => {
    const table = await foreign({
      "delta.checkpointInterval": "often",
      "delta.logRetentionDuration": "a while",
      "delta.rowTrackingSuspended": "true",
    });
    await table.append([{ a: 1 }]);
    expect(await rowsOf(table)).toEqual([{ a: 1n }]);
  });
});

describe("properties that an alteration sets", () => {
  it.each([
    ["delta.nonsense", "1"],
    ["delta.appendOnly", "maybe"],
    ["delta.dataSkippingNumIndexedCols", "many"],
  ])("are refused, and nothing is committed: %s = %s", async (key, value) => {
    const table = await createTable(join(freshFolder(), "t"), { schema: columns });
    await expect(table.alter({ set: { [key]: value } })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { key },
    });
    expect(table.snapshot().version).toBe(0);
  });

  it("name columns for ids in whatever case row tracking is enabled", async () => {
    const table = await createTable(join(freshFolder(), "t"), { source: [{ a: 1 }] });
    await table.alter({ set: { "delta.enableRowTracking": "True" }, upgradeProtocol: true });
    expect(table.snapshot().properties).toMatchObject({
      "delta.enableRowTracking": "true",
      "delta.rowTracking.materializedRowIdColumnName": expect.stringMatching(/^_row-id-col-/),
    });
  });
});
