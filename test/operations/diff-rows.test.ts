import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable, type SourceRow, schema, type Table } from "../../src/index.ts";
import { freshFolder } from "./table-folder.ts";

async function versions(before: readonly SourceRow[], after: readonly SourceRow[]): Promise<Table> {
  const table = await createTable(join(freshFolder(), "t"), { source: before });
  await table.overwrite(after);
  return table;
}

async function rowsOf(table: Table, key?: readonly string[]): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const row of (await table.diffRows(0, 1, { key })).rows()) rows.push(row);
  return rows;
}

describe("rows that two versions do not share", () => {
  it("with nested values, nulls and a column named like that of the change", async () => {
    const kept = { _change: "x", list: [1, 2], at: { a: null } };
    await using table = await versions(
      [kept, { _change: "y", list: [1], at: { a: "old" } }],
      [kept, { _change: "y", list: [1], at: { a: "new" } }],
    );
    const rows = await rowsOf(table);
    expect(rows).toEqual([
      { _change: "removed", _change_1: "y", list: [1n], at: { a: "old" } },
      { _change: "added", _change_1: "y", list: [1n], at: { a: "new" } },
    ]);
    expect(await rowsOf(table, ["_CHANGE"])).toMatchObject([{ _change: "before" }, { _change: "after" }]);
    expect((await table.diff(0, 1, { rows: true, key: ["_change"] })).rows).toEqual({
      added: 0,
      removed: 0,
      changed: 1,
    });
  });

  it("are paired by a key whose value is null", async () => {
    await using table = await versions(
      [
        { id: null, n: 1 },
        { id: 1, n: 1 },
      ],
      [
        { id: null, n: 2 },
        { id: 1, n: 1 },
      ],
    );
    expect(await rowsOf(table, ["id"])).toEqual([
      { _change: "before", id: null, n: 1n },
      { _change: "after", id: null, n: 2n },
    ]);
  });

  it("have values of variants, compared but not sorted", async () => {
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").column("v", "variant"),
      source: [{ id: 1, v: { a: 1 } }],
    });
    await table.overwrite([{ id: 1, v: { a: 2 } }]);
    expect(await rowsOf(table, ["id"])).toHaveLength(2);
    expect(await rowsOf(table)).toHaveLength(2);
    await expect(rowsOf(table, ["v"])).rejects.toThrow("Column v cannot be part of a key: it is a variant");
    await table.close();
  });

  it("are refused where the versions have no column in common", async () => {
    const table = await createTable(join(freshFolder(), "t"), { source: [{ a: 1 }] });
    await table.overwrite([{ b: 1 }], { overwriteSchema: true });
    await expect(rowsOf(table)).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    await expect(table.diff(0, 1, { rows: true })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    await table.close();
  });
});
