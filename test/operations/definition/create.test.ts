import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as arrow from "apache-arrow";
import { describe, expect, it } from "vitest";
import { createTable } from "../../../src/api/create-table.ts";
import { schema } from "../../../src/schema/builder.ts";
import { serializeSchema } from "../../../src/schema/schema-json.ts";
import { typeText } from "../../../src/schema/type-names.ts";
import { actionsOf, filesBelow, freshFolder, rowsOf } from "../table-folder.ts";

// PROTOCOL.md "Table Features for New and Existing Tables" and "Change Metadata".

describe("creating a table", () => {
  it("takes a schema from the builder, Delta's JSON, Arrow or a type, all the same", async () => {
    const built = schema().long("id", { nullable: false }).string("name").build();
    const arrowSchema = new arrow.Schema([
      new arrow.Field("id", new arrow.Int64(), false),
      new arrow.Field("name", new arrow.Utf8(), true),
    ]);
    for (const given of [
      schema().long("id", { nullable: false }).string("name"),
      built,
      serializeSchema(built),
      arrowSchema,
    ]) {
      const table = await createTable(join(freshFolder(), "t"), { schema: given });
      expect(table.snapshot().schema).toEqual(built);
    }
  });

  it("takes the schema from its first rows, in version 0", async () => {
    const folder = freshFolder();
    writeFileSync(join(folder, "in.csv"), "id,amount,day,name\n1,1.5,2024-01-31,a\n2,,,\n");
    const table = await createTable(join(folder, "t"), {
      source: { csv: join(folder, "in.csv") },
      partitionBy: ["id"],
    });
    expect(table.snapshot().schema.fields.map((field) => `${field.name} ${typeText(field.type)}`)).toEqual([
      "id long",
      "amount double",
      "day date",
      "name string",
    ]);
    expect(table.snapshot().version).toBe(0);
    expect(await rowsOf(table)).toEqual([
      { id: 1n, amount: 1.5, day: "2024-01-31", name: "a" },
      { id: 2n, amount: null, day: null, name: null },
    ]);
  });

  it("makes columns that are null throughout text, and adds such columns in a merge", async () => {
    const table = await createTable(join(freshFolder(), "t"), {
      source: [{ id: 1, a: null, s: { b: null } }],
    });
    await table.append([{ id: 2, a: "x", s: { b: "y", d: null }, c: null }], { mergeSchema: true });
    expect(await rowsOf(table)).toEqual([
      { id: 1n, a: null, s: { b: null, d: null }, c: null },
      { id: 2n, a: "x", s: { b: "y", d: null }, c: null },
    ]);
  });

  it("asks for the lowest protocol that the columns need", async () => {
    const protocols = [];
    for (const columns of [
      schema().long("a"),
      schema().long("a").timestampNtz("t"),
      schema().long("a", { default: "1" }),
    ]) {
      const folder = join(freshFolder(), "t");
      await createTable(folder, { schema: columns });
      protocols.push(actionsOf(folder, 0, "protocol")[0]);
    }
    expect(protocols).toEqual([
      { minReaderVersion: 1, minWriterVersion: 2 },
      {
        minReaderVersion: 3,
        minWriterVersion: 7,
        readerFeatures: ["timestampNtz"],
        writerFeatures: ["appendOnly", "invariants", "timestampNtz"],
      },
      {
        minReaderVersion: 1,
        minWriterVersion: 7,
        writerFeatures: ["allowColumnDefaults", "appendOnly", "invariants"],
      },
    ]);
  });

  it("lists the features that properties ask for, and refuses those that varve does not write", async () => {
    const folder = join(freshFolder(), "t");
    await createTable(folder, {
      schema: schema().long("a"),
      properties: { "delta.enableRowTracking": "true", "delta.feature.v2Checkpoint": "supported" },
    });
    expect(actionsOf(folder, 0, "protocol")[0]?.["writerFeatures"]).toEqual([
      "appendOnly",
      "domainMetadata",
      "invariants",
      "rowTracking",
      "v2Checkpoint",
    ]);
    const properties = { "delta.enableIcebergCompatV2": "true" };
    await expect(
      createTable(join(freshFolder(), "t"), { schema: schema().long("a"), properties }),
    ).rejects.toMatchObject({
      code: "UNSUPPORTED_FEATURE",
    });
  });

  it("refuses a place where there is a table, unless asked to open it then", async () => {
    const folder = join(freshFolder(), "t");
    await createTable(folder, { source: [{ a: 1 }] });
    await expect(createTable(folder, { schema: schema().long("b") })).rejects.toMatchObject({
      code: "TABLE_EXISTS",
    });
    const table = await createTable(folder, { schema: schema().long("b"), ifNotExists: true });
    expect(await rowsOf(table)).toEqual([{ a: 1n }]);
  });

  it.each<[string, object, string]>([
    ["neither schema nor source", {}, "INVALID_ARGUMENT"],
    ["a schema that is none", { schema: "long" }, "SCHEMA_INVALID"],
    [
      "names that differ only by case",
      {
        schema:
          '{"type":"struct","fields":[{"name":"a","type":"long","nullable":true},{"name":"A","type":"long","nullable":true}]}',
      },
      "SCHEMA_INVALID",
    ],
    ["rows without columns", { source: [] }, "SOURCE_UNREADABLE"],
  ])("refuses %s and leaves nothing", async (_, options, code) => {
    const folder = freshFolder();
    await expect(createTable(join(folder, "t"), options)).rejects.toMatchObject({ code });
    expect(filesBelow(folder)).toEqual([]);
  });
});
