import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  findProperty,
  properties,
  propertyKey,
  propertyNames,
  propertyOf,
} from "../../src/protocol/properties.ts";
import { requestedProperties } from "../../src/protocol/set-properties.ts";

// PROTOCOL.md "Table Properties".

const page = readFileSync(new URL("../../spec/properties.md", import.meta.url), "utf8");

/** A property's row of `spec/properties.md`. */
function rowOf(name: keyof typeof properties): string {
  const property = properties[name];
  const set =
    property.refused === undefined ? "yes" : property.refused === "bookkeeping" ? "bookkeeping" : "no";
  const harmless =
    property.harmless === undefined ? "" : property.harmless === true ? "any" : `\`${property.harmless}\``;
  const initial =
    property.default === undefined
      ? ""
      : `\`${property.values === properties.logRetentionDuration.values ? `${Number(property.default) / 86_400_000} days` : property.default}\``;
  return `| \`${propertyKey(name)}\` | ${property.values.name} | ${initial} | ${property.about} | ${property.feature ?? ""} | ${set} | ${property.malformed ?? ""} | ${harmless} |`;
}

describe("spec/properties.md", () => {
  it("lists each property as the table has it, in its order", () => {
    expect(page.split("\n").filter((line) => line.startsWith("| `delta."))).toEqual(propertyNames.map(rowOf));
  });
});

describe("propertyOf", () => {
  it.each([
    ["TRUE", true],
    ["True", true],
    ["false", false],
    ["yes", false],
    ["", false],
  ])("reads the boolean %j as %j", (text, value) => {
    expect(propertyOf({ "delta.appendOnly": text }, "appendOnly")).toBe(value);
  });

  it("takes the default where the table has no such property", () => {
    expect(propertyOf({}, "checkpointInterval")).toBe(10);
    expect(propertyOf({}, "columnMapping.mode")).toBe("none");
    expect(propertyOf({}, "setTransactionRetentionDuration")).toBeUndefined();
  });

  it("takes the careful side where a text means nothing", () => {
    expect(propertyOf({ "delta.logRetentionDuration": "a while" }, "logRetentionDuration")).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect(propertyOf({ "delta.isolationLevel": "loose" }, "isolationLevel")).toBe("Serializable");
    expect(propertyOf({ "delta.enableExpiredLogCleanup": "maybe" }, "enableExpiredLogCleanup")).toBe(false);
    const protectedBefore = { "delta.requireCheckpointProtectionBeforeVersion": "the tenth" };
    expect(propertyOf(protectedBefore, "requireCheckpointProtectionBeforeVersion")).toBeGreaterThan(0);
  });

  it.each([
    ["104857600", 104_857_600],
    ["100mb", 100 * 1024 ** 2],
    ["1 GiB", 1024 ** 3],
    ["0", undefined],
    ["big", undefined],
  ])("reads the size %j as %j", (text, bytes) => {
    expect(propertyOf({ "delta.targetFileSize": text }, "targetFileSize")).toBe(bytes);
  });

  it("reads paths of columns, with names in backticks", () => {
    const text = "a, b.c, `d.e`.`f``g`";
    expect(propertyOf({ "delta.dataSkippingStatsColumns": text }, "dataSkippingStatsColumns")).toEqual([
      ["a"],
      ["b", "c"],
      ["d.e", "f`g"],
    ]);
  });

  it("refuses to read a table whose column mapping cannot be known, by key and value", () => {
    expect(() => propertyOf({ "delta.columnMapping.mode": "both" }, "columnMapping.mode")).toThrowError(
      expect.objectContaining({
        code: "PROPERTY_INVALID",
        data: { key: "delta.columnMapping.mode", value: "both" },
      }),
    );
  });

  it("reads the isolation level in any case, as Spark does", () => {
    expect(propertyOf({ "delta.isolationLevel": "serializable" }, "isolationLevel")).toBe("Serializable");
    expect(propertyOf({ "delta.isolationLevel": "SnapshotIsolation" }, "isolationLevel")).toBe(
      "SnapshotIsolation",
    );
  });
});

describe("requestedProperties", () => {
  it("stores booleans and words in the spelling that every engine knows, and takes features apart", () => {
    const asked = {
      "delta.appendOnly": "TRUE",
      "delta.checkpointPolicy": "V2",
      "delta.checkpointInterval": "007",
      "delta.logRetentionDuration": "INTERVAL 2 Weeks",
      "delta.constraints.c": "a > 0",
      "delta.feature.clustering": "supported",
      mine: "Anything",
    };
    expect(requestedProperties(asked)).toEqual({
      features: ["clustering"],
      properties: {
        "delta.appendOnly": "true",
        "delta.checkpointPolicy": "v2",
        "delta.checkpointInterval": "7",
        "delta.logRetentionDuration": "INTERVAL 2 Weeks",
        "delta.constraints.c": "a > 0",
        mine: "Anything",
      },
    });
  });

  it.each([
    ["delta.nonsense", "1", undefined],
    ["delta.apendOnly", "true", "delta.appendOnly"],
    ["delta.AppendOnly", "true", "delta.appendOnly"],
    ["Delta.appendOnly", "true", "delta.appendOnly"],
    ["delta.enableDeletionVector", "true", "delta.enableDeletionVectors"],
    ["delta.constraints.", "a > 0", undefined],
    ["delta.toString", "x", undefined],
  ])("refuses the unknown key %s and names the nearest one", (key, value, nearest) => {
    expect(() => requestedProperties({ [key]: value })).toThrowError(
      expect.objectContaining({
        code: "INVALID_ARGUMENT",
        data: nearest === undefined ? { key } : { key, nearest },
        message: expect.stringContaining(nearest === undefined ? key : `did you mean ${nearest}?`),
      }),
    );
  });

  it.each([
    ["delta.appendOnly", "maybe"],
    ["delta.checkpointInterval", "0"],
    ["delta.checkpointInterval", "1.5"],
    ["delta.checkpointPolicy", "v3"],
    ["delta.isolationLevel", "SnapshotIsolation"],
    ["delta.logRetentionDuration", "interval 1 month"],
    ["delta.logRetentionDuration", "interval 1 constructor"],
    ["delta.dataSkippingNumIndexedCols", "-2"],
    ["delta.dataSkippingStatsColumns", "a, `b"],
    ["delta.targetFileSize", "0"],
    ["delta.parquet.compression.codec", "zip"],
    ["delta.feature.clustering", "yes"],
    ["delta.columnMapping.maxColumnId", "7"],
    ["delta.rowTracking.materializedRowIdColumnName", "ids"],
    ["delta.minWriterVersion", "7"],
  ])("refuses %s = %s", (key, value) => {
    expect(() => requestedProperties({ [key]: value })).toThrowError(
      expect.objectContaining({ code: "INVALID_ARGUMENT", data: { key } }),
    );
  });
});

it("findProperty knows the properties alone", () => {
  expect(propertyNames.map((name) => findProperty(propertyKey(name)))).toEqual(propertyNames);
  expect(["appendOnly", "delta.", "delta.toString", "delta.feature.appendOnly"].map(findProperty)).toEqual(
    Array(4).fill(undefined),
  );
});
