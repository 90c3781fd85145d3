import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AnomalyRule, findAnomalies } from "../../src/quality/measures/anomaly.ts";

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

  it("seasonal: holds a value against those of the same phase only, and says nothing before there are two", () => {
    const weeks = [10, 100, 11, 101, 10, 99, 10];
    expect(indices([...weeks, 100], { rule: "seasonal", period: 2 })).toEqual([]);
    expect(indices([...weeks, 10], { rule: "seasonal", period: 2 })).toEqual([7]);
    expect(indices([10, 100, 11, 5000], { rule: "seasonal", period: 2 })).toEqual([]);
  });
});
