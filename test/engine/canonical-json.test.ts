import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../src/engine/variant/canonical-json.ts";

const of = (text: string) => canonicalJson(new Uint8Array(0), Buffer.from(text));

describe("canonical JSON", () => {
  it.each([
    [`{ "b" : [1, {"y":null,"x":true}] , "a" : "\\u00fc" }`, `{"a":"ü","b":[1e0,{"x":true,"y":null}]}`],
    [`[]`, `[]`],
    [`[[],{},""]`, `[[],{},""]`],
    [`"{\\"a\\":1}"`, `"{\\"a\\":1}"`],
    [`{"__proto__":1,"":2}`, `{"":2e0,"__proto__":1e0}`],
  ])("of %s is %s", (text, canonical) => {
    expect(of(text)).toBe(canonical);
    expect(of(canonical)).toBe(canonical);
  });

  it.each([
    [["1", "1.0", "1e0", "10E-1", "0.1e+1"], "1e0"],
    [["-0.50", "-5e-1"], "-5e-1"],
    [["0", "0.00", "0e7"], "0e0"],
    [["-0.0", "-0"], "-0e0"],
    [["100000000000000000000000000000000000000", "1e38"], "1e38"],
    [["123.4500"], "12345e-2"],
  ])("of the numbers %s is %s", (texts, canonical) => {
    for (const text of texts) expect(of(text)).toBe(canonical);
  });
});
