import { describe, expect, it } from "vitest";
import { drift } from "../../src/index.ts";
import { driftJunit, driftText } from "../../src/report.ts";

/** A number from 0 to 1 that looks random and follows from the seed. */
function noise(seed: number): number {
  let hash = Math.imul(seed + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** A normal number (Box and Muller). */
const normal = (seed: number) =>
  Math.sqrt(-2 * Math.log(noise(seed * 2) || 0.5)) * Math.cos(2 * Math.PI * noise(seed * 2 + 1));

/** Rows of two numbers that go together by `rho`, one of another scale, one that says nothing, and a country. */
function rows(count: number, from: number, { rho = 0.6, scale = 1 } = {}) {
  return Array.from({ length: count }, (_, index) => {
    const seed = (from + index) * 5;
    const x = normal(seed);
    return {
      x,
      y: rho * x + Math.sqrt(1 - rho ** 2) * normal(seed + 1),
      size: scale * normal(seed + 2),
      other: normal(seed + 3),
      country: noise(seed * 2 + 8) < 0.5 ? "DE" : noise(seed * 2 + 9) < 0.5 ? "FR" : "IT",
    };
  });
}

const all = { multivariate: ["magnitude", "reconstruction", "correlations", "mmd"] } as const;
const known = <T>(value: T | null | undefined): T => {
  if (value === null || value === undefined) throw new Error("expected a value");
  return value;
};

describe("several columns at once", () => {
  it("tells sides apart by a scale that a linear model misses, and names the column", async () => {
    const { multivariate } = await drift(rows(2000, 0), rows(2000, 2000, { scale: 1.6 }), all);
    const { magnitude, columns } = known(multivariate);
    expect(columns).toEqual(["x", "y", "size", "other", "country"]);
    const { percent, auc, low, high, contributions } = known(magnitude);
    expect(low).toBeGreaterThan(0.5);
    expect(auc).toBeGreaterThan(0.55);
    expect([low < auc, auc < high]).toEqual([true, true]);
    expect(percent).toBeCloseTo(100 * (2 * auc - 1), 9);
    expect(contributions[0]?.column).toBe("size");
    expect(known(contributions[0]).auc_drop).toBeGreaterThan(5 * (contributions[1]?.auc_drop ?? 0));
  });

  it("finds what the columns alone do not show: two that no longer go together", async () => {
    const { verdict, multivariate } = await drift(rows(2000, 0), rows(2000, 2000, { rho: -0.6 }), all);
    expect(verdict).toBe("none");
    const { magnitude, correlations = [], mmd, reconstruction } = known(multivariate);
    expect(known(magnitude).percent).toBeGreaterThan(30);
    expect(correlations[0]).toMatchObject({ columns: ["x", "y"], measure: "pearson" });
    expect(known(correlations[0]).difference).toBeCloseTo(-1.2, 1);
    expect(known(correlations[0]).p_adjusted).toBeLessThan(1e-20);
    expect(known(correlations[1]).p_adjusted).toBeGreaterThan(0.01);
    expect(known(mmd)).toMatchObject({ p: 1 / 200, rows: { baseline: 1000, current: 1000 } });
    expect(known(reconstruction).low).toBeGreaterThan(0);
  });

  it("covers a half for samples of one distribution, and then names no column", async () => {
    let covered = 0;
    for (const start of [0, 10_000, 20_000, 30_000, 40_000, 50_000]) {
      const equal = await drift(rows(600, start), rows(900, start + 2000), { multivariate: ["magnitude"] });
      const { low, high, contributions } = known(equal.multivariate?.magnitude);
      if (low <= 0.5 && high >= 0.5) covered++;
      if (low <= 0.5) expect(contributions).toEqual([]);
    }
    expect(covered).toBeGreaterThanOrEqual(5);
    const { multivariate } = await drift(rows(1000, 0), rows(1000, 5000), all);
    expect(known(multivariate?.mmd).p).toBeGreaterThan(0.05);
    expect(known(multivariate?.reconstruction).low).toBeLessThan(0);
  });

  it("has exactly a half for equal sides, in any order of the rows", async () => {
    const side = rows(500, 0);
    const { multivariate } = await drift(side, side.toReversed(), all);
    expect(multivariate?.magnitude).toMatchObject({ auc: 0.5, percent: 0 });
    expect(multivariate?.correlations?.every(({ difference }) => Math.abs(difference) < 1e-12)).toBe(true);
    const [a, b] = [rows(500, 0), rows(700, 9000, { scale: 2 })];
    const first = (await drift(a, b, all)).multivariate;
    const second = (await drift(a.toReversed(), b.toReversed(), all)).multivariate;
    expect(second?.magnitude?.auc).toBeCloseTo(known(first?.magnitude).auc, 12);
    expect(second?.mmd?.mmd2).toBeCloseTo(known(first?.mmd).mmd2, 12);
  });

  it("takes equally many of rows that are alike", async () => {
    // Rows of three kinds: whole kinds would be left out if their hash decided.
    const kinds = (count: number) => Array.from({ length: count }, (_, id) => ({ a: id % 3, b: id % 3 }));
    const { multivariate } = await drift(kinds(3000), kinds(60_000), { multivariate: ["magnitude"] });
    expect(multivariate?.rows).toEqual({ baseline: 3000, current: 50_000 });
    const { low, high } = known(multivariate?.magnitude);
    expect([low <= 0.5, high >= 0.5]).toEqual([true, true]);
  });

  it("counts nulls, and compares categories by Cramér's V", async () => {
    const side = (count: number, from: number, isTied: boolean) =>
      Array.from({ length: count }, (_, index) => {
        const seed = (from + index) * 3;
        const a = noise(seed) < 0.5 ? "p" : "q";
        const b = isTied && noise(seed + 1) < 0.8 ? a : noise(seed + 2) < 0.5 ? "p" : "q";
        return { a, b, n: noise(seed + 7) < (isTied ? 0.3 : 0.02) ? null : index % 11 };
      });
    const { multivariate } = await drift(side(1500, 0, false), side(1500, 3000, true), all);
    const pair = known(multivariate?.correlations?.find(({ measure }) => measure === "cramers_v"));
    expect(pair).toMatchObject({ columns: ["a", "b"], p_adjusted: null });
    expect(pair.baseline).toBeLessThan(0.1);
    expect(pair.current).toBeGreaterThan(0.7);
    const columns = known(multivariate?.magnitude).contributions.map(({ column }) => column);
    expect(columns).toContain("n");
  });

  it("leaves out identifiers, and says how many rows it takes", async () => {
    const side = (count: number) => rows(count, 0).map((row, id) => ({ id: `row ${id}`, ...row }));
    const report = await drift(side(99), side(500), all);
    expect(report.multivariate).toMatchObject({ magnitude: null, reconstruction: null, mmd: null });
    expect(report.multivariate?.columns).not.toContain("id");
    expect(driftText(report)).toContain("Magnitude: too few rows (100 on each side would do).");
    const none = await drift([{ a: 1 }], { sql: "SELECT 1 AS a WHERE false" }, all);
    expect(none.multivariate?.magnitude).toBeNull();
  });

  it("stands in text and JUnit, and does not change the verdict", async () => {
    const [a, b] = [rows(800, 0), rows(800, 2000, { rho: -0.6 })];
    const report = await drift(a, b, all);
    const without = await drift(a, b);
    expect(without.multivariate).toBeUndefined();
    expect([report.verdict, report.counts]).toEqual([without.verdict, without.counts]);
    const text = driftText(report);
    for (const start of ["Magnitude", "Reconstruction:", "Correlations:", "Mean discrepancy"])
      expect(text).toContain(`all     ${start}`);
    const junit = driftJunit(report);
    expect(junit).toContain('classname="drift.multivariate" name="Magnitude"');
    expect(junit.match(/<testcase /g)).toHaveLength(Number(/tests="(\d+)"/.exec(junit)?.[1]));
  });

  it("refuses other figures", async () => {
    await expect(drift([], [], { multivariate: ["magnitudes" as "mmd"] })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining('Did you mean "magnitude"?'),
    });
    await expect(drift([], [], { multivariate: "mmd" as never })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining("an array of magnitude,"),
    });
  });
});
