import { describe, expect, it } from "vitest";
import { historyThreshold } from "../../src/drift/history-threshold.ts";

describe("a threshold from history", () => {
  it("lies three deviations above the median effect of quiet versions", () => {
    const effects = [0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.22, 0.24, 0.26];
    // median 0.18, median distance from it 0.04
    expect(historyThreshold(effects).threshold).toBeCloseTo(0.18 + 3 * 1.4826 * 0.04, 12);
    expect(historyThreshold(effects, { k: 1 }).threshold).toBeCloseTo(0.18 + 1.4826 * 0.04, 12);
    expect(historyThreshold(effects)).toMatchObject({ source: "history", versions: 9 });
  });

  it("is not widened by one bad version among the quiet ones", () => {
    const quiet = [0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09];
    const { threshold } = historyThreshold([...quiet, 1], { least: 0.01 });
    const mean = [...quiet, 1].reduce((sum, x) => sum + x, 0) / 9;
    const sd = Math.sqrt([...quiet, 1].reduce((sum, x) => sum + (x - mean) ** 2, 0) / 8);
    expect(threshold).toBeLessThan(0.2);
    expect(mean + 3 * sd).toBeGreaterThan(1);
  });

  it("takes eight versions, never falls below the threshold without a history, nor rises above 1", () => {
    const noEffects = { threshold: 0.1, source: "default", versions: 0 };
    expect(historyThreshold([])).toEqual(noEffects);
    expect(historyThreshold([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, null])).toEqual(noEffects);
    expect(historyThreshold(new Array(8).fill(0))).toEqual({
      threshold: 0.1,
      source: "history",
      versions: 8,
    });
    expect(historyThreshold([0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.9, 0.1]).threshold).toBe(1);
    expect(historyThreshold([0.3], { min: 0, least: 0.2 }).threshold).toBe(0.3);
  });
});
