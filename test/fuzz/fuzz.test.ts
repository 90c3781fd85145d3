import { describe, expect, it } from "vitest";
import { fuzz } from "./fuzz.ts";

const seed = Number(process.env["VARVE_SEED"] ?? 20_261_123);
const runs = Number(process.env["VARVE_RUNS"] ?? 1000);

describe("damage", () => {
  it.each([
    ["logs", "give a typed error or an answer, never a crash"],
    ["arrow", "give a typed error or what apache-arrow reads, in bounded time, and leave nothing open"],
  ] as const)(`of %s: they %s, in ${runs} mutations (seed ${seed})`, async (target, _promise) => {
    const report = await fuzz(seed, runs, 0, undefined, target);
    expect(report.failures).toEqual([]);
    expect(report.answered + report.refused).toBe(runs);
    // Damage that is never noticed, or always, would test nothing.
    expect(Math.min(report.answered, report.refused)).toBeGreaterThan(runs / 20);
  });
});
