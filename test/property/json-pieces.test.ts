import { expect, it } from "vitest";
import { jsonPieces, stringifyJson, toJsonValue } from "../../src/util/json.ts";
import fc from "../support/fast-check.ts";

/** Whatever a verb may answer with, also what JSON does not have. */
const { answer } = fc.letrec<{ answer: unknown }>((tie) => ({
  answer: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.constantFrom(null, undefined, true, Number.NaN, -0, 1.5, 2n ** 70n, "", 'a"\n\ud800', new Date(0)),
    fc.constantFrom(
      new Uint8Array([1, 2]),
      new Float64Array([1, 2]),
      new Set([1]),
      new Map([["a", { b: 1n }]]),
    ),
    fc.string({ unit: "binary" }),
    fc.array(tie("answer"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("__proto__", "toJSON", "1", "b")), tie("answer"), {
      maxKeys: 4,
    }),
  ),
}));

it("writes a value in pieces as it writes the whole", () => {
  fc.assert(
    fc.property(answer, (value) => {
      expect([...jsonPieces(value)].join("")).toBe(stringifyJson(toJsonValue(value), 2));
    }),
  );
});

it("has no piece as long as the text of many members", () => {
  const columns = Array.from({ length: 1000 }, (_, id) => ({ id, name: "x".repeat(100), counts: [1, 2, 3] }));
  const pieces = [...jsonPieces({ columns })];
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(200);
  expect(JSON.parse(pieces.join(""))).toEqual({ columns });
});
