import { describe, expect, it } from "vitest";
import {
  decodeLogPath,
  encodeLogPath,
  hiveFolder,
  hiveNull,
  logPathKey,
  parseHiveSegment,
} from "../../src/schema/paths.ts";
import fc from "../support/fast-check.ts";

// PROTOCOL.md "Add File and Remove File".

const text = fc.string({ unit: "binary", minLength: 1 });

describe("paths of the log", () => {
  it("a raw path comes back from its encoding, whatever characters it holds", () => {
    fc.assert(
      fc.property(text, (path) => {
        fc.pre(!path.startsWith("/"));
        expect(decodeLogPath(encodeLogPath(path))).toEqual({ kind: "relative", path });
        expect(encodeLogPath(path)).toMatch(/^[^\p{Z}\p{Cc}:"#<>?[\\\]^`{|}]*$/u);
      }),
    );
  });

  it("spells a Hive folder as other writers do: its percent signs are encoded once more", () => {
    const folder = hiveFolder([["c2", "+ =%1"]]);
    expect(folder).toBe("c2=+ %3D%251");
    expect(encodeLogPath(`${folder}/f.parquet`)).toBe("c2=+%20%253D%25251/f.parquet");
  });

  it("leaves letters of other scripts as they are, as Spark does, whose VACUUM compares spellings", () => {
    const folder = hiveFolder([["größe", "中 😀\u00a0'"]]);
    expect(encodeLogPath(`${folder}/f.parquet`)).toBe("größe=中%20😀%C2%A0%2527/f.parquet");
    expect(encodeLogPath("a:b;c@d&e+f~g!h$i,j(k)")).toBe("a%3Ab;c@d&e+f~g!h$i,j(k)");
  });

  it.each([
    ["/some/file path", "file:///some/file%20path"],
    ["file:/some/file", "file:///some/file"],
    ["s3a://bucket/a%20b", "s3://bucket/a b"],
    ["a%2Fb", "a/b"],
    ["x=%E2%82%AC/f", "x=€/f"],
  ])("holds %s and %s for one file", (one, other) => {
    expect(logPathKey(one)).toBe(logPathKey(other));
  });

  it("takes a percent sign that starts no escape for itself, and bytes that are no UTF-8 as they stand", () => {
    expect(decodeLogPath("p=100%/f")).toEqual({ kind: "relative", path: "p=100%/f" });
    expect(decodeLogPath("p=%FF/f")).toEqual({ kind: "relative", path: "p=%FF/f" });
  });

  it("refuses an empty path", () => {
    expect(() => decodeLogPath("")).toThrow(expect.objectContaining({ code: "LOG_CORRUPT" }));
  });
});

describe("Hive folders", () => {
  it("names and values come back, whatever characters they hold", () => {
    fc.assert(
      fc.property(text, text, (column, value) => {
        fc.pre(value !== hiveNull);
        const segment = hiveFolder([[column, value]]);
        expect(segment).not.toMatch(/[/\\:*?"<>|]/);
        expect(parseHiveSegment(segment)).toEqual([column, value]);
      }),
    );
  });

  it("writes null and empty text as the default partition", () => {
    expect(
      hiveFolder([
        ["a", null],
        ["b", ""],
      ]),
    ).toBe(`a=${hiveNull}/b=${hiveNull}`);
    expect(parseHiveSegment(`a=${hiveNull}`)).toEqual(["a", null]);
  });

  it("never makes a folder of dots", () => {
    expect(hiveFolder([["a", ".."]])).toBe("a=.%2E");
  });
});
