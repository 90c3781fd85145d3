import { describe, expect, it } from "vitest";
import { type AnomalyRule, findAnomalies } from "../../src/quality/measures/anomaly.ts";
import { studentFactor } from "../../src/quality/measures/student.ts";
import fc from "../support/fast-check.ts";
import { learningRules, simulate } from "../support/simulated-series.ts";

const indices = (series: readonly number[], rule: AnomalyRule, from = 0, to = series.length) =>
  findAnomalies(series, rule, { from, to }).map(({ index }) => index);

describe("a metric that may have changed", () => {
  it("has not changed when it stayed zero, and has beyond measure when it rose from zero", () => {
    expect(indices([0, 0, 0, 5, 5], { rule: "relative_change", max_decrease: 0.5, max_increase: 2 })).toEqual(
      [3],
    );
    expect(indices([3, 0, 0], { rule: "relative_change", max_decrease: 0.5 })).toEqual([1]);
  });
});

/** Mean and deviation from all values anew, where the rules under test keep running sums. */
function moments(
  values: readonly number[],
  ddof: number,
): { readonly mean: number; readonly deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - ddof)) };
}

/**
 * Series of halves, far enough from each other that rounding decides nothing at factors that are no multiples
 * of them.
 */
const series = fc.array(
  fc.integer({ min: -40, max: 40 }).map((value) => value / 2),
  { minLength: 6, maxLength: 30 },
);

describe("rules that learn from the series", () => {
  it("online_normal: is what computing mean and population deviation of all values kept so far anew gives", () => {
    fc.assert(
      fc.property(series, (values) => {
        const kept: number[] = [];
        const expected: number[] = [];
        for (const [index, value] of values.entries()) {
          const { mean, deviation } = moments([...kept, value], 0);
          if (index >= values.length * 0.1 && Math.abs(value - mean) > 1.3717 * deviation + 1e-9)
            expected.push(index);
          else kept.push(value);
        }
        expect(
          indices(values, { rule: "online_normal", lower_factor: 1.3717, upper_factor: 1.3717 }),
        ).toEqual(expected);
      }),
    );
  });

  it("batch_normal: measures by mean and sample deviation of the values outside the search", () => {
    fc.assert(
      fc.property(series, fc.nat(3), (values, searched) => {
        const from = values.length - 1 - searched;
        const { mean, deviation } = moments(values.slice(0, from), 1);
        if (from < 2) return;
        const expected = values.flatMap((value, index) =>
          index >= from && Math.abs(value - mean) > 1.3717 * deviation + 1e-9 ? [index] : [],
        );
        expect(
          indices(values, { rule: "batch_normal", lower_factor: 1.3717, upper_factor: 1.3717 }, from),
        ).toEqual(expected);
      }),
    );
  });

  it("seasonal: holds a value against those of the same phase only, and says nothing before there are four", () => {
    const weeks = [10, 100, 11, 101, 10, 99, 10, 100, 11, 101];
    expect(indices([...weeks, 11, 100], { rule: "seasonal", period: 2 })).toEqual([]);
    expect(indices([...weeks, 11, 10], { rule: "seasonal", period: 2 })).toEqual([11]);
    expect(indices([...weeks.slice(0, 7), 5000], { rule: "seasonal", period: 2 })).toEqual([]);
    expect(indices([...weeks.slice(0, 9), 5000], { rule: "seasonal", period: 2 })).toEqual([9]);
  });

  it.each([
    { rule: "absolute_change", max_increase: 5, max_decrease: -5 },
    { rule: "relative_change", max_increase: 1.5, max_decrease: 0.5 },
  ] as const)(
    "$rule: compares with the last value that was normal, where earlier anomalies are ignored",
    (rule) => {
      expect(indices([10, 11, 50, 12, 13], rule)).toEqual([2, 3]);
      expect(indices([10, 11, 50, 51, 12, 13], { ...rule, ignore_anomalies: true })).toEqual([2, 3]);
    },
  );

  it("limits by Student's distribution are those of its tables, and leave equal values in", () => {
    // two-sided 95 % and 99.73 % of Student's distribution with 1, 4 and 9 degrees of freedom
    const factors = [1, 4, 9].map((freedom) => [studentFactor(1.959964, freedom), studentFactor(3, freedom)]);
    expect(factors).toEqual([
      [expect.closeTo(12.706, 2), expect.closeTo(235.79, 1)],
      [expect.closeTo(2.7764, 3), expect.closeTo(6.6201, 3)],
      [expect.closeTo(2.2622, 3), expect.closeTo(4.094, 3)],
    ]);
    expect(studentFactor(3, 1e6)).toBeCloseTo(3, 4);
    expect(indices([0.1, 0.1, 0.1, 0.1, 0.1, 0.1], { rule: "batch_normal", limits: "student" }, 5)).toEqual(
      [],
    );
  });
});

describe("rules that learn, on simulated series", () => {
  it.each(learningRules)("$name: at most 1 % false alarms, and jumps are found", (learning) => {
    const { falseAlarms, found, foundAgain } = simulate(learning, { seed: 2026, series: 800 });
    expect(falseAlarms).toBeLessThanOrEqual(0.01);
    expect(found).toBeGreaterThanOrEqual(0.98);
    expect(foundAgain).toBeGreaterThanOrEqual(0.95);
  });
});
