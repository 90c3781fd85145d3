import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { alterTable } from "../../../src/operations/alter/alter.ts";
import { schema } from "../../../src/schema/builder.ts";
import { actionsOf, freshFolder } from "../table-folder.ts";

const columns = schema().long("id").string("region").struct("s", schema().integer("a"));

async function filled(properties: Record<string, string>, partitionBy: string[] = []) {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, { schema: columns, properties, partitionBy });
  await table.append([
    { id: 1n, region: "north", s: { a: 1 } },
    { id: 2n, region: "south", s: null },
  ]);
  await table.append([{ id: 3n, region: "north", s: { a: null } }]);
  return { folder, table };
}

async function rowsOf(table: Pick<Table, "rows">) {
  const rows = [];
  for await (const row of table.rows()) rows.push(row);
  return rows.sort((a, b) => Number(a["id"]) - Number(b["id"]));
}

describe("the partitioning of a table", () => {
  it("changes in one commit that changes no row, id or old version", async () => {
    const { folder, table } = await filled({
      "delta.enableRowTracking": "true",
      "delta.enableChangeDataFeed": "true",
      "delta.enableDeletionVectors": "true",
    });
    await table.delete("id = 2");
    const before = await rowsOf(table);
    const ids = async () => {
      const found = [];
      for await (const row of table.rows({ rowTracking: true })) found.push(row["_metadata"]);
      return found
        .map((row) => JSON.stringify(row, (_, value) => (typeof value === "bigint" ? String(value) : value)))
        .sort();
    };
    const idsBefore = await ids();
    const result = await table.alter({ partitionBy: ["region"] });
    expect(result).toMatchObject({ outcome: "committed", version: 4 });
    expect(await rowsOf(table)).toEqual(before);
    expect(await ids()).toEqual(idsBefore);
    expect(table.snapshot().partitionColumns).toEqual(["region"]);
    const adds = actionsOf(folder, 4, "add");
    expect(adds).toMatchObject([{ partitionValues: { region: "north" }, dataChange: false }]);
    expect(adds[0]?.["deletionVector"]).toBeUndefined();
    expect(actionsOf(folder, 4, "remove").every((remove) => remove["dataChange"] === false)).toBe(true);
    expect(actionsOf(folder, 4, "commitInfo")[0]).toMatchObject({
      operation: "WRITE",
      operationParameters: { mode: "Overwrite", partitionBy: '["region"]' },
      isBlindAppend: false,
    });
    expect((await rowsOf(await table.at(2))).length).toBe(3);
    await table.append([{ id: 9n, region: "west", s: null }]);
    expect(await table.alter({ partitionBy: ["region"] })).toMatchObject({ outcome: "unchanged" });
    await table.alter({ partitionBy: [] });
    expect((await rowsOf(table)).map(({ region }) => region)).toEqual(["north", "north", "west"]);
  });

  it("is refused with other changes, for a clustered table, and by all columns", async () => {
    const { table } = await filled({});
    await expect(table.alter({ partitionBy: ["region"], dropColumns: ["s"] })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("dropColumns"),
    });
    await expect(table.alter({ partitionBy: ["s"] })).rejects.toMatchObject({ code: "SCHEMA_INVALID" });
    await expect(table.alter({ partitionBy: ["nope"] })).rejects.toMatchObject({ code: "COLUMN_NOT_FOUND" });
    await expect(
      table.alter({
        partitionBy: ["region"],
        set: { "delta.enableRowTracking": "true" },
        upgradeProtocol: true,
      }),
    ).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await table.alter({ clusterBy: ["id"], upgradeProtocol: true });
    await expect(table.alter({ partitionBy: ["region"] })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("yields to an append since the files were chosen, which would not fit", async () => {
    const { folder, table } = await filled({});
    const { log } = table.snapshot();
    await (await openTable(folder)).append([{ id: 4n, region: "east", s: null }]);
    await expect(alterTable(log, { partitionBy: ["region"] })).rejects.toMatchObject({
      code: "CONFLICT_CONCURRENT_APPEND",
    });
    await table.refresh();
    expect(await rowsOf(table)).toHaveLength(4);
    expect(actionsOf(folder, table.snapshot().version, "metaData")).toEqual([]);
  });

  it("yields to an append of the meantime, whose files would not fit", async () => {
    const { folder, table } = await filled({});
    const other = await openTable(folder);
    await table.alter({ description: "loads what an alteration needs" });
    const versions = await Promise.allSettled([
      other.append([{ id: 4n, region: "east", s: null }]),
      table.alter({ partitionBy: ["region"] }),
    ]);
    for (const outcome of versions)
      if (outcome.status === "rejected")
        expect(outcome.reason).toMatchObject({ code: expect.stringMatching(/^CONFLICT_/) });
    await table.refresh();
    const rows = await rowsOf(table);
    const done = versions.filter(({ status }) => status === "fulfilled").length;
    expect(done).toBeGreaterThan(0);
    expect(rows.length).toBe(versions[0]?.status === "fulfilled" ? 4 : 3);
    expect(rows.every(({ region }) => typeof region === "string")).toBe(true);
  });
});

describe("column mapping that is taken off", () => {
  const mapped = { "delta.columnMapping.mode": "name" };

  it("writes files under the names of the columns; renamed columns and clustering stay", async () => {
    const { folder, table } = await filled(mapped);
    await table.alter({ renameColumns: { id: "key", "s.a": "b" } });
    await table.alter({ clusterBy: ["key"], upgradeProtocol: true });
    const before = await rowsOf(table);
    await table.alter({ set: { "delta.columnMapping.mode": "none" } });
    expect(await rowsOf(table)).toEqual(before);
    const { properties, schema: after } = table.snapshot();
    expect(properties).toEqual({ "delta.columnMapping.mode": "none" });
    expect(JSON.stringify(after)).not.toContain("columnMapping");
    expect(actionsOf(folder, 5, "domainMetadata")[0]?.["configuration"]).toContain('[["key"]]');
    expect(actionsOf(folder, 5, "commitInfo")[0]).toMatchObject({ operation: "REMOVE COLUMN MAPPING" });
    await table.append([{ key: 4n, region: "east", s: { b: 1 } }]);
    expect((await rowsOf(table)).length).toBe(4);
    expect((await rowsOf(await table.at(2))).map(({ id }) => id)).toEqual([1n, 2n, 3n]);
  });

  it("is refused for names that files cannot have; removing the property does the same", async () => {
    const { table } = await filled(mapped);
    await table.alter({ renameColumns: { region: "the region" } });
    await expect(table.alter({ unset: ["delta.columnMapping.mode"] })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("the region"),
    });
    await table.alter({ renameColumns: { "`the region`": "region" } });
    await table.alter({ unset: ["delta.columnMapping.mode"] });
    expect(table.snapshot().properties).toEqual({});
    expect((await rowsOf(table)).map(({ region }) => region)).toEqual(["north", "south", "north"]);
  });
});
