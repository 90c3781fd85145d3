import { describe, expect, it } from "vitest";
import type { DomainMetadataAction, MetadataAction, ProtocolAction } from "../../src/protocol/actions.ts";
import { clusteringColumns, rowIdMark, rowIdMarkAction } from "../../src/protocol/domains.ts";
import {
  featuresOfProperties,
  findFeature,
  isFeatureActive,
  isTurnedOn,
  readerHas,
  supportedReaderFeatures,
  supportedWriterFeatures,
  tableFeatures,
  unwritable,
  writerLists,
} from "../../src/protocol/features.ts";
import {
  readObstacle,
  refuseCatalogManaged,
  requireWritable,
  validateProtocol,
} from "../../src/protocol/obstacles.ts";
import { schema } from "../../src/schema/builder.ts";
import { columnMetadata, featuresOfSchema, isFilled } from "../../src/schema/column-metadata.ts";
import type { StructField } from "../../src/schema/types.ts";

function errorOf(work: () => unknown): unknown {
  try {
    return ["none", work()];
  } catch (error) {
    return error;
  }
}

const protocol = (
  reader: number,
  writer: number,
  features: { readers?: string[]; writers?: string[] } = {},
): ProtocolAction => ({
  kind: "protocol",
  minReaderVersion: reader,
  minWriterVersion: writer,
  ...(features.readers === undefined ? {} : { readerFeatures: features.readers }),
  ...(features.writers === undefined ? {} : { writerFeatures: features.writers }),
});
const listing = (...features: string[]) => protocol(3, 7, { readers: features, writers: features });
const metadata = (configuration: Record<string, string> = {}, provider = "parquet"): MetadataAction => ({
  kind: "metaData",
  id: "x",
  format: { provider, options: {} },
  schemaString: "",
  partitionColumns: [],
  configuration,
});

describe("features that versions before table features imply", () => {
  it.each([
    [1, []],
    [2, ["appendOnly", "invariants"]],
    [3, ["appendOnly", "invariants", "checkConstraints"]],
    [4, ["appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns"]],
    [
      5,
      ["appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns", "columnMapping"],
    ],
    [
      6,
      [
        "appendOnly",
        "invariants",
        "checkConstraints",
        "changeDataFeed",
        "generatedColumns",
        "columnMapping",
        "identityColumns",
      ],
    ],
  ])("of writer version %i are %j", (version, names) => {
    expect([...supportedWriterFeatures(protocol(1, version, { writers: ["clustering"] }))]).toEqual(names);
  });

  it("of reader version 2 are column mapping alone", () => {
    expect(
      [1, 2].map((version) => [...supportedReaderFeatures(protocol(version, 2, { readers: ["x"] }))]),
    ).toEqual([[], ["columnMapping"]]);
    expect([...supportedReaderFeatures(listing("deletionVectors", "x"))]).toEqual(["deletionVectors", "x"]);
    expect([...supportedReaderFeatures(protocol(3, 7))]).toEqual([]);
    expect([...supportedWriterFeatures(protocol(3, 7))]).toEqual([]);
  });

  it("are listed under either name, by writers of version 7 only", () => {
    expect([
      readerHas(protocol(2, 5), "columnMapping"),
      readerHas(protocol(1, 5), "columnMapping"),
      readerHas(listing("typeWidening-preview"), "typeWidening"),
      readerHas(listing("unknown"), "unknown"),
      readerHas(listing("unknown"), "other"),
      readerHas(listing("deletionVectors"), "typeWidening"),
      writerLists(protocol(1, 6), "appendOnly"),
      writerLists(protocol(1, 7, { writers: ["appendOnly"] }), "appendOnly"),
      writerLists(listing("variantType-preview"), "variantType"),
      writerLists(listing("deletionVectors"), "appendOnly"),
    ]).toEqual([true, false, true, true, false, false, false, true, true, false]);
  });

  it("are active where they are listed, and turned on where a property switches them", () => {
    const active = (name: string, each: ProtocolAction, configuration: Record<string, string> = {}) =>
      isFeatureActive(name, each, { configuration });
    expect([
      active("appendOnly", protocol(1, 2)),
      active("appendOnly", protocol(1, 2), { "delta.appendOnly": "true" }),
      active("appendOnly", protocol(1, 1), { "delta.appendOnly": "true" }),
      active("clustering", listing("clustering")),
      active("clustering", listing("domainMetadata")),
    ]).toEqual([false, true, false, true, false]);
    expect([isTurnedOn("clustering", {}), isTurnedOn("rowTracking", {}), isTurnedOn("unknown", {})]).toEqual([
      undefined,
      false,
      undefined,
    ]);
    expect(isTurnedOn("inCommitTimestamp-preview", { "delta.enableInCommitTimestamps": "true" })).toBe(true);
    expect(
      featuresOfProperties({
        "delta.appendOnly": "true",
        "delta.enableRowTracking": "false",
        "delta.columnMapping.mode": "id",
      }).sort(),
    ).toEqual(["appendOnly", "columnMapping"]);
    expect(featuresOfProperties({})).toEqual([]);
  });
});

describe("features that varve does not write", () => {
  it("are those that it refuses, does not know, or knows under another name", () => {
    for (const { name, write, preview, previewUnwritable } of tableFeatures) {
      expect(unwritable(name) === undefined, name).toBe(write !== "refused");
      if (preview !== undefined)
        expect(unwritable(preview) === undefined, preview).toBe(
          write !== "refused" && previewUnwritable !== true,
        );
    }
    expect(unwritable("unknown")).toBe("this version of varve does not know it");
    expect(unwritable("inCommitTimestamp-preview")).toBe("this version of varve does not know it");
    expect(unwritable("coordinatedCommits")).toBe("its commits go through a coordinator");
    expect(findFeature("unknown")).toBeUndefined();
  });

  const refusal = (each: ProtocolAction, configuration: Record<string, string> = {}) =>
    errorOf(() => requireWritable(each, { configuration }));

  it("keep a table from being written, all named at once with their reasons", () => {
    expect(refusal(listing("geospatial", "unknown", "deletionVectors"))).toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      data: { features: ["geospatial", "unknown"] },
      message: expect.stringMatching(/geospatial \(.*know it\); unknown \(.*know it\)\./),
    });
    expect(refusal(listing("catalogOwned-preview"))).toMatchObject({ code: "CATALOG_MANAGED" });
    expect(refusal(protocol(1, 7, { writers: ["collations"] }))).toMatchObject({
      data: { features: ["collations"] },
    });
    expect(refusal(protocol(3, 7, { readers: ["timestampNanos"], writers: [] }))).toMatchObject({
      data: { features: ["timestampNanos"] },
    });
  });

  it("do not where a property that switches them is off", () => {
    const each = protocol(1, 7, { writers: ["icebergCompatV2"] });
    expect(refusal(each)).toEqual(["none", undefined]);
    expect(refusal(each, { "delta.enableIcebergCompatV2": "true" })).toMatchObject({
      code: "UNSUPPORTED_FEATURE",
    });
    expect(refusal(protocol(2, 6))).toEqual(["none", undefined]);
    expect(refusal(protocol(2, 6), { "delta.appendOnly": "maybe" })).toMatchObject({
      code: "PROPERTY_INVALID",
    });
  });

  it.each([
    [4, 7],
    [3, 8],
    [1, 8],
  ])("nor are versions %i and %i written", (reader, writer) => {
    expect(refusal(protocol(reader, writer, { readers: [], writers: [] }))).toMatchObject({
      code: "UNSUPPORTED_PROTOCOL",
      data: { minReaderVersion: reader, minWriterVersion: writer },
    });
  });
});

describe("a protocol that cannot be", () => {
  it.each([
    [protocol(0, 2), "versions start at 1"],
    [protocol(1, 0), "versions start at 1"],
    [protocol(3, 7, { writers: [] }), "reader version 3 requires readerFeatures"],
    [protocol(3, 7, { readers: [] }), "writer version 7 requires writerFeatures"],
    [protocol(1, 7), "writer version 7 requires writerFeatures"],
    [protocol(3, 6, { readers: [] }), "reader version 3 requires writer version 7"],
  ])("%j is refused with its reason", (each, reason) => {
    const { minReaderVersion, minWriterVersion } = each;
    expect(errorOf(() => validateProtocol(each))).toMatchObject({
      code: "LOG_CORRUPT",
      data: { minReaderVersion, minWriterVersion },
      message: expect.stringContaining(reason),
    });
  });

  it.each([
    protocol(1, 1),
    protocol(2, 5),
    protocol(1, 7, { writers: [] }),
    listing(),
    protocol(4, 7, { writers: [] }),
  ])("%j is one", (each) => {
    expect(errorOf(() => validateProtocol(each))).toEqual(["none", undefined]);
  });
});

describe("what keeps a table from being read", () => {
  it("is a catalog that knows its newest commits, under either name, for readers or writers", () => {
    for (const each of [
      listing("x", "catalogManaged"),
      protocol(1, 7, { writers: ["catalogOwned-preview"] }),
    ])
      expect(errorOf(() => refuseCatalogManaged(each))).toMatchObject({
        code: "CATALOG_MANAGED",
        data: { feature: each.writerFeatures?.at(-1) },
      });
    for (const each of [listing("x"), protocol(1, 2), protocol(1, 7, { writers: ["clustering"] })])
      expect(errorOf(() => refuseCatalogManaged(each))).toEqual(["none", undefined]);
  });

  it("are versions and features of readers alone, and another format of files", () => {
    expect(readObstacle(listing("deletionVectors", "appendOnly"), metadata())).toBeUndefined();
    expect(readObstacle(protocol(2, 9, { readers: ["unknown"] }), metadata())).toBeUndefined();
    expect(readObstacle(protocol(1, 2), metadata({}, "PARQUET"))).toBeUndefined();
    expect(readObstacle(listing("unknown", "deletionVectors", "timestampNanos"), metadata())).toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      data: { features: ["unknown", "timestampNanos"] },
      message: expect.stringContaining(
        "unknown (unknown to varve), timestampNanos (nanosecond timestamps are not read)",
      ),
    });
    expect(readObstacle(protocol(1, 2), metadata({}, "orc"))).toMatchObject({
      code: "UNSUPPORTED_FEATURE",
      data: { features: ["format:orc"] },
    });
  });

  it("is a reader version that is not known yet, with the features that it brings", () => {
    const of = (...readers: string[]) => readObstacle(protocol(4, 7, { readers, writers: [] }), metadata());
    expect(of()?.message).toContain("reader version 4; varve supports versions 1 to 3.");
    expect(of("x")?.message).toContain("reader version 4 and the feature x; varve");
    expect(of("x", "y")?.message).toContain("reader version 4 and the features x, y; varve");
    expect(of("x", "deletionVectors")).toMatchObject({
      code: "UNSUPPORTED_PROTOCOL",
      data: { minReaderVersion: 4, supported: 3, features: ["x"] },
    });
    expect(readObstacle(protocol(4, 7), metadata())).toMatchObject({ data: { features: [] } });
  });
});

describe("metadata domains", () => {
  const domain = (configuration: string, removed = false): DomainMetadataAction => ({
    kind: "domainMetadata",
    domain: "d",
    configuration,
    removed,
  });

  it("hold the highest row id, exactly", () => {
    expect(rowIdMark(undefined)).toBeUndefined();
    expect(rowIdMark(domain('{"rowIdHighWaterMark":5}', true))).toBeUndefined();
    expect(rowIdMark(domain('{"rowIdHighWaterMark":5}'))).toBe(5n);
    expect(rowIdMark(domain('{"rowIdHighWaterMark":9007199254740993}'))).toBe(9_007_199_254_740_993n);
    expect(rowIdMark(rowIdMarkAction(2n ** 62n))).toBe(2n ** 62n);
    expect(rowIdMarkAction(1n)).toMatchObject({ domain: "delta.rowTracking", removed: false });
    for (const text of ["{}", "[]", "5", '{"rowIdHighWaterMark":"5"}', '{"rowIdHighWaterMark":1.5}', "null"])
      expect(errorOf(() => rowIdMark(domain(text)))).toMatchObject({
        code: "LOG_CORRUPT",
        data: { domain: "d", configuration: text },
        message: expect.stringContaining("a whole number rowIdHighWaterMark"),
      });
    expect(errorOf(() => rowIdMark(domain("{")))).toMatchObject({
      code: "LOG_CORRUPT",
      message: expect.stringContaining("must contain JSON"),
    });
  });

  it("hold the columns that a table is clustered by, as texts or lists of parts", () => {
    expect(clusteringColumns(undefined)).toEqual([]);
    expect(clusteringColumns(domain('{"clusteringColumns":["a"]}', true))).toEqual([]);
    expect(clusteringColumns(domain('{"clusteringColumns":["a",["b","c"],[1]]}'))).toEqual([
      ["a"],
      ["b", "c"],
      ["1"],
    ]);
    for (const text of ["{}", '{"clusteringColumns":"a"}', '{"clusteringColumns":{"a":1}}', "[]"])
      expect(clusteringColumns(domain(text))).toEqual([]);
    expect(errorOf(() => clusteringColumns(domain("{")))).toMatchObject({ code: "LOG_CORRUPT" });
  });
});

describe("a column's metadata", () => {
  const field = (values: StructField["metadata"]): StructField => ({
    name: "c",
    type: "long",
    nullable: true,
    metadata: values,
  });
  const of = (values: StructField["metadata"]) => errorOf(() => columnMetadata(field(values)));

  it("holds an invariant as JSON in a text, or nested", () => {
    const json = { expression: { expression: "c > 0" } };
    expect(of({ "delta.invariants": JSON.stringify(json) })).toEqual(["none", { invariant: "c > 0" }]);
    expect(of({ "delta.invariants": json })).toEqual(["none", { invariant: "c > 0" }]);
    expect(of({ "delta.invariants": null })).toEqual(["none", {}]);
    for (const bad of ["{", "[]", '{"expression":"c"}', '{"expression":{"expression":1}}', 5, [], {}])
      expect(of({ "delta.invariants": bad })).toMatchObject({
        code: "SCHEMA_INVALID",
        data: { column: ["c"], key: "delta.invariants" },
        message: expect.stringContaining("JSON text with expression.expression"),
      });
  });

  it("holds SQL of generated columns and defaults as text", () => {
    expect(of({ "delta.generationExpression": "a + 1", CURRENT_DEFAULT: "7" })).toEqual([
      "none",
      { generation: "a + 1", default: "7" },
    ]);
    for (const key of ["delta.generationExpression", "CURRENT_DEFAULT"])
      expect(of({ [key]: 5 })).toMatchObject({
        code: "SCHEMA_INVALID",
        data: { key },
        message: expect.stringContaining("SQL text"),
      });
    const filled = (values: StructField["metadata"]) => isFilled(field(values));
    expect([
      filled({}),
      filled({ CURRENT_DEFAULT: "1" }),
      filled({ "delta.generationExpression": "1" }),
      filled({ "delta.invariants": '{"expression":{"expression":"x"}}' }),
    ]).toEqual([false, true, true, false]);
    expect(filled({ "delta.identity.start": 1, "delta.identity.step": 1 })).toBe(true);
  });

  it("holds an identity's numbers as numbers or texts, exactly, and its step is not 0", () => {
    const identity = (values: StructField["metadata"]) =>
      of(Object.fromEntries(Object.entries(values).map(([key, value]) => [`delta.identity.${key}`, value])));
    expect(identity({ start: 1, step: -2 })).toEqual([
      "none",
      { identity: { start: 1n, step: -2n, highWaterMark: undefined, allowExplicitInsert: false } },
    ]);
    expect(
      identity({
        start: "-9223372036854775808",
        step: 2n ** 60n,
        highWaterMark: "5",
        allowExplicitInsert: "TRUE",
      }),
    ).toEqual([
      "none",
      { identity: { start: -(2n ** 63n), step: 2n ** 60n, highWaterMark: 5n, allowExplicitInsert: true } },
    ]);
    expect(identity({ start: 1, step: 1, allowExplicitInsert: true })).toMatchObject([
      "none",
      { identity: { allowExplicitInsert: true } },
    ]);
    for (const [values, key] of [
      [{ start: 1 }, "step"],
      [{ step: 1 }, "start"],
      [{ start: 1, step: 0 }, "step"],
      [{ start: 1.5, step: 1 }, "start"],
      [{ start: "1x", step: 1 }, "start"],
      [{ start: "x1", step: 1 }, "start"],
      [{ start: "", step: 1 }, "start"],
      [{ start: "12345678901234567890", step: 1 }, "start"],
      [{ start: 1, step: 1, highWaterMark: true }, "highWaterMark"],
      [{ start: 1, step: 1, allowExplicitInsert: "maybe" }, "allowExplicitInsert"],
    ] as const)
      expect(identity(values)).toMatchObject({
        code: "SCHEMA_INVALID",
        data: { key: `delta.identity.${key}` },
        message: expect.stringMatching(/a whole number|true or false/),
      });
  });

  it("holds how many characters a text may have", () => {
    const length = (text: StructField["metadata"][string]) => of({ __CHAR_VARCHAR_TYPE_STRING: text });
    expect(length("varchar(10)")).toEqual(["none", { charLength: { kind: "varchar", length: 10 } }]);
    expect(length(" CHAR(3) ")).toEqual(["none", { charLength: { kind: "char", length: 3 } }]);
    for (const none of ["varchar", "varchar()", "xchar(3)", "char(3)x", "char(-3)", 3, null])
      expect(length(none)).toEqual(["none", {}]);
  });

  it("names the column by its path", () => {
    expect(errorOf(() => columnMetadata(field({ CURRENT_DEFAULT: 1 }), ["a b", "c"]))).toMatchObject({
      data: { column: ["a b", "c"] },
    });
  });
});

describe("features that a schema needs", () => {
  it("are those of its types, at any depth, and of what its columns ask of writers", () => {
    const values = {
      "delta.invariants": "x",
      "delta.generationExpression": "x",
      CURRENT_DEFAULT: "x",
      "delta.identity.start": 1,
    };
    const names = {
      "delta.invariants": "invariants",
      "delta.generationExpression": "generatedColumns",
      CURRENT_DEFAULT: "allowColumnDefaults",
      "delta.identity.start": "identityColumns",
    };
    const of = (field: Partial<StructField>) =>
      featuresOfSchema({
        type: "struct",
        fields: [{ name: "c", type: "long", nullable: true, metadata: {}, ...field }],
      });
    for (const [key, value] of Object.entries(values)) {
      expect(of({ metadata: { [key]: value } })).toEqual([names[key as keyof typeof names]]);
      expect(of({ metadata: { [key]: null } })).toEqual([]);
    }
    expect(of({ metadata: values })).toEqual(Object.values(names).sort());
    const array = { type: "array", elementType: "timestamp_ntz", containsNull: true } as const;
    expect(of({ type: "timestamp_ntz" })).toEqual(["timestampNtz"]);
    expect(of({ type: "variant" })).toEqual(["variantType"]);
    expect(of({ type: array })).toEqual(["timestampNtz"]);
    expect(
      of({ type: { type: "map", keyType: array, valueType: "variant", valueContainsNull: true } }),
    ).toEqual(["timestampNtz", "variantType"]);
    expect(of({ type: { type: "decimal", precision: 5, scale: 1 } })).toEqual([]);
    expect(featuresOfSchema(schema().struct("s", schema().column("t", "variant")).build())).toEqual([
      "variantType",
    ]);
  });
});
