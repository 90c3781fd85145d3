import { describe, expect, it } from "vitest";
import { trimEnd } from "../../src/util/trim-end.ts";

describe("the end of a text", () => {
  it.each([
    ["12300", /0/, "123"],
    ["1203", /0/, "1203"],
    ["000", /0/, ""],
    ["", /0/, ""],
    ["SELECT 1 ; \n;", /[;\s]/, "SELECT 1"],
    ["a\ufffd\ud83d", /[\ufffd\ud800-\udbff]/, "a"],
    ["a\ud83d\ude00", /[\ufffd\ud800-\udbff]/, "a\ud83d\ude00"],
  ])("%j without %s is %j", (text, character, expected) => {
    expect(trimEnd(text, character)).toBe(expected);
  });

  it("is looked at alone: a million of the characters before it take no time", () => {
    const text = `1${"0".repeat(1_000_000)}1`;
    expect(trimEnd(text, /0/)).toBe(text);
  });
});
