import { describe, expect, it } from "vitest";
import { countsIn, quantileEdges } from "../../src/statistics/bin-edges.ts";
import { cramerVonMises } from "../../src/statistics/distribution-tests.ts";
import { cohensD, leveneTest, tTest } from "../../src/statistics/location-scale.ts";
import { mannWhitney } from "../../src/statistics/mann-whitney.ts";
import { cramerOf, momentsOf, sortedSample, wassersteinOf } from "../../src/statistics/samples.ts";
import fc from "../support/fast-check.ts";

const values = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 40 });

describe("two samples", () => {
  it("Student's test of 1, 2, 3 and 2, 4, 6 is what a table gives", () => {
    const [first, second] = [sortedSample([1, 2, 3]), sortedSample([2, 4, 6])];
    // t = 2 / √(5/3), 4 degrees of freedom
    expect(tTest(first, second, { welch: false })).toMatchObject({ df: 4 });
    expect(tTest(first, second, { welch: false })?.statistic).toBeCloseTo(2 / Math.sqrt(5 / 3), 12);
    expect(cohensD(first, second)).toBeCloseTo(2 / Math.sqrt(2.5), 12);
    expect(tTest(first, second, { welch: true })?.df).toBeCloseTo((5 / 3) ** 2 / ((1 / 9 + 16 / 9) / 2), 12);
  });

  it("samples that do not vary have no test, and no p-value is made up", () => {
    const [one, two] = [sortedSample([7, 7, 7]), sortedSample([7, 7])];
    expect(tTest(one, two, { welch: true })).toBeNull();
    expect(leveneTest([one, two], { center: "median" })).toBeNull();
    expect(mannWhitney(one, two)).toMatchObject({ p: null, probability: 0.5 });
    expect(momentsOf(one)).toMatchObject({ mean: 7, sd: 0, skewness: null, kurtosis: null });
    expect(momentsOf(sortedSample([]))).toMatchObject({ mean: null, sd: null });
  });

  it("two different constants are infinitely far apart in deviations", () => {
    const test = tTest(sortedSample([7, 7, 7]), sortedSample([8, 8]), { welch: false });
    expect(test).toMatchObject({ statistic: Infinity, p: 0 });
  });

  it("Student's test of one side has half the p-value where the means differ that way, and the rest where not", () => {
    const p = (second: readonly number[], alternative: "two-sided" | "greater" | "less") =>
      tTest(sortedSample([1, 2, 3]), sortedSample(second), { welch: false, alternative })?.p;
    const both = p([2, 4, 6], "two-sided") ?? Number.NaN;
    expect(p([2, 4, 6], "greater")).toBeCloseTo(both / 2, 14);
    expect(p([2, 4, 6], "less")).toBeCloseTo(1 - both / 2, 14);
    const [one, two] = [sortedSample([7, 7]), sortedSample([8, 8])];
    expect(tTest(one, two, { welch: false, alternative: "greater" })?.p).toBe(0);
    expect(tTest(one, two, { welch: false, alternative: "less" })?.p).toBe(1);
  });

  it("Cramér and von Mises' p-values fall with the distance, far below what 1 − F can hold, and never rise again", () => {
    const reference = sortedSample(Array.from({ length: 300 }, (_, index) => index));
    const values = [0, 15, 60, 150, 600].map(
      (shift) =>
        cramerVonMises(
          reference,
          reference.map((value) => value + shift),
        )?.p ?? Number.NaN,
    );
    expect(values[0]).toBeGreaterThan(0.99);
    for (const [index, p] of values.entries()) if (index > 0) expect(p).toBeLessThan(values[index - 1] ?? 0);
    expect(values.at(-1)).toBeGreaterThan(0);
  });

  it("a sample at a large offset keeps the digits of its deviation", () => {
    expect(momentsOf(sortedSample([1e9 + 1, 1e9 + 2, 1e9 + 3])).sd).toBe(1);
  });

  it("distances are symmetric, zero for equal samples, and a shift moves Wasserstein's by itself", () => {
    fc.assert(
      fc.property(values, values, fc.nat(100), (one, other, shift) => {
        const [first, second] = [sortedSample(one), sortedSample(other)];
        expect(wassersteinOf(first, second)).toBeCloseTo(wassersteinOf(second, first), 9);
        expect(cramerOf(first, second)).toBeCloseTo(cramerOf(second, first), 9);
        expect([wassersteinOf(first, first), cramerOf(second, second)]).toEqual([0, 0]);
        expect(wassersteinOf(first, sortedSample(one.map((value) => value + shift)))).toBeCloseTo(shift, 9);
      }),
    );
  });

  it("the exact and the limit p-value of ranks do not depend on which sample comes first", () => {
    fc.assert(
      fc.property(values, values, fc.boolean(), (one, other, exact) => {
        fc.pre(!exact || one.length * other.length < 200);
        const [first, second] = [sortedSample(one), sortedSample(other)];
        const [there, back] = [mannWhitney(first, second, { exact }), mannWhitney(second, first, { exact })];
        expect(there.uFirst + there.uSecond).toBe(first.length * second.length);
        if (there.p === null) expect(back.p).toBeNull();
        else expect(back.p).toBeCloseTo(there.p, 9);
      }),
    );
  });

  it("every value between the outer edges is in one bin, the last edge in the last", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 12 }), (list, parts) => {
        const sample = sortedSample(list);
        const counts = countsIn(quantileEdges(sample, parts), sample);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(sample.length);
      }),
    );
    expect(countsIn([0, 1, 2], [-1, 0, 1, 2, 3, Number.NaN])).toEqual([1, 2]);
  });
});
