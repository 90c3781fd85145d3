import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parquetMetadata } from "hyparquet";
import { describe, expect, it } from "vitest";
import type { Source } from "../../../src/api/shared/table-options.ts";
import {
  check,
  createTable,
  isVarveError,
  openTable,
  schema,
  suite,
  type Table,
} from "../../../src/index.ts";
import { typeText } from "../../../src/schema/type-names.ts";
import { dataFiles, freshFolder, rowsOf } from "../table-folder.ts";

const file = (name: string, text: string): string => {
  const path = join(freshFolder(), name);
  writeFileSync(path, text);
  return path;
};

/** Columns of a table by name, with whether they are untyped. */
const columnsOf = (table: Table) =>
  Object.fromEntries(
    table
      .snapshot()
      .schema.fields.map(({ name, type, metadata }) => [
        name,
        metadata["varve.untyped"] === true ? `untyped ${String(type)}` : type,
      ]),
  );

/** Names of the columns that the data files of a folder hold, by file in the order of their numbers. */
function columnsInFiles(folder: string): string[][] {
  return dataFiles(folder).map((name) => {
    const bytes = readFileSync(join(folder, name));
    const { schema: elements } = parquetMetadata(
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
    );
    return elements.slice(1).map((element) => element.name);
  });
}

/** The column `a` without a value in any row, from every source. */
const sources: Record<string, () => Promise<Source>> = {
  csv: async () => ({ csv: file("a.csv", "id,a\n1,\n2,\n") }),
  ndjson: async () => ({ ndjson: file("a.ndjson", '{"id":1,"a":null}\n{"id":2,"a":null}\n') }),
  rows: async () => [
    { id: 1, a: null },
    { id: 2, a: undefined },
  ],
  sql: async () => ({ sql: "SELECT 1::BIGINT AS id, NULL AS a UNION ALL SELECT 2, NULL" }),
  table: async () => createTable(join(freshFolder(), "o"), { source: [{ id: 1, a: null }] }),
};

/** A batch in which the column has values, and the type that these have. */
const values: Record<string, readonly [() => Source, string, unknown]> = {
  "rows of longs": [() => [{ id: 3, a: 7 }], "long", 7n],
  "rows of doubles": [() => [{ id: 3, a: 0.5 }], "double", 0.5],
  "rows of text": [() => [{ id: 3, a: "x" }], "string", "x"],
  "csv of dates": [() => ({ csv: file("d.csv", "id,a\n3,2024-01-31\n") }), "date", "2024-01-31"],
  "ndjson of booleans": [() => ({ ndjson: file("b.ndjson", '{"id":3,"a":true}\n') }), "boolean", true],
  "sql of decimals": [
    () => ({ sql: "SELECT 3::BIGINT AS id, 1.50::DECIMAL(5,2) AS a" }),
    "decimal(5,2)",
    "1.50",
  ],
};

describe("a column that is null in every row", () => {
  it.each(Object.keys(sources))("is an untyped string from %s, and no data file holds it", async (name) => {
    const folder = join(freshFolder(), "t");
    const source = await sources[name]?.();
    await using table = await createTable(folder, { source: source ?? [] });
    expect(columnsOf(table)).toEqual({ id: "long", a: "untyped string" });
    expect(columnsInFiles(folder)).toEqual([["id"]]);
    expect((await rowsOf(table))[0]).toEqual({ id: 1n, a: null });
  });

  it("is one in Parquet where the file says that it has no type", async () => {
    const folder = join(freshFolder(), "t");
    const parquet = new URL("../../fixtures/parquet/nulls.parquet", import.meta.url).pathname;
    await using table = await createTable(folder, { source: { parquet } });
    expect(columnsOf(table)).toEqual({ x: "untyped string", y: "long" });
    expect(columnsInFiles(folder)).toEqual([["y"]]);
  });

  it.each(Object.keys(values))("gets the type of the first batch with values: %s", async (name) => {
    const [source, type, value] = values[name] ?? [() => [], "", null];
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { source: [{ id: 1, a: null }] });
    await table.append([{ id: 2, a: null }]);
    const result = await table.append(source());
    expect(result.typedColumns).toEqual([{ column: "a", type }]);
    expect(table.snapshot().schema.fields[1]?.metadata).toEqual({});
    await using again = await openTable(folder);
    expect(await rowsOf(again)).toEqual(
      expect.arrayContaining([
        { id: 1n, a: null },
        { id: 2n, a: null },
        { id: 3n, a: value },
      ]),
    );
    const later = await again.append([{ id: 4, a: null }]);
    expect(later.typedColumns).toBeUndefined();
  });

  it("gets a type within a struct too, and the rest of the struct keeps its types", async () => {
    const folder = join(freshFolder(), "t");
    const sql = "SELECT 1::BIGINT AS id, {'d': DATE '2024-01-31', 'y': NULL} AS s";
    await using table = await createTable(folder, { source: { sql } });
    expect(columnsInFiles(folder)).toEqual([["id", "s", "d"]]);
    const ndjson = file("s.ndjson", '{"id":2,"s":{"d":"2024-02-29","y":{"z":[1]}}}\n');
    const result = await table.append({ ndjson });
    expect(result.typedColumns).toEqual([{ column: "s.y", type: "struct<z: array<long>>" }]);
    expect(await rowsOf(table)).toEqual(
      expect.arrayContaining([
        { id: 1n, s: { d: "2024-01-31", y: null } },
        { id: 2n, s: { d: "2024-02-29", y: { z: [1n] } } },
      ]),
    );
  });

  it("stays untyped while batches of any type have no value in it", async () => {
    await using table = await createTable(join(freshFolder(), "t"), { source: [{ id: 1, a: null }] });
    await table.append({ sql: "SELECT 2::BIGINT AS id, NULL::TIMESTAMPTZ AS a" });
    await table.append([{ id: 3 }]);
    expect(columnsOf(table)).toEqual({ id: "long", a: "untyped string" });
    const { typedColumns } = await table.append({ sql: "SELECT 4::BIGINT AS id, true AS a" });
    expect(typedColumns).toEqual([{ column: "a", type: "boolean" }]);
  });

  it.each<readonly [string, () => Source]>([
    ["rows", () => [1, "x", 2.5, [true]].map((a, index) => ({ id: index + 3, a }))],
    [
      "lines",
      () => ({
        ndjson: file(
          "m.ndjson",
          [1, '"x"', 2.5, "[true]"].map((a, id) => `{"id":${id + 3},"a":${a}}\n`).join(""),
        ),
      }),
    ],
  ])("takes the type of the first of its values, and others are set aside: %s", async (_, batchOf) => {
    const batch = batchOf();
    const table = await createTable(join(freshFolder(), "t"), { source: [{ id: 1, a: null }] });
    const gate = suite("aside", [], { onMisfit: "quarantine", maxBadShare: 1 });
    await table.append(batch, { gate });
    expect(columnsOf(table)).toEqual({ id: "long", a: "double" });
    expect(await rowsOf(table)).toEqual([
      { id: 1n, a: null },
      { id: 3n, a: 1 },
      { id: 5n, a: 2.5 },
    ]);
    const aside = await table.quarantine.read();
    expect(aside.map(({ payload }) => JSON.parse(String(payload)))).toEqual([
      { id: 4, a: "x" },
      { id: 6, a: "[true]" },
    ]);
    await expect(table.append(batch)).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    await table.close();
  });

  it("is added by a merge, and gets its type without one", async () => {
    await using table = await createTable(join(freshFolder(), "t"), { source: [{ id: 1 }] });
    await table.append([{ id: 2, a: null, l: [] }], { mergeSchema: true });
    expect(columnsOf(table)).toMatchObject({ id: "long", a: "untyped string" });
    await table.append([{ id: 3, a: 1.5 }]);
    expect(await rowsOf(table)).toEqual(
      expect.arrayContaining([
        { id: 1n, a: null, l: null },
        { id: 2n, a: null, l: [] },
        { id: 3n, a: 1.5, l: null },
      ]),
    );
  });

  it("in a file of names alone takes all types from the first rows", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      source: { csv: file("empty.csv", "id,a\n") },
    });
    await table.append({ csv: file("full.csv", "id,a\n1,2024-01-31\n") });
    expect(columnsOf(table)).toEqual({ id: "long", a: "date" });
  });

  it("is a plain string where the table has nothing else to keep, or is partitioned by it", async () => {
    await using alone = await createTable(join(freshFolder(), "t"), {
      source: [{ a: null, s: { b: null } }],
    });
    const error = await alone.append([{ a: null, s: { b: 1 } }]).catch((thrown: unknown) => thrown);
    expect(isVarveError(error, "SCHEMA_MISMATCH") && error.data).toMatchObject({
      column: ["s", "b"],
      expected: "string",
      found: "long",
    });
    await alone.append([{ a: "x", s: { b: "y" } }]);
    expect(await alone.count("a = 'x' AND s.b = 'y'")).toBe(1);
    await using parted = await createTable(join(freshFolder(), "t"), {
      source: [{ id: 1, p: null }],
      partitionBy: ["p"],
    });
    expect(columnsOf(parted)).toEqual({ id: "long", p: "string" });
  });

  it("keeps a value that only a repair gives it", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { source: [{ id: 1, a: null }] });
    const gate = suite("filled", [
      check.notNull("a", { onFail: "repair", repair: { with: "sql", expression: "'none'" } }),
    ]);
    await table.append([{ id: 2, a: null }], { gate });
    expect(columnsOf(table)).toEqual({ id: "long", a: "string" });
    expect(await table.count("a = 'none'")).toBe(1);
  });

  it("takes text that another writer put into its files for what it is", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { source: [{ id: 1, a: null }] });
    // as by a writer that knows nothing of untyped columns: the file has text, the schema is as before
    await table.append([{ id: 2, a: "x" }]);
    restoreSchema(folder, 1);
    await using other = await openTable(folder);
    expect(columnsOf(other)).toEqual({ id: "long", a: "untyped string" });
    const refused = await other.append([{ id: 3, a: 5 }]).catch((thrown: unknown) => thrown);
    expect(isVarveError(refused, "SCHEMA_MISMATCH") && refused.data).toMatchObject({
      column: ["a"],
      found: "long",
    });
    await using copy = await createTable(join(freshFolder(), "c"), { source: other });
    expect(columnsOf(copy)).toEqual({ id: "long", a: "string" });
    await other.append({ csv: file("number.csv", "id,a\n3,5\n") });
    expect(await other.count("a IN ('x', '5')")).toBe(2);
    expect(columnsOf(other)).toEqual({ id: "long", a: "string" });
  });

  it("gets its type from one of two writers at a time", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { source: [{ id: 1, a: null }] });
    await using second = await openTable(folder);
    await using third = await openTable(folder);
    await table.append([{ id: 2, a: "x" }]);
    const conflict = await second.append([{ id: 3, a: 5 }]).catch((thrown: unknown) => thrown);
    expect(isVarveError(conflict) && conflict.code).toBe("CONFLICT_METADATA_CHANGED");
    await third.append([{ id: 4, a: null }]);
    expect(await rowsOf(third)).toHaveLength(3);
  });

  it("is not typed over rows that another writer added meanwhile", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, { source: [{ id: 1, a: null }] });
    await using second = await openTable(folder);
    await table.append([{ id: 2 }]);
    const conflict = await second.append([{ id: 3, a: 5 }]).catch((thrown: unknown) => thrown);
    expect(isVarveError(conflict) && conflict.code).toBe("CONFLICT_CONCURRENT_APPEND");
  });

  it.each<[string, object, object]>([
    ["numbers", { a: null }, { a: 7n }],
    ["booleans", { a: null }, { a: true }],
    ["arrays", { a: null }, { a: [1n] }],
    ["fields of a struct", { s: { a: null, b: 1n } }, { s: { a: 0.5, b: 2n } }],
  ])("gets the type of %s from rows that replace some of a file's", async (_, before, after) => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      source: [
        { id: 1n, ...before },
        { id: 2n, ...before },
      ],
    });
    await table.overwrite([{ id: 1n, ...after }], { replaceWhere: "id = 1" });
    await using again = await openTable(folder);
    expect(await rowsOf(again)).toEqual([
      { id: 1n, ...after },
      { id: 2n, ...before },
    ]);
    await again.overwrite([{ id: 2n, ...after }], { replaceWhere: "id = 2" });
    expect(await rowsOf(again)).toHaveLength(2);
  });

  it("is replaced by a condition on itself", async () => {
    await using table = await createTable(join(freshFolder(), "t"), {
      source: [
        { id: 1, a: null },
        { id: 2, a: null },
      ],
    });
    await table.overwrite([{ id: 3, a: 7 }], { replaceWhere: "a > 5" });
    expect(await rowsOf(table)).toEqual([
      { id: 1n, a: null },
      { id: 2n, a: null },
      { id: 3n, a: 7n },
    ]);
  });

  it("reads as the version had it, and its rows are the same in diffs and change feeds", async () => {
    const folder = join(freshFolder(), "t");
    await using table = await createTable(folder, {
      source: [{ id: 1, a: null }],
      properties: { "delta.enableChangeDataFeed": "true" },
    });
    await table.append([{ id: 2, a: 7 }]);
    const old: unknown[] = [];
    for await (const row of (await table.at(0)).rows()) old.push(row);
    expect(old).toEqual([{ id: 1n, a: null }]);
    const changes: unknown[] = [];
    for await (const row of (await table.changes({ from: 0 })).rows()) changes.push(row);
    expect(changes).toHaveLength(2);
    expect((await table.diff(0, 1, { rows: true })).rows).toEqual({ added: 1, removed: 0 });
  });
});

describe("an object without fields", () => {
  const created = async (source: Source) => {
    await using table = await createTable(join(freshFolder(), "t"), { source });
    const [type] = table
      .snapshot()
      .schema.fields.map((field) => typeText(field.type))
      .slice(1);
    return { type, rows: (await rowsOf(table)).map((row) => row["a"]) };
  };

  it.each([
    ["rows", (rows: readonly object[]): Source => rows],
    [
      "JSON lines",
      (rows: readonly object[]): Source => ({
        ndjson: file("o.ndjson", rows.map((row) => `${JSON.stringify(row)}\n`).join("")),
      }),
    ],
  ])("of %s is kept apart from null, and has null fields beside others", async (_name, source) => {
    expect(
      await created(
        source([
          { id: 1, a: {} },
          { id: 2, a: null },
        ]),
      ),
    ).toEqual({
      type: "map<string, string>",
      rows: [[], null],
    });
    expect(
      await created(
        source([
          { id: 1, a: {} },
          { id: 2, a: { x: [{}, { y: 1 }] } },
        ]),
      ),
    ).toEqual({
      type: "struct<x: array<struct<y: long>>>",
      rows: [{ x: null }, { x: [{ y: null }, { y: 1n }] }],
    });
    expect(await created(source([{ id: 1, a: { x: [{}] } }]))).toEqual({
      type: "struct<x: array<map<string, string>>>",
      rows: [{ x: [[]] }],
    });
  });

  it("gets its fields from a row that comes thousands of rows later", async () => {
    const rows = Array.from({ length: 5000 }, (_, id) => ({
      id,
      a: { l: [{}], m: id === 4999 ? {} : null },
    }));
    const last = { id: 5000, a: { l: [{ x: { y: 1 } }], m: { z: true } } };
    const { type, rows: values } = await created([...rows, last]);
    expect(type).toBe("struct<l: array<struct<x: struct<y: long>>>, m: struct<z: boolean>>");
    expect([values[0], values[4999], values[5000]]).toEqual([
      { l: [{ x: null }], m: null },
      { l: [{ x: null }], m: { z: null } },
      { l: [{ x: { y: 1n } }], m: { z: true } },
    ]);
  });

  it("is an empty map, a struct of nulls or `{}` where the column's type is known", async () => {
    const columns = schema()
      .map("m", "integer", "string")
      .struct("s", schema().long("x"))
      .column("v", "variant");
    await using table = await createTable(join(freshFolder(), "t"), { schema: columns });
    await table.append([{ m: {}, s: {}, v: {} }]);
    expect(await rowsOf(table)).toEqual([{ m: [], s: { x: null }, v: "{}" }]);
  });

  it.each([
    ["a promise", Promise.resolve(1)],
    ["a regular expression", /x/],
  ])("is not what %s is taken for", async (_name, value) => {
    const columns = schema().map("m", "string", "string").struct("s", schema().long("x"));
    await using table = await createTable(join(freshFolder(), "t"), { schema: columns });
    const code = (source: unknown) =>
      table.append(source as Source).then(
        () => "accepted",
        (error: unknown) => isVarveError(error) && error.code,
      );
    expect(await code([{ m: value }])).toBe("SCHEMA_MISMATCH");
    expect(await code([{ s: value }])).toBe("SCHEMA_MISMATCH");
    expect(await code([{ n: value }])).toBe("SCHEMA_MISMATCH");
    expect(await code([value])).toBe("SOURCE_UNREADABLE");
  });
});

describe("rows that are instances of a class", () => {
  it("have their own properties as columns, and nothing of their class", async () => {
    class Base {
      get doubled(): number {
        return 2;
      }
      toText(): string {
        return "text";
      }
    }
    class Reading extends Base {
      readonly id = 1n;
      readonly constructor_ = "c";
      readonly inner = Object.assign(new Base(), { x: 1 });
    }
    await using table = await createTable(join(freshFolder(), "t"), { source: [new Reading()] });
    expect(await rowsOf(table)).toEqual([{ id: 1n, constructor_: "c", inner: { x: 1n } }]);
  });

  it("may lack a column of a name that every object has", async () => {
    const ndjson = file("names.ndjson", '{"id":1,"constructor":"x","toString":1}\n{"id":2}\n');
    await using table = await createTable(join(freshFolder(), "t"), { source: { ndjson } });
    expect(await rowsOf(table)).toEqual([
      { id: 1n, constructor: "x", toString: 1n },
      { id: 2n, constructor: null, toString: null },
    ]);
  });
});

describe("keys of a map that are no text", () => {
  it.each([
    ["integer", new Map([[7, "v"]]), [[7, "v"]]],
    ["long", [[7n, "v"]], [[7n, "v"]]],
    ["date", { "2024-01-31": "v" }, [["2024-01-31", "v"]]],
    ["date", new Map([["2024-01-31", "v"]]), [["2024-01-31", "v"]]],
  ] as const)("of %s come from rows and JSON lines", async (key, given, read) => {
    const columns = schema().long("id").map("m", key, "string");
    await using table = await createTable(join(freshFolder(), "t"), { schema: columns });
    await table.append([{ id: 1, m: given }]);
    const pairs = read.map(([own, value]) => `[${typeof own === "string" ? `"${own}"` : own},"${value}"]`);
    await table.append({ ndjson: file("m.ndjson", `{"id":2,"m":[${pairs.join(",")}]}\n`) });
    expect((await rowsOf(table)).map((row) => row["m"])).toEqual([read, read]);
  });

  it("are refused by name where an object of JSON has them as text", async () => {
    const columns = schema().long("id").map("m", "integer", "string");
    await using table = await createTable(join(freshFolder(), "t"), { schema: columns });
    const ndjson = file("m.ndjson", '{"id":1,"m":{"7":"v"}}\n');
    await expect(table.append({ ndjson })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["m", "key"], row: 0 },
    });
  });
});

/** Rewrites the metadata of a commit as that of version 0. */
function restoreSchema(folder: string, version: number): void {
  const commit = (number: number) => join(folder, "_delta_log", `${String(number).padStart(20, "0")}.json`);
  const first = readFileSync(commit(0), "utf8").split("\n");
  const metadata = first.find((line) => line.includes('"metaData"')) ?? "";
  const lines = readFileSync(commit(version), "utf8").split("\n");
  writeFileSync(
    commit(version),
    lines.map((line) => (line.includes('"metaData"') ? metadata : line)).join("\n"),
  );
}
