import { describe, expect, it } from "vitest";
import { transcript, walk } from "./walk.ts";

describe("a newcomer who follows the README and makes mistakes", () => {
  const steps = walk();

  it("gets the promised exit code from every command", () => {
    const wrong = steps.filter(({ code, expected }) => code !== expected);
    expect(transcript(wrong)).toBe("");
    expect(steps.length).toBeGreaterThan(25);
  });

  it("never sees a stack, a temporary file or an object without a text", () => {
    const odd = /^\s+at .*:\d+|node:internal|standard-input\.|\[object |\\t|\bundefined at\b/m;
    const shown = steps.filter(({ stderr }) => odd.test(stderr));
    expect(transcript(shown)).toBe("");
  });

  it("is told by one error with a code, or by a usage error with a hint", () => {
    const failed = steps.filter(({ code }) => code !== 0);
    expect(failed.length).toBeGreaterThan(10);
    const odd = failed.filter(({ stderr }) => !/\[[A-Z_]+\]\n$|Try --help/.test(stderr));
    expect(transcript(odd)).toBe("");
  });
});
