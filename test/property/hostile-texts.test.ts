import { describe, expect, it } from "vitest";
import { tokenize } from "../../src/dialects/spark/tokenize.ts";
import { quoteLongFractions } from "../../src/log/checkpoint/checkpoint-schema.ts";
import { comparable } from "../../src/log/pruning/comparable.ts";
import { byteSize, columnPaths, parseInterval } from "../../src/protocol/property-values.ts";
import { decodePartitionValue } from "../../src/schema/partition-values.ts";

const long = 500_000;

/**
 * Texts of a table's log, made so that a reader that tries ways to read them tries hours: each ends in a
 * moment, or this test does not end.
 */
describe("a text of the log that was made to be read in many ways", () => {
  it.each<readonly [string, () => unknown]>([
    ["backticks in columns with statistics", () => columnPaths.parse("`".repeat(long + 1))],
    ["backticks beside a name", () => columnPaths.parse(`a${"`".repeat(long)}b\``)],
    ["blanks behind a number of bytes", () => byteSize.parse(`1${" ".repeat(long)}x`)],
    ["letters of an interval", () => parseInterval(`1 ${"a".repeat(long)}!`)],
    ["blanks in an interval", () => parseInterval(`1${" ".repeat(long)}!`)],
    ["digits of a statistic", () => comparable("double", `${"1".repeat(long)}x`)],
    ["digits behind a point", () => comparable("float", `1.${"1".repeat(long)}x`)],
    ["fractions of a checkpoint's statistics", () => quoteLongFractions(`1.5x${"1".repeat(long)}`)],
    ["quotes that never close in statistics", () => quoteLongFractions(`1.5${'"\\'.repeat(long)}`)],
  ])("%s mean nothing, and are done with at once", (_, read) => {
    expect(read()).toBeUndefined();
  });

  it("digits of a partition value are refused at once", () => {
    expect(() => decodePartitionValue("double", `${"1".repeat(long)}x`)).toThrow(/Invalid partition value/);
  });

  it.each([
    ["digits before a letter", `${"1".repeat(60_000)}x`],
    ["comments without an end", "/* ".repeat(20_000)],
  ])("%s of an expression are refused at once", (_, text) => {
    expect(() => tokenize(text)).toThrow(/which varve does not support/);
  });
});

describe("what such texts are told from", () => {
  it("is read as before", () => {
    expect(columnPaths.parse("a, b.c, `d.e`, `f``g`.`h`")).toEqual([
      ["a"],
      ["b", "c"],
      ["d.e"],
      ["f`g", "h"],
    ]);
    expect([" 100mb ", "1 g", "2KiB", "7"].map((text) => byteSize.parse(text))).toEqual([
      104_857_600, 1_073_741_824, 2048, 7,
    ]);
    expect(["1.", ".5", "1.5e3", "1e-2", "-7"].map((text) => comparable("double", text))).toEqual(
      [1, 0.5, 1500, 0.01, -7].map((value) => ({ kind: "float", value })),
    );
    expect(
      quoteLongFractions('{"a":1234567890123456.5,"b":"1234567890123456.5","c":-1234567890123456.25}'),
    ).toBe('{"a":"1234567890123456.5","b":"1234567890123456.5","c":"-1234567890123456.25"}');
    expect(tokenize("1. + .5e3 /* note */ + /*+ hint").map(({ value }) => value)).toEqual(
      expect.arrayContaining(["1.", "+", ".5e3", "/", "*", "hint"]),
    );
  });
});
