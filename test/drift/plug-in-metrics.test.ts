import { describe, expect, it } from "vitest";
import { type DriftMetric, type DriftMetricInput, drift } from "../../src/index.ts";
import { driftText } from "../../src/report.ts";

const before = Array.from({ length: 400 }, (_, index) => ({
  amount: index % 4,
  country: index % 2 === 0 ? "DE" : "FR",
  empty: null,
}));
/** Half of the zeros are threes. */
const after = before.map((row, index) => ({ ...row, amount: index % 8 === 0 ? 3 : row.amount }));

/** Share of the current rows in bins whose share changed by 20 % of itself or more. */
const moved20: DriftMetric = ({ baseline, current }) =>
  current.counts
    .filter((count, bin) => {
      const share = (baseline.counts[bin] ?? 0) / baseline.rows;
      return Math.abs(count / current.rows - share) >= 0.2 * share;
    })
    .reduce((sum, count) => sum + count, 0) / current.rows;

describe("metrics of the caller", () => {
  it("see both histograms in the bins of the baseline, and count the features that moved by 20 %", async () => {
    const seen: DriftMetricInput[] = [];
    const metrics = {
      moved20,
      inputs: (input: DriftMetricInput) => seen.push(input),
    };
    const report = await drift(before, after, { metrics, columns: ["amount", "country"] });
    const amount = seen.find(({ column }) => column === "amount");
    expect(amount).toEqual({
      column: "amount",
      part: null,
      kind: "discrete",
      slice: null,
      window: null,
      bins: [0, 1, 2, 3].map((value) => ({ label: String(value), low: value, high: value })),
      baseline: { counts: [100, 100, 100, 100], rows: 400 },
      current: { counts: [50, 100, 100, 150], rows: 400 },
    });
    const figures = report.columns.map(({ column, metrics }) => [column, metrics?.["moved20"]]);
    expect(figures).toEqual([
      ["amount", 0.5],
      ["country", 0],
    ]);
    expect(report.columns.filter(({ metrics }) => (metrics?.["moved20"] ?? 0) >= 0.2)).toHaveLength(1);
    expect(driftText(report)).toContain("  metric  moved20: amount 0.5, country 0\n");
    const plain = await drift(before, after, { columns: ["amount", "country"] });
    expect(plain.columns.map(({ verdict, effect }) => [verdict, effect])).toEqual(
      report.columns.map(({ verdict, effect }) => [verdict, effect]),
    );
    expect(plain.definition_hash).not.toBe(report.definition_hash);
    expect(plain.columns[0]).not.toHaveProperty("metrics");
  });

  it("are figures of each slice", async () => {
    const rows: DriftMetric = ({ current }) => current.rows;
    const { columns } = await drift(before, after, {
      metrics: { rows },
      columns: ["amount"],
      by: ["country"],
    });
    const figures = columns.map(({ slice, metrics }) => [slice?.value ?? null, metrics?.["rows"]]);
    expect(Object.fromEntries(figures)).toEqual({ null: 400, DE: 200, FR: 200 });
  });

  it("are null with a reason where they are undefined", async () => {
    const metrics = { none: () => null, infinite: () => 1 / 0 };
    const { columns } = await drift(before, after, {
      metrics,
      columns: ["amount", "empty"],
      exclude: ["empty"],
    });
    const reasons = columns.map(({ column, metrics, undefined_because: why }) => [
      column,
      metrics,
      why["metrics.none"],
      why["metrics.infinite"],
    ]);
    expect(reasons).toEqual([
      ["amount", { none: null, infinite: null }, "metric_says_null", "not_finite"],
      ["empty", { none: null, infinite: null }, "excluded", "excluded"],
    ]);
  });

  it("that throw or return no number are named with the column", async () => {
    const broken = (): number => {
      throw new RangeError("no such bin");
    };
    await expect(drift(before, after, { metrics: { broken }, columns: ["amount"] })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(/metric "broken" failed for amount: no such bin/),
      data: { metric: "broken", column: ["amount"] },
      cause: expect.any(RangeError),
    });
    const text = (() => "0.2") as unknown as DriftMetric;
    await expect(drift(before, after, { metrics: { text }, columns: ["amount"] })).rejects.toThrow(
      /metric "text" returned string for amount\. It must return a number/,
    );
    const number = 0.2 as unknown as DriftMetric;
    await expect(drift(before, after, { metrics: { number } })).rejects.toThrow(
      /metrics\.number of drift must be a function/,
    );
  });
});
