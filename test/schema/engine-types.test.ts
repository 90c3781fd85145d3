import { describe, expect, it } from "vitest";
import {
  deltaTypeOfEngine,
  engineTypeName,
  engineTypeText,
  parseEngineType,
  schemaOfEngine,
} from "../../src/dialects/engine-types.ts";
import { typeText } from "../../src/schema/type-names.ts";
import fc from "../support/fast-check.ts";
import { anyType } from "./arbitrary-schema.ts";

describe("engine types", () => {
  it("every Delta type comes back from its engine type, nested ones with all names", () => {
    fc.assert(
      fc.property(anyType, (type) => {
        expect(typeText(deltaTypeOfEngine(parseEngineType(engineTypeText(type)), ["a"]))).toBe(
          typeText(type),
        );
      }),
    );
  });

  it("an engine type's text comes back from its parts", () => {
    fc.assert(
      fc.property(anyType, (type) => {
        expect(engineTypeName(parseEngineType(engineTypeText(type)))).toBe(engineTypeText(type));
      }),
    );
  });

  it.each([
    [
      'STRUCT("a b" INTEGER, "c""d" DECIMAL(2,1)[], "from" MAP(INTEGER, INTEGER))',
      'struct<a b: integer, c"d: array<decimal(2,1)>, from: map<integer, integer>>',
    ],
    ["STRUCT(a BIGINT, b VARCHAR)", "struct<a: long, b: string>"],
    ["ENUM('a,(''', 'b')", "string"],
    ["INTEGER[3][]", "array<array<integer>>"],
    ["UBIGINT", "decimal(20,0)"],
    ["TIMESTAMPTZ", "timestamp"],
    ["TIMESTAMP_NS", "timestamp_ntz"],
    ['"NULL"', "void"],
  ])("reads %s", (text, expected) => {
    expect(typeText(deltaTypeOfEngine(parseEngineType(text), []))).toBe(expected);
  });

  it.each(["TIME", "INTERVAL", "UNION(num INTEGER)", "BIT", "TIME WITH TIME ZONE"])(
    "refuses %s, naming the column",
    (type) => {
      expect(() => schemaOfEngine([{ name: "x", type: `STRUCT(y ${type})` }])).toThrow(
        expect.objectContaining({ code: "SCHEMA_MISMATCH", message: expect.stringContaining("Column x.y") }),
      );
    },
  );

  it.each(["", "STRUCT(", "MAP(INTEGER)", "INTEGER]", "STRUCT(a)"])("refuses the text %j", (text) => {
    expect(() => parseEngineType(text)).toThrow(expect.objectContaining({ code: "SCHEMA_INVALID" }));
  });
});
