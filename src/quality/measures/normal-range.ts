import { studentFactor } from "./student.ts";

/** How many deviations below and above the mean of normal values are normal, if there were endlessly many. */
export interface NormalFactors {
  readonly lower: number;
  readonly upper: number;
}

/** Values from the lower to the upper bound are normal. */
export interface NormalRange {
  readonly lower: number;
  readonly upper: number;
}

/** From this many values on, a later one may be an anomaly, and from one more pair on, one of themselves. */
const fewest = 4;

/**
 * The range of the next value after `values`, by Student's distribution: wider the fewer values there are,
 * because their mean and deviation are estimates. So a normal value is outside equally seldom, however few values
 * there are.
 */
export function studentRange(values: readonly number[], { lower, upper }: NormalFactors): NormalRange {
  const count = values.length;
  if (count < 2) return { lower: -Infinity, upper: Infinity };
  const { mean, deviation } = momentsOf(values);
  const spread = deviation * Math.sqrt(1 + 1 / count);
  // the mean of equal values may differ from them in its last digit
  const rounding = Math.abs(mean) * 1e-12;
  return {
    lower: mean - spread * studentFactor(lower, count - 1) - rounding,
    upper: mean + spread * studentFactor(upper, count - 1) + rounding,
  };
}

/**
 * The values that are normal among earlier ones: without those far away from the middle half, and without those
 * that were outside the range of the normal values before them.
 */
export function normalValues(values: readonly number[], factors: NormalFactors): number[] {
  const near = withoutFar(values);
  const normal: number[] = [];
  for (const value of near) {
    const { lower, upper } = normal.length < fewest ? everything : studentRange(normal, factors);
    if (value >= lower && value <= upper) normal.push(value);
  }
  return normal;
}

const everything: NormalRange = { lower: -Infinity, upper: Infinity };

/** Deviations from the median, by the median deviation, beyond which a value is no chance. */
const far = 3;

/** An anomaly among the first values would widen the range for all after it, so order does not matter here. */
function withoutFar(values: readonly number[]): readonly number[] {
  if (values.length < fewest + 2) return values;
  const middle = medianOf(values);
  const deviation = medianOf(values.map((value) => Math.abs(value - middle))) / 0.6745;
  if (deviation === 0) return values;
  // degrees of freedom by simulation (bench/rates.ts), so that hardly a normal value is left out
  const limit = deviation * studentFactor(far, Math.floor((values.length * 2) / 3));
  return values.filter((value) => Math.abs(value - middle) <= limit);
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[(sorted.length >> 1) - 1] ?? Number.NaN) + upper) / 2;
}

function momentsOf(values: readonly number[]): { readonly mean: number; readonly deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}
