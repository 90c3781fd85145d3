import { expect } from "vitest";
import type { OpenSession, StagedRelation } from "../../src/engine/core/contract.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import type { CheckResult } from "../../src/quality/gate/verdict.ts";
import type { CheckJson } from "../../src/quality/model/suite.ts";
import { binnedHistogram, valueHistogram } from "../../src/quality/profile/histogram.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import type { JsonObject, JsonValue } from "../../src/util/json.ts";
import { fenceOf } from "../support/fence-of.ts";
import { type QualityCase, tableOf } from "./quality-cases.ts";

/** Compares the number of a check with what Deequ's analyzer gives. */
export async function compareAnalyzer(session: OpenSession, item: QualityCase): Promise<void> {
  const { method, params, expected, tolerance } = item;
  if (method === "Histogram") {
    const counts = await valueHistogram(session, await stage(session, item), String(params["column"]));
    expect(counts).toHaveLength(Number(expected["bins"]));
    expect(counts.map(({ value }) => value ?? "NullValue").sort()).toEqual(
      [...(expected["keys"] as string[])].sort(),
    );
    return;
  }
  if (method === "HistogramBinned") {
    const column = String(params["column"] ?? "values");
    const histogram = await binnedHistogram(
      session,
      await stage(session, item),
      column,
      Number(params["binCount"]),
    );
    expect(histogram?.frequencies).toEqual(expected["frequencies"]);
    for (const [index, edge] of (expected["edges"] as number[]).entries())
      expect(histogram?.edges[index]).toBeCloseTo(edge, 9);
    return;
  }
  if (method === "DataType") {
    const check = {
      kind: "expect_column_data_type_share_to_be_between",
      params: { column: params["column"] ?? null, data_type: "String" },
      onFail: "warn" as const,
    };
    expect((await runCheck(session, item, check)).details?.["shares"]).toEqual(expected);
    return;
  }
  const made = analyzers[method]?.(params);
  if (made === undefined) throw new Error(`no check for ${method}`);
  const result = await runCheck(session, item, {
    ...made,
    onFail: "warn",
    ...(typeof params["where"] === "string" ? { where: params["where"] } : {}),
  });
  const observed = single(result.observed);
  for (const [name, value] of Object.entries(expected)) {
    if (name === "error") expect(observed).toBeNull();
    else if (name === "min_exclusive") expect(observed).toBeGreaterThan(Number(value));
    else if (name === "max_exclusive") expect(observed).toBeLessThan(Number(value));
    else if (name !== "value") throw new Error(`the case expects ${name}, which no result has`);
    else if (typeof value !== "number") expect(observed).toBe(value);
    else expect(Math.abs(Number(observed) - value)).toBeLessThanOrEqual(Math.max(tolerance, 1e-12));
  }
}

function stage(session: OpenSession, item: QualityCase): Promise<StagedRelation> {
  const { rows, columns } = tableOf(
    item.current,
    /string/i.test(String(item.params["column"])) ? "VARCHAR" : "DOUBLE",
  );
  return session.stage({ kind: "rows", rows }, { columns });
}

async function runCheck(session: OpenSession, item: QualityCase, check: CheckJson): Promise<CheckResult> {
  const suite = defineSuite({ checks: [check] });
  const verdict = await evaluateGate(session, suite, await stage(session, item), {
    now: 0,
    fence: fenceOf(session),
  });
  const [result] = verdict.checks;
  if (result === undefined) throw new Error("no result");
  return result;
}

const single = (value: JsonValue): JsonValue =>
  Array.isArray(value) ? ((value as readonly JsonValue[])[0] ?? null) : value;

/** Deequ's analyzers by the name of the check that computes the same number. */
const analyzers: Readonly<
  Record<string, (params: JsonObject) => { readonly kind: string; readonly params: JsonObject }>
> = {
  Size: () => ({ kind: "expect_table_row_count_to_be_between", params: {} }),
  ColumnCount: () => ({ kind: "expect_table_column_count_to_be_between", params: {} }),
  ...Object.fromEntries(
    Object.entries({
      ZerosCount: "zeros",
      Completeness: "completeness",
      Mean: "mean",
      StandardDeviation: "stdev_population",
      Variance: "variance_population",
      Skewness: "skewness",
      Kurtosis: "kurtosis",
      Range: "range",
      InterquartileRange: "interquartile_range",
      MinLength: "min_length",
      MaxLength: "max_length",
      ApproxCountDistinct: "approximate_distinct",
      Entropy: "entropy",
    }).map(([name, measure]) => [
      name,
      ({ column }: JsonObject) => ({
        kind: `expect_column_${measure}_to_be_between`,
        params: { column: column ?? null },
      }),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({ Minimum: "min", Maximum: "max", Sum: "sum" }).map(([name, measure]) => [
      name,
      ({ column }: JsonObject) => ({
        kind: `expect_column_${measure}_to_be_between`,
        params: { column: column ?? null, min_value: -1e9 },
      }),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({
      Uniqueness: "uniqueness",
      Distinctness: "distinctness",
      UniqueValueRatio: "unique_value_ratio",
      DuplicateRowCount: "duplicate_row_count",
      CountDistinct: "distinct_count",
      MutualInformation: "mutual_information",
    }).map(([name, measure]) => [
      name,
      ({ columns }: JsonObject) => ({
        kind: `expect_columns_${measure}_to_be_between`,
        params: { column_list: columns ?? null },
      }),
    ]),
  ),
  Correlation: ({ columns }) => pair("correlation", columns),
  RatioOfSums: ({ columns }) => pair("ratio_of_sums", columns),
  ApproxQuantile: ({ column, quantile }) => quantiles(column, quantile, "approximate"),
  ExactQuantile: ({ column, quantile }) => quantiles(column, quantile, "linear"),
  Compliance: ({ predicate }) => ({
    kind: "expect_rows_to_satisfy",
    params: { expression: predicate ?? null },
  }),
  PatternMatch: ({ column = null, pattern = null }) => {
    const format = formats[String(pattern)];
    return format === undefined
      ? { kind: "expect_column_values_to_match_regex", params: { column, regex: pattern } }
      : { kind: "expect_column_values_to_have_format", params: { column, format } };
  },
};

/** Deequ's named patterns. */
const formats: Readonly<Record<string, string>> = {
  EMAIL: "email",
  URL: "url",
  CREDITCARD: "credit_card",
  CREDIT_CARD: "credit_card",
  SSN_US: "ssn_us",
  SOCIAL_SECURITY_NUMBER_US: "ssn_us",
};

function pair(measure: string, columns: JsonValue | undefined) {
  const [a, b] = Array.isArray(columns) ? (columns as readonly JsonValue[]) : [];
  return {
    kind: `expect_column_pair_${measure}_to_be_between`,
    params: { column_A: a ?? null, column_B: b ?? null },
  };
}

function quantiles(column: JsonValue | undefined, quantile: JsonValue | undefined, interpolation: string) {
  return {
    kind: "expect_column_quantile_values_to_be_between",
    params: {
      column: column ?? null,
      quantiles: [quantile ?? 0],
      value_ranges: [[null, null]],
      interpolation,
    },
  };
}
