import { describe, expect, it } from "vitest";
import type { FieldMetadata, StructField, StructType } from "../../src/schema/types.ts";
import { writeRequirements } from "../../src/table/rules/write-requirements.ts";
import { metadata, protocol } from "../support/commit-tools.ts";

// PROTOCOL.md "Additional Requirements for Writers", "CHECK Constraints", "Column Invariants", "Generated
// Columns", "Default Columns" and "Identity Columns".

const field = (name: string, fieldMetadata: FieldMetadata = {}, nullable = true): StructField => ({
  name,
  type: "long",
  nullable,
  metadata: fieldMetadata,
});
const struct = (...fields: StructField[]): StructType => ({ type: "struct", fields });

function requirements(
  schema: StructType,
  features: readonly string[] | undefined = [],
  configuration: Record<string, string> = {},
) {
  return writeRequirements({ protocol: protocol(features), metadata: metadata(configuration), schema });
}

describe("writeRequirements", () => {
  it("asks nothing of a plain table", () => {
    expect(requirements(struct(field("a")))).toEqual({
      appendOnly: false,
      notNull: [],
      conditions: [],
      generated: [],
      defaults: [],
      identity: [],
      columnMapping: "none",
      changeDataFeed: false,
      deletionVectors: false,
      materializePartitionColumns: false,
      clusteringColumns: [],
      assignRowIds: false,
    });
  });

  it("finds NOT NULL in nested structs, arrays and maps", () => {
    const schema = struct(
      field("a", {}, false),
      { name: "s", type: struct(field("b", {}, false)), nullable: true, metadata: {} },
      {
        name: "l",
        type: { type: "array", elementType: struct(field("c", {}, false)), containsNull: false },
        nullable: true,
        metadata: {},
      },
      {
        name: "m",
        type: { type: "map", keyType: "string", valueType: "long", valueContainsNull: false },
        nullable: true,
        metadata: {},
      },
    );
    expect(requirements(schema).notNull).toEqual([
      { path: ["a"], insideCollection: false },
      { path: ["s", "b"], insideCollection: false },
      { path: ["l", "element"], insideCollection: true },
      { path: ["l", "element", "c"], insideCollection: true },
      { path: ["m", "value"], insideCollection: true },
    ]);
  });

  it("holds rows to invariants and constraints even where the protocol does not list them", () => {
    const schema = struct(field("a", { "delta.invariants": '{"expression":{"expression":"a > 3"}}' }));
    expect(requirements(schema, [], { "delta.constraints.pos": "a > 0" }).conditions).toEqual([
      { kind: "invariant", name: "a", expression: "a > 3" },
      { kind: "check", name: "pos", expression: "a > 0" },
    ]);
  });

  it("refuses invariants it cannot read instead of ignoring them", () => {
    expect(() => requirements(struct(field("a", { "delta.invariants": "{}" })))).toThrowError(
      expect.objectContaining({ code: "SCHEMA_INVALID" }),
    );
  });

  it("takes generated, default and identity columns where their feature is supported", () => {
    const schema = struct(
      field("g", { "delta.generationExpression": "a + 1" }),
      field("d", { CURRENT_DEFAULT: "7" }),
      field("i", {
        "delta.identity.start": 5,
        "delta.identity.step": -2,
        "delta.identity.highWaterMark": 9007199254740993n,
        "delta.identity.allowExplicitInsert": true,
      }),
    );
    const all = requirements(schema, ["generatedColumns", "allowColumnDefaults", "identityColumns"]);
    expect(all.generated).toEqual([{ column: ["g"], expression: "a + 1" }]);
    expect(all.defaults).toEqual([{ column: ["d"], expression: "7" }]);
    expect(all.identity).toEqual([
      { column: "i", start: 5n, step: -2n, allowExplicitInsert: true, highWaterMark: 9007199254740993n },
    ]);
    const legacy = writeRequirements({
      protocol: { kind: "protocol", minReaderVersion: 1, minWriterVersion: 6 },
      metadata: metadata(),
      schema,
    });
    expect([legacy.generated.length, legacy.defaults.length, legacy.identity.length]).toEqual([1, 0, 1]);
  });

  it("reads the switches of features", () => {
    const found = writeRequirements({
      protocol: protocol(
        [
          "appendOnly",
          "changeDataFeed",
          "rowTracking",
          "domainMetadata",
          "clustering",
          "materializePartitionColumns",
        ],
        ["deletionVectors", "columnMapping"],
      ),
      metadata: metadata({
        "delta.appendOnly": "true",
        "delta.enableChangeDataFeed": "TRUE",
        "delta.enableDeletionVectors": "true",
        "delta.columnMapping.mode": "id",
        "delta.enableRowTracking": "true",
        "delta.rowTracking.materializedRowIdColumnName": "_ids",
        "delta.rowTracking.materializedRowCommitVersionColumnName": "_versions",
      }),
      schema: struct(field("a")),
      clustering: {
        kind: "domainMetadata",
        domain: "delta.clustering",
        configuration: '{"clusteringColumns":[["a"],"col-1"]}',
        removed: false,
      },
    });
    expect(found).toMatchObject({
      appendOnly: true,
      changeDataFeed: true,
      deletionVectors: true,
      columnMapping: "id",
      materializePartitionColumns: true,
      clusteringColumns: [["a"], ["col-1"]],
      assignRowIds: true,
      rowTracking: { rowIdColumn: "_ids", rowCommitVersionColumn: "_versions" },
    });
  });
});
