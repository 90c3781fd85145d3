import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { fsck } from "../../../src/api/fsck.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { alterTable } from "../../../src/operations/alter/alter.ts";
import { schema } from "../../../src/schema/builder.ts";
import { actionsOf, freshFolder } from "../table-folder.ts";

// PROTOCOL.md "Row Tracking".

async function tracked(properties: Readonly<Record<string, string>> = {}) {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, {
    schema: schema().long("id").string("v"),
    properties: { "delta.enableRowTracking": "true", ...properties },
  });
  await table.append([1, 2, 3].map((id) => ({ id, v: `v${id}` })));
  await table.append([{ id: 4, v: "v4" }]);
  await table.update({ set: { v: "'new'" }, where: "id = 2" });
  return { folder, table };
}

async function idsOf(table: Pick<Table, "rows">): Promise<number[]> {
  const ids = [];
  for await (const { id } of table.rows()) ids.push(Number(id));
  return ids.sort();
}

async function rowIds(table: Pick<Table, "rows">): Promise<string[]> {
  const rows: string[] = [];
  for await (const { id, _metadata: own } of table.rows({ rowTracking: true }))
    rows.push(`${String(id)} ${String(Object(own)["row_id"])} ${String(Object(own)["row_commit_version"])}`);
  return rows.sort();
}

const drop = { dropFeatures: ["rowTracking"] };

describe("dropping row tracking", () => {
  it.each([
    ["written again", {}],
    ["marked by vectors", { "delta.enableDeletionVectors": "true" }],
  ])("takes ids, mark and properties off the table, in one commit (files %s)", async (_, properties) => {
    const { folder, table } = await tracked(properties);
    const before = await rowIds(table);
    const { version } = await table.alter(drop);
    expect(version).toBe(4);
    for (const add of actionsOf(folder, 4, "add")) {
      expect(add).toMatchObject({ dataChange: false });
      expect(add).not.toHaveProperty("baseRowId");
      expect(add).not.toHaveProperty("defaultRowCommitVersion");
    }
    expect(actionsOf(folder, 4, "add").length).toBeGreaterThan(1);
    expect(actionsOf(folder, 4, "remove")).toEqual([]);
    expect(actionsOf(folder, 4, "domainMetadata")).toMatchObject([
      { domain: "delta.rowTracking", removed: true },
    ]);
    expect(actionsOf(folder, 4, "commitInfo")).toMatchObject([
      { operation: "DROP FEATURE", operationParameters: { featureName: "rowTracking" } },
    ]);
    expect(table.snapshot().log.protocol.writerFeatures).not.toContain("rowTracking");
    expect(Object.keys(table.snapshot().properties).filter((key) => /rowTracking/i.test(key))).toEqual([]);
    await table.append([{ id: 5, v: "v5" }]);
    await table.delete("id = 1");
    await table.optimize();
    expect(await idsOf(table)).toEqual([2, 3, 4, 5]);
    expect(table.snapshot().schema.fields.map(({ name }) => name)).toEqual(["id", "v"]);
    expect(await rowIds(await table.at(3))).toEqual(before);
    expect((await fsck(folder, { data: true, orphans: true, deep: true })).findings).toEqual([]);
  });

  it("gives every row an id again when it is enabled later", async () => {
    const { table } = await tracked();
    await table.alter(drop);
    await table.append([{ id: 5, v: "v5" }]);
    await table.alter({ set: { "delta.enableRowTracking": "true" }, upgradeProtocol: true });
    const ids = (await rowIds(table)).map((row) => row.split(" ")[1]);
    expect(new Set(ids).size).toBe(5);
    expect(ids).not.toContain("null");
  });

  it("is undone by a restore, with the ids of the version, none of which is given twice", async () => {
    const { folder, table } = await tracked();
    const before = await rowIds(table);
    await table.alter(drop);
    await table.append([{ id: 5, v: "v5" }]);
    await table.restore(3);
    expect(await rowIds(table)).toEqual(before);
    await table.append([{ id: 6, v: "v6" }]);
    const ids = (await rowIds(table)).map((row) => row.split(" ")[1]);
    expect(new Set(ids).size).toBe(5);
    expect((await fsck(folder, { data: true, deep: true })).findings).toEqual([]);
  });

  it("is undone by a restore, after which ids of versions between are not given again", async () => {
    const { table } = await tracked();
    const idOf = (row: string | undefined) => Number(row?.split(" ")[1]);
    const last = Math.max(...(await rowIds(table)).map(idOf));
    await table.alter(drop);
    await table.restore(1);
    await table.append([{ id: 7, v: "v7" }]);
    expect(idOf((await rowIds(table)).at(-1))).toBeGreaterThan(last);
  });

  it.each([
    ["written again", {}],
    ["marked by vectors", { "delta.enableDeletionVectors": "true" }],
  ])("and tracking again give no id twice after a restore of the first (files %s)", async (_, properties) => {
    const { folder, table } = await tracked(properties);
    const before = await rowIds(table);
    await table.alter(drop);
    await table.delete("id > 2");
    await table.alter({ set: { "delta.enableRowTracking": "true" }, upgradeProtocol: true });
    await table.restore(3);
    expect(await rowIds(table)).toEqual(before);
    await table.append([7, 8, 9].map((id) => ({ id, v: `v${id}` })));
    const ids = (await rowIds(table)).map((row) => row.split(" ")[1]);
    expect(new Set(ids).size).toBe(7);
    expect((await fsck(folder, { data: true, deep: true })).findings).toEqual([]);
  });

  it("comes before domainMetadata, in SQL too, and is refused where the same change turns it on", async () => {
    const { table } = await tracked();
    for (const options of [
      { dropFeatures: ["domainMetadata"] },
      { dropFeatures: ["rowTracking", "domainMetadata"] },
      { ...drop, set: { "delta.enableRowTracking": "true" } },
    ])
      await expect(table.alter(options)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await table.sql("ALTER TABLE t DROP FEATURE rowTracking", {});
    await table.alter({ dropFeatures: ["domainMetadata"] });
    const { writerFeatures } = table.snapshot().log.protocol;
    for (const name of ["rowTracking", "domainMetadata"]) expect(writerFeatures).not.toContain(name);
    expect(await idsOf(table)).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ["an append", (table: Table) => table.append([{ id: 6, v: "v6" }])],
    ["a deletion", (table: Table) => table.delete("id > 3")],
    ["an optimization", (table: Table) => table.optimize()],
  ])("and %s stop each other", async (_, change) => {
    const { folder, table } = await tracked();
    const { log } = table.snapshot();
    await using first = await openTable(folder);
    await change(first);
    await expect(alterTable(log, drop)).rejects.toMatchObject({ code: expect.stringMatching(/^CONFLICT_/) });
    await table.refresh();
    await using second = await openTable(folder);
    await table.alter(drop);
    const writing = second.append([{ id: 7, v: "v7" }]);
    await expect(writing).rejects.toMatchObject({ code: "CONFLICT_PROTOCOL_CHANGED" });
  });
});
