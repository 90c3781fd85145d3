import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { fsck } from "../../../src/api/fsck.ts";
import type { Table } from "../../../src/api/table.ts";
import { check, suite } from "../../../src/quality/suite/builder.ts";
import { schema } from "../../../src/schema/builder.ts";
import { filesBelow, freshFolder, rowsOf } from "../table-folder.ts";
import { feed, numbers, vectors } from "./numbers.ts";

const texts = async (table: Table, columns?: readonly string[]) =>
  (await rowsOf(table, columns)).map((row) => Object.values(row).map(String).join(" "));

describe.each([
  ["by writing files again", {}],
  ["by deletion vectors", vectors],
])("updating rows %s", (_, properties) => {
  it("computes new values from old ones, for the rows for which the condition is true", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, properties);
    const result = await table.update({ set: { NAME: "upper(name) || id", n: "n + 0.5" }, where: "n >= 3" });
    expect(result).toMatchObject({ outcome: "committed", version: 3, rowsUpdated: 3, rowsDeleted: 0 });
    expect(await texts(table)).toEqual(["1 a 1", "2 b null", "3 C3 3.5", "4 D4 4.5", "5 E5 5.5"]);
    expect((await table.history({ limit: 1 }))[0]).toMatchObject({ operation: "UPDATE", rowsAdded: 0 });
    const report = await fsck(folder, { data: true, orphans: true, deep: true });
    expect(report.findings).toEqual([]);
  });

  it("swaps columns, and updates every row without a condition", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      source: [
        { a: 1, b: 2 },
        { a: 3, b: 4 },
      ],
      properties,
    });
    expect(await table.update({ set: { a: "b", b: "a" } })).toMatchObject({ rowsUpdated: 2, filesMarked: 0 });
    expect((await texts(table)).sort()).toEqual(["2 1", "4 3"]);
  });

  it("gives the change feed each row before and after, and no row that was only copied", async () => {
    await using table = await numbers(join(freshFolder(), "t"), { ...properties, ...feed });
    const { version } = await table.update({ set: { name: "'x'" }, where: "id IN (1, 4)" });
    const rows: string[] = [];
    for await (const { id, name, _change_type: type } of (await table.changes({ from: version })).rows())
      rows.push(`${String(id)} ${String(name)} ${String(type)}`);
    expect(rows.sort()).toEqual([
      "1 a update_preimage",
      "1 x update_postimage",
      "4 d update_preimage",
      "4 x update_postimage",
    ]);
  });

  it("tells the change feed of the first values of a column that had no type", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      source: [
        { id: 1, v: null },
        { id: 2, v: null },
      ],
      properties: { ...properties, ...feed },
    });
    const { version } = await table.update({ set: { v: "'first'" }, where: "id = 1" });
    const changes = await table.changes({ from: version, to: version });
    const texts: string[] = [];
    for await (const { _change_type: type, v } of changes.rows()) texts.push(`${String(type)} ${String(v)}`);
    expect(texts.sort()).toEqual(["update_postimage first", "update_preimage null"]);
  });

  it("keeps row ids, and gives updated rows the version of the commit", async () => {
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
    await table.update({ set: { n: "0" }, where: "id = 2" });
    await table.update({ set: { n: "1" }, where: "id >= 4" });
    const expected = new Map(before);
    const withVersion = (id: string, version: bigint) =>
      expected.set(id, { ...(before.get(id) as object), row_commit_version: version });
    withVersion("2", 3n);
    withVersion("4", 4n);
    withVersion("5", 4n);
    expect(await tracked()).toEqual(expected);
  });

  it("moves rows between partitions", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      schema: schema().long("id").string("p"),
      partitionBy: ["p"],
      properties: { ...properties, ...feed },
    });
    await table.append([
      { id: 1, p: "a" },
      { id: 2, p: "a" },
      { id: 3, p: "b" },
    ]);
    await table.update({ set: { p: "CASE WHEN id = 2 THEN 'c' END" }, where: "p = 'a'" });
    expect(await texts(table)).toEqual(["1 null", "2 c", "3 b"]);
    expect(filesBelow(folder).filter((file) => /^p=c\//.test(file))).toHaveLength(1);
  });

  it("sets fields of structs, of null ones too, and keeps the others", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      source: [
        { id: 1, s: { a: 1, b: { c: "x", d: 2 } } },
        { id: 2, s: null },
      ],
      properties,
    });
    await table.update({ set: { "s.a": "id * 10", "S.b.C": "'new'" } });
    expect(await rowsOf(table)).toEqual([
      { id: 1n, s: { a: 10n, b: { c: "new", d: 2n } } },
      { id: 2n, s: { a: 20n, b: { c: "new", d: null } } },
    ]);
    for (const set of [
      { s: "NULL", "s.a": "1" },
      { "s.b": "NULL", "s.b.c": "'x'" },
      { id: "1", ID: "2" },
    ])
      await expect(table.update({ set })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(table.update({ set: { "s.nope": "1" } })).rejects.toThrow("Its fields are: a, b.");
    await expect(table.update({ set: { "id.x": "1" } })).rejects.toMatchObject({ code: "COLUMN_NOT_FOUND" });
  });

  it("does not evaluate a value for rows that do not change", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      source: [
        { id: 1, text: "12", n: 0 },
        { id: 2, text: "none", n: 0 },
      ],
      properties,
    });
    await table.update({ set: { n: "CAST(text AS BIGINT)" }, where: "id = 1" });
    expect(await texts(table)).toEqual(["1 12 12", "2 none 0"]);
    await expect(table.update({ set: { n: "CAST(text AS BIGINT)" } })).rejects.toMatchObject({
      code: "SQL_FAILED",
    });
  });

  it("refuses values that are not of their column's type, and leaves nothing behind", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      schema: schema().integer("i").decimal("d", 5, 2).string("s"),
      properties,
    });
    await table.append([{ i: 1, d: "1.00", s: "x" }]);
    await table.settled();
    const before = filesBelow(folder);
    for (const set of [
      { i: "'x'" },
      { i: "CAST(3000000000 AS BIGINT)" },
      { d: "CAST('1.005' AS DECIMAL(10,3))" },
      { s: "1" },
      { i: "1.5::DOUBLE" },
    ])
      await expect(table.update({ set })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    await expect(table.update({ set: { nope: "1" } })).rejects.toMatchObject({ code: "COLUMN_NOT_FOUND" });
    await expect(table.update({ set: { i: "nope" } })).rejects.toMatchObject({ code: "SQL_FAILED" });
    await expect(table.update({ set: { i: "random()" } })).rejects.toMatchObject({ code: "SQL_REFUSED" });
    await expect(table.update({ set: {} })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(filesBelow(folder)).toEqual(before);
  });
});

describe("an update by deletion vectors", () => {
  it("keeps the earlier deletions of each file, beside files of which every row changes", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder, vectors);
    await table.append([{ id: 6, name: "f", n: 6 }]);
    await table.delete("id IN (1, 4)");
    expect(await table.update({ set: { n: "-n" }, where: "id IN (2, 5, 6)" })).toMatchObject({
      rowsUpdated: 3,
      filesRemoved: 2,
      filesMarked: 1,
    });
    expect(await texts(table)).toEqual(["2 b null", "3 c 3", "5 e -5", "6 f -6"]);
    expect((await fsck(folder, { data: true, deep: true })).findings).toEqual([]);
  });
});

describe("what a table requires of updated rows", () => {
  it("NOT NULL columns, constraints and lengths hold, and nothing is written where they do not", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      schema: schema().long("id", { nullable: false }).double("n"),
      properties: { "delta.constraints.positive": "n > 0" },
    });
    await table.append([
      { id: 1, n: 1 },
      { id: 2, n: 2 },
    ]);
    await table.settled();
    const before = filesBelow(folder);
    await expect(table.update({ set: { id: "NULL" }, where: "id = 1" })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
    });
    for (const n of ["-n", "NULL"])
      await expect(table.update({ set: { n }, where: "id = 2" })).rejects.toMatchObject({
        code: "CONSTRAINT_VIOLATED",
        data: { constraint: "positive" },
      });
    expect(filesBelow(folder)).toEqual(before);
    await table.update({ set: { n: "n + 1" } });
    expect(await texts(table)).toEqual(["1 2", "2 3"]);
  });

  it("generated columns are computed again, and a wrong value for one is refused", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").long("twice", { generatedAs: "id * 2" }),
    });
    await table.append([{ id: 1 }, { id: 2 }]);
    await table.update({ set: { id: "id + 10" }, where: "id = 1" });
    expect(await texts(table)).toEqual(["2 4", "11 22"]);
    await table.update({ set: { id: "5", twice: "10" }, where: "id = 2" });
    await expect(table.update({ set: { twice: "7" } })).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
    });
    expect(await texts(table)).toEqual(["5 10", "11 22"]);
  });

  it("the table's suite and a gate test the new rows, which are accepted or rejected as a whole", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await numbers(folder);
    await table.suite.set(
      suite("own", [
        check.between("n", { min: 0, max: 100 }, { onFail: "quarantine" }),
        check.unique("id", { acrossTable: true }),
      ]),
    );
    await expect(table.update({ set: { n: "n * 30" } })).rejects.toMatchObject({ code: "BATCH_REJECTED" });
    await expect(table.update({ set: { id: "4" }, where: "id = 1" })).rejects.toMatchObject({
      code: "BATCH_REJECTED",
    });
    const gate = suite("mine", [check.matches("name", "^[a-z]$")]);
    await expect(table.update({ set: { name: "upper(name)" }, gate })).rejects.toThrow("mine");
    const { gate: verdict } = await table.update({ set: { id: "id + 100", n: "1" }, where: "id < 3" });
    expect(verdict).toMatchObject({ accepted: true, rows: 2 });
    expect(await texts(table, ["id"])).toEqual(["3", "4", "5", "101", "102"]);
    expect((await table.history({ limit: 1 }))[0]?.gate).toMatchObject({ accepted: true });
  });
});
