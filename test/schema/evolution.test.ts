import { describe, expect, it } from "vitest";
import { arrayOf, schema } from "../../src/schema/builder.ts";
import { mergeSchema, sameSchema } from "../../src/schema/evolution.ts";
import { allFields } from "../../src/schema/fields.ts";
import { typeText } from "../../src/schema/type-names.ts";
import { isUntypedField } from "../../src/schema/untyped-columns.ts";
import fc from "../support/fast-check.ts";
import { anySchema } from "./arbitrary-schema.ts";

// PROTOCOL.md "Writer Requirements for Type Widening" and "Consistency Between Table Metadata and Data
// Files".

const keep = { widen: false };

describe("merging schemas", () => {
  it("a schema merged with itself stays", () => {
    fc.assert(
      fc.property(anySchema, fc.boolean(), (any, widen) => {
        const merged = mergeSchema(any, any, { widen });
        expect([sameSchema(merged.schema, any), merged.added, merged.widened]).toEqual([true, [], []]);
      }),
    );
  });

  it("keeps every column of the table first, and a second merge adds nothing", () => {
    fc.assert(
      fc.property(anySchema, anySchema, (table, incoming) => {
        const once = mergeSchema(table, incoming, keep);
        expect(once.schema.fields.slice(0, table.fields.length).map((field) => field.name)).toEqual(
          table.fields.map((field) => field.name),
        );
        expect(mergeSchema(once.schema, incoming, keep).added).toEqual([]);
      }),
    );
  });

  it("adds columns at the end, nested ones too, all nullable", () => {
    const table = schema()
      .long("id", { nullable: false })
      .struct("S", schema().long("a"))
      .array("l", schema().long("a"));
    const incoming = schema()
      .struct("s", schema().long("A").long("b", { nullable: false }))
      .array("L", schema().string("c"))
      .long("new", { nullable: false });
    const merged = mergeSchema(table.build(), incoming.build(), keep);
    expect(merged.added).toEqual([["S", "b"], ["l", "element", "c"], ["new"]]);
    expect(typeText(merged.schema)).toBe(
      "struct<id: long, S: struct<a: long, b: long>, l: array<struct<a: long, c: string>>, new: long>",
    );
    expect(merged.schema.fields.map((field) => field.nullable)).toEqual([false, true, true, true]);
  });

  it("widens types only where allowed, and records it", () => {
    const [table, incoming] = [
      schema().integer("a").array("b", "float").build(),
      schema().long("a").array("b", "double").build(),
    ];
    expect(sameSchema(mergeSchema(table, incoming, keep).schema, table)).toBe(true);
    const merged = mergeSchema(table, incoming, { widen: true });
    expect(typeText(merged.schema)).toBe("struct<a: long, b: array<double>>");
    expect(merged.schema.fields.map((field) => field.metadata)).toEqual([
      { "delta.typeChanges": [{ fromType: "integer", toType: "long" }] },
      { "delta.typeChanges": [{ fromType: "float", toType: "double", fieldPath: "element" }] },
    ]);
    expect(sameSchema(mergeSchema(merged.schema, table, { widen: true }).schema, merged.schema)).toBe(true);
  });

  it("gives a void column the type of its first values, without widening", () => {
    const merged = mergeSchema(schema().column("v", "void").build(), schema().string("v").build(), keep);
    expect([typeText(merged.schema), merged.widened]).toEqual(["struct<v: string>", []]);
  });

  it("adds columns that held nothing but null as strings, untyped where structs alone lead to them", () => {
    const incoming = schema()
      .long("a")
      .column("v", "void")
      .struct("s", schema().column("v", "void").long("x"))
      .array("l", "void")
      .column("r", arrayOf(schema().column("v", "void")))
      .build();
    const merged = mergeSchema(schema().long("a").build(), incoming, keep);
    expect(merged.added).toEqual([["v"], ["s"], ["l"], ["r"]]);
    expect(typeText(merged.schema)).toBe(
      "struct<a: long, v: string, s: struct<v: string, x: long>, l: array<string>, r: array<struct<v: string>>>",
    );
    const untyped = [...allFields(merged.schema)].filter(({ field }) => isUntypedField(field));
    expect(untyped.map(({ path }) => path)).toEqual([["v"], ["s", "v"]]);
  });
});
