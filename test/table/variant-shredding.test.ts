import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Table } from "../../src/api/table.ts";
import { createTable, openTable, schema } from "../../src/index.ts";
import { freshFolder, rowsOf } from "../operations/table-folder.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { newSession } from "./hand-made-table.ts";

// PROTOCOL.md "Variant Shredding"; Parquet's VariantShredding.md.

const shredding = { "delta.enableVariantShredding": "true" };

function newTable(properties: Record<string, string> = {}, partitionBy: string[] = []): Promise<Table> {
  return createTable(join(freshFolder(), "t"), {
    schema: schema().long("id").string("p").column("v", "variant"),
    properties: { ...shredding, ...properties },
    partitionBy,
  });
}

/** Columns of a table's newest files below `v.typed_value`, by the files' footers. */
async function shreddedInto(table: Table): Promise<string[]> {
  await using session = await newSession();
  const paths = new Set<string>();
  for await (const files of table.snapshot().files())
    for (const file of files) {
      const rows = await session.rows(
        unchecked(`SELECT DISTINCT path_in_schema AS path FROM parquet_metadata('${join(table.uri, file)}')`),
      );
      for (const { path } of rows) if (/, typed_value$/.test(String(path))) paths.add(String(path));
    }
  return [...paths].sort();
}

const objects = (from: number, to: number, more = "") => ({
  sql: `SELECT range AS id, 'p' || range % 2 AS p, {'z': range::INTEGER, 'a': 'x' || range, 'in': {'y': 1, 'b': range}${more}}::VARIANT AS v FROM range(${from}, ${to})`,
});

const texts = async (table: Table) =>
  (await rowsOf(table, ["id", "v"]))
    .sort((one, other) => Number(one["id"]) - Number(other["id"]))
    .map(({ v }) => v);

const text = (id: number) => `{"a":"x${id}","in":{"b":${id},"y":1},"z":${id}}`;

describe("variants of a table with delta.enableVariantShredding", () => {
  it("are written shredded by every writer, and read as what they are", async () => {
    await using table = await newTable();
    await table.append(objects(0, 4));
    expect(await shreddedInto(table)).toEqual([
      "v, typed_value, a, typed_value",
      "v, typed_value, in, typed_value, b, typed_value",
      "v, typed_value, in, typed_value, y, typed_value",
      "v, typed_value, z, typed_value",
    ]);
    await table.update({ set: { p: "'u'" }, where: "id = 1" });
    await table
      .merge(objects(3, 6), { on: ["id"] })
      .whenMatchedUpdateAll()
      .whenNotMatchedInsertAll()
      .execute();
    await table.optimize();
    expect((await shreddedInto(table)).length).toBe(4);
    expect(await texts(table)).toEqual([0, 1, 2, 3, 4, 5].map(text));
    await using again = await openTable(table.uri);
    expect(await again.count("id > 2")).toBe(3);
  });

  it("are shredded in partitions and with mapped names too", async () => {
    await using table = await newTable({ "delta.columnMapping.mode": "name" }, ["p"]);
    await table.append(objects(0, 4));
    expect((await table.snapshot().describe()).files).toBe(2);
    const paths = await shreddedInto(table);
    expect(paths.length).toBe(4);
    expect(await texts(table)).toEqual([0, 1, 2, 3].map(text));
  });

  it("keep the type of every value, also of those that others are not shredded into", async () => {
    const values = [
      "{'a': 1::TINYINT, 'b': -0.0::DOUBLE, 'c': DATE '2024-02-29'}",
      "{'a': 1::BIGINT, 'b': 0.0::DOUBLE, 'c': NULL}",
      "{'a': 1.50::DECIMAL(5,2), 'b': 'nan'::DOUBLE, 'c': TIMESTAMPTZ '2024-01-31 10:00:00.5Z'}",
      "[{'x': 1}, {'x': 2}]",
      "'text'",
      "{'b': '\\xFF'::BLOB}",
    ];
    const source = {
      sql: values
        .map((value, id) => `SELECT ${id}::BIGINT AS id, ${value}::VARIANT AS v`)
        .join(" UNION ALL "),
    };
    await using whole = await newTable({ "delta.enableVariantShredding": "false" });
    await using table = await newTable();
    for (const one of [whole, table]) await one.append(source);
    expect(await shreddedInto(whole)).toEqual([]);
    expect(await shreddedInto(table)).not.toEqual([]);
    expect(await texts(table)).toEqual(await texts(whole));
    const types = async (one: Table) => {
      const copy = await newTable({ "delta.enableVariantShredding": "false" });
      await copy.append(one);
      return texts(copy);
    };
    expect(await types(table)).toEqual(await texts(whole));
  });

  it.each([
    ["a null", "NULL::VARIANT", null],
    ["a text of 64 bytes", `{'a': '${"x".repeat(64)}', 'z': 1}::VARIANT`, `{"a":"${"x".repeat(64)}","z":1}`],
  ])("are written whole beside %s, which the engine would change", async (_, value, expected) => {
    await using table = await newTable();
    await table.append({ sql: `${objects(0, 3).sql} UNION ALL SELECT 3, 'p', ${value}` });
    expect(await shreddedInto(table)).toEqual([]);
    expect(await texts(table)).toEqual([text(0), text(1), text(2), expected]);
  });
});
