import { describe, expect, it } from "vitest";
import { estimate, evaluate } from "../../src/index.ts";

/** A number from 0 to 1 that looks random and follows from the seed. */
function noise(seed: number): number {
  let hash = Math.imul(seed + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

const known = <T>(value: T | null | undefined): T => {
  if (value === null || value === undefined) throw new Error("expected a value");
  return value;
};

describe("estimate of several classes", () => {
  const scores = { a: "p_a", b: "p_b", c: "p_c" } as const;

  /** Rows whose scores are too sure: the truth is flatter. `lean` makes class a more likely. */
  function rows(count: number, from: number, lean = 0) {
    return Array.from({ length: count }, (_, index) => {
      const id = from + index;
      const odds = [0, 1, 2].map((own) => noise(id * 4 + own) + (own === 0 ? lean : 0));
      const share = (power: number) => {
        const powers = odds.map((value) => value ** power);
        const sum = powers.reduce((all, value) => all + value, 0);
        return powers.map((value) => value / sum);
      };
      const [told, truth] = [share(3), share(2)];
      const draw = noise(id * 4 + 3);
      const y = draw < known(truth[0]) ? "a" : draw < known(truth[0]) + known(truth[1]) ? "b" : "c";
      return { id, p_a: known(told[0]), p_b: known(told[1]), p_c: known(told[2]), y };
    });
  }

  const options = { baseline: rows(6000, 0), problem: "multiclass", scores, target: "y" } as const;

  it("foresees what is reached when the mix of classes changes", async () => {
    const { windows, classes, unreliable, cannotSee } = await estimate(rows(2000, 10_000, 0.5), options);
    expect(Object.keys(classes ?? {})).toEqual(["a", "b", "c"]);
    expect(classes?.["a"]).toMatchObject({ used: true });
    expect(unreliable).toEqual([]);
    expect(cannotSee).toContain("concept drift");
    const [window] = windows;
    const names = ["accuracy", "roc_auc_macro", "f1_macro", "precision_macro", "recall_macro"] as const;
    for (const metric of names) {
      const { value, realised, samplingError } = known(window?.metrics[metric]);
      const far = Math.abs(known(value) - known(realised));
      expect(far, metric).toBeLessThan(4 * known(samplingError));
    }
    // The scores as they are promise more.
    const { value, realised } = known(window?.metrics.log_loss);
    expect(Math.abs(known(value) - known(realised))).toBeLessThan(0.05);
  });

  it("expects as many rows of each prediction as there are", async () => {
    const now = rows(500, 20_000);
    const [window] = (await estimate(now, options)).windows;
    const { classes, matrix } = known(window?.confusion);
    const likeliest = now.map(({ p_a, p_b, p_c }) =>
      p_a >= p_b && p_a >= p_c ? "a" : p_b >= p_c ? "b" : "c",
    );
    for (const [index, label] of classes.entries()) {
      const expected = matrix.reduce((sum, line) => sum + known(line[index]), 0);
      expect(expected, label).toBeCloseTo(likeliest.filter((own) => own === label).length, 6);
    }
  });

  it("has NannyML's error of the average precision, which is that of its classes as if they were one", async () => {
    const baseline = rows(800, 0);
    const now = rows(200, 30_000);
    const { windows } = await estimate(now, { ...options, baseline, method: "nannyml.cbpe" });
    const squares = ["a", "b", "c"].map(async (label) => {
      const classes = baseline.map((row) => ({ score: row[`p_${label}` as "p_a"], y: row.y === label }));
      const { metrics } = await evaluate(classes, { problem: "binary", score: "score", target: "y" });
      const { high, value } = known(metrics["average_precision"]);
      return ((known(high) - known(value)) / 1.959963984540054) ** 2;
    });
    const mean = (await Promise.all(squares)).reduce((sum, square) => sum + square, 0) / 3;
    const { samplingError } = known(windows[0]?.metrics.average_precision_macro);
    // other draws: those of a binary problem also tell predictions apart
    expect(known(samplingError) / Math.sqrt((mean * 800) / 200)).toBeCloseTo(1, 1);
  });

  it("needs scores of every class, and rows of each in the baseline", async () => {
    await expect(estimate(rows(9, 0), { ...options, scores: undefined })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { option: "scores" },
    });
    const two = options.baseline.filter(({ y }) => y !== "c");
    await expect(estimate(rows(9, 0), { ...options, baseline: two })).rejects.toMatchObject({
      code: "ESTIMATE_UNSUPPORTED",
      data: { value: "c" },
    });
    const wrong = [{ ...known(rows(1, 0)[0]), p_b: 1.5 }];
    await expect(estimate(wrong, options)).rejects.toMatchObject({
      code: "SCORE_INVALID",
      data: { column: ["p_b"] },
    });
  });
});

describe("estimate of a regression", () => {
  /** Rows whose errors grow with x, and are large in one country. */
  function rows(count: number, from: number, { low = 0, far = 0.2 } = {}) {
    return Array.from({ length: count }, (_, index) => {
      const id = from + index;
      const x = low + (1 - low) * noise(id * 4);
      const country = noise(id * 4 + 1) < far ? "far" : noise(id * 4 + 1) < 0.6 ? "near" : null;
      const spread = (0.5 + 3 * x) * (country === "far" ? 3 : 1);
      const expected = 20 + 10 * noise(id * 4 + 2);
      return { id, x, country, expected, y: expected + spread * (2 * noise(id * 4 + 3) - 1) };
    });
  }

  const options = {
    baseline: rows(5000, 0),
    problem: "regression",
    prediction: "expected",
    target: "y",
  } as const;

  it("foresees what is reached when the rows become harder", async () => {
    const now = rows(2000, 10_000, { low: 0.5, far: 0.5 });
    const { windows, losses, features, baseline } = await estimate(now, options);
    expect(features).toEqual(["expected", "x", "country"]);
    expect(losses?.mae).toMatchObject({ rows: 5000, used: true });
    for (const metric of ["mae", "mse", "rmse", "mape", "rmsle", "msle"] as const) {
      const { value, realised } = known(windows[0]?.metrics[metric]);
      const before = known(baseline.windows[0]?.metrics[metric]?.realised);
      expect(known(realised), metric).toBeGreaterThan(1.2 * before);
      expect(Math.abs(known(value) / known(realised) - 1), metric).toBeLessThan(0.15);
    }
  });

  it("does not need outcomes, nor the order of the rows", async () => {
    const now = rows(300, 20_000);
    const bare = now.map(({ id, x, country, expected }) => ({ id, x, country, expected }));
    const [first, second] = [await estimate(now, options), await estimate(bare, options)];
    const mae = known(first.windows[0]?.metrics.mae?.value);
    expect(second.windows[0]?.metrics.mae?.value).toBe(mae);
    expect(second.windows[0]?.metrics.mae?.realised).toBeUndefined();
    const turned = { ...options, baseline: options.baseline.toReversed() };
    const again = await estimate(bare.toReversed(), turned);
    expect(again.windows[0]?.metrics.mae?.value).toBeCloseTo(mae, 9);
  });

  it("takes the mean of the baseline where errors cannot be learnt, and says so", async () => {
    const random = (count: number, from: number) =>
      rows(count, from).map((row) => ({ ...row, y: row.expected + noise(row.id * 9 + 5) }));
    const baseline = random(2000, 0);
    const { windows, losses } = await estimate(random(500, 30_000), { ...options, baseline });
    expect(losses?.mae?.used).toBe(false);
    expect(losses?.mae?.r2).toBeLessThan(0.01);
    const mean = baseline.reduce((sum, { y, expected }) => sum + y - expected, 0) / baseline.length;
    expect(windows[0]?.metrics.mae?.value).toBeCloseTo(mean, 9);
    // NannyML uses whatever was learnt
    const peer = await estimate(random(500, 30_000), { ...options, baseline, method: "nannyml.dle" });
    expect(peer.losses?.mae?.used).toBe(true);
    expect(peer.windows[0]?.metrics.mae?.value).not.toBeCloseTo(mean, 9);
  });

  it("says where features lie outside of the baseline's, and where a value is new", async () => {
    const far = rows(500, 40_000).map((row) => ({ ...row, x: row.x + 5 }));
    expect((await estimate(far, options)).unreliable).toEqual(["coverage"]);
    const foreign = rows(500, 40_000).map((row) => ({ ...row, country: "new" }));
    const result = await estimate(foreign, options);
    expect(result.windows[0]?.coverage).toBe(0);
    expect((await estimate(rows(500, 40_000), options)).unreliable).toEqual([]);
  });

  it("has no relative errors where a target is 0 in all rows, and none of logarithms below -1", async () => {
    const zero = options.baseline.map((row) => ({ ...row, y: 0 }));
    const { windows } = await estimate(rows(400, 50_000), { ...options, baseline: zero });
    expect(windows[0]?.metrics.mape).toMatchObject({ value: null, alert: false });
    const deep = options.baseline.map((row) => ({ ...row, y: row.y - 50 }));
    const low = await estimate(rows(400, 50_000), { ...options, baseline: deep });
    expect(low.windows[0]?.metrics.rmsle?.value).toBeNull();
    expect(known(low.windows[0]?.metrics.mae?.value)).toBeGreaterThan(40);
  });

  it("refuses too few rows, features of another type, and options of another problem", async () => {
    const few = { ...options, baseline: rows(299, 0) };
    await expect(estimate(rows(9, 0), few)).rejects.toMatchObject({ code: "ESTIMATE_UNSUPPORTED" });
    const other = rows(9, 0).map((row) => ({ ...row, x: String(row.x) }));
    const named = { ...options, features: ["x"] };
    await expect(estimate(other, named)).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      data: { column: ["x"] },
    });
    await expect(estimate(rows(9, 0), { ...options, features: ["z"] })).rejects.toMatchObject({
      code: "COLUMN_NOT_FOUND",
    });
    await expect(estimate(rows(9, 0), { ...options, method: "cbpe" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { option: "method" },
    });
    await expect(estimate(rows(9, 0), { ...options, problem: "ranking" as "binary" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { option: "problem" },
    });
    await expect(estimate(rows(9, 0), { ...options, prediction: undefined })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      data: { option: "prediction" },
    });
  });

  it("gives thresholds and windows like other estimates", async () => {
    const { windows, thresholds, baseline } = await estimate(rows(1000, 60_000, { far: 0.9 }), {
      ...options,
      window: { rows: 500 },
    });
    expect(windows.map(({ rows: count }) => count)).toEqual([500, 500]);
    expect(baseline.windows).toHaveLength(10);
    expect(thresholds.mae).toEqual({ low: expect.any(Number), high: expect.any(Number) });
    expect(windows[0]?.metrics.mae).toMatchObject({ alert: true, realisedAlert: true });
    expect(baseline.windows.every(({ metrics }) => metrics.mae?.alert === false)).toBe(true);
  });
});
