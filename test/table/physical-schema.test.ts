import { describe, expect, it } from "vitest";
import type { EngineRow } from "../../src/engine/core/contract.ts";
import type { DeltaType } from "../../src/schema/types.ts";
import { sql } from "../../src/sql/sql.ts";
import { parsePhysicalSchema } from "../../src/table/scan/physical-schema.ts";
import { readExpression } from "../../src/table/scan/read-expression.ts";

// PROTOCOL.md "Delta Data Type to Parquet Type Mappings".

/**
 * Rows of `parquet_schema()` for elements written as `name kind [annotation]`, depth first; a group's kind is
 * its number of children.
 */
function footer(
  ...elements: readonly (readonly [name: string, children: number, more?: EngineRow])[]
): EngineRow[] {
  return elements.map(([name, children, more]) => ({
    name,
    type: children === 0 ? "INT32" : null,
    repetition_type: "OPTIONAL",
    num_children: children === 0 ? null : BigInt(children),
    converted_type: null,
    field_id: null,
    logical_type: null,
    duckdb_type: children === 0 ? "INTEGER" : null,
    ...more,
  }));
}

const repeated = { repetition_type: "REPEATED" };
const struct = (name: string): DeltaType => ({
  type: "struct",
  fields: [{ name, type: "integer", nullable: true, metadata: {} }],
});
const context = { mode: "none", file: "f", variants: new Map<string, string>() } as const;

function read(rows: EngineRow[], type: DeltaType): string {
  const [column] = parsePhysicalSchema(rows, "f");
  if (column === undefined) throw new Error("no column");
  return readExpression(type, column.type, sql`c`, context, [column.name]).sql;
}

describe("spellings of lists in Parquet footers", () => {
  const list = (elementType: DeltaType): DeltaType => ({ type: "array", elementType, containsNull: true });

  it.each<[string, EngineRow[]]>([
    [
      "three levels",
      footer(["root", 1], ["l", 1, { converted_type: "LIST" }], ["list", 1, repeated], ["element", 0]),
    ],
    [
      "three levels as Hive names them",
      footer(["root", 1], ["l", 1, { converted_type: "LIST" }], ["bag", 1, repeated], ["array_element", 0]),
    ],
    ["two levels", footer(["root", 1], ["l", 1, { converted_type: "LIST" }], ["array", 0, repeated])],
    ["a repeated field without annotation", footer(["root", 1], ["l", 0, repeated])],
    [
      "an annotation in the newer form only",
      footer(["root", 1], ["l", 1, { logical_type: "ListType()" }], ["list", 1, repeated], ["element", 0]),
    ],
  ])("%s: the engine's own value", (_, rows) => {
    expect(read(rows, list("integer"))).toBe("c");
  });

  it("two levels whose repeated group has one field: the group is a struct, which the engine unwraps", () => {
    const rows = footer(["root", 1], ["l", 1, { converted_type: "LIST" }], ["array", 1, repeated], ["x", 0]);
    expect(read(rows, list(struct("x")))).toContain('struct_pack("x" := (e0))');
  });

  it("two levels whose repeated group has two fields", () => {
    const rows = footer(
      ["root", 1],
      ["l", 1, { converted_type: "LIST" }],
      ["array", 2, repeated],
      ["x", 0],
      ["y", 0],
    );
    expect(parsePhysicalSchema(rows, "f")).toMatchObject([
      { type: { kind: "list", element: { kind: "struct", fields: [{ name: "x" }, { name: "y" }] } } },
    ]);
  });
});

describe("spellings of maps in Parquet footers", () => {
  it.each([
    [
      "key_value",
      footer(
        ["root", 1],
        ["m", 1, { converted_type: "MAP" }],
        ["key_value", 2, repeated],
        ["key", 0],
        ["value", 0],
      ),
    ],
    [
      "MAP_KEY_VALUE",
      footer(
        ["root", 1],
        ["m", 1, { converted_type: "MAP" }],
        ["map", 2, { ...repeated, converted_type: "MAP_KEY_VALUE" }],
        ["key", 0],
        ["value", 0],
      ),
    ],
  ])("%s", (_, rows) => {
    expect(
      read(rows, { type: "map", keyType: "integer", valueType: "integer", valueContainsNull: true }),
    ).toBe("c");
  });
});

describe("names", () => {
  it("that are equal without regard to case are numbered as the engine numbers them", () => {
    const rows = footer(["root", 4], ["a", 0], ["A", 0], ["a_1", 0], ["a", 0]);
    expect(parsePhysicalSchema(rows, "f").map((field) => field.engineName)).toEqual([
      "a",
      "A_1",
      "a_1_1",
      "a_2",
    ]);
  });

  it("a footer that ends early is refused", () => {
    expect(() => parsePhysicalSchema(footer(["root", 3], ["a", 0]), "f.parquet")).toThrow(
      /footer of f\.parquet/,
    );
  });
});
