import { describe, expect, it } from "vitest";
import {
  type PropertyName,
  propertyKey,
  propertyOf,
  requireReadableProperties,
  turnsOn,
} from "../../src/protocol/properties.ts";
import {
  refuseConstraint,
  requestedProperties,
  requireRemovable,
} from "../../src/protocol/set-properties.ts";

const read = (name: PropertyName, text: string): unknown => propertyOf({ [propertyKey(name)]: text }, name);

function errorOf(work: () => unknown): unknown {
  try {
    work();
    return "none";
  } catch (error) {
    return error;
  }
}

describe("a property's text", () => {
  it.each([
    ["dataSkippingNumIndexedCols", "-1", -1],
    ["dataSkippingNumIndexedCols", "-2", 32],
    ["dataSkippingNumIndexedCols", "+7", 7],
    ["dataSkippingNumIndexedCols", "007", 7],
    ["dataSkippingNumIndexedCols", "2147483647", 2_147_483_647],
    ["dataSkippingNumIndexedCols", "2147483648", 32],
    ["dataSkippingNumIndexedCols", "1x", 32],
    ["dataSkippingNumIndexedCols", "x1", 32],
    ["dataSkippingNumIndexedCols", "1.0", 32],
    ["dataSkippingNumIndexedCols", "", 32],
    ["dataSkippingNumIndexedCols", "*5", 32],
    ["dataSkippingNumIndexedCols", "--5", 32],
    ["checkpointInterval", "1", 1],
    ["checkpointInterval", "0", 10],
    ["columnMapping.maxColumnId", "0", 0],
    ["columnMapping.maxColumnId", "9007199254740991", Number.MAX_SAFE_INTEGER],
    ["columnMapping.maxColumnId", "9007199254740992", 0],
    ["columnMapping.maxColumnId", "00000000000000005", 0],
  ] as const)("of %s, %j, is the whole number %j", (name, text, value) => {
    expect(read(name, text)).toBe(value);
  });

  it.each([
    ["1", 1],
    ["999999999999999", 999_999_999_999_999],
    ["9999999999999999", undefined],
    ["1b", 1],
    ["1k", 1024],
    ["2KB", 2048],
    ["1KiB", 1024],
    ["3m", 3 * 1024 ** 2],
    ["3 MB", 3 * 1024 ** 2],
    [" 3  mib ", 3 * 1024 ** 2],
    ["1g", 1024 ** 3],
    ["1t", 1024 ** 4],
    ["1p", 1024 ** 5],
    ["9p", undefined],
    ["1e", undefined],
    ["1kx", undefined],
    ["x1k", undefined],
    ["1i", undefined],
    ["k", undefined],
    ["-1", undefined],
    ["1.5g", undefined],
    ["", undefined],
  ])("of a size, %j, is %j bytes", (text, bytes) => {
    expect(read("targetFileSize", text)).toBe(bytes);
  });

  it.each([
    ["interval 30 days", 30 * 86_400_000],
    ["30 days", 30 * 86_400_000],
    [" INTERVAL  1  Day ", 86_400_000],
    ["2 weeks 12 hours", 14.5 * 86_400_000],
    ["1 minute 1 second", 61_000],
    ["5 milliseconds", 5],
    ["1500 microseconds", 1],
    ["2000000 nanoseconds", 2],
    ["1 microsecond", 0],
    ["interval1 day", Number.POSITIVE_INFINITY],
    ["intervals 1 day", Number.POSITIVE_INFINITY],
    ["1 month", Number.POSITIVE_INFINITY],
    ["1 dayss", Number.POSITIVE_INFINITY],
    ["1day", Number.POSITIVE_INFINITY],
    ["day 1", Number.POSITIVE_INFINITY],
    ["-1 day", Number.POSITIVE_INFINITY],
    ["1.5 days", Number.POSITIVE_INFINITY],
    ["x 1 day", Number.POSITIVE_INFINITY],
    ["1 day x", Number.POSITIVE_INFINITY],
    ["1 day, 2 hours", Number.POSITIVE_INFINITY],
    ["", Number.POSITIVE_INFINITY],
    ["interval", Number.POSITIVE_INFINITY],
    ["99999999999999999 days", Number.POSITIVE_INFINITY],
  ])("of an interval, %j, is %j ms, and for ever where it means nothing", (text, milliseconds) => {
    expect(read("logRetentionDuration", text)).toBe(milliseconds);
  });

  it.each([
    ["a", [["a"]]],
    [" a , b ", [["a"], ["b"]]],
    [
      "a.b,c.d.e",
      [
        ["a", "b"],
        ["c", "d", "e"],
      ],
    ],
    ["a . b", [["a", "b"]]],
    ["`a,b`", [["a,b"]]],
    ["`a.b`.c, d", [["a.b", "c"], ["d"]]],
    ["`a``b`", [["a`b"]]],
    ["ab cd", [["ab cd"]]],
    ["", []],
    ["`a", undefined],
    ["a`", undefined],
    ["`a```", [["a`"]]],
    ["x`a`y`", undefined],
  ])("of column paths, %j, is %j", (text, paths) => {
    expect(read("dataSkippingStatsColumns", text)).toEqual(paths);
  });

  it.each([
    ["iceberg", ["iceberg"]],
    [" iceberg , hudi ", ["iceberg", "hudi"]],
    ["", []],
    ["  ", []],
    ["iceberg,delta", undefined],
    ["iceberg,", undefined],
  ])("of a list of words, %j, is %j", (text, words) => {
    expect(read("universalFormat.enabledFormats", text)).toEqual(words);
  });

  it("of one of several words is that word in any case, and a feature's switch turns it on alone", () => {
    expect([
      read("columnMapping.mode", "NAME"),
      read("columnMapping.mode", "id"),
      read("checkpointPolicy", "V2"),
    ]).toEqual(["name", "id", "v2"]);
    expect(read("autoOptimize.autoCompact", "Legacy")).toBe("legacy");
    expect(read("autoOptimize.autoCompact", "often")).toBeUndefined();
    const on = (name: PropertyName, text: string) => turnsOn({ [propertyKey(name)]: text }, name);
    expect([on("columnMapping.mode", "name"), on("columnMapping.mode", "none")]).toEqual([true, false]);
    expect([on("checkpointPolicy", "v2"), on("checkpointPolicy", "classic")]).toEqual([true, false]);
    expect([on("appendOnly", "true"), on("appendOnly", "false"), turnsOn({}, "appendOnly")]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe("a table with a property whose text means nothing", () => {
  const require = (name: string, text: string) =>
    errorOf(() => requireReadableProperties({ configuration: { [name]: text } }));

  it("is not written where writers must know the value, and the error says what it must be", () => {
    expect(require("delta.appendOnly", "maybe")).toMatchObject({
      code: "PROPERTY_INVALID",
      data: { key: "delta.appendOnly", value: "maybe" },
      message: expect.stringContaining("true or false"),
    });
    expect(require("delta.columnMapping.mode", "both")).toMatchObject({ code: "PROPERTY_INVALID" });
    expect(require("delta.inCommitTimestampEnablementVersion", "-1")).toMatchObject({
      code: "PROPERTY_INVALID",
    });
  });

  it("is written where nobody is harmed, or the key is nobody's", () => {
    expect(require("delta.appendOnly", "TRUE")).toBe("none");
    expect(require("delta.logRetentionDuration", "a while")).toBe("none");
    expect(require("delta.unknown", "x")).toBe("none");
    expect(require("appendOnly", "x")).toBe("none");
  });

  it("says whether it cannot be read or written", () => {
    expect(errorOf(() => read("columnMapping.mode", "both"))).toMatchObject({
      message: expect.stringContaining("read"),
    });
    expect(require("delta.columnMapping.mode", "both")).toMatchObject({
      message: expect.stringContaining("written"),
    });
  });
});

describe("a property that somebody sets", () => {
  it.each([
    ["delta.appendOnly", "maybe", 'cannot be "maybe": it must be true or false.'],
    ["delta.checkpointInterval", "0", "a whole number from 1 to 2147483647"],
    ["delta.checkpointPolicy", "v3", "classic or v2"],
    ["delta.columnMapping.mode", "both", "none, name or id"],
    ["delta.isolationLevel", "SnapshotIsolation", "Serializable or WriteSerializable"],
    ["delta.targetFileSize", "0", 'a number of bytes such as "104857600", "100mb" or "1g"'],
    ["delta.logRetentionDuration", "1 month", 'an interval such as "interval 30 days", in weeks, days'],
    ["delta.dataSkippingStatsColumns", "`a", "a comma-separated list of column names"],
    ["delta.feature.clustering", "yes", 'can be set to "supported" only, not "yes".'],
    ["delta.columnMapping.maxColumnId", "7", "cannot be changed: it belongs to the table's own bookkeeping."],
    ["delta.ignoreProtocolDefaults", "true", "cannot be changed: varve has no such defaults."],
  ])("%s = %s is refused with what it may be", (key, value, message) => {
    expect(errorOf(() => requestedProperties({ [key]: value }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(message),
    });
  });

  it("is stored as it is where only its meaning counts", () => {
    const asked = {
      "delta.feature.a": "supported",
      "delta.feature.b": "enabled",
      "delta.targetFileSize": "1 GiB",
      "delta.parquet.format.version": "Any Text",
      "delta.universalFormat.config.x": "y",
      "delta.checkpoint.writeStatsAsJson": "FALSE",
      deltaX: "mine",
    };
    const { "delta.feature.a": _a, "delta.feature.b": _b, ...kept } = asked;
    expect(requestedProperties(asked)).toEqual({
      features: ["a", "b"],
      properties: { ...kept, "delta.checkpoint.writeStatsAsJson": "false" },
    });
  });

  it("is removed unless it belongs to the table's own bookkeeping", () => {
    for (const key of ["delta.appendOnly", "delta.ignoreProtocolDefaults", "delta.unknown", "mine"])
      expect(errorOf(() => requireRemovable(key))).toBe("none");
    expect(errorOf(() => requireRemovable("delta.columnMapping.maxColumnId"))).toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { key: "delta.columnMapping.maxColumnId" },
      message: expect.stringContaining("bookkeeping"),
    });
  });

  it("is no constraint of a table that has rows", () => {
    expect(errorOf(() => refuseConstraint("delta.constraints.c"))).toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { key: "delta.constraints.c" },
    });
    expect(errorOf(() => refuseConstraint("delta.appendOnly"))).toBe("none");
    expect(errorOf(() => refuseConstraint("constraints.c"))).toBe("none");
  });
});
