import { describe, expect, it } from "vitest";
import { betaBelow, betaQuantile, binomialDensity } from "../../src/statistics/beta.ts";
import {
  chiSquareAbove,
  fAbove,
  noncentralStudentAbove,
  normalAbove,
  normalQuantile,
  studentQuantile,
  studentTwoSided,
} from "../../src/statistics/distributions.ts";
import { kolmogorovLimit, ksExact, ksTwoSampleLimit } from "../../src/statistics/kolmogorov.ts";

/** Relative difference of a value from one that was computed with 40 digits (mpmath) or by scipy. */
function off(actual: number, expected: number): number {
  return Math.abs(actual - expected) / Math.abs(expected);
}

describe("distributions keep ten digits, far out in the tails too", () => {
  it.each([
    ["chi-square, 1 df", chiSquareAbove(3.841458820694124, 1), 0.05],
    ["chi-square, far out", chiSquareAbove(13000, 10000), 3.5325534385425754e-84],
    ["normal, far out", normalAbove(20), 2.7536241186062337e-89],
    ["normal, below zero", normalAbove(-0.3), 0.6179114221889526],
    ["normal quantile", normalQuantile(0.975), 1.959963984540054],
    ["normal quantile, far out", normalQuantile(1e-20), -9.26234008979841],
    ["beta, far out", betaBelow(5000, 5000, 0.4), 4.518543727261085e-91],
    ["Student, many rows", studentTwoSided(2, 1e6), 0.045500533851319205],
    ["Student quantile", studentQuantile(0.975, 10), 2.228138851986274],
    ["F", fAbove(4, 3, 20), 0.022076999662362404],
    ["Student, noncentral", noncentralStudentAbove(1.96, 1998, 0.1), 0.03152336706720637],
    ["Kolmogorov's limit", kolmogorovLimit(0.8), 0.5441424115741981],
    ["one sample, exact", ksTwoSampleLimit(0.2, 200, 200) ?? Number.NaN, 0.0005551927327988775],
  ])("%s", (_, actual, expected) => {
    expect(off(actual, expected)).toBeLessThan(1e-9);
  });

  it("a binomial distribution adds up to one, also with many trials", () => {
    let sum = 0;
    for (let count = 0; count <= 50_000; count += 1) sum += binomialDensity(count, 50_000 - count, 0.3);
    expect(Math.abs(sum - 1)).toBeLessThan(1e-9);
  });

  it("a quantile has its share below", () => {
    for (const p of [1e-12, 0.025, 0.5, 0.975])
      expect(off(betaBelow(3, 17, betaQuantile(3, 17, p)), p)).toBeLessThan(1e-9);
  });

  it("the exact two-sample p-value counts paths: 2 of 20 reach the whole distance of 3 and 3 rows", () => {
    expect(ksExact({ steps: 9 }, 3, 3)).toBeCloseTo(2 / 20, 14);
    expect(ksExact({ steps: 9 }, 3, 3, "greater")).toBeCloseTo(1 / 20, 14);
  });
});
