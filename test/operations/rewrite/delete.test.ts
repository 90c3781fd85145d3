import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { fsck } from "../../../src/api/fsck.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { openSession } from "../../../src/engine/session/session.ts";
import { schema } from "../../../src/schema/builder.ts";
import { sql } from "../../../src/sql/sql.ts";
import { fileList } from "../../../src/sql/sql-text.ts";
import { ConflictError } from "../../../src/table/commit/conflict-error.ts";
import { actionsOf, dataFiles, filesBelow, freshFolder, rowsOf } from "../table-folder.ts";
import { feed, numbers, vectors } from "./numbers.ts";

const ids = async (table: Table) => (await rowsOf(table, ["id"])).map(({ id }) => Number(id));
const changed = async (table: Table, version: number) => {
  const rows: string[] = [];
  for await (const row of (await table.changes({ from: version, to: version })).rows())
    rows.push(`${String(row["_change_type"])} ${String(row["id"])}`);
  return rows.sort();
};

describe.each([
  ["by writing files again", {}],
  ["by deletion vectors", vectors],
])("deleting rows %s", (_, properties) => {
  it("removes the rows for which the condition is true, and older versions stay", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, properties);
    const result = await table.delete("n > 2 AND n < 5", { userMetadata: "too large" });
    expect(result).toMatchObject({ outcome: "committed", version: 3, rowsDeleted: 2, rowsUpdated: 0 });
    expect(result.files.map(({ rows, changed }) => [rows, changed]).sort()).toEqual([
      [2, 1],
      [3, 1],
    ]);
    expect(await ids(table)).toEqual([1, 2, 5]);
    expect(await (await table.at(2)).count()).toBe(5);
    const [{ operation, operationParameters, rowsAdded, userMetadata } = {}] = await table.history({
      limit: 1,
    });
    expect({ operation, operationParameters, rowsAdded, userMetadata }).toEqual({
      operation: "DELETE",
      operationParameters: { predicate: '["n > 2 AND n < 5"]' },
      rowsAdded: 0,
      userMetadata: "too large",
    });
    const report = await fsck(folder, { data: true, orphans: true, deep: true });
    expect(report.findings).toEqual([]);
  });

  it("does not evaluate the condition for rows that are deleted already", async () => {
    const folder = join(freshFolder(), "t");
    const source = {
      sql: "SELECT i AS id, CASE i WHEN 5 THEN 'x' ELSE i::VARCHAR END AS text FROM range(9) r(i)",
    };
    await using table = await createTable(folder, { source, properties });
    await expect(table.delete("CAST(text AS INT) > 6")).rejects.toMatchObject({ code: "SQL_FAILED" });
    await table.delete("id = 5");
    expect(await table.delete("CAST(text AS INT) > 6")).toMatchObject({
      rowsDeleted: 2,
      files: [{ rows: 8, changed: 2 }],
    });
    expect(await ids(table)).toEqual([0, 1, 2, 3, 4, 6]);
  });

  it("keeps rows for which the condition is null or false", async () => {
    await using table = await numbers(join(freshFolder(), "t"), properties);
    await table.delete("n <> 3");
    expect(await ids(table)).toEqual([2, 3]);
  });

  it("commits nothing where no row matches, unless the deletion has a name, which then lands once", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, properties);
    await table.settled();
    const before = filesBelow(folder);
    expect(await table.delete("id = 9")).toMatchObject({ outcome: "unchanged", version: 2, files: [] });
    expect(filesBelow(folder)).toEqual(before);
    expect(await table.delete("id = 9", { batchId: "gdpr-1" })).toMatchObject({
      outcome: "committed",
      version: 3,
    });
    await table.append([{ id: 9, name: "late", n: 0 }]);
    expect(await table.delete("id = 9", { batchId: "gdpr-1" })).toMatchObject({ outcome: "alreadyApplied" });
    expect(await ids(table)).toContain(9);
  });

  it("counts what it would delete in a dry run, and writes nothing", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, properties);
    await table.settled();
    const before = filesBelow(folder);
    const result = await table.delete("id >= 3", { dryRun: true });
    expect(result).toMatchObject({ outcome: "dryRun", version: 2, rowsDeleted: 3 });
    expect(result.files.reduce((sum, { changed }) => sum + changed, 0)).toBe(3);
    expect(filesBelow(folder)).toEqual(before);
  });

  it("removes whole files that lose every row, and all of them for the condition true", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, properties);
    expect(await table.delete("id > 3")).toMatchObject({ filesRemoved: 1, filesAdded: 0, filesMarked: 0 });
    expect(await table.delete("true")).toMatchObject({ rowsDeleted: 3, filesRemoved: 1, filesAdded: 0 });
    expect(await ids(table)).toEqual([]);
    expect(dataFiles(folder)).toHaveLength(2);
  });

  it("tells the change feed of the deleted rows, and of no others", async () => {
    await using table = await numbers(join(freshFolder(), "t"), { ...properties, ...feed });
    const { version } = await table.delete("id IN (2, 4, 5)");
    expect(await changed(table, version)).toEqual(["delete 2", "delete 4", "delete 5"]);
  });

  it("keeps the ids and versions of the rows that stay, in a table that tracks rows", async () => {
    await using table = await numbers(join(freshFolder(), "t"), {
      ...properties,
      "delta.enableRowTracking": "true",
    });
    const tracked = async () => {
      const rows = new Map<string, unknown>();
      for await (const row of table.rows({ rowTracking: true }))
        rows.set(String(row["id"]), row["_metadata"]);
      return rows;
    };
    const before = await tracked();
    await table.delete("id = 1");
    await table.delete("id = 5");
    const after = await tracked();
    expect([...after.keys()].sort()).toEqual(["2", "3", "4"]);
    for (const [id, ids] of after) expect(ids).toEqual(before.get(id));
  });

  it("refuses a condition that is not one, in an append-only table, and in a pinned one", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, properties);
    await expect(table.delete("id")).rejects.toMatchObject({ code: "SQL_FAILED" });
    await expect(table.delete("nope = 1")).rejects.toMatchObject({ code: "SQL_FAILED" });
    await expect(table.delete("id = 1; DROP TABLE t")).rejects.toMatchObject({ code: "SQL_REFUSED" });
    for (const rest of ["LIMIT 1", "ORDER BY id", "HAVING true", "USING SAMPLE 1", "WINDOW w AS ()"])
      await expect(table.delete(`true ${rest}`), rest).rejects.toMatchObject({ code: "SQL_FAILED" });
    await expect(table.delete("random() < 2")).rejects.toMatchObject({ code: "SQL_REFUSED" });
    await expect(table.delete(" ")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    // @ts-expect-error: a condition is required
    await expect(table.delete()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    // @ts-expect-error: an unknown option
    await expect(table.delete("id = 1", { dryrun: true })).rejects.toThrow('Did you mean "dryRun"?');
    await using pinned = await openTable(folder, { at: 1 });
    await expect(pinned.delete("id = 1")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await table.alter({ set: { "delta.appendOnly": "true" } });
    await expect(table.delete("id = 1")).rejects.toMatchObject({ code: "TABLE_APPEND_ONLY" });
    expect(await ids(table)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe("a change of few rows", () => {
  const source = {
    sql: "SELECT i AS id, CASE WHEN i % 9 = 0 THEN NULL ELSE i END AS key, 'n' || (i * 7919 % 20000) AS name FROM range(245760) r(i)",
  };
  const dictionaries = async (folder: string, version: number): Promise<unknown> => {
    const paths = actionsOf(folder, version, "add").map(({ path }) => join(folder, String(path)));
    await using session = await openSession();
    return await session.rows(
      sql`SELECT path_in_schema AS name FROM parquet_metadata(${fileList(paths)}) GROUP BY 1 HAVING count(*) = count(dictionary_page_offset) ORDER BY 1`,
    );
  };

  it.each([
    ["a deletion", (table: Table) => table.delete("id % 50 = 7")],
    ["an update", (table: Table) => table.update({ set: { key: "-key" }, where: "id % 50 = 7" })],
  ])("leaves columns their dictionaries, however large: %s", async (_, change) => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, { source });
    expect(await dictionaries(folder, 0)).toEqual([{ name: "name" }]);
    expect(await change(table)).toMatchObject({ outcome: "committed", rowsCopied: 240_844 });
    expect(await dictionaries(folder, 1)).toEqual([{ name: "name" }]);
  });

  it.each([
    ["by writing files again", {}],
    ["by deletion vectors", vectors],
  ])("finds a long list of keys, and leaves null keys, %s", async (_, properties) => {
    const table = await createTable(join(freshFolder(), "t"), { source, properties });
    const keys = Array.from({ length: 300 }, (_, index) => index * 600 + 1);
    const there = keys.filter((key) => key % 9 !== 0);
    const where = `key IN (${keys.join(", ")}, NULL)`;
    expect(await table.delete(where)).toMatchObject({ rowsDeleted: there.length });
    expect(await table.count(where)).toBe(0);
    expect(await table.count("key IS NULL")).toBe(Math.ceil(245_760 / 9));
    expect(await table.count()).toBe(245_760 - there.length);
  });
});

describe("deletion vectors of a table", () => {
  it("hold the rows of all deletions, and give way to the removal of a file without rows", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, vectors);
    await table.delete("id = 1");
    await table.delete("id = 3");
    const [add] = actionsOf(folder, 4, "add");
    const [remove] = actionsOf(folder, 4, "remove");
    expect(add).toMatchObject({ deletionVector: { cardinality: 2, storageType: "u" }, dataChange: true });
    expect(remove).toMatchObject({ path: add?.["path"], deletionVector: { cardinality: 1 } });
    const stats = JSON.parse(String(add?.["stats"])) as Record<string, unknown>;
    expect(stats).toMatchObject({ numRecords: 3, tightBounds: false, minValues: { id: 1 } });
    expect(await table.delete("id = 2")).toMatchObject({ filesRemoved: 1, filesMarked: 0 });
    expect(actionsOf(folder, 5, "add")).toEqual([]);
    expect(actionsOf(folder, 5, "remove")[0]).toMatchObject({ deletionVector: { cardinality: 2 } });
    expect(await ids(table)).toEqual([4, 5]);
  });

  it("keep digits of bounds that no number holds", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, {
      schema: schema().decimal("d", 38, 2).long("id"),
      properties: vectors,
    });
    await table.append([
      { d: "123456789012345678901234567890.12", id: 9007199254740993n },
      { d: "1.10", id: 1n },
    ]);
    await table.delete("id = 1");
    const [add] = actionsOf(folder, 2, "add");
    expect(String(add?.["stats"])).toContain("123456789012345678901234567890.12");
    expect(String(add?.["stats"])).toContain("9007199254740993");
    await table.close();
  });

  it("are not written where the property is off, and files with older ones are written again without", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, vectors);
    await table.delete("id = 1");
    await table.alter({ set: { "delta.enableDeletionVectors": "false" } });
    expect(await table.delete("id = 2")).toMatchObject({ filesMarked: 0, filesAdded: 1, rowsCopied: 1 });
    expect(await ids(table)).toEqual([3, 4, 5]);
    expect(actionsOf(folder, 5, "add")[0]).not.toHaveProperty("deletionVector");
  });
});

describe("deleting rows of partitions", () => {
  const partitioned = async (folder: string, properties: Readonly<Record<string, string>> = {}) => {
    const table = await createTable(folder, {
      schema: schema().long("id").string("p"),
      partitionBy: ["p"],
      properties,
    });
    await table.append([
      { id: 1, p: "a" },
      { id: 2, p: "x y=%" },
      { id: 3, p: null },
      { id: 4, p: "a" },
    ]);
    return table;
  };

  it("reads no file: not even files that are gone are missed", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await partitioned(folder, { ...vectors, ...feed });
    const [lost] = dataFiles(folder).filter((file) => file.startsWith("p=__HIVE"));
    const bytes = readFileSync(join(folder, String(lost)));
    rmSync(join(folder, String(lost)));
    expect(await table.delete("p = 'a'")).toMatchObject({ rowsDeleted: 2, filesRemoved: 1, filesAdded: 0 });
    expect(await table.delete("p IS NULL", { dryRun: true })).toMatchObject({ rowsDeleted: 1 });
    writeFileSync(join(folder, String(lost)), bytes);
    expect(await table.delete("p IS NULL")).toMatchObject({ rowsDeleted: 1 });
    expect(await ids(table)).toEqual([2]);
    expect(await changed(table, 2)).toEqual(["delete 1", "delete 4"]);
    expect(existsSync(join(folder, "_change_data"))).toBe(false);
  });

  it("writes kept rows into their partitions, and change files beside them", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await partitioned(folder, feed);
    const { version } = await table.delete("p = 'a' AND id = 4 OR id = 2");
    expect(await changed(table, version)).toEqual(["delete 2", "delete 4"]);
    expect(await rowsOf(table)).toEqual([
      { id: 1n, p: "a" },
      { id: 3n, p: null },
    ]);
    expect(filesBelow(join(folder, "_change_data")).every((file) => file.startsWith("p="))).toBe(true);
  });
});

describe("a deletion beside other writers", () => {
  it("yields to one that changed the same file, and not to appends or other files", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder);
    await using other = await openTable(folder);
    await other.delete("id = 1");
    await expect(table.delete("id = 2")).rejects.toBeInstanceOf(ConflictError);
    await table.refresh();
    await other.append([{ id: 2, name: "again", n: 0 }]);
    await table.delete("id = 2");
    expect(await ids(table)).toEqual([2, 3, 4, 5]);
    await other.refresh();
    await other.delete("id = 4");
    await expect(table.delete("id = 5")).rejects.toBeInstanceOf(ConflictError);
  });
});
