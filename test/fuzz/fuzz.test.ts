import { describe, expect, it } from "vitest";
import { fuzz } from "./fuzz.ts";

const seed = Number(process.env["VARVE_SEED"] ?? 20_261_123);
const runs = Number(process.env["VARVE_RUNS"] ?? 1000);

describe("damaged logs", () => {
  it(`give a typed error or an answer, never a crash, in ${runs} mutations (seed ${seed})`, async () => {
    const report = await fuzz(seed, runs);
    expect(report.failures).toEqual([]);
    expect(report.answered + report.refused).toBe(runs);
    // Damage that is never noticed, or always, would test nothing.
    expect(Math.min(report.answered, report.refused)).toBeGreaterThan(runs / 20);
  });
});
