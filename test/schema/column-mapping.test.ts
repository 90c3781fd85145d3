import { describe, expect, it } from "vitest";
import { arrayOf, mapOf, schema } from "../../src/schema/builder.ts";
import {
  assignColumnMapping,
  columnId,
  physicalFieldIds,
  physicalName,
  physicalPath,
  physicalSchema,
  withoutColumnMapping,
} from "../../src/schema/column-mapping.ts";
import { allFields, mapFields } from "../../src/schema/fields.ts";
import fc from "../support/fast-check.ts";
import { anySchema } from "./arbitrary-schema.ts";

// PROTOCOL.md "Column Mapping", "Writer Requirements for Column Mapping" and "Field Path".

const bare = anySchema.map((any) => mapFields(any, (field) => ({ ...field, metadata: {} })));
const numbered = () => {
  let next = 0;
  return () => `col-${++next}`;
};

describe("column mapping", () => {
  it("gives every field an id of its own and a physical name, and keeps those that are there", () => {
    fc.assert(
      fc.property(bare, (plain) => {
        const first = assignColumnMapping(plain, 0, numbered());
        const ids = [...allFields(first.schema)].map(({ field }) => columnId(field));
        expect(new Set(ids).size).toBe(ids.length);
        expect(Math.max(...ids.map(Number))).toBe(first.maxColumnId);
        expect(assignColumnMapping(first.schema, first.maxColumnId, numbered())).toEqual(first);
        expect(withoutColumnMapping(first.schema)).toEqual(plain);
      }),
    );
  });

  it("numbers new columns above the highest id ever given, dropped columns included", () => {
    const { schema: mapped, maxColumnId } = assignColumnMapping(
      schema().long("a").build(),
      41,
      (field) => field.name,
    );
    expect([columnId(mapped.fields[0] ?? expect.fail()), maxColumnId]).toEqual([42, 42]);
  });

  it("finds physical paths and field ids through structs, lists and maps", () => {
    const inner = schema().long("x");
    const plain = schema()
      .struct("S", inner)
      .column("l", arrayOf(inner))
      .column("m", mapOf("string", arrayOf(inner)))
      .build();
    const { schema: mapped } = assignColumnMapping(plain, 0, numbered());
    expect(physicalPath(mapped, ["s", "X"], "name")).toEqual(["col-2", "col-1"]);
    expect(physicalFieldIds(mapped, "id")).toEqual({
      "col-2": { id: 2, children: { "col-1": 1 } },
      "col-4": { id: 4, children: { element: { children: { "col-3": 3 } } } },
      "col-6": { id: 6, children: { value: { children: { element: { children: { "col-5": 5 } } } } } },
    });
    expect([...allFields(physicalSchema(mapped, "name"))].map(({ field }) => field.name)).toEqual([
      "col-2",
      "col-1",
      "col-4",
      "col-3",
      "col-6",
      "col-5",
    ]);
  });

  it("uses logical names without column mapping, whatever the metadata says", () => {
    const { schema: mapped } = assignColumnMapping(schema().long("a").build(), 0, numbered());
    expect(physicalSchema(mapped, "none").fields[0]?.name).toBe("a");
  });

  it("refuses a mapped table's field without a name", () => {
    const [field] = schema().long("a").build().fields;
    expect(() => physicalName(field ?? expect.fail(), "name")).toThrow(
      expect.objectContaining({ code: "SCHEMA_INVALID" }),
    );
  });
});
