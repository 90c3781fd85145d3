import { describe, expect, it } from "vitest";
import { check, createTable, runSuite, type Source, schema, suite } from "../../src/index.ts";
import { checkText } from "../../src/report.ts";
import { defineSuite, parseSuite } from "../../src/suite.ts";
import type { JsonObject } from "../../src/util/json.ts";

const wide = 9007199254740993n;

async function measured(source: Source, kind: string, params: JsonObject) {
  const made = suite("s", [check.expect(`expect_${kind}`, params, { onFail: "warn" })]);
  const report = await runSuite(made, source);
  return { ...report.checks[0], text: checkText(report) };
}

describe("whole numbers that a number cannot hold", () => {
  const rows = [{ id: wide }, { id: 1n }];

  it.each<[string, JsonObject, boolean, unknown]>([
    ["column_max_to_be_between", { max_value: Number(wide - 1n) }, false, String(wide)],
    ["column_max_to_be_between", { max_value: String(wide) }, true, String(wide)],
    ["column_sum_to_be_between", { max_value: wide }, false, String(wide + 1n)],
    ["column_sum_to_be_between", { min_value: wide + 1n, max_value: wide + 1n }, true, String(wide + 1n)],
    ["column_sum_to_be_between", { min_value: wide + 1n, strict_min: true }, false, String(wide + 1n)],
    ["column_range_to_be_between", { max_value: Number(wide - 2n) }, false, String(wide - 1n)],
    ["column_min_to_be_between", { min_value: 1 }, true, 1],
  ])("%s %o", async (kind, params, success, observed) => {
    const result = await measured(rows, kind, { column: "id", ...params });
    expect(result).toMatchObject({ success, observed });
    if (typeof observed === "string") expect(result.text).toContain(`found ${observed}`);
  });

  it("stand without quotes in the reasons and lists of a report", async () => {
    const made = suite("s", [
      check.measure("max", "id", { max: 5 }),
      check.expect("expect_column_distinct_values_to_be_in_set", { column: "id", value_set: [1] }),
    ]);
    const report = await runSuite(made, rows);
    expect(report.reasons).toEqual([
      expect.stringContaining(`found ${wide}`),
      expect.stringContaining(`found [1,${wide}]`),
    ]);
    expect(checkText(report)).not.toContain(`"${wide}"`);
    for (const max_value of [wide, String(wide)]) {
      const { message } = await measured(rows, "column_values_to_be_between", { column: "id", max_value });
      expect(message).toBe(`id must be at most ${wide}`);
    }
  });

  it("bounds of JSON count with every digit", async () => {
    const bounded = (max: bigint) =>
      parseSuite(
        `{"checks":[{"kind":"expect_column_sum_to_be_between","params":{"column":"id","max_value":${max}}}]}`,
      );
    expect((await runSuite(bounded(wide + 1n), rows)).accepted).toBe(true);
    expect((await runSuite(bounded(wide), rows)).accepted).toBe(false);
  });
});

it("decimals of many digits are measured with every digit", async () => {
  const made = suite("s", [
    check.measure("max", "d", { min: 0 }),
    check.measure("sum", "d", { min: 0 }),
    check.measure("range", "d", { min: 0 }),
  ]);
  await using table = await createTable("memory://decimals", {
    schema: schema().decimal("d", 24, 2),
    source: [{ d: "12345678901234567890.25" }, { d: "0.50" }],
  });
  const report = await runSuite(made, table);
  expect(report.checks.map(({ observed }) => observed)).toEqual([
    "12345678901234567890.25",
    "12345678901234567890.75",
    "12345678901234567889.75",
  ]);
});

describe("NaN", () => {
  const rows = [{ d: 1.5 }, { d: Number.NaN }, { d: null }];
  const bounds = { min_value: -100, max_value: 100 };

  it.each<[string, JsonObject]>([
    ...["mean", "sum", "min", "max", "median", "range", "interquartile_range", "stdev", "variance"].map(
      (name): [string, JsonObject] => [`column_${name}_to_be_between`, bounds],
    ),
    ["column_skewness_to_be_between", bounds],
    ["column_kurtosis_to_be_between", bounds],
  ])("in a column makes the measure NaN, which no bounds hold: %s", async (kind, params) => {
    expect(await measured(rows, kind, { column: "d", ...params })).toMatchObject({
      success: false,
      observed: "NaN",
    });
  });

  it.each(["nearest", "linear", "discrete", "approximate"])(
    "makes quantiles NaN (%s)",
    async (interpolation) => {
      const params = {
        column: "d",
        quantiles: [0, 0.5],
        value_ranges: [
          [null, 9],
          [0, 9],
        ],
        interpolation,
      };
      expect(await measured(rows, "column_quantile_values_to_be_between", params)).toMatchObject({
        success: false,
        observed: ["NaN", "NaN"],
      });
    },
  );

  it("makes a divergence by bins unknown, and counts as a value where values are counted", async () => {
    const partition = { bins: [0, 1, 2], weights: [0.5, 0.5] };
    const divergence = { column: "d", partition_object: partition, threshold: 100 };
    expect(await measured(rows, "column_kl_divergence_to_be_less_than", divergence)).toMatchObject({
      success: false,
      observed: null,
    });
    for (const [kind, observed] of [
      ["completeness", 2 / 3],
      ["zeros", 0],
      ["unique_value_count", 2],
    ] as const)
      expect(await measured(rows, `column_${kind}_to_be_between`, { column: "d" })).toMatchObject({
        success: true,
        observed,
      });
  });
});

describe("quantiles", () => {
  const rows = [1, 2, 3, 10].map((n) => ({ n: BigInt(n), d: n === 10 ? Infinity : n }));
  const quantiles = [0, 0.25, 0.5, 0.75, 1];
  const ranges = quantiles.map(() => [null, null]);

  // as numpy.percentile(x, q, method=...)
  it.each([
    ["nearest", [1, 2, 3, 3, 10]],
    ["linear", [1, 1.75, 2.5, 4.75, 10]],
    ["discrete", [1, 1, 2, 3, 10]],
  ])("of %s interpolation", async (interpolation, expected) => {
    const params = { column: "n", quantiles, value_ranges: ranges, interpolation };
    expect((await measured(rows, "column_quantile_values_to_be_between", params)).observed).toEqual(expected);
  });

  it("between two ranks take the even one", async () => {
    const params = { column: "n", quantiles: [0.5], value_ranges: [[3, 3]] };
    const six = [1, 2, 3, 4, 5, 6].map((n) => ({ n: BigInt(n) }));
    expect(await measured(six, "column_quantile_values_to_be_between", params)).toMatchObject({
      success: true,
      observed: [3],
      result: { observed_value: { quantiles: [0.5], values: [3] } },
    });
  });

  it("that are infinite are text in JSON", async () => {
    const params = {
      column: "d",
      quantiles: [0, 1],
      value_ranges: [
        [null, null],
        [5, null],
      ],
    };
    expect(await measured(rows, "column_quantile_values_to_be_between", params)).toMatchObject({
      success: true,
      observed: [1, "Infinity"],
    });
  });

  it("of nothing are unknown", async () => {
    const params = { column: "n", quantiles: [0.5], value_ranges: [[0, 1]] };
    const nothing = [{ n: null }] as unknown as Source;
    expect(await measured(nothing, "column_quantile_values_to_be_between", params)).toMatchObject({
      success: false,
      observed: [null],
    });
  });
});

describe("what tests nothing is refused when the suite is defined", () => {
  it.each<[string, JsonObject, RegExp]>([
    [
      "column_kl_divergence_to_be_less_than",
      {
        column: "s",
        partition_object: { values: ["a"], weights: [1] },
        threshold: 1,
        internal_weight_holdout: 0.1,
      },
      /internal_weight_holdout/,
    ],
    [
      "column_quantile_values_to_be_between",
      { column: "n", quantiles: [0.5], value_ranges: [[2, 1]] },
      /minimum above/,
    ],
    [
      "column_quantile_values_to_be_between",
      { column: "n", quantiles: [0.5], value_ranges: [["1", "2"]] },
      /not a number/,
    ],
    ["table_columns_to_match_set", { exact_match: true }, /column_set: is missing/],
    ["table_columns_to_match_set", { column_set: null }, /column_set: is missing/],
    ["table_columns_to_match_ordered_list", { column_list: null }, /column_list: is missing/],
  ])("%s %j", (kind, params, message) => {
    expect(() => defineSuite({ checks: [{ kind: `expect_${kind}`, params }] })).toThrow(message);
  });
});

it("nothing measured is null in details, not NaN", async () => {
  const nothing = [{ d: null, s: null }] as unknown as Source;
  const bins = { bins: [0, 1, 2], weights: [0.5, 0.5] };
  const values = { values: ["a"], weights: [1] };
  for (const [column, partition_object, shares] of [
    ["d", bins, [null, null]],
    ["s", values, [null]],
  ] as const) {
    const params = { column, partition_object, threshold: 1 };
    const result = await measured(nothing, "column_kl_divergence_to_be_less_than", params);
    expect(result).toMatchObject({ success: false, details: { observed_partition: { weights: shares } } });
  }
});

it("a column at another index is named with both", async () => {
  const result = await measured([{ a: 1n, b: 2n }], "column_to_exist", { column: "b", column_index: 0 });
  expect(result).toMatchObject({
    success: false,
    message: "column b must exist at index 0 (from 0)",
    details: { mismatched: { index: 1 } },
  });
});

it.each<[string, JsonObject, boolean]>([
  ["column_values_to_be_between", { min_value: -5.11e38, max_value: 5.11e38 }, true],
  ["column_values_to_be_between", { min_value: -5.11e38, max_value: 5.11e38, column: "endless" }, false],
  ["column_values_to_be_in_set", { value_set: [5.11e38, 1.5] }, true],
  ["column_values_to_not_be_in_set", { value_set: [5.11e38], column: "endless" }, true],
  ["column_max_to_be_between", { max_value: 5.11e38 }, true],
  ["column_max_to_be_between", { max_value: 5.11e38, column: "endless" }, false],
])("bounds beyond the range of floats are compared with floats: %s %o", async (kind, params, success) => {
  const source = { sql: "SELECT CAST(1.5 AS FLOAT) AS f, CAST('inf' AS FLOAT) AS endless" };
  expect(await measured(source, kind, { column: "f", ...params })).toMatchObject({ success });
});
