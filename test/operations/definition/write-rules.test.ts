import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { SourceRow } from "../../../src/engine/core/contract.ts";
import { arrayOf, mapOf, schema } from "../../../src/schema/builder.ts";
import { columnId } from "../../../src/schema/column-mapping.ts";
import { firstIdentity } from "../../../src/table/rules/write-rules.ts";
import fc from "../../support/fast-check.ts";
import { actionsOf, dataFiles, filesBelow, freshFolder, rowsOf } from "../table-folder.ts";

// PROTOCOL.md "Column Invariants", "CHECK Constraints", "Generated Columns", "Default Columns" and "Column
// Mapping". PROTOCOL.md "Identity Columns": the high-water mark of an identity column.

const invariant = (expression: string) => ({
  "delta.invariants": JSON.stringify({ expression: { expression } }),
});

describe("what a table requires of rows", () => {
  it.each([
    ["a CHECK constraint", { "delta.constraints.positive": "amount > 0" }, {}],
    ["an invariant", {}, invariant("amount > 0")],
  ])("%s holds for every row: only TRUE satisfies", async (_, properties, metadata) => {
    const folder = freshFolder();
    const table = await createTable(join(folder, "t"), {
      schema: schema().integer("amount", { metadata }).string("Name"),
      properties,
    });
    await table.append([{ amount: 1 }]);
    await table.close();
    const before = filesBelow(folder);
    for (const amount of [0, null]) {
      await expect(table.append([{ amount: 5 }, { amount, Name: "x" }])).rejects.toMatchObject({
        code: "CONSTRAINT_VIOLATED",
        data: { row: 1 },
      });
    }
    expect(filesBelow(folder)).toEqual(before);
    expect(await rowsOf(table)).toHaveLength(1);
  });

  it("Spark's spelling of a constraint is understood", async () => {
    const properties = {
      "delta.constraints.c": "`Name` <=> \"it's\" OR length(Name) >= 3 AND Name NOT LIKE 'x\\'%'",
    };
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema().string("Name"),
      properties,
    });
    await table.append([{ Name: "it's" }, { Name: "abc" }]);
    await expect(table.append([{ Name: "ab" }])).rejects.toMatchObject({ code: "CONSTRAINT_VIOLATED" });
    await expect(table.append([{ Name: "x'yz" }])).rejects.toMatchObject({ code: "CONSTRAINT_VIOLATED" });
  });

  it.each([
    ["hash(a) > 0", "hash"],
    ["s LIKE 'a!b' ESCAPE '!'", "like"],
    ["left(s, 9999999999) = 'a'", "the function left with string, long"],
    ["current_user() = 'x'", "current_user"],
    ["current_user = 'x'", "the function current_user"],
    ["s = user", "the function user"],
    ["now() > at", "now"],
    ["current_timestamp > at", "current_timestamp"],
    ["rand() < 2", "rand"],
    ["uuid() <> s", "uuid"],
    ["s = 'it''s'", "a doubled quote"],
    ["(SELECT 1) = 1", "SELECT"],
    ["nope > 1", "the column nope"],
    ["a", "a integer as a condition"],
    ["a > ", "without its end"],
    ["a > 1 extra", "extra"],
    [`${"(".repeat(20_000)}a${")".repeat(20_000)} > 0`, "nested"],
    [`${"NOT ".repeat(10_000)}a > 0`, "nested"],
    [`${"- ".repeat(10_000)}a > 0`, "nested"],
    [`${"a + ".repeat(10_000)}a > 0`, "nested"],
    [`a IN (${"1,".repeat(40_000)}1)`, "characters"],
  ])(
    "a table whose constraint is %s is not written, and the refusal names what is not known",
    async (expression, named) => {
      const table = await createTable(join(freshFolder(), "t"), {
        schema: schema().integer("a").double("d").string("s").timestamp("at").binary("bin"),
        properties: { "delta.constraints.c": expression },
      });
      await expect(table.append([{ a: 1 }])).rejects.toMatchObject({
        code: "UNSUPPORTED_FEATURE",
        message: expect.stringContaining(named) as string,
      });
    },
  );

  it.each([
    ["10 / a > 1", { a: 0 }],
    ["a + 1 > 0", { a: 2147483647 }],
    ["CAST(s AS INT) > 0", { s: "x" }],
    ["CAST(s AS INT) > 0 OR a = 1", { s: "x", a: 1 }],
    ["concat(s, 'x') <> 'y'", { s: null }],
    ["size(l) > 0", { l: null }],
    ["l[1] = 2", { l: [1] }],
    ["substring(s, 0, 1) = ''", { s: "abc" }],
    ["right(s, -1) <> ''", { s: "abc" }],
    ["s LIKE 'a\\\\_c'", { s: "abc" }],
    ["reverse(s) = 'e\u0301'", { s: "e\u0301" }],
    ["upper(s) = s", { s: "\u00df" }],
  ])("%s refuses the row %j by constraint and row", async (expression, row) => {
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").integer("a").string("s").array("l", "integer"),
      properties: { "delta.constraints.c": expression },
    });
    await expect(table.append([{ id: 1, ...row }])).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
      data: { constraint: "c", row: 0 },
    });
    expect(await rowsOf(table)).toEqual([]);
  });

  it.each([
    ["a = 0 OR 10 / a > 1", [{ a: 0 }, { a: 5 }]],
    ["s LIKE 'a!_c' ESCAPE '!'", [{ s: "a_c" }]],
    [
      "left(s, -1) = '' AND substring(s, 0, 1) = 'a' AND right(s, 1) = 'c' AND substring(s, -2, 1) = 'b'",
      [{ s: "abc" }],
    ],
    ["reverse(s) = '\u0301e\ud83d\ude00'", [{ s: "\ud83d\ude00e\u0301" }]],
    ["CAST(1.25 AS DECIMAL(2,1)) = 1.3 AND CAST(-1.25 AS DECIMAL(2,1)) = -1.3", [{ a: 1 }]],
  ])("%s takes the rows %j", async (expression, rows) => {
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema().integer("a").string("s"),
      properties: { "delta.constraints.c": expression },
    });
    await table.append(rows);
    expect(await rowsOf(table)).toHaveLength(rows.length);
  });

  it("a generated column that cannot be computed refuses the batch by column and row", async () => {
    const columns = schema().string("s").integer("n", { generatedAs: "CAST(s AS INT)" });
    const table = await createTable(join(freshFolder(), "t"), { schema: columns });
    await table.append([{ s: "7" }, { s: null }]);
    const failure = { code: "CONSTRAINT_VIOLATED", data: { kind: "generated", constraint: "n", row: 1 } };
    await expect(table.append([{ s: "1" }, { s: "x" }])).rejects.toMatchObject(failure);
    await expect(
      table.append([
        { s: "1", n: 1 },
        { s: "x", n: null },
      ]),
    ).rejects.toMatchObject(failure);
    expect((await rowsOf(table)).map((row) => row["n"])).toEqual([7, null]);
  });

  it("a default of current_timestamp() is one moment for the whole batch", async () => {
    const columns = schema()
      .long("id")
      .timestamp("at", { default: "current_timestamp()" })
      .date("day", { default: "current_date()" });
    const table = await createTable(join(freshFolder(), "t"), { schema: columns });
    const before = new Date().toISOString();
    await table.append({ sql: "SELECT range AS id FROM range(5000)" });
    const rows = await rowsOf(table);
    const moments = new Set(rows.map((row) => String(row["at"])));
    expect(moments.size).toBe(1);
    expect(String(rows[0]?.["at"]) >= before.replace("Z", "")).toBe(true);
    expect(String(rows[0]?.["at"]).slice(0, 10)).toBe(String(rows[0]?.["day"]));
  });

  it.each<[string, object]>([
    ["s.c, a varchar(3)", { s: { c: "abcd", d: [] } }],
    ["s.d.element, a char(2)", { s: { c: null, d: ["ab", null, "abc"] } }],
    ["m.key, a varchar(1)", { m: [["xy", { e: "e" }]] }],
    ["m.value.e, a varchar(4)", { m: [["x", { e: "longer" }]] }],
  ])("text inside other types is as long as it was declared: %s", async (column, row) => {
    const declared = (text: string) => ({ metadata: { __CHAR_VARCHAR_TYPE_STRING: text } });
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema()
        .struct(
          "s",
          schema().string("c").array("d", "string"),
          declared("struct<c:varchar(3),d:array<char(2)>>"),
        )
        .map("m", "string", schema().string("e"), declared("map<varchar(1),struct<e:varchar(4)>>"))
        .string("free", declared("something(else")),
    });
    await table.append([
      { s: { c: "abc", d: ["ab", null] }, m: [["x", { e: "four" }]], free: "any length" },
      { s: null, m: null },
      { s: { c: null, d: null }, m: [["y", null]] },
    ]);
    await expect(table.append([row as SourceRow])).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
      data: { kind: "length", row: 0 },
      message: expect.stringContaining(`length of column ${column}`) as string,
    });
    expect(table.snapshot().version).toBe(1);
  });

  it("varchar(n) columns hold no longer text", async () => {
    const columns = schema().string("code", { metadata: { __CHAR_VARCHAR_TYPE_STRING: "varchar(3)" } });
    const table = await createTable(join(freshFolder(), "t"), { schema: columns });
    await table.append([{ code: "äöü" }, { code: null }]);
    await expect(table.append([{ code: "abcd" }])).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
      data: { kind: "length", row: 0 },
    });
  });

  it("generated columns are computed where they are absent and checked where they are given", async () => {
    const columns = schema()
      .timestamp("at")
      .date("day", { generatedAs: "CAST(at AS DATE)" })
      .integer("year", { generatedAs: "YEAR(at)" });
    const table = await createTable(join(freshFolder(), "t"), { schema: columns, partitionBy: ["year"] });
    await table.append([{ at: "2024-02-29T23:59:59Z" }, { at: null }]);
    await table.append([{ at: "2023-01-01T00:00:00Z", day: "2023-01-01" }]);
    await expect(table.append([{ at: "2023-01-01T00:00:00Z", day: "2023-01-02" }])).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
      data: { kind: "generated" },
    });
    const rows = (await rowsOf(table)).map((row) => `${String(row["day"])} ${String(row["year"])}`).sort();
    expect(rows).toEqual(["2023-01-01 2023", "2024-02-29 2024", "null null"]);
  });

  it("defaults fill absent columns, and leave an explicit null alone", async () => {
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema()
        .long("id")
        .string("s", { default: "'none'" })
        .long("n", { default: "1 + 1", nullable: false }),
    });
    await table.append([{ id: 1 }]);
    await table.append([{ id: 2, s: null }]);
    expect(await rowsOf(table)).toEqual([
      { id: 1n, s: "none", n: 2n },
      { id: 2n, s: null, n: 2n },
    ]);
  });

  it.each([
    ["goes on from a mark that is one of its values", { start: 1n, step: 5n, highWaterMark: 11n }, 16n],
    ["steps over a mark that is none of its values", { start: 1n, step: 5n, highWaterMark: 12n }, 16n],
    [
      "starts at its start where the mark lies before it",
      { start: 100n, step: 10n, highWaterMark: 7n },
      100n,
    ],
    ["counts down past such a mark", { start: 0n, step: -4n, highWaterMark: -9n }, -12n],
    ["has no mark before its first value", { start: -3n, step: 2n }, -3n],
  ])("an identity column %s", (_, demand, first) => {
    expect(firstIdentity({ column: "id", allowExplicitInsert: true, ...demand })).toBe(first);
  });

  it("identity columns number rows on from the last commit", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, {
      schema: schema()
        .long("id", { identity: { start: 10, step: 5 } })
        .string("s"),
    });
    await table.append([{ s: "a" }, { s: "b" }]);
    await table.append([{ s: "c" }]);
    expect((await rowsOf(table)).map((row) => [row["id"], row["s"]])).toEqual([
      [10n, "a"],
      [15n, "b"],
      [20n, "c"],
    ]);
    expect(table.snapshot().schema.fields[0]?.metadata["delta.identity.highWaterMark"]).toBe(20);
    await expect(table.append([{ id: 1, s: "d" }])).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["id"] },
    });
    const late = await openTable(`${folder}`);
    await table.append([{ s: "d" }]);
    await expect(late.append([{ s: "e" }])).rejects.toMatchObject({ code: "CONFLICT_METADATA_CHANGED" });
  });

  it("nulls in nested columns without null are refused with their path", async () => {
    const columns = schema()
      .array("l", schema().long("a", { nullable: false }))
      .map("m", "string", "long", { valueContainsNull: false });
    const table = await createTable(join(freshFolder(), "t"), { schema: columns });
    await table.append([
      { l: [{ a: 1 }], m: { k: 1 } },
      { l: null, m: null },
    ]);
    await expect(table.append([{}, { l: [{ a: 1 }, { a: null }] }])).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["l", "element", "a"], row: 1 },
    });
    await expect(table.append([{ m: { k: null } }])).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["m", "value"] },
    });
  });

  it.each(["infinity", "-infinity"])("a moment that is %s is refused", async (moment) => {
    const table = await createTable(join(freshFolder(), "t"), { schema: schema().timestamp("at").date("d") });
    await expect(table.append({ sql: `SELECT TIMESTAMPTZ '${moment}' AS at` })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["at"] },
    });
    await expect(table.append({ sql: `SELECT DATE '${moment}' AS d` })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["d"] },
    });
  });
});

describe("column mapping", () => {
  it("writes physical names and ids, nested too, in files, statistics and partition values", async () => {
    const folder = join(freshFolder(), "t");
    const inner = schema().long("x y");
    const columns = schema()
      .long("id")
      .struct("s", inner)
      .column("l", arrayOf(inner))
      .column("m", mapOf("string", inner))
      .string("p,;{}");
    const table = await createTable(folder, {
      schema: columns,
      partitionBy: ["p,;{}"],
      properties: { "delta.columnMapping.mode": "id" },
    });
    await table.append([
      { id: 1, s: { "x y": 2 }, l: [{ "x y": 3 }, null], m: { k: { "x y": 4 } }, "p,;{}": "a" },
    ]);
    const [add] = actionsOf(folder, 1, "add");
    expect(Object.keys(add?.["partitionValues"] as object)[0]).toMatch(/^col-/);
    expect(String(add?.["stats"])).not.toContain("x y");
    expect(await rowsOf(table)).toEqual([
      {
        id: 1n,
        s: { "x y": 2n },
        l: [{ "x y": 3n }, null],
        m: [["k", { "x y": 4n }]],
        "p,;{}": "a",
      },
    ]);
    await table.append([{ id: 2, extra: true }], { mergeSchema: true });
    const ids = table.snapshot().schema.fields.map(columnId);
    expect(ids.at(-1)).toBe(Number(table.snapshot().properties["delta.columnMapping.maxColumnId"]));
  });
});

describe("partitions", () => {
  it("of every type come back, whatever characters, nulls and signs their values hold", async () => {
    const folder = join(freshFolder(), "t");
    const columns = schema()
      .long("id")
      .string("s")
      .double("d")
      .decimal("n", 10, 3)
      .boolean("b")
      .date("day")
      .timestamp("at")
      .binary("bin");
    const table = await createTable(folder, {
      schema: columns,
      partitionBy: ["s", "d", "n", "b", "day", "at", "bin"],
    });
    const rows = [
      {
        id: 1n,
        s: "a/b=c %20+é😀..",
        d: -0.5,
        n: "-1.500",
        b: false,
        day: "1969-12-31",
        at: "1969-12-31T23:59:59.999999Z",
        bin: Uint8Array.of(255, 0, 37),
      },
      {
        id: 2n,
        s: "..",
        d: Number.NaN,
        n: "0.000",
        b: true,
        day: "0001-01-01",
        at: "2024-01-01T00:00:00.000000Z",
        bin: Uint8Array.of(97),
      },
      { id: 3n, s: null, d: Number.POSITIVE_INFINITY, n: null, b: null, day: null, at: null, bin: null },
    ];
    await table.append(rows);
    expect(await rowsOf(table)).toEqual(rows);
    expect(dataFiles(folder)).toHaveLength(3);
  });

  it("of random texts come back", async () => {
    const table = await createTable(join(freshFolder(), "t"), {
      schema: schema().long("id").string("s"),
      partitionBy: ["s"],
    });
    const texts = fc.sample(fc.string({ unit: "binary", minLength: 1, maxLength: 20 }), {
      numRuns: 60,
    });
    const rows = texts.map((s, id) => ({ id: BigInt(id), s }));
    await table.append(rows);
    expect(await rowsOf(table)).toEqual(rows);
  });

  it.each([
    ["a column that is not there", ["nope"], "COLUMN_NOT_FOUND"],
    ["a list", ["l"], "SCHEMA_INVALID"],
    ["every column", ["a", "l"], "SCHEMA_INVALID"],
    ["one column twice", ["a", "A"], "INVALID_ARGUMENT"],
  ])("by %s are refused", async (_, partitionBy, code) => {
    const folder = freshFolder();
    await expect(
      createTable(join(folder, "t"), { schema: schema().long("a").array("l", "long"), partitionBy }),
    ).rejects.toMatchObject({
      code,
    });
    expect(filesBelow(folder)).toEqual([]);
  });
});

describe("variants", () => {
  it("hold whatever the source has, in two binary parts that every reader of variants knows", async () => {
    const folder = join(freshFolder(), "t");
    const table = await createTable(folder, {
      schema: schema().long("id").column("v", "variant").array("vs", "variant"),
    });
    await table.append([{ id: 1 }, { id: 2, v: { x: 1, y: ["p"] }, vs: [{ z: 1.5 }, null] }]);
    await table.append([{ id: 3, v: "text" }]);
    await table.append({ sql: `SELECT 4::BIGINT AS id, CAST('{"k":[1,null]}' AS JSON) AS v` });
    await table.append(await table.at(3));
    const variants = (await rowsOf(table, ["id", "v"])).map((row) => row["v"]);
    expect(variants).toEqual(
      [null, '{"x":1,"y":["p"]}', '"text"', '{"k":[1,null]}'].flatMap((text) => [text, text]),
    );
    expect(actionsOf(folder, 0, "protocol")[0]?.["readerFeatures"]).toEqual(["variantType"]);
  });
});
