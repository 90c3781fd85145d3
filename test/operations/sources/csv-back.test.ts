import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import type { EngineRow } from "../../../src/engine/core/contract.ts";
import { arrayOf, mapOf, type SchemaBuilder, schema } from "../../../src/schema/builder.ts";
import { freshFolder } from "../table-folder.ts";

/** The rows of a table, and those of another one that the CSV of the first was appended to. */
async function thereAndBack(columns: SchemaBuilder, rows: readonly Readonly<Record<string, unknown>>[]) {
  const folder = freshFolder();
  const exportFolder = join(folder, "csv");
  mkdirSync(exportFolder);
  const there = await createTable(join(folder, "there"), { schema: columns });
  await there.append(rows);
  const csv = await (await there.snapshot().select({ exportFolder })).writeFile("csv");
  const back = await createTable(join(folder, "back"), { schema: columns });
  await back.append({ csv });
  return { text: readFileSync(csv, "utf8"), there: await rowsOf(there), back: await rowsOf(back) };
}

async function rowsOf(table: { rows(): AsyncIterable<EngineRow> }): Promise<EngineRow[]> {
  const rows: EngineRow[] = [];
  for await (const row of table.rows()) rows.push(row);
  return rows;
}

describe("CSV that was written", () => {
  it("can be appended back with every type, and is equal", async () => {
    const columns = schema()
      .byte("byte")
      .short("short")
      .integer("integer")
      .long("long")
      .float("float")
      .double("double")
      .decimal("decimal", 38, 38)
      .boolean("boolean")
      .string("string")
      .binary("binary")
      .date("date")
      .timestamp("timestamp")
      .timestampNtz("local")
      .column("array", arrayOf("string"))
      .column("struct", schema().long("a").column("b", arrayOf("double")));
    const { there, back } = await thereAndBack(columns, [
      {
        byte: -128,
        short: -32768,
        integer: -2147483648,
        long: -9223372036854775808n,
        float: 3.4028234663852886e38,
        double: 5e-324,
        decimal: `-0.${"9".repeat(38)}`,
        boolean: false,
        string: 'a "b", \n\r\té😀 = NULL',
        binary: Uint8Array.of(0, 255, 34, 44, 92, 10),
        date: "9999-12-31",
        timestamp: "0001-01-01T00:00:00.000001Z",
        local: "9999-12-31T23:59:59.999999",
        array: ["NULL", null, "", 'a"b'],
        struct: { a: 9007199254740993n, b: [0.1, null] },
      },
      {
        float: NaN,
        double: -Infinity,
        decimal: "0",
        string: "",
        binary: new Uint8Array(0),
        array: [],
        struct: {},
      },
      { double: -0, string: "NULL", binary: new TextEncoder().encode("text"), struct: { a: null, b: null } },
      { string: " \t " },
      {},
    ]);
    expect(back).toEqual(there);
    expect(there[0]?.["binary"]).toEqual(Uint8Array.of(0, 255, 34, 44, 92, 10));
  });

  it("holds binary as base64", async () => {
    const { text } = await thereAndBack(schema().binary("b").long("n"), [{ b: Uint8Array.of(0, 255), n: 1 }]);
    expect(text).toBe("b,n\nAP8=,1\n");
  });

  it("keeps the nulls of a single column", async () => {
    const { there, back } = await thereAndBack(schema().string("s"), [
      { s: null },
      { s: "" },
      { s: "x" },
      { s: null },
    ]);
    expect(back).toEqual(there);
  });

  it("keeps bytes and maps inside nested values", async () => {
    const columns = schema()
      .column("struct", schema().binary("b").column("list", arrayOf("binary")))
      .column("map", mapOf("integer", "binary"))
      .column("names", mapOf("string", schema().decimal("d", 38, 2)))
      .column("maps", arrayOf(mapOf("date", "double")));
    const bytes = Uint8Array.of(0, 255);
    const { there, back } = await thereAndBack(columns, [
      {
        struct: { b: bytes, list: [bytes, null, new Uint8Array(0)] },
        map: [
          [1, bytes],
          [2, null],
        ],
        names: { 'a "b"': { d: "123456789012345678901234567890123456.78" }, b: null },
        maps: [[["2024-01-31", 0.1]], null, []],
      },
      { struct: { b: null, list: null }, map: [], names: {}, maps: [] },
      {},
    ]);
    expect(back).toEqual(there);
  });

  it("keeps every digit and sign of numbers below others", async () => {
    const columns = schema()
      .column("list", arrayOf({ type: "decimal", precision: 18, scale: 4 }))
      .column("struct", schema().decimal("d", 38, 38).double("zero"));
    const { there, back } = await thereAndBack(columns, [
      { list: ["99999999999999.9999", null], struct: { d: `-0.${"9".repeat(38)}`, zero: -0 } },
    ]);
    expect(back).toEqual(there);
    expect(back[0]?.["list"]).toEqual(["99999999999999.9999", null]);
  });

  it.each([
    ["bytes that are not base64", '{"b":"no base64!"}', ["s", "b"], "no base64!"],
    ["a number that a double does not hold", '{"d":9007199254740993}', ["s", "d"], "9007199254740993"],
    ["a decimal of a digit more", '{"e":[1.005]}', ["s", "e", "element"], "1.005"],
    ["a fraction for a whole number", '{"l":1.5}', ["s", "l"], "1.5"],
    ["a text for a number", '{"l":"1"}', ["s", "l"], "1"],
    ["a field that the struct lacks", '{"unknown":1}', ["s", "unknown"], "1"],
    ["a field twice", '{"l":1,"l":2}', ["s"], '{"l":1,"l":2}'],
    ["what is not JSON", "{l:1}", ["s"], "{l:1}"],
  ])("is refused for %s below others, naming path, row and value", async (_, text, column, found) => {
    const folder = freshFolder();
    const columns = schema().column(
      "s",
      schema()
        .binary("b")
        .double("d")
        .column("e", arrayOf({ type: "decimal", precision: 5, scale: 2 }))
        .long("l"),
    );
    const table = await createTable(join(folder, "t"), { schema: columns });
    const csv = join(folder, "a.csv");
    writeFileSync(csv, `s\n"{""l"":7}"\n"${text.replaceAll('"', '""')}"\n`);
    await expect(table.append({ csv })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column, row: 1, found },
    });
    expect(await table.count()).toBe(0);
  });
});
