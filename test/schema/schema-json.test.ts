import { describe, expect, it } from "vitest";
import {
  maxSchemaDepth,
  parseSchema,
  serializeSchema,
  typeFromJson,
  typeToJson,
} from "../../src/schema/schema-json.ts";
import { typeText } from "../../src/schema/type-names.ts";
import type { DeltaType } from "../../src/schema/types.ts";
import fc from "../support/fast-check.ts";
import { anySchema } from "./arbitrary-schema.ts";

// PROTOCOL.md "Schema Serialization Format", "Primitive Types", "Struct Type", "Struct Field", "Array Type"
// and "Map Type".

const schemaOf = (type: unknown, more: object = {}): string =>
  JSON.stringify({ type: "struct", fields: [{ name: "a", type, nullable: true, metadata: {}, ...more }] });
const refused = (message: RegExp, data: object = {}) =>
  expect.objectContaining({
    code: "SCHEMA_INVALID",
    message: expect.stringMatching(message),
    data: expect.objectContaining(data),
  });

describe("schema JSON", () => {
  it("any schema comes back from its JSON", () => {
    fc.assert(
      fc.property(anySchema, (schema) => {
        expect(parseSchema(serializeSchema(schema))).toEqual(schema);
      }),
    );
  });

  it("keeps field metadata whole: nested, unknown, and with integers beyond 2^53", () => {
    const text = `{"type":"struct","fields":[{"name":"id","type":"long","nullable":false,"metadata":{"delta.identity.highWaterMark":9007199254740993,"x":{"y":[1,null]},"__proto__":"p"}}]}`;
    expect(serializeSchema(parseSchema(text))).toBe(text);
  });

  it.each(["\ud800", "a\0b"])("writes no schema that could not be read again: a field called %j", (name) => {
    const field = (inner: string, type: DeltaType) => ({ name: inner, type, nullable: true, metadata: {} });
    const list: DeltaType = {
      type: "array",
      elementType: { type: "struct", fields: [field(name, "long")] },
      containsNull: true,
    };
    expect(() => serializeSchema({ type: "struct", fields: [field("l", list)] })).toThrow(
      expect.objectContaining({ code: "SCHEMA_INVALID" }),
    );
  });

  it("tolerates collations, char and varchar lengths and absent metadata", () => {
    const metadata = { __CHAR_VARCHAR_TYPE_STRING: "varchar(10)", __COLLATIONS: { a: "spark.UTF8_LCASE" } };
    expect(parseSchema(schemaOf("string", { metadata })).fields[0]).toEqual({
      name: "a",
      type: "string",
      nullable: true,
      metadata,
    });
    expect(
      parseSchema(`{"type":"struct","fields":[{"name":"a","type":"string","nullable":true}]}`).fields[0]
        ?.metadata,
    ).toEqual({});
  });

  it("reads the spellings of decimals and of void that Spark reads", () => {
    expect(typeText(typeFromJson("decimal(6, 2)"))).toBe("decimal(6,2)");
    expect(typeText(typeFromJson("decimal"))).toBe("decimal(10,0)");
    expect(typeFromJson("null")).toBe("void");
    expect(typeToJson(typeFromJson("decimal(38,0)"))).toBe("decimal(38,0)");
  });

  it.each([
    ["interval year to month"],
    ["calendarinterval"],
    ["geometry(OGC:CRS84)"],
    ["timestamp_nanos"],
    ["constructor"],
    ["varchar(10)"],
  ])("refuses the type %s by name and column", (type) => {
    expect(() => parseSchema(schemaOf({ type: "array", elementType: type, containsNull: true }))).toThrow(
      refused(/column a\.element.*is not known/, { column: ["a", "element"], type }),
    );
  });

  it.each<[string, string, RegExp]>([
    ["a decimal out of range", schemaOf("decimal(39,2)"), /decimal\(39,2\) of column a/],
    ["a user-defined type", schemaOf({ type: "udt", class: "x" }), /column a:.*"udt" is not known/],
    ["a number as a type", schemaOf(7), /column a:.*found 7/],
    ["no containsNull", schemaOf({ type: "array", elementType: "long" }), /containsNull/],
    ["fields that are no array", `{"type":"struct","fields":{}}`, /fields of a struct must be an array/],
    ["a field without a name", `{"type":"struct","fields":[{"type":"long"}]}`, /name of field 0/],
    ["a field that is null", `{"type":"struct","fields":[null]}`, /field 0 must be an object/],
    [
      "a nullable that is text",
      schemaOf("long", { nullable: "yes" }),
      /"nullable" must be true or false, found "yes"/,
    ],
    ["metadata that is a list", schemaOf("long", { metadata: [] }), /metadata must be an object/],
    ["a primitive at the top", `"long"`, /must be a struct, not long/],
    ["what is not JSON", `{"type":`, /not JSON/],
  ])("refuses %s", (_, text, message) => {
    expect(() => parseSchema(text)).toThrow(refused(message));
  });

  it("refuses names that differ only by case, nested too, naming both", () => {
    const field = (name: string) => ({ name, type: "long", nullable: true, metadata: {} });
    const nested = schemaOf({ type: "struct", fields: [field("Id"), field("iD")] });
    expect(() => parseSchema(nested)).toThrow(refused(/a\.Id and a\.iD/));
  });

  it("refuses a schema nested too deeply instead of exhausting the stack", () => {
    const nest = (levels: number): string =>
      `${'{"type":"array","containsNull":true,"elementType":'.repeat(levels)}"long"${"}".repeat(levels)}`;
    const whole = (levels: number): string =>
      `{"type":"struct","fields":[{"name":"a","nullable":true,"type":${nest(levels)}}]}`;
    expect(() => parseSchema(whole(maxSchemaDepth - 2))).not.toThrow();
    expect(() => parseSchema(whole(maxSchemaDepth + 1))).toThrow(refused(/nested deeper than 100 levels/));
    expect(() => parseSchema(whole(200_000))).toThrow(refused(/nested/));
  });
});
