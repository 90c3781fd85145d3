import { describe, expect, it } from "vitest";
import { estimate } from "../../src/index.ts";

/** A whole number from 0 to 999 that looks random and follows from the seed. */
function noise(seed: number): number {
  let hash = Math.imul(seed + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) % 1000;
}

/** Rows whose scores say twice the odds that are true, from `low` on. */
function rows(count: number, from: number, low = 0): { id: number; score: number; y: boolean }[] {
  return Array.from({ length: count }, (_, index) => {
    const id = from + index;
    const truth = low + ((1 - low) * noise(id * 2)) / 1000;
    return { id, score: truth ** 2, y: noise(id * 2 + 1) / 1000 < truth };
  });
}

const options = { baseline: rows(4000, 0), score: "score", target: "y", positive: true } as const;
const unlabelled = (list: ReturnType<typeof rows>) => list.map(({ id, score }) => ({ id, score }));

describe("estimate", () => {
  it("foresees what is reached when the inputs change, by scores that were wrong and are calibrated", async () => {
    const now = rows(1000, 10_000, 0.4);
    const { windows, calibration, unreliable } = await estimate(now, options);
    expect(calibration?.used).toBe(true);
    expect(calibration?.after).toBeLessThan((calibration?.before ?? 0) / 3);
    expect(unreliable).toEqual([]);
    const [window] = windows;
    expect(window?.rows).toBe(1000);
    for (const metric of ["accuracy", "recall", "precision", "roc_auc", "f1"] as const) {
      const { value, realised, samplingError } = window?.metrics[metric] ?? {};
      expect(Math.abs((value ?? 0) - (realised ?? 9)), metric).toBeLessThan(4 * (samplingError ?? 0));
    }
    const raw = now.filter(({ score }) => score >= 0.5).length;
    const { true_positive: hits, false_positive: misses } = window?.metrics ?? {};
    expect((hits?.value ?? 0) + (misses?.value ?? 0)).toBeCloseTo(raw, 9);
  });

  it("needs no outcomes, and says what it cannot see", async () => {
    const now = rows(600, 20_000);
    const { windows, cannotSee } = await estimate(unlabelled(now), options);
    const labelled = await estimate(now, options);
    expect(windows[0]?.metrics.roc_auc?.value).toBe(labelled.windows[0]?.metrics.roc_auc?.value);
    expect(windows[0]?.metrics.roc_auc?.realised).toBeUndefined();
    expect(windows[0]?.metrics.roc_auc?.calibrationError).toBeGreaterThan(0);
    expect(cannotSee).toContain("concept drift");
  });

  it("does not see that the relation changes, but alerts to what was reached", async () => {
    const now = rows(500, 30_000).map((row) => ({ ...row, y: !row.y }));
    const { windows, thresholds } = await estimate(now, options);
    expect(thresholds.roc_auc?.low).toBeGreaterThan(0.5);
    expect(windows[0]?.metrics.roc_auc).toMatchObject({ alert: false, realisedAlert: true });
  });

  it("calibrates each row of the baseline without it", async () => {
    const random = Array.from({ length: 400 }, (_, id) => ({
      id,
      score: (id + 0.5) / 400,
      y: noise(id) < 500,
    }));
    const { calibration } = await estimate(random.slice(0, 50), { ...options, baseline: random });
    expect(calibration?.after).toBeGreaterThan(0.01);
    const nannyml = await estimate(random, { ...options, baseline: random, method: "nannyml.cbpe" });
    const fitted = nannyml.baseline.windows[0]?.metrics.roc_auc?.value ?? 0;
    const crossed =
      (await estimate(random, { ...options, baseline: random })).baseline.windows[0]?.metrics.roc_auc
        ?.value ?? 1;
    expect(fitted).not.toBe(crossed);
  });

  it("gives thresholds from eight windows of the baseline on", async () => {
    const eight = await estimate(rows(500, 40_000), options);
    expect(eight.thresholds.accuracy).toEqual({ low: expect.any(Number), high: expect.any(Number) });
    const few = await estimate(rows(501, 40_000), options);
    expect(few.thresholds.accuracy).toEqual({ low: null, high: null });
  });

  it("moves a threshold beyond what a metric can be to that limit, by NannyML's convention", async () => {
    const good = Array.from({ length: 600 }, (_, id) => ({
      id,
      score: ((id * 37) % 100) / 100,
      // all errors are in the first window
      y: (id * 37) % 100 >= 50 !== (id < 100 && id % 10 === 0),
    }));
    const window = { rows: 100 };
    const of = async (method: "nannyml.cbpe" | "cbpe") =>
      (await estimate(good, { ...options, baseline: good, window, method })).thresholds.accuracy?.high;
    expect(await of("nannyml.cbpe")).toBe(1);
    expect(await of("cbpe")).toBeNull();
  });

  it("says where scores lie outside of the baseline's", async () => {
    const baseline = rows(1000, 0).filter(({ score }) => score < 0.5);
    const result = await estimate(rows(500, 50_000), { ...options, baseline });
    expect(result.unreliable).toContain("coverage");
    expect(result.windows[0]?.coverage).toBeLessThan(0.9);
  });

  it("refuses a baseline that is too small or has one class, and scores that are none", async () => {
    const few = { ...options, baseline: rows(299, 0) };
    await expect(estimate(rows(9, 0), few)).rejects.toMatchObject({
      code: "ESTIMATE_UNSUPPORTED",
      data: { rows: 299, needed: 300 },
    });
    const one = { ...options, baseline: rows(900, 0).map((row) => ({ ...row, y: true })) };
    await expect(estimate(rows(9, 0), one)).rejects.toMatchObject({
      code: "ESTIMATE_UNSUPPORTED",
      data: { column: ["y"] },
    });
    await expect(estimate([{ id: 1, score: 2 }], options)).rejects.toMatchObject({ code: "SCORE_INVALID" });
    await expect(estimate([], { ...options, method: "dle" as "cbpe" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("has no windows of no rows", async () => {
    const none = { sql: "SELECT 1 AS id, 0.5 AS score WHERE false" };
    expect(await estimate(none, options)).toMatchObject({ windows: [] });
  });
});
