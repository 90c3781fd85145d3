import * as arrow from "apache-arrow";
import { describe, expect, it } from "vitest";
import { schemaOfArrow } from "../../src/dialects/arrow-types.ts";
import { arrayOf, mapOf, schema } from "../../src/schema/builder.ts";
import { columnMetadata, featuresOfSchema } from "../../src/schema/column-metadata.ts";
import { fieldAt, leafFields, requireColumn } from "../../src/schema/fields.ts";
import { parseSchema, serializeSchema } from "../../src/schema/schema-json.ts";
import { parseTypeName, typeText } from "../../src/schema/type-names.ts";
import { canReadWidened, canWiden, typeChangesOf, withTypeChange } from "../../src/schema/type-widening.ts";
import type { StructField } from "../../src/schema/types.ts";

// PROTOCOL.md "Column Metadata", "Type Widening" and "Type Change Metadata".

const only = (built: { readonly fields: readonly StructField[] }): StructField =>
  built.fields[0] ?? expect.fail();
const type = (name: string) => parseTypeName(name) ?? expect.fail();

describe("schema builder", () => {
  it("builds what PROTOCOL.md's example says", () => {
    const built = schema()
      .integer("a", { nullable: false })
      .struct("b", schema().integer("d", { nullable: false }))
      .array("c", "integer", { containsNull: false })
      .array("e", schema().integer("d", { nullable: false }))
      .map("f", "string", "string")
      .build();
    expect(built.fields.map((field) => `${field.name} ${typeText(field.type)} ${field.nullable}`)).toEqual([
      "a integer false",
      "b struct<d: integer> true",
      "c array<integer> true",
      "e array<struct<d: integer>> true",
      "f map<string, string> true",
    ]);
    expect(parseSchema(serializeSchema(built))).toEqual(built);
  });

  it("refuses a name twice, without regard to case, and unknown types", () => {
    expect(() => schema().long("id").string("ID")).toThrow(
      expect.objectContaining({ code: "SCHEMA_INVALID" }),
    );
    expect(() => schema().column("a", "decimal(39,1)")).toThrow(
      expect.objectContaining({ code: "SCHEMA_INVALID" }),
    );
    expect(() => schema().long("")).toThrow(expect.objectContaining({ code: "SCHEMA_INVALID" }));
  });

  it("keeps what a column is generated from, and its identity", () => {
    const built = schema()
      .long("id", { identity: { start: 10n } })
      .date("day", { generatedAs: "CAST(at AS DATE)", comment: "of the event" })
      .build();
    expect(columnMetadata(only(built)).identity).toEqual({
      start: 10n,
      step: 1n,
      allowExplicitInsert: false,
    });
    expect(built.fields.map((field) => columnMetadata(field).generation)).toEqual([
      undefined,
      "CAST(at AS DATE)",
    ]);
    expect(featuresOfSchema(built)).toEqual(["generatedColumns", "identityColumns"]);
  });
});

describe("column metadata", () => {
  it("reads invariants and lengths", () => {
    const metadata = {
      "delta.invariants": '{"expression": { "expression": "x > 3"} }',
      __CHAR_VARCHAR_TYPE_STRING: "varchar(10)",
    };
    const field = only(schema().integer("x", { metadata }).build());
    expect(columnMetadata(field)).toEqual({
      invariant: "x > 3",
      charLength: { kind: "varchar", length: 10 },
    });
  });

  it("refuses an invariant that cannot be read instead of ignoring it", () => {
    for (const text of ["x > 3", '{"expression":{}}', 7]) {
      const field = only(
        schema()
          .integer("x", { metadata: { "delta.invariants": text } })
          .build(),
      );
      expect(() => columnMetadata(field)).toThrow(expect.objectContaining({ code: "SCHEMA_INVALID" }));
    }
  });

  it("takes numbers and booleans of an identity as text, and an invariant as JSON itself", () => {
    const identity = {
      "delta.identity.start": "5",
      "delta.identity.step": "-2",
      "delta.identity.allowExplicitInsert": "TRUE",
    };
    const metadata = { ...identity, "delta.invariants": { expression: { expression: "x > 3" } } };
    expect(columnMetadata(only(schema().long("x", { metadata }).build()))).toEqual({
      invariant: "x > 3",
      identity: { start: 5n, step: -2n, allowExplicitInsert: true },
    });
  });

  it("takes null for a key that is not there", () => {
    const keys = [
      "delta.invariants",
      "delta.generationExpression",
      "CURRENT_DEFAULT",
      "delta.identity.start",
      "delta.identity.step",
    ];
    const built = schema()
      .long("x", { metadata: Object.fromEntries(keys.map((key) => [key, null])) })
      .build();
    expect(columnMetadata(only(built))).toEqual({});
    expect(featuresOfSchema(built)).toEqual([]);
  });

  it.each([
    ["delta.identity.step", { "delta.identity.start": 1 }],
    ["delta.identity.start", { "delta.identity.step": 1 }],
    ["delta.identity.start", { "delta.identity.start": "one", "delta.identity.step": 1 }],
    [
      "delta.identity.highWaterMark",
      { "delta.identity.start": 1, "delta.identity.step": 1, "delta.identity.highWaterMark": 1.5 },
    ],
    [
      "delta.identity.allowExplicitInsert",
      { "delta.identity.start": 1, "delta.identity.step": 1, "delta.identity.allowExplicitInsert": 7 },
    ],
  ])("refuses an identity by the key that cannot be read: %s", (key, metadata) => {
    const field = only(schema().long("x", { metadata }).build());
    expect(() => columnMetadata(field)).toThrow(
      expect.objectContaining({ code: "SCHEMA_INVALID", data: { column: ["x"], key } }),
    );
  });

  it("refuses an identity that never moves", () => {
    const field = only(
      schema()
        .long("x", { identity: { step: 0 } })
        .build(),
    );
    expect(() => columnMetadata(field)).toThrow(expect.objectContaining({ code: "SCHEMA_INVALID" }));
  });

  it("names the features that nested types need", () => {
    const built = schema()
      .column("a", arrayOf(schema().timestampNtz("t")))
      .column("v", mapOf("string", "variant"))
      .build();
    expect(featuresOfSchema(built)).toEqual(["timestampNtz", "variantType"]);
  });
});

describe("walking a schema", () => {
  const built = schema()
    .struct("S", schema().long("x").array("l", schema().long("y")))
    .string("t")
    .build();

  it("finds fields at paths without regard to case, through lists", () => {
    expect(fieldAt(built, ["s", "L", "element", "Y"])?.name).toBe("y");
    expect(fieldAt(built, ["s", "x", "z"])).toBeUndefined();
  });

  it("takes lists and maps as leaves of statistics", () => {
    expect([...leafFields(built)].map(({ path }) => path.join("."))).toEqual(["S.x", "S.l", "t"]);
  });

  it("names the columns that there are when one is not there", () => {
    expect(() => requireColumn(built, "u")).toThrow(
      expect.objectContaining({ code: "COLUMN_NOT_FOUND", message: expect.stringContaining("S, t") }),
    );
  });
});

describe("type widening", () => {
  it.each([
    ["byte", "short", true],
    ["integer", "long", true],
    ["long", "integer", false],
    ["long", "double", false],
    ["integer", "double", true],
    ["float", "double", true],
    ["date", "timestamp_ntz", true],
    ["date", "timestamp", false],
    ["decimal(5,2)", "decimal(7,4)", true],
    ["decimal(5,2)", "decimal(6,4)", false],
    ["decimal(5,2)", "decimal(5,2)", false],
    ["integer", "decimal(10,0)", true],
    ["integer", "decimal(12,3)", false],
    ["long", "decimal(20,0)", true],
    ["long", "decimal(19,0)", false],
    ["string", "long", false],
  ])("%s to %s: %s", (from, to, expected) => {
    expect(canWiden(type(from), type(to))).toBe(expected);
  });

  it.each([
    ["byte", "decimal(4,1)", true],
    ["byte", "decimal(3,1)", false],
    ["short", "decimal(6,1)", true],
    ["short", "decimal(4,0)", false],
    ["integer", "decimal(11,1)", true],
    ["integer", "decimal(9,0)", false],
    ["long", "decimal(20,1)", true],
    ["long", "decimal(18,0)", false],
    ["integer", "string", false],
    ["decimal(5,2)", "decimal(6,4)", false],
  ])("%s recorded as changed to %s, as Spark's preview allowed: read %s", (from, to, expected) => {
    expect(canReadWidened(type(from), type(to))).toBe(expected);
  });

  it("keeps the history of changes in the order they came", () => {
    const field = only(schema().map("m", "float", "short").build());
    const changed = withTypeChange(
      withTypeChange(field, { fromType: "float", toType: "double", fieldPath: ["key"] }),
      {
        fromType: "short",
        toType: type("decimal(10,0)"),
        fieldPath: ["value"],
      },
    );
    expect(changed.metadata).toEqual({
      "delta.typeChanges": [
        { fromType: "float", toType: "double", fieldPath: "key" },
        { fromType: "short", toType: "decimal(10,0)", fieldPath: "value" },
      ],
    });
    expect(typeChangesOf(changed).map((change) => typeText(change.toType))).toEqual([
      "double",
      "decimal(10,0)",
    ]);
  });
});

describe("Arrow types", () => {
  const typesOf = (...types: arrow.DataType[]) =>
    schemaOfArrow(
      new arrow.Schema(types.map((each, index) => new arrow.Field(`c${index}`, each, true))),
    ).fields.map((field) => typeText(field.type));

  it("become the Delta types that hold them", () => {
    const entries = new arrow.Field(
      "entries",
      new arrow.Struct([
        new arrow.Field("key", new arrow.Utf8(), false),
        new arrow.Field("value", new arrow.Int8(), true),
      ]),
      false,
    );
    const found = typesOf(
      new arrow.Int8(),
      new arrow.Uint8(),
      new arrow.Int16(),
      new arrow.Uint16(),
      new arrow.Int32(),
      new arrow.Uint32(),
      new arrow.Int64(),
      new arrow.Uint64(),
      new arrow.Float16(),
      new arrow.Float32(),
      new arrow.Float64(),
      new arrow.Bool(),
      new arrow.Utf8(),
      new arrow.LargeUtf8(),
      new arrow.Binary(),
      new arrow.FixedSizeBinary(4),
      new arrow.Decimal(4, 20),
      new arrow.DateDay(),
      new arrow.DateMillisecond(),
      new arrow.TimestampMicrosecond("UTC"),
      new arrow.TimestampNanosecond(),
      new arrow.List(new arrow.Field("item", new arrow.Int32(), false)),
      new arrow.Map_(entries),
      new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32()),
      new arrow.Null(),
    );
    expect(found).toEqual([
      "byte",
      "short",
      "short",
      "integer",
      "integer",
      "long",
      "long",
      "decimal(20,0)",
      "float",
      "float",
      "double",
      "boolean",
      "string",
      "string",
      "binary",
      "binary",
      "decimal(20,4)",
      "date",
      "date",
      "timestamp",
      "timestamp_ntz",
      "array<integer>",
      "map<string, byte>",
      "string",
      "void",
    ]);
  });

  it("that Delta does not have are refused by name and column", () => {
    expect(() =>
      typesOf(new arrow.Struct([new arrow.Field("t", new arrow.TimeMicrosecond(), true)])),
    ).toThrow(
      expect.objectContaining({
        code: "SCHEMA_INVALID",
        message: expect.stringMatching(/c0\.t .*Time64<MICROSECOND>/),
      }),
    );
  });
});
