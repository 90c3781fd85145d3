import { describe, expect, it } from "vitest";
import { numberText } from "../../src/drift/comparison/figure-text.ts";
import type { BinCounts } from "../../src/drift/figures/bin-counts.ts";
import { type Cell, ksBracket, wassersteinBracket } from "../../src/drift/figures/cells.ts";
import { binsForRows, distancesOf, rowsNeeded } from "../../src/drift/figures/distances.ts";
import { sameDistribution, withTails } from "../../src/drift/figures/same-distribution.ts";
import { ksDistance } from "../../src/statistics/kolmogorov.ts";
import { sortedSample, wassersteinOf } from "../../src/statistics/samples.ts";
import { shownNumber } from "../../src/util/counted.ts";
import fc from "../support/fast-check.ts";

const pair = fc.tuple(fc.nat(1000), fc.nat(1000));
/** Histograms of which both sides have a row. */
const histograms = fc
  .array(pair, { minLength: 1, maxLength: 30 })
  .map((pairs): BinCounts => ({ baseline: pairs.map(([a]) => a), current: pairs.map(([, b]) => b) }))
  .filter(({ baseline, current }) => baseline.some((n) => n > 0) && current.some((n) => n > 0));

const swap = ({ baseline, current }: BinCounts): BinCounts => ({ baseline: current, current: baseline });

const certain = { name: "chi2", statistic: 0, df: 1, p: 1, pooledBins: 2 } as const;

const symmetric = ["js", "floor", "effect", "moved", "psi", "psiExpected", "hellinger"] as const;

describe("figures of two histograms", () => {
  it("the symmetric ones do not change when the sides are swapped; the divergences change places", () => {
    fc.assert(
      fc.property(histograms, (counts) => {
        const [there, back] = [distancesOf(counts), distancesOf(swap(counts))];
        for (const figure of symmetric) expect(back?.[figure]).toBeCloseTo(there?.[figure] ?? Number.NaN, 9);
        expect(back?.klCurrentBaseline).toBeCloseTo(there?.klBaselineCurrent ?? Number.NaN, 9);
        expect(sameDistribution(swap(counts)).p).toBeCloseTo(sameDistribution(counts).p, 9);
      }),
    );
  });

  it("rows beyond the baseline's extremes have an exact test with a tenth of the level", () => {
    const values = { baseline: 12, current: 15 };
    const chance = (outside: number) => withTails(certain, outside, values).p / 10;
    // C(15, 9) / C(27, 10) · (6 / 10 + 12)
    expect(chance(9)).toBeCloseTo(0.007475209763539284, 15);
    expect(withTails(certain, 9, values)).toMatchObject({ name: "tails", statistic: null, df: null });
    expect(chance(15)).toBeCloseTo(12 / 13_037_895, 15);
    // a few are no news, and then the bins have nine tenths
    expect(withTails({ ...certain, p: 0.0009 }, 3, values)).toMatchObject({ name: "chi2", p: 0.001 });
    expect(withTails(certain, 0, values).p).toBe(1);
    expect(withTails(certain, 9, { baseline: 1, current: 15 }).p).toBe(1);
  });

  it("equal shares are no distance, and nothing speaks against one distribution", () => {
    fc.assert(
      fc.property(histograms, fc.integer({ min: 1, max: 50 }), ({ baseline }, factor) => {
        fc.pre(baseline.some((n) => n > 0));
        const counts = { baseline, current: baseline.map((count) => count * factor) };
        const figures = distancesOf(counts);
        // a square of 1e-16 that rounding leaves has the root 1e-8
        expect(figures?.js).toBeLessThan(1e-7);
        expect(figures).toMatchObject({ effect: 0 });
        expect(figures?.moved).toBeLessThan(1e-12);
        expect(figures?.hellinger).toBeLessThan(1e-7);
        expect(sameDistribution(counts).p).toBeGreaterThan(0.999);
      }),
    );
  });

  it("distances lie between 0 and 1, parts add up to 1, and empty bins change nothing", () => {
    fc.assert(
      fc.property(histograms, (counts) => {
        const figures = distancesOf(counts);
        if (figures === null) throw new Error("both sides have rows");
        for (const value of [figures.js, figures.moved, figures.hellinger, figures.lInfinity.value]) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(1 + 1e-12);
        }
        const sum = figures.parts.reduce((all, part) => all + part, 0);
        if (figures.js > 1e-6) expect(sum).toBeCloseTo(1, 9);
        const padded = { baseline: [0, ...counts.baseline], current: [0, ...counts.current] };
        expect(distancesOf(padded)).toMatchObject({ js: figures.js, bins: figures.bins });
        expect(sameDistribution(padded)).toEqual(sameDistribution(counts));
      }),
    );
  });

  it("disjoint histograms are as far apart as can be, and say so with certainty", () => {
    const counts = { baseline: [500, 500, 0, 0], current: [0, 0, 500, 500] };
    expect(distancesOf(counts)).toMatchObject({ js: 1, moved: 1, hellinger: 1, bins: 4 });
    expect(sameDistribution(counts).p).toBeLessThan(1e-200);
  });

  it("a side without rows has no figures, and a p-value of 1", () => {
    expect(distancesOf({ baseline: [0, 0], current: [3, 4] })).toBeNull();
    expect(sameDistribution({ baseline: [0, 0], current: [3, 4] })).toMatchObject({ p: 1 });
    expect(sameDistribution({ baseline: [9], current: [4] })).toMatchObject({ p: 1, pooledBins: 1 });
  });

  it("bins that expect few rows are pooled, and two small bins are compared exactly", () => {
    const counts = { baseline: [300, 1, 0, 1, 2, 0], current: [290, 0, 1, 1, 0, 2] };
    const test = sameDistribution(counts);
    expect(test).toMatchObject({ name: "fisher", statistic: null, pooledBins: 2 });
    expect(test.p).toBeCloseTo(1, 9);
    expect(sameDistribution({ baseline: [100, 80, 60], current: [90, 95, 55] })).toMatchObject({
      name: "chi2",
      df: 2,
      pooledBins: 3,
    });
  });

  it("a test is by the likelihood ratio if that finds less", () => {
    // scipy.stats.chi2_contingency, without a correction, and with lambda_="log-likelihood"
    const counts = { baseline: [20, 20, 20, 20, 20], current: [400, 1000, 1100, 1200, 1300] };
    const test = sameDistribution(counts);
    expect(test).toMatchObject({ name: "g", df: 4, pooledBins: 5 });
    expect(test.statistic).toBeCloseTo(14.658414554604391, 9);
    expect(test.p).toBeCloseTo(0.0054647385984264015, 9);
    const rare = sameDistribution({ baseline: [10, 80, 10], current: [2000, 6500, 1500] });
    expect(rare).toMatchObject({ name: "chi2", df: 2, pooledBins: 3 });
    expect(rare.statistic).toBeCloseTo(10.050206404720301, 9);
  });

  it("as many bins as the rows allow", () => {
    const most = (n: number) => binsForRows({ baseline: n, current: n }, 0.1);
    expect([36, 37, 109, 145, 325, 685, 686].map(most)).toEqual([undefined, 2, 4, 5, 10, 10, 20]);
    expect(rowsNeeded(0.1)).toBe(37);
  });

  it("the same bins for every threshold from 0.1 on, so that an effect does not depend on it", () => {
    const most = (threshold: number) => binsForRows({ baseline: 365, current: 365 }, threshold);
    expect([0.05, 0.1, 0.2, 0.9].map(most)).toEqual([2, 10, 10, 10]);
    expect([0.05, 0.1, 0.2].map(rowsNeeded)).toEqual([145, 37, 37]);
  });
});

const values = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 60 });
const edges = fc.uniqueArray(fc.integer({ min: -40, max: 40 }), { minLength: 0, maxLength: 12 });

/** Cells between edges, from the least to the largest value of both samples. */
function cellsOf(first: Float64Array, second: Float64Array, inner: readonly number[]): Cell[] {
  const low = Math.min(first[0] ?? 0, second[0] ?? 0);
  const high = Math.max(first.at(-1) ?? 0, second.at(-1) ?? 0);
  const ends = [low, ...inner.filter((edge) => edge > low && edge < high).sort((a, b) => a - b), high];
  return ends.slice(1).map((end, index) => {
    const start = ends[index] ?? low;
    const last = index === ends.length - 2;
    const inside = (value: number) => value >= start && (value < end || last);
    return {
      low: start,
      high: end,
      baseline: first.filter(inside).length,
      current: second.filter(inside).length,
    };
  });
}

describe("cells bound what the rows say exactly", () => {
  it("Kolmogorov's and Wasserstein's distances lie in their brackets", () => {
    fc.assert(
      fc.property(values, values, edges, (one, other, inner) => {
        const [first, second] = [sortedSample(one), sortedSample(other)];
        const cells = cellsOf(first, second, inner);
        const ks = ksBracket(cells);
        const { statistic } = ksDistance(first, second);
        expect(ks?.low).toBeLessThanOrEqual(statistic + 1e-12);
        expect(ks?.high).toBeGreaterThanOrEqual(statistic - 1e-12);
        const wasserstein = wassersteinBracket(cells);
        const distance = wassersteinOf(first, second);
        expect(wasserstein?.low).toBeLessThanOrEqual(distance + 1e-9);
        expect(wasserstein?.high).toBeGreaterThanOrEqual(distance - 1e-9);
      }),
    );
  });

  it("a cell for each value gives the exact figures", () => {
    fc.assert(
      fc.property(values, values, (one, other) => {
        const [first, second] = [sortedSample(one), sortedSample(other)];
        const each = [...new Set([...first, ...second])].sort((a, b) => a - b);
        const cells = each.map((value) => ({
          low: value,
          high: value,
          baseline: first.filter((x) => x === value).length,
          current: second.filter((x) => x === value).length,
        }));
        const { statistic, location, sign } = ksDistance(first, second);
        const ks = ksBracket(cells);
        expect(ks?.exact).toBe(true);
        expect(ks?.low).toBeCloseTo(statistic, 12);
        if (statistic > 0) expect(ks).toMatchObject({ at: location, sign });
        expect(wassersteinBracket(cells)?.low).toBeCloseTo(wassersteinOf(first, second), 9);
        expect(wassersteinBracket(cells)?.exact).toBe(true);
      }),
    );
  });

  it("cells of a side without rows bound nothing", () => {
    const cells = [{ low: 0, high: 1, baseline: 3, current: 0 }];
    expect([ksBracket(cells), wassersteinBracket(cells)]).toEqual([null, null]);
  });
});

describe("merging", () => {
  it("counts of parts, added up, give the figures of the whole", () => {
    fc.assert(
      fc.property(values, values, edges, fc.nat(60), (one, other, inner, cut) => {
        const whole = cellsOf(sortedSample(one), sortedSample(other), inner);
        const parts = [other.slice(0, cut), other.slice(cut)].map((part) => {
          const sample = sortedSample(part);
          return whole.map(({ low, high }, index) => {
            const last = index === whole.length - 1;
            return sample.filter((value) => value >= low && (value < high || last)).length;
          });
        });
        const added = whole.map((_, index) => (parts[0]?.[index] ?? 0) + (parts[1]?.[index] ?? 0));
        const baseline = whole.map((cell) => cell.baseline);
        const current = whole.map((cell) => cell.current);
        expect(distancesOf({ baseline, current: added })).toEqual(distancesOf({ baseline, current }));
      }),
    );
  });
});

describe("numbers in texts", () => {
  it("are written as its locale does", () => {
    for (const value of [0, 999, -1_000, 12_345_678, 2 ** 53 - 1, 1e21, 0.5, -(10n ** 20n), 123n])
      expect(shownNumber(value)).toBe(value.toLocaleString("en-US"));
    const three = (value: number) => (value + 0).toLocaleString("en-US", { maximumSignificantDigits: 3 });
    const ends = [0, -0, 999.5, -1_234, 9.99e14, 1e-6, 1e-7, 0.000_123_4, NaN];
    for (const value of ends) expect(numberText(value)).toBe(three(value));
    fc.assert(
      fc.property(fc.double({ min: -9e14, max: 9e14, noNaN: true }), (value) => {
        expect(numberText(value)).toBe(three(value));
      }),
    );
  });
});
