import { describe, expect, it } from "vitest";
import { chunksOf, type ThresholdRule } from "../../src/drift/peers/nannyml-chunks.ts";
import { type NannymlQuality, nannymlQuality } from "../../src/drift/peers/nannyml-quality.ts";
import { ranksByAlerts } from "../../src/drift/peers/nannyml-ranks.ts";
import { type NannymlMethod, nannymlDrift } from "../../src/drift/peers/nannyml-univariate.ts";
import type { PeerValue } from "../../src/drift/peers/peer-column.ts";
import { nannymlReconstruction } from "../../src/drift/peers/reconstruction.ts";

// The figures are what NannyML 0.13.1 answered for these rows.

const baseline = series(90, (row) => ((row * 37) % 101) / 10);
const current = series(70, (row) => ((row * 53) % 101) / 9 + 1);
const nulls = series(20, () => null);

function series<T>(rows: number, value: (row: number) => T): T[] {
  return Array.from({ length: rows }, (_, row) => value(row));
}

describe("NannyML's chunks", () => {
  it("keep, append or drop the rows that are left over", () => {
    expect(chunksOf(90, { size: 40 })).toEqual([
      [0, 39],
      [40, 79],
      [80, 89],
    ]);
    expect(chunksOf(90, { size: 40, rest: "append" })).toEqual([
      [0, 39],
      [40, 89],
    ]);
    expect(chunksOf(90, { size: 40, rest: "drop" })).toEqual([
      [0, 39],
      [40, 79],
    ]);
    expect(chunksOf(7, { number: 2, rest: "append" })).toEqual([
      [0, 2],
      [3, 6],
    ]);
  });

  it("are at most as many as a side has rows", () => {
    const column = { type: "numeric" as const, baseline: [1, 2, 3], current: [1, 2] };
    expect(nannymlDrift(column, "wasserstein", { number: 3 })).toBe("a side has fewer rows than chunks");
    expect(nannymlQuality(column, { method: "sum", chunking: { number: 3 } })).toMatch(/fewer rows/);
    expect(nannymlDrift(column, "wasserstein", { number: 2 })).toMatchObject({
      current: { value: [1, 0.6666666666666667] },
    });
  });

  it("of two halves with appended rows give other distances and thresholds", () => {
    const report = drift("kolmogorov_smirnov", { chunking: { size: 40, rest: "append" } });
    expect(report.baseline.value).toEqual([close(0.025), close(0.02)]);
    expect(report.current).toEqual({ value: [close(0.17142857142857143)], alert: [true] });
    expect(report.thresholds).toEqual({ lower: null, upper: close(0.03) });
  });
});

describe("NannyML's thresholds", () => {
  const chunking = { size: 30 };

  it("may be fixed: a chunk below the lower one alerts, too", () => {
    const report = drift("hellinger", { chunking, rule: { fixed: { lower: 0.28, upper: 0.3 } } });
    expect(report.baseline.alert).toEqual([true, true, true]);
    expect(report.current.alert).toEqual([false, true, true]);
  });

  it("lie as many deviations from the mean or the median as asked for", () => {
    const around = drift("jensen_shannon", { chunking, rule: { lowerFactor: 1, upperFactor: 0.5 } });
    expect(around.thresholds).toEqual({
      lower: close(0.0374608204838837),
      upper: close(0.04637403027625665),
    });
    expect(around.baseline.alert).toEqual([true, false, false]);
    const above = drift("wasserstein", { chunking, rule: { upperFactor: 2, from: "median" } });
    expect(above.thresholds).toEqual({ lower: null, upper: close(0.1507264930914579) });
  });

  it("do not leave the range of the measure", () => {
    const rule = { lowerFactor: 1, upperFactor: 1000 };
    const { thresholds } = drift("kolmogorov_smirnov", { chunking, rule });
    expect(thresholds.upper).toBe(1);
    expect(drift("wasserstein", { chunking, rule }).thresholds.upper).toBeGreaterThan(1);
  });
});

describe("NannyML's distances", () => {
  it("of two infinities of one sign are undefined, of one infinite", () => {
    const values = [Infinity, ...baseline.slice(0, 9), -Infinity, -Infinity, ...baseline.slice(0, 8)];
    const report = drift("wasserstein", { chunking: { size: 10 }, rows: [baseline.slice(0, 30), values] });
    expect(report.current).toEqual({ value: [Infinity, null], alert: [true, false] });
  });

  it("are counted in cells from 10,000 rows of the baseline on", () => {
    const many = series(10_000, (row) => ((row * 7919) % 10007) / 100);
    const few = series(500, (row) => ((row * 31) % 997) / 8 - 3);
    const of = (method: NannymlMethod) =>
      drift(method, { chunking: { size: 250 }, rows: [many, few] }).current.value;
    expect(of("kolmogorov_smirnov")).toEqual([close(0.1568), close(0.182)]);
    expect(of("wasserstein")).toEqual([close(7.909657084795977), close(8.95797224799597)]);
    const fewer = drift("wasserstein", { chunking: { size: 250 }, rows: [many.slice(1), few] });
    expect(fewer.current.value[0]).not.toBeCloseTo(7.909657084795977, 3);
  });
});

describe("NannyML's summaries", () => {
  it("count rows", () => {
    const { current: now, thresholds } = quality("count", baseline.slice(0, 50), current.slice(0, 44));
    expect(now).toEqual({ value: [20, 20, 4], alert: [false, false, false] });
    expect(thresholds).toEqual({ lower: close(2.5245310429357204), upper: close(30.808802290397615) });
  });

  it("of a chunk without values: the sum is 0, the mean is missing and alerts", () => {
    const rows = [...nulls, ...current.slice(0, 20)];
    expect(quality("sum", baseline.slice(0, 60), rows).current).toEqual({
      value: [0, close(128.88888888888889)],
      alert: [true, true],
    });
    expect(quality("avg", baseline.slice(0, 60), rows).current).toEqual({
      value: [null, close(6.444444444444445)],
      alert: [true, true],
    });
  });

  it("alert on a threshold, and without one at the limit", () => {
    const constant = series(40, () => 3);
    expect(quality("avg", constant, constant).current.alert).toEqual([true, true]);
    const spread = quality(
      "std",
      [...series(39, () => 1), 9],
      series(20, () => 1),
    );
    expect(spread.thresholds).toEqual({ lower: null, upper: close(3.5777087639996634) });
    expect(spread.current).toEqual({ value: [0], alert: [false] });
    expect(spread.currentError).toEqual([close(0.8396831325910356)]);
  });

  it("have no error of a deviation where the baseline has missing values", () => {
    const { currentError } = quality("std", [...baseline.slice(0, 39), null], baseline.slice(0, 20));
    expect(currentError).toEqual([Number.NaN]);
  });

  it("count a missing value as unseen, unless the baseline has one, and none as out of range", () => {
    const rows = [...series(18, () => "a"), "c", null, ...series(20, () => "a")];
    const of = (second: PeerValue) =>
      quality(
        "unseen",
        series(40, (row) => (row % 2 === 0 ? "a" : second)),
        rows,
      ).current;
    expect(of("b")).toEqual({ value: [0.1, 0], alert: [true, false] });
    expect(of(null)).toEqual({ value: [0.05, 0], alert: [true, false] });
    const outside = [...nulls.slice(10), ...series(5, () => 99), ...series(5, () => 1)];
    expect(quality("range", baseline.slice(0, 40), outside).current).toEqual({
      value: [0.25],
      alert: [true],
    });
  });

  it("limit a share of missing values to all of them", () => {
    const rows = [...nulls, ...baseline.slice(0, 20)];
    expect(quality("missing", rows, rows).thresholds).toEqual({ lower: 0, upper: 1 });
  });

  it("have no median of a baseline with one value or an infinite one", () => {
    for (const values of [[1], [1, 2, Infinity]])
      expect(
        nannymlQuality(
          { type: "numeric", baseline: values, current: [1] },
          { method: "median", chunking: { size: 2 } },
        ),
      ).toMatch(/finite/);
  });
});

describe("NannyML's ranks and reconstruction", () => {
  it("order equal numbers of alerts by name, the last first", () => {
    const column = (name: string, alerts: boolean[]) => ({ name, alerts, drift: alerts.map(Number) });
    const ranks = ranksByAlerts([column("a", [true]), column("c", [false]), column("b", [true])]);
    expect(ranks.map(({ name }) => name)).toEqual(["b", "a", "c"]);
  });

  it("take a number of components in place of a share of the variance", () => {
    const columns = ["a", "b", "c"].map((_, index) => ({
      type: "numeric" as const,
      baseline: series(80, (row) => featureOf(index, row)),
      current: series(
        60,
        (row) => [((row * 29) % 89) / 7, ((row * 11) % 83) / 5, ((row * 17) % 79) / 6][index] ?? 0,
      ),
    }));
    const report = nannymlReconstruction(columns, { chunking: { size: 40 }, components: 1 });
    expect(report.baseline.value).toEqual([close(0.7555660091518588), close(0.8048019550622687)]);
    expect(report.current.value).toEqual([close(1.901855644385322), close(1.936374082675601)]);
    expect(report.currentError).toEqual([close(0.153696768984942), close(0.1769388024028599)]);
    expect(report.thresholds).toEqual({ lower: close(0.7063300632414489), upper: close(0.8540379009726786) });
  });
});

/** The third is the first and half of the second. */
function featureOf(index: number, row: number): number {
  const [first, second] = [((row * 37) % 101) / 10, ((row * 53) % 97) / 9];
  return [first, second, first + second / 2][index] ?? 0;
}

function close(value: number): unknown {
  return expect.closeTo(value, 9);
}

function drift(
  method: NannymlMethod,
  options: {
    readonly chunking: Parameters<typeof chunksOf>[1];
    readonly rule?: ThresholdRule;
    readonly rows?: readonly [readonly number[], readonly number[]];
  },
) {
  const [first, second] = options.rows ?? [baseline, current];
  const column = { type: "numeric" as const, baseline: first, current: second };
  const report = nannymlDrift(column, method, options.chunking, options.rule);
  if (typeof report === "string") throw new Error(report);
  return report;
}

function quality(method: NannymlQuality, first: readonly PeerValue[], second: readonly PeerValue[]) {
  const column = { type: "numeric" as const, baseline: first, current: second };
  const report = nannymlQuality(column, { method, chunking: { size: 20 } });
  if (typeof report === "string") throw new Error(report);
  return report;
}
