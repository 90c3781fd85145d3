import { describe, expect, it } from "vitest";
import { compareUtf8, sortUtf8 } from "../../src/storage/contract/paths.ts";
import fc from "../support/fast-check.ts";

/** Names in which UTF-16 order and UTF-8 order part: surrogate pairs beside U+E000 to U+FFFF. */
const names = fc.string({
  unit: fc.constantFrom(
    "a",
    "b",
    "/",
    "é",
    "\ud7ff",
    "\ue000",
    "\uff5e",
    "\uffff",
    "\u{10000}",
    "\u{1f600}",
    "\u{10ffff}",
  ),
});

describe("the order of names", () => {
  it("is that of the bytes of their UTF-8 form", () => {
    fc.assert(
      fc.property(names, names, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 2000 },
    );
  });

  it("is the same of whole lists, with and without names beyond the basic plane", () => {
    fc.assert(
      fc.property(fc.array(names), (list) => {
        const expected = [...list].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(sortUtf8([...list])).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});
