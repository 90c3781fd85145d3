import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import type { Table } from "../../src/api/table.ts";
import { schema } from "../../src/schema/builder.ts";
import { freshFolder } from "./table-folder.ts";

// PROTOCOL.md "Reader Requirements for AddCDCFile": changes from data files; each version under its own schema.

const fed = { "delta.enableChangeDataFeed": "true" };

async function made(properties: Record<string, string>, partitionBy: string[] = []) {
  const columns = schema().integer("id").string("p").struct("s", schema().integer("a").string("b"));
  return createTable(join(freshFolder(), "t"), {
    schema: columns,
    properties: { ...fed, ...properties },
    partitionBy,
  });
}

async function changesOf(table: Table, from: number): Promise<string[]> {
  const feed = await table.changes({ from });
  const found: string[] = [];
  for await (const { _commit_timestamp: _, ...row } of feed.rows())
    found.push(JSON.stringify(row, (_key, value) => (typeof value === "bigint" ? Number(value) : value)));
  return found.sort();
}

describe("changes over a range in which the table's definition changes", () => {
  it("find each version's values where its own definition put them", async () => {
    const table = await made({ "delta.columnMapping.mode": "name", "delta.enableTypeWidening": "true" });
    await table.append([{ id: 1, p: "x", s: { a: 1, b: "b" } }]);
    await table.alter({ renameColumns: { p: "part", "s.a": "aa" } });
    await table.delete("id = 1");
    await table.append([{ id: 2, part: "y", s: { aa: 2, b: "b" } }]);
    await table.alter({ set: { "delta.columnMapping.mode": "none" } });
    await table.alter({ partitionBy: ["part"], alterColumns: undefined });
    await table.alter({ alterColumns: { id: { type: "long" } }, addColumns: ["more INT"] });
    await table.append([{ id: 3, part: "z", s: null, more: 3 }]);
    await table.update({ set: { part: "'zz'" }, where: "id = 2" });
    const row = (
      id: number,
      part: string,
      s: object | null,
      more: number | null,
      type: string,
      version: number,
    ) => JSON.stringify({ id, part, s, more, _change_type: type, _commit_version: version });
    const two = { aa: 2, b: "b" };
    const later = [
      row(2, "y", two, null, "insert", 4),
      row(3, "z", null, 3, "insert", 8),
      row(2, "y", two, null, "update_preimage", 9),
      row(2, "zz", two, null, "update_postimage", 9),
    ];
    const one = { aa: 1, b: "b" };
    expect(await changesOf(table, 4)).toEqual([...later].sort());
    expect(await changesOf(table, 0)).toEqual(
      [row(1, "x", one, null, "insert", 1), row(1, "x", one, null, "delete", 3), ...later].sort(),
    );
  });

  it("read a table that is mapped in place, with columns renamed since", async () => {
    const table = await made({});
    await table.append([{ id: 1, p: "x", s: { a: 1, b: "b" } }]);
    await table.alter({ set: { "delta.columnMapping.mode": "name" }, upgradeProtocol: true });
    await table.alter({ renameColumns: { p: "part", "s.a": "aa" }, dropColumns: ["s.b"] });
    await table.append([{ id: 2, part: "y", s: { aa: 2 } }]);
    const found = await changesOf(table, 0);
    expect(found.map((text) => JSON.parse(text))).toMatchObject([
      { id: 1, part: "x", s: { aa: 1 } },
      { id: 2, part: "y", s: { aa: 2 } },
    ]);
  });

  it("read the rows that an overwrite removes under the definition that they were written under", async () => {
    const table = await made({}, ["p"]);
    await table.append([{ id: 1, p: "x", s: { a: 1, b: "b" } }]);
    await table.overwrite([{ id: 2, p: "y", s: { a: 2, b: "b" } }], {
      overwriteSchema: true,
      partitionBy: [],
    });
    const found = (await changesOf(table, 1)).map((text) => JSON.parse(text));
    expect(found.map(({ id, p, _change_type }) => [id, p, _change_type])).toEqual([
      [1, "x", "delete"],
      [1, "x", "insert"],
      [2, "y", "insert"],
    ]);
  });

  it("show columns as wide as they were, where a restore took back that they were made wider", async () => {
    const wide = { "delta.enableTypeWidening": "true" };
    const columns = schema().integer("id").struct("s", schema().array("l", "short"));
    const table = await createTable(join(freshFolder(), "t"), {
      schema: columns,
      properties: { ...fed, ...wide },
    });
    await table.append([{ id: 1, s: { l: [1] } }]);
    await table.alter({ alterColumns: { id: { type: "long" }, "s.l.element": { type: "integer" } } });
    await table.append([{ id: 5_000_000_000n, s: { l: [70_000] } }]);
    await table.restore(1);
    await table.append([{ id: 3, s: { l: [3] } }]);
    const row = (id: number, item: number, type: string, version: number) =>
      JSON.stringify({ id, s: { l: [item] }, _change_type: type, _commit_version: version });
    const restored = [row(5_000_000_000, 70_000, "delete", 4), row(3, 3, "insert", 5)];
    expect(await changesOf(table, 4)).toEqual([...restored].sort());
    const all = [row(1, 1, "insert", 1), row(5_000_000_000, 70_000, "insert", 3), ...restored];
    expect(await changesOf(table, 0)).toEqual(all.sort());
    expect(await changesOf(table, 5)).toEqual([row(3, 3, "insert", 5)]);
    expect((await table.changes({ from: 5 })).columns[0]).toMatchObject({ name: "id", type: "INTEGER" });
    expect((await table.changes({ from: 3 })).columns[0]).toMatchObject({ name: "id", type: "BIGINT" });
  });

  it("begin with the commit that changes the definition", async () => {
    const table = await made({}, ["p"]);
    await table.append([{ id: 1, p: "x", s: { a: 1, b: "b" } }]);
    await table.overwrite([{ id: 2, p: "y", s: { a: 2, b: "b" } }], {
      overwriteSchema: true,
      partitionBy: [],
    });
    const found = (await changesOf(table, 2)).map((text) => JSON.parse(text));
    expect(found.map(({ id, p, _change_type }) => [id, p, _change_type])).toEqual([
      [1, "x", "delete"],
      [2, "y", "insert"],
    ]);
  });

  it("are refused where values of a column are none of its type now", async () => {
    const table = await made({});
    await table.append([{ id: 1, p: "x", s: null }]);
    await table.overwrite([{ id: 2, p: 3n, s: "text" }], { overwriteSchema: true });
    await expect(changesOf(table, 1)).rejects.toMatchObject({
      code: "CHANGES_UNAVAILABLE",
      data: { version: 1 },
    });
  });
});
