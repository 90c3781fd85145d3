import { describe, expect, it } from "vitest";
import { assignTo } from "../../../src/dialects/spark/assign.ts";
import { typed } from "../../../src/dialects/spark/term.ts";
import { translateConjuncts, translateOver } from "../../../src/dialects/spark/translate.ts";
import { schema } from "../../../src/schema/builder.ts";
import type { DeltaType } from "../../../src/schema/types.ts";
import { sql } from "../../../src/sql/sql.ts";

const struct = (...names: readonly string[]): DeltaType => ({
  type: "struct",
  fields: names.map((name) => ({ name, type: "integer", nullable: true, metadata: {} })),
});

const relations = [
  {
    names: ["T"],
    engineName: "t",
    schema: schema().integer("id").integer("n").column("s", struct("a", "id")).build(),
  },
  { names: ["s"], engineName: "s", schema: schema().integer("id").integer("m").build() },
];

describe("an expression over two relations", () => {
  it.each([
    ["t.id", '"t"."id"'],
    ["S.ID", '"s"."id"'],
    ["n + m", '"t"."n"'],
    ["t.s.a", `struct_extract(("t"."s"), 'a')`],
    // A column of the relation comes before a field of a column that has the relation's name.
    ["s.id", '"s"."id"'],
    ["s.a", `struct_extract(("t"."s"), 'a')`],
    ["exists(array(1), n -> n > 0)", "list_transform"],
  ])("finds the column of %s", (text, part) => {
    expect(translateOver(text, relations).sql).toContain(part);
  });

  it.each(["id = 1", "t.id = id", "abs(ID)"])("refuses %s, whose name both have", (text) => {
    expect(() => translateOver(text, relations)).toThrow(
      /The name id is ambiguous.*T\.id or s\.id|ambiguous/i,
    );
  });

  it("refuses a name that neither has, and a relation that is not there", () => {
    expect(() => translateOver("x = 1", relations)).toThrow(/which the table does not have/);
    expect(() => translateOver("t.id = 1", relations.slice(1))).toThrow(/which the table does not have/);
  });

  it("falls apart at AND alone", () => {
    const parts = translateConjuncts("t.id = s.id AND (n > 1 OR m > 1) AND NOT (n = 2 AND m = 2)", relations);
    expect(parts.map(({ type }) => type)).toEqual(["boolean", "boolean", "boolean"]);
  });
});

describe("a struct that is assigned by name", () => {
  const value = typed(struct("B", "a"), sql`x`);

  it("has exactly the column's fields, or lacks some that are null then", () => {
    expect(assignTo(value, struct("a", "b"), "name")).toBeDefined();
    expect(assignTo(value, struct("a", "b", "c"), "name")).toBeUndefined();
    expect(assignTo(value, struct("a", "b", "c"), "name or null")?.sql).toContain("NULL");
  });

  it("may have no field that the column lacks", () => {
    expect(assignTo(value, struct("a"), "name or null")).toBeUndefined();
    expect(assignTo(value, struct("a", "c"), "name or null")).toBeUndefined();
  });
});
