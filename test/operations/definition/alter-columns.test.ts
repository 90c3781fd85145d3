import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { openTable } from "../../../src/api/open-table.ts";
import type { Table } from "../../../src/api/table.ts";
import { arrayOf, schema } from "../../../src/schema/builder.ts";
import { parseSchema } from "../../../src/schema/schema-json.ts";
import { typeText } from "../../../src/schema/type-names.ts";
import { actionsOf, freshFolder } from "../table-folder.ts";

// PROTOCOL.md "Writer Requirements for Column Mapping", "Writer Requirements for Type Widening", "Identity
// Columns", "Default Columns" and "Writer Requirements for Clustered Table".

const columns = schema()
  .long("id")
  .string("name")
  .struct("s", schema().integer("a").string("b"))
  .array("lines", schema().integer("x"))
  .map("m", "string", schema().integer("x"));
const mapped = { "delta.columnMapping.mode": "name" };

async function made(properties: Record<string, string> = {}, of = columns, partitionBy: string[] = []) {
  const folder = join(freshFolder(), "t");
  const table = await createTable(folder, { schema: of, properties, partitionBy });
  return { folder, table };
}

const filled = async (properties: Record<string, string> = {}) => {
  const result = await made(properties);
  await result.table.append([
    { id: 1n, name: "a", s: { a: 1, b: "x" }, lines: [{ x: 1 }], m: new Map([["k", { x: 2 }]]) },
    { id: 2n, name: null, s: null, lines: null, m: null },
  ]);
  return result;
};

async function rowsOf(table: Pick<Table, "rows">) {
  const rows = [];
  for await (const row of table.rows()) rows.push(row);
  return rows;
}
const shape = (table: Table) =>
  table
    .snapshot()
    .schema.fields.map(
      ({ name, type, nullable }) => `${name} ${typeText(type)}${nullable ? "" : " not null"}`,
    );
const infoOf = (folder: string, version: number) => actionsOf(folder, version, "commitInfo")[0];
const parametersOf = (folder: string, version: number) =>
  infoOf(folder, version)?.["operationParameters"] as Record<string, string>;
const schemaOf = (folder: string, version: number) =>
  parseSchema(String(actionsOf(folder, version, "metaData")[0]?.["schemaString"]));

describe("columns that are added", () => {
  it("stand where they are asked for, at any depth, and are null in the rows that were there", async () => {
    const { folder, table } = await filled();
    const result = await table.alter({
      addColumns: [
        "first INT FIRST",
        { column: "total", type: "decimal(10,2)", comment: "net", position: { after: "ID" } },
        "s.c STRING COMMENT 'in a struct' AFTER a",
        "lines.element.y BIGINT",
        { column: "m.value.y", type: arrayOf("string") },
      ],
    });
    expect(result).toMatchObject({ outcome: "committed", version: 2, featuresAdded: [] });
    expect(shape(table)).toEqual([
      "first integer",
      "id long",
      "total decimal(10,2)",
      "name string",
      "s struct<a: integer, c: string, b: string>",
      "lines array<struct<x: integer, y: long>>",
      "m map<string, struct<x: integer, y: array<string>>>",
    ]);
    const [row] = await rowsOf(table);
    expect(row).toMatchObject({ first: null, id: 1n, total: null, s: { a: 1, c: null, b: "x" } });
    expect(row?.["lines"]).toEqual([{ x: 1, y: null }]);
    expect(infoOf(folder, 2)).toMatchObject({ operation: "ADD COLUMNS", isBlindAppend: true });
    expect(JSON.parse(parametersOf(folder, 2)["columns"] ?? "")[1]).toEqual({
      column: { name: "total", type: "decimal(10,2)", nullable: true, metadata: { comment: "net" } },
      position: "AFTER ID",
    });
    await table.append([{ first: 1, id: 3n, total: "1.50", s: { a: 1, c: "c", b: "b" } }]);
    expect(await rowsOf(table)).toContainEqual(expect.objectContaining({ total: "1.50" }));
    expect(Object.keys((await rowsOf(await table.at(1)))[0] ?? {})).not.toContain("first");
  });

  it("get ids and physical names of their own with column mapping", async () => {
    const { folder, table } = await filled(mapped);
    await table.alter({ addColumns: ["s.c STRUCT<d: INT>"] });
    const struct = schemaOf(folder, 2).fields[2]?.type;
    const added = typeof struct === "object" && struct.type === "struct" ? struct.fields[2] : undefined;
    expect(added?.metadata).toMatchObject({ "delta.columnMapping.id": 11 });
    expect(added?.metadata["delta.columnMapping.physicalName"]).toMatch(/^col-/);
    expect(table.snapshot().properties["delta.columnMapping.maxColumnId"]).toBe("11");
  });

  it.each([
    ["id2 INT NOT NULL", /NOT NULL/],
    ["z STRUCT<a: INT NOT NULL>", /NOT NULL/],
    ["z INT DEFAULT 5", /default/],
    ["NAME INT", /already/],
    ["s.A INT", /already/],
    ["name.x INT", /not a struct/],
    ["`a b` INT", /column mapping/],
  ])("are refused as %s", async (definition, message) => {
    const { table } = await made();
    await expect(table.alter({ addColumns: [definition] })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(message),
    });
    expect((await table.refresh()).version).toBe(0);
  });

  it.each([["nope.x INT"], ["x INT AFTER nope"], ["s.x INT AFTER id"]])(
    "need what they name: %s",
    async (definition) => {
      const { table } = await made();
      await expect(table.alter({ addColumns: [definition] })).rejects.toMatchObject({
        code: "COLUMN_NOT_FOUND",
      });
    },
  );

  it("may have any name with column mapping, but not one of the feed's while it is on", async () => {
    const { table } = await made({ ...mapped, "delta.enableChangeDataFeed": "true" });
    await table.alter({ addColumns: ["`a b` INT"] });
    await expect(table.alter({ addColumns: ["_Change_Type INT"] })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("change data feed"),
    });
  });

  it("need leave to list a feature, as varchar and plain types do not", async () => {
    const { table } = await made();
    await expect(table.alter({ addColumns: ["at TIMESTAMP_NTZ"] })).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      data: { features: ["timestampNtz"] },
    });
    await table.alter({ addColumns: ["at TIMESTAMP_NTZ", "code varchar(3)"], upgradeProtocol: true });
    await expect(table.append([{ id: 1n, code: "long" }])).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
    });
    await expect(table.alter({ addColumns: ["z STRUCT<a: varchar(3)>"] })).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
    });
  });
});

describe("columns that are renamed and dropped", () => {
  it("keep their data, and old versions their own names", async () => {
    const { folder, table } = await filled(mapped);
    await table.alter({ renameColumns: { name: "label", "s.a": "aa" } });
    expect(infoOf(folder, 2)?.["operation"]).toBe("ALTER TABLE");
    await table.alter({ dropColumns: ["s.b", "lines"] });
    expect(infoOf(folder, 3)).toMatchObject({
      operation: "DROP COLUMNS",
      operationParameters: { columns: '["s.b","lines"]' },
    });
    expect((await rowsOf(table))[0]).toEqual({ id: 1n, label: "a", s: { aa: 1 }, m: expect.anything() });
    expect((await rowsOf(await table.at(1)))[0]).toMatchObject({ name: "a", s: { a: 1, b: "x" } });
    await table.alter({ addColumns: ["lines INT"] });
    expect((await rowsOf(table))[0]).toMatchObject({ lines: null });
  });

  it("follow into partition columns and columns with statistics", async () => {
    const of = schema().long("id").string("p").string("note");
    const { folder, table } = await made({ ...mapped, "delta.dataSkippingStatsColumns": "id,note" }, of, [
      "p",
    ]);
    await table.append([{ id: 1n, p: "x", note: "n" }]);
    await table.alter({ renameColumns: { p: "part" } });
    await table.alter({ renameColumns: { id: "key.id" } });
    expect(table.snapshot().partitionColumns).toEqual(["part"]);
    expect(table.snapshot().properties["delta.dataSkippingStatsColumns"]).toBe("`key.id`,note");
    await table.append([{ "key.id": 2n, part: "y", note: "n" }]);
    expect(JSON.parse(String(actionsOf(folder, 4, "add")[0]?.["stats"])).minValues).toBeDefined();
    await table.alter({ dropColumns: ["note"] });
    expect(table.snapshot().properties["delta.dataSkippingStatsColumns"]).toBe("`key.id`");
    await expect(table.alter({ dropColumns: ["part"] })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect((await rowsOf(table)).map((row) => row["part"]).sort()).toEqual(["x", "y"]);
  });

  it("need column mapping, which the same change may enable", async () => {
    const { table } = await filled();
    for (const change of [{ dropColumns: ["name"] }, { renameColumns: { name: "label" } }])
      await expect(table.alter(change)).rejects.toMatchObject({
        code: "UNSUPPORTED_FEATURE",
        message: expect.stringContaining("delta.columnMapping.mode"),
      });
    await table.alter({ set: mapped, renameColumns: { name: "label" }, upgradeProtocol: true });
    expect((await rowsOf(table))[0]).toMatchObject({ label: "a" });
  });

  it.each([
    [{ renameColumns: { id: "NAME" } }, /already/],
    [{ renameColumns: { id: "ID" } }, /already/],
    [{ renameColumns: { "lines.element": "x" } }, /inside a list or map/],
    [{ dropColumns: ["lines.element.x"] }, /only column/],
    [{ dropColumns: ["name", "NAME"] }, /twice/],
    [{ dropColumns: ["name"], renameColumns: { name: "x" } }, /twice/],
    [{ dropColumns: ["name"], alterColumns: { NAME: { comment: "c" } } }, /twice/],
    [{ alterColumns: { name: { comment: "a" }, NAME: { comment: "b" } } }, /twice/],
  ])("are refused: %j", async (change, message) => {
    const { table } = await made(mapped);
    await expect(table.alter(change)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(message),
    });
  });

  it.each([["id > 0"], ["s.a > 0"], ["size(lines) > 0"]])(
    "stay while the constraint %s uses them",
    async (condition) => {
      const { table } = await made(mapped);
      await table.alter({ addConstraints: { used: condition }, upgradeProtocol: true });
      const column = condition.startsWith("id") ? "id" : condition.startsWith("s.") ? "s" : "lines";
      const part = column === "s" ? "s.a" : column === "lines" ? "lines.element.x" : "id";
      for (const change of [{ dropColumns: [column] }, { renameColumns: { [part]: "other" } }])
        await expect(table.alter(change)).rejects.toMatchObject({
          code: "INVALID_ARGUMENT",
          message: expect.stringContaining("CHECK constraint used"),
        });
      await table.alter({ renameColumns: { "s.b": "other" } });
    },
  );

  it("stay while a generated column, the clustering or the suite uses them", async () => {
    const of = schema().long("id").string("name").long("twice", { generatedAs: "id * 2" });
    const { table } = await made(mapped, of);
    await expect(table.alter({ dropColumns: ["id"] })).rejects.toMatchObject({
      message: expect.stringContaining("generated column twice"),
    });
    await table.alter({ dropColumns: ["twice"] });
    await table.alter({ clusterBy: ["name"], upgradeProtocol: true });
    await expect(table.alter({ dropColumns: ["name"] })).rejects.toMatchObject({
      message: expect.stringContaining("clustered"),
    });
    await table.alter({ renameColumns: { name: "label" } });
    await table.suite.set({
      name: "own",
      checks: [{ kind: "expect_column_values_to_not_be_null", params: { column: "id" } }],
    });
    await expect(table.alter({ renameColumns: { id: "key" } })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("suite own"),
    });
  });
});

describe("types that become wider", () => {
  const widening = { "delta.enableTypeWidening": "true" };

  it("are recorded at any depth, and files of the old type are read", async () => {
    const of = schema()
      .integer("n")
      .date("d")
      .struct("s", schema().short("a"))
      .array("l", "integer")
      .map("m", "byte", arrayOf("float"));
    const { folder, table } = await made(widening, of);
    await table.append([{ n: 1, d: "2024-01-01", s: { a: 1 }, l: [1], m: new Map([[1, [1.5]]]) }]);
    await table.alter({
      alterColumns: {
        n: { type: "long" },
        "s.a": { type: "INT" },
        "l.element": { type: "BIGINT" },
        "m.key": { type: "SMALLINT" },
        "m.value.element": { type: "DOUBLE" },
      },
    });
    const [n, , s, l, m] = schemaOf(folder, 2).fields;
    expect(n?.metadata["delta.typeChanges"]).toEqual([{ fromType: "integer", toType: "long" }]);
    expect(JSON.stringify(s?.type)).toContain('"fromType":"short","toType":"integer"');
    expect(l?.metadata["delta.typeChanges"]).toEqual([
      { fromType: "integer", toType: "long", fieldPath: "element" },
    ]);
    expect(m?.metadata["delta.typeChanges"]).toEqual([
      { fromType: "byte", toType: "short", fieldPath: "key" },
      { fromType: "float", toType: "double", fieldPath: "value.element" },
    ]);
    await table.append([{ n: 2n ** 40n, d: "2024-01-02", s: { a: 70000 }, l: [2n ** 40n], m: new Map() }]);
    expect(new Set((await rowsOf(table)).map((row) => row["n"]))).toEqual(new Set([1n, 2n ** 40n]));
    expect((await rowsOf(await table.at(1)))[0]).toMatchObject({ n: 1 });
  });

  it.each([
    ["n", "SMALLINT", "INVALID_ARGUMENT"],
    ["n", "STRING", "INVALID_ARGUMENT"],
    ["s", "STRUCT<a: BIGINT>", "INVALID_ARGUMENT"],
    ["nope", "BIGINT", "COLUMN_NOT_FOUND"],
    ["n", "nonsense", "SQL_FAILED"],
  ])("do not become others: %s %s", async (column, type, code) => {
    const { table } = await made(widening, schema().integer("n").struct("s", schema().integer("a")));
    await expect(table.alter({ alterColumns: { [column]: { type } } })).rejects.toMatchObject({ code });
  });

  it("need the property; the same type is no change", async () => {
    const { table } = await made();
    expect(await table.alter({ alterColumns: { "s.a": { type: "INT" } } })).toMatchObject({
      outcome: "unchanged",
    });
    await expect(table.alter({ alterColumns: { "s.a": { type: "BIGINT" } } })).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      data: { features: ["typeWidening"] },
    });
  });

  it("stay while a constraint uses them", async () => {
    const { table } = await made(widening, schema().integer("n"));
    await table.alter({ addConstraints: { small: "n < 100" }, upgradeProtocol: true });
    await expect(table.alter({ alterColumns: { n: { type: "long" } } })).rejects.toMatchObject({
      message: expect.stringContaining("small"),
    });
  });

  it("of limited texts may become longer ones", async () => {
    const { table } = await made();
    await table.alter({ addColumns: ["code varchar(3)"] });
    await expect(table.alter({ alterColumns: { code: { type: "varchar(2)" } } })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await table.alter({ alterColumns: { code: { type: "varchar(5)" } } });
    await table.append([{ id: 1n, code: "12345" }]);
    await table.alter({ alterColumns: { code: { type: "string" } } });
    await table.append([{ id: 1n, code: "123456" }]);
    await expect(table.alter({ alterColumns: { code: { type: "varchar(9)" } } })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

describe("other changes of columns", () => {
  it("move them within their struct, and comment on them", async () => {
    const { folder, table } = await filled();
    await table.alter({ alterColumns: { "s.b": { position: "first" } } });
    await table.alter({ alterColumns: { id: { position: { after: "m" }, comment: "key" } } });
    expect(infoOf(folder, 3)).toMatchObject({
      operation: "CHANGE COLUMN",
      operationParameters: {
        column: '{"name":"id","type":"long","nullable":true,"metadata":{"comment":"key"}}',
        position: "AFTER m",
      },
    });
    expect(shape(table).map((text) => text.split(" ")[0])).toEqual(["name", "s", "lines", "m", "id"]);
    expect((await rowsOf(table))[0]).toMatchObject({ id: 1n, name: "a", s: { b: "x", a: 1 } });
    await table.alter({ alterColumns: { id: { comment: null } } });
    expect(table.snapshot().schema.fields.at(-1)?.metadata).toEqual({});
  });

  it("test the rows before a column is NOT NULL, which binds from then on", async () => {
    const { table } = await filled();
    await expect(table.alter({ alterColumns: { name: { nullable: false } } })).rejects.toMatchObject({
      code: "CONSTRAINT_VIOLATED",
      data: { column: ["name"], rows: 1 },
    });
    await table.alter({ alterColumns: { id: { nullable: false }, "s.a": { nullable: false } } });
    await expect(table.append([{ id: null }])).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    await table.alter({ alterColumns: { id: { nullable: true } } });
    await table.append([{ id: null }]);
    await expect(
      table.alter({ alterColumns: { "lines.element.x": { nullable: false } } }),
    ).rejects.toMatchObject({ code: "UNSUPPORTED_FEATURE" });
  });

  it("set defaults for rows to come, of the column's type, and take them away", async () => {
    const { table } = await filled();
    await table.alter({
      alterColumns: { name: { default: "'none'" }, id: { default: "'7'" } },
      upgradeProtocol: true,
    });
    await table.append([{ s: null }]);
    expect(await rowsOf(table)).toContainEqual(expect.objectContaining({ id: 7n, name: "none" }));
    await table.alter({ alterColumns: { name: { default: null } } });
    await table.append([{ s: null }]);
    expect(await rowsOf(table)).toContainEqual(expect.objectContaining({ id: 7n, name: null }));
  });

  it.each([
    ["id", "'x'"],
    ["id", "name"],
    ["id", "(SELECT 1)"],
    ["id", "1 +"],
    ["s.a", "1"],
  ])("refuse the default of %s %s", async (column, expression) => {
    const { table } = await made();
    const change = table.alter({
      alterColumns: { [column]: { default: expression } },
      upgradeProtocol: true,
    });
    await expect(change).rejects.toMatchObject({ code: expect.stringMatching(/INVALID|UNSUPPORTED/) });
  });

  it("raise an identity column's mark to its rows", async () => {
    const of = schema()
      .long("id", { identity: { start: 1, step: 10, allowExplicitInsert: true } })
      .string("v");
    const { table } = await made({}, of);
    await table.append([{ id: 25n, v: "explicit" }]);
    await table.alter({ alterColumns: { id: { syncIdentity: true } } });
    expect(table.snapshot().schema.fields[0]?.metadata["delta.identity.highWaterMark"]).toBe(31);
    await table.append([{ v: "next" }]);
    expect(await rowsOf(table)).toContainEqual(expect.objectContaining({ id: 41n }));
    await expect(table.alter({ alterColumns: { v: { syncIdentity: true } } })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("refuse options that they do not have", async () => {
    const { table } = await made();
    for (const change of [
      { alterColumns: { id: { typ: "long" } } },
      { addColumns: [{ name: "x", type: "long" }] },
      { addColumns: "x long" },
      { alterColumns: [] },
      { renameColumns: { id: "" } },
      { dropColumns: ["a..b"] },
    ])
      await expect(table.alter(change as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

describe("clustering", () => {
  it("is recorded by physical names, moves on, and is taken away", async () => {
    const { folder, table } = await filled(mapped);
    await expect(table.alter({ clusterBy: ["id"] })).rejects.toMatchObject({
      data: { features: ["clustering"] },
    });
    await table.alter({ clusterBy: ["id", "s.a"], upgradeProtocol: true });
    const physical = schemaOf(folder, 0).fields[0]?.metadata["delta.columnMapping.physicalName"];
    const [domain] = actionsOf(folder, 2, "domainMetadata");
    expect(JSON.parse(String(domain?.["configuration"]))).toMatchObject({
      clusteringColumns: [[physical], [expect.any(String), expect.any(String)]],
      domainName: "delta.clustering",
    });
    expect(await table.alter({ clusterBy: ["ID", "s.a"] })).toMatchObject({ outcome: "unchanged" });
    await table.alter({ clusterBy: [] });
    expect(infoOf(folder, 3)).toMatchObject({
      operation: "CLUSTER BY",
      operationParameters: { oldClusteringColumns: "id,s.a", newClusteringColumns: "" },
    });
    const reopened = await openTable(folder);
    await reopened.alter({ clusterBy: [], dropFeatures: ["clustering"] });
  });

  it.each([
    [["id", "ID"], "INVALID_ARGUMENT"],
    [["lines"], "INVALID_ARGUMENT"],
    [["m.key"], "INVALID_ARGUMENT"],
    [["nope"], "COLUMN_NOT_FOUND"],
    [["id", "name", "s.a", "s.b", "x"], "INVALID_ARGUMENT"],
  ])("is refused by %j", async (clusterBy, code) => {
    const { table } = await made();
    await expect(table.alter({ clusterBy, upgradeProtocol: true })).rejects.toMatchObject({ code });
  });

  it("is refused without statistics, and for a partitioned table", async () => {
    const { table } = await made({ "delta.dataSkippingNumIndexedCols": "1" });
    await expect(table.alter({ clusterBy: ["name"], upgradeProtocol: true })).rejects.toMatchObject({
      message: expect.stringContaining("statistics"),
    });
    const parted = await made({}, schema().long("id").string("p"), ["p"]);
    await expect(parted.table.alter({ clusterBy: ["id"], upgradeProtocol: true })).rejects.toMatchObject({
      message: expect.stringContaining("partitioned"),
    });
  });
});

describe("a change of columns beside other writers", () => {
  it("is based on the newest version, beside appends of before", async () => {
    const { folder, table } = await filled(mapped);
    const other = await openTable(folder);
    await other.append([{ id: 3n, name: "c" }]);
    await table.alter({ renameColumns: { name: "label" } });
    expect(new Set((await rowsOf(table)).map((row) => row["label"]))).toEqual(new Set(["a", null, "c"]));
  });
});

describe("ALTER TABLE in SQL", () => {
  it("changes columns as the options do, each statement in a commit of its own", async () => {
    const { folder, table } = await filled({ ...mapped, "delta.enableTypeWidening": "true" });
    const results = await table.sql(
      `ALTER TABLE t ADD COLUMNS (n INT COMMENT 'it''s' FIRST, s.c varchar(5) AFTER a);
       ALTER TABLE t RENAME COLUMN name TO label;
       ALTER TABLE t ALTER COLUMN n TYPE BIGINT, label COMMENT 'text', s.a AFTER b;
       ALTER TABLE t CHANGE COLUMN label title STRING COMMENT 'shown' AFTER id;
       ALTER TABLE t DROP COLUMNS IF EXISTS (nope, s.c);
       ALTER TABLE t DROP COLUMN IF EXISTS nope;
       ALTER TABLE t ALTER COLUMN title SET DEFAULT 'a, b';
       ALTER TABLE t CLUSTER BY (id)`,
      { upgradeProtocol: true },
    );
    expect(results.map(({ outcome, version }) => `${outcome} ${version}`)).toEqual([
      "committed 2",
      "committed 3",
      "committed 4",
      "committed 5",
      "committed 6",
      "unchanged 6",
      "committed 7",
      "committed 8",
    ]);
    expect(shape(table).slice(0, 4)).toEqual([
      "n long",
      "id long",
      "title string",
      "s struct<b: string, a: integer>",
    ]);
    const [n, , title] = table.snapshot().schema.fields;
    expect(n?.metadata["comment"]).toBe("it's");
    expect(title?.metadata).toMatchObject({ comment: "shown", CURRENT_DEFAULT: "'a, b'" });
    expect([2, 3, 4, 5, 6, 7, 8].map((version) => infoOf(folder, version)?.["operation"])).toEqual([
      "ADD COLUMNS",
      "RENAME COLUMN",
      "CHANGE COLUMNS",
      "ALTER TABLE",
      "DROP COLUMNS",
      "CHANGE COLUMN",
      "CLUSTER BY",
    ]);
    expect((await rowsOf(table))[0]).toMatchObject({ id: 1n, title: "a", s: { a: 1, b: "x" } });
    await expect(
      table.sql("ALTER TABLE t ALTER COLUMN id COMMENT 'a', id COMMENT 'b'", {}),
    ).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
