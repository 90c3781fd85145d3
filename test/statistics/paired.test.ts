import { describe, expect, it } from "vitest";
import { type PlacementSums, pairedAuc } from "../../src/statistics/paired/paired-auc.ts";
import { mcnemarTest, pairedNewcombe } from "../../src/statistics/paired/paired-proportions.ts";
import fc from "../support/fast-check.ts";

describe("McNemar's test", () => {
  // statsmodels 0.15, mcnemar(exact=…, correction=True)
  it.each([
    { first: 3, second: 9, exact: true, statistic: 3, p: 0.14599609375 },
    { first: 10, second: 14, exact: true, statistic: 10, p: 0.5412561893463135 },
    { first: 12, second: 13, exact: false, statistic: 0, p: 1 },
    { first: 30, second: 50, exact: false, statistic: 4.5125, p: 0.03364802587476163 },
    { first: 5, second: 5, exact: true, statistic: 5, p: 1 },
    { first: 0, second: 20, exact: true, statistic: 0, p: 1.9073486328125e-6 },
  ])("of $first and $second discordant pairs is that of statsmodels", ({ first, second, ...expected }) => {
    const { exact, statistic, p } = mcnemarTest({ first, second });
    expect({ exact, statistic }).toEqual({ exact: expected.exact, statistic: expected.statistic });
    expect(p / expected.p).toBeCloseTo(1, 9);
  });

  it("without discordant pairs says nothing", () => {
    expect(mcnemarTest({ first: 0, second: 0 })).toMatchObject({ p: 1 });
  });
});

describe("Newcombe's interval of paired shares", () => {
  it("is that of the example in his paper: 36, 12, 2 and 0 pairs", () => {
    // The paper takes the first less the second; here it is the other way round.
    const { difference, low, high } = pairedNewcombe({ both: 36, first: 2, second: 12, neither: 0 });
    expect(difference).toBeCloseTo(0.2, 12);
    expect(low).toBeCloseTo(0.0569, 4);
    expect(high).toBeCloseTo(0.3404, 4);
  });

  it("has the difference inside, and turns around when the methods change places", () => {
    const count = fc.integer({ min: 0, max: 60 });
    fc.assert(
      fc.property(count, count, count, count, (both, first, second, neither) => {
        const { difference, low, high } = pairedNewcombe({ both, first, second, neither });
        const turned = pairedNewcombe({ both, first: second, second: first, neither });
        expect(low).toBeLessThanOrEqual(difference + 1e-12);
        expect(high).toBeGreaterThanOrEqual(difference - 1e-12);
        expect(turned.low).toBeCloseTo(-high, 12);
        expect(turned.high).toBeCloseTo(-low, 12);
      }),
    );
  });
});

interface Scored {
  readonly y: boolean;
  readonly a: number;
  readonly b: number;
}

/** The sums of a class by comparing every row with every row of the other class. */
function placements(rows: readonly Scored[], y: boolean): PlacementSums {
  const own = rows.filter((row) => row.y === y);
  const others = rows.filter((row) => row.y !== y);
  const right = (row: Scored, score: "a" | "b") =>
    others.reduce((sum, other) => {
      const difference = y ? row[score] - other[score] : other[score] - row[score];
      return sum + (difference > 0 ? 2 : difference === 0 ? 1 : 0);
    }, 0);
  const pairs = own.map((row) => ({ first: right(row, "a"), second: right(row, "b") }));
  const sum = (of: (pair: (typeof pairs)[number]) => number) =>
    BigInt(pairs.reduce((total, pair) => total + of(pair), 0));
  return {
    rows: own.length,
    first: sum(({ first }) => first),
    second: sum(({ second }) => second),
    squares: sum(({ first, second }) => (second - first) ** 2),
  };
}

describe("DeLong's test of two areas on the same rows", () => {
  it("is that of the covariances of the placements, as numpy has them", () => {
    const rows = Array.from({ length: 40 }, (_, i): Scored => {
      const y = (i * 7) % 5 < 2;
      return { y, a: ((i * 37) % 11) / 10 + (y ? 0.3 : 0), b: ((i * 53) % 13) / 12 + (y ? 0.6 : 0) };
    });
    const auc = pairedAuc(placements(rows, true), placements(rows, false));
    expect(auc?.first).toBeCloseTo(0.7630208333333334, 12);
    expect(auc?.second).toBeCloseTo(0.9140625, 12);
    expect(auc?.error).toBeCloseTo(0.08442400318516277, 12);
    expect(auc?.z).toBeCloseTo(1.7890843950552167, 10);
    expect(auc?.p).toBeCloseTo(0.07360122491301127, 10);
  });

  it("has no difference, and no doubt, where both models rank alike", () => {
    const rows = Array.from({ length: 9 }, (_, i): Scored => ({ y: i % 3 === 0, a: i, b: 10 * i }));
    expect(pairedAuc(placements(rows, true), placements(rows, false))).toMatchObject({
      difference: 0,
      error: 0,
      z: 0,
      p: 1,
    });
  });

  it("has an area but no test with one positive, and nothing with none", () => {
    const rows = Array.from({ length: 5 }, (_, i): Scored => ({ y: i === 4, a: i, b: -i }));
    expect(pairedAuc(placements(rows, true), placements(rows, false))).toMatchObject({
      first: 1,
      second: 0,
      error: null,
      p: null,
    });
    const none = rows.map((row) => ({ ...row, y: false }));
    expect(pairedAuc(placements(none, true), placements(none, false))).toBeNull();
  });
});
