import { describe, expect, it } from "vitest";
import {
  parseTimestamp,
  parseTravelPoint,
  splitTableUri,
  versionPoint,
} from "../../src/api/shared/table-uri.ts";

describe("versions in a table's URI", () => {
  it.each([
    ["./flights@v12", { uri: "./flights", point: { version: 12 } }],
    [
      "s3://bucket/a b@2024-06-01T00:00:00Z",
      { uri: "s3://bucket/a b", point: { timestamp: Date.UTC(2024, 5, 1) } },
    ],
    ["./flights@2024-06-01", { uri: "./flights", point: { timestamp: Date.UTC(2024, 5, 1) } }],
    ["./flights@2024-06-01T02:00:00+02:00", { uri: "./flights", point: { timestamp: Date.UTC(2024, 5, 1) } }],
    ["./user@host/table", { uri: "./user@host/table" }],
    ["./flights@version", { uri: "./flights@version" }],
  ])("%s", (text, expected) => {
    expect(splitTableUri(text)).toEqual(expected);
  });

  it("refuses what is neither", () => {
    expect(() => splitTableUri("./flights@2024-13-45")).toThrowError(/neither a version nor a time/);
    expect(() => parseTravelPoint(-1)).toThrowError(/non-negative integer/);
    expect(() => parseTravelPoint("yesterday")).toThrowError(/neither/);
  });

  it("says of what can only be a time that it is none", () => {
    expect(() => parseTimestamp("12")).toThrowError('"12" is not a time. Write it as 2024-06-01T00:00:00Z.');
    expect(() => versionPoint({ timestamp: "12" })).toThrowError(/is not a time/);
  });

  it("takes a time without a zone as UTC", () => {
    expect(parseTravelPoint("2024-06-01 10:30")).toEqual({ timestamp: Date.UTC(2024, 5, 1, 10, 30) });
  });
});
