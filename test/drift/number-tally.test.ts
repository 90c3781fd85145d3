import { describe, expect, it } from "vitest";
import { boundariesOf, type NumericBins } from "../../src/drift/profile/bins.ts";
import { cellsOfBins, NumberTally } from "../../src/drift/profile/number-tally.ts";
import { presentValues } from "../../src/drift/profile/number-values.ts";
import { seededNumbers } from "../../src/statistics/generator.ts";

function binsOf(values: readonly number[], points: readonly number[] = []): NumericBins {
  const sorted = [...values].sort((a, b) => a - b);
  const quantiles = Array.from({ length: 261 }, (_, step) => {
    return sorted[Math.round((step / 260) * (sorted.length - 1))] ?? 0;
  });
  return { form: "numeric", quantiles: values.length === 0 ? [] : quantiles, points, edges: "exact" };
}

/** The cell of a value by its definition: how many boundaries are not above it. */
function plainCells(bins: NumericBins, values: readonly number[]): number[] {
  const boundaries = boundariesOf(bins);
  const cells = new Array<number>(boundaries.length + 1).fill(0);
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    const cell = boundaries.filter((boundary) => boundary <= value).length;
    cells[cell] = (cells[cell] ?? 0) + 1;
  }
  return cells;
}

/** @param rows about how many: of few, a value's cell is looked up in fewer steps */
function tallied(bins: NumericBins, values: readonly number[], { keeps = false, rows = values.length } = {}) {
  const tally = new NumberTally(cellsOfBins(bins, rows), keeps);
  for (let start = 0; start < values.length; start += 100) {
    const run = Float64Array.from(values.slice(start, start + 100));
    tally.add({ values: run, count: run.length });
  }
  return tally.counts();
}

const random = seededNumbers(7);
const many = (next: () => number) => Array.from({ length: 2_000 }, next);
const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

const shapes: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ["uniform numbers", many(random), []],
  ["numbers far from zero", many(() => 1e9 + normal()), []],
  ["numbers with a heavy tail", many(() => Math.exp(30 * normal())), []],
  ["whole numbers beyond 2^53", many(() => 2 ** 53 + 2 * Math.floor(random() * 400)), []],
  ["numbers over all doubles", [-Number.MAX_VALUE, ...many(normal), Number.MAX_VALUE], []],
  ["numbers with points", many(() => (random() < 0.4 ? 0 : normal())), [0]],
  ["a few values", many(() => Math.floor(random() * 30)), [3, 4]],
  ["one value", [5], []],
  ["the smallest numbers", many(() => Number.MIN_VALUE * Math.floor(random() * 500)), []],
  ["points only", [], [1, 2]],
  ["no bins", [], []],
];

describe("counts of numbers in cells", () => {
  it.each(shapes)("of %s follow the boundaries", (_name, values, points) => {
    const bins = binsOf(values, points);
    const boundaries = boundariesOf(bins);
    const ends = [NaN, Infinity, -Infinity, -0, 0, 1e308, -1e308, 2 ** 53 + 2];
    const all = [...values, ...boundaries, ...boundaries.map((edge) => edge - 1), ...ends];
    const plain = plainCells(bins, all);
    for (const rows of [1, 1_000_000]) {
      const counts = tallied(bins, all, { rows });
      expect(counts.cells).toEqual(plain);
      expect(counts).toMatchObject({ rows: all.length, nans: 1, min: -Infinity, max: Infinity });
    }
  });

  it("has the moments of the finite values, also next to NaN and infinities", () => {
    const values = many(() => 1e8 + normal());
    const mean = values.reduce((sum, value) => sum + (value - 1e8), 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - 1e8 - mean) ** 2, 0);
    const spoiled = [NaN, ...values.slice(0, 150), Infinity, ...values.slice(150)];
    for (const side of [values, spoiled]) {
      const counts = tallied(binsOf(values), side);
      expect(counts.mean).toBeCloseTo(1e8 + mean, 6);
      expect(counts.sd).toBeCloseTo(Math.sqrt(squares / (values.length - 1)), 9);
    }
  });

  it.each([
    ["far from the baseline", [-1, 0, 1]],
    ["without a baseline", []],
  ])("has the deviation of large numbers %s", (_name, baseline) => {
    const [low, high] = [2 ** 53, 2 ** 53 + 8];
    const values = Array.from({ length: 1_000 }, (_, index) => (index % 4 === 0 ? low : high));
    const counts = tallied(binsOf(baseline), [Infinity, ...values]);
    expect(counts.mean).toBe(2 ** 53 + 6);
    expect(counts.sd).toBeCloseTo(Math.sqrt((250 * 36 + 750 * 4) / 999), 9);
  });

  it("has the least and the greatest value, and 0 rather than -0", () => {
    const bins = binsOf([0, 1, 2]);
    expect(tallied(bins, [-0, -0])).toMatchObject({ min: 0, max: 0 });
    expect(Object.is(tallied(bins, [-0, -0]).min, 0)).toBe(true);
    expect(tallied(bins, [NaN])).toMatchObject({
      rows: 1,
      nans: 1,
      min: null,
      max: null,
      mean: null,
      sd: null,
    });
    expect(tallied(bins, [])).toMatchObject({ rows: 0, min: null, quantiles: null });
  });

  it("has quantiles of the finite values where they are kept", () => {
    const bins = binsOf([1, 2, 3]);
    expect(tallied(bins, [4, NaN, 0, 2, Infinity, 1, 3], { keeps: true }).quantiles).toEqual([
      0.2, 1, 2, 3, 3.8,
    ]);
    expect(tallied(bins, [NaN], { keeps: true }).quantiles).toBeNull();
    expect(tallied(bins, [1, 2]).quantiles).toBeNull();
  });
});

describe("values of a chunk", () => {
  const values = Float64Array.from({ length: 10 }, (_, row) => row);
  const picked = new Float64Array(10);
  const numbersOf = (valid: Uint8Array | undefined, rows: readonly number[] | undefined) => {
    const run = presentValues({ values, valid }, rows, picked);
    return [...run.values.subarray(0, run.count)];
  };

  it("leaves out rows that have none, and rows of other slices", () => {
    const valid = Uint8Array.of(0b0101_0101, 0b10);
    expect(numbersOf(undefined, undefined)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(numbersOf(valid, undefined)).toEqual([0, 2, 4, 6, 9]);
    expect(numbersOf(valid, [1, 2, 8, 9])).toEqual([2, 9]);
    expect(numbersOf(undefined, [3, 7])).toEqual([3, 7]);
  });
});
