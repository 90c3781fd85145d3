import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenSession, StagedRelation } from "../../src/engine/core/contract.ts";
import { duckdbEngine } from "../../src/engine/session/session.ts";
import { evaluateGate } from "../../src/quality/gate/gate.ts";
import type { CheckResult } from "../../src/quality/gate/verdict.ts";
import { type AnomalyRule, findAnomalies, onlineStates } from "../../src/quality/measures/anomaly.ts";
import { deviationThresholds, waldInterval, wilsonInterval } from "../../src/quality/measures/intervals.ts";
import type { CheckJson } from "../../src/quality/model/suite.ts";
import { binnedHistogram, valueHistogram } from "../../src/quality/profile/histogram.ts";
import { defineSuite } from "../../src/quality/suite/define.ts";
import type { JsonObject, JsonValue } from "../../src/util/json.ts";
import { fenceOf } from "../support/fence-of.ts";
import { unchecked } from "../support/unchecked-sql.ts";
import { casesFile, casesFound, casesOf, type QualityCase, tableOf } from "./cases.ts";

let session: OpenSession;

beforeAll(async () => {
  session = await duckdbEngine.open({ threads: 2 });
  await fenceOf(session)();
});

afterAll(() => session.close());

const named = (kind: string) => casesOf(kind).map((item) => [item.id, item] as const);

function stage(item: QualityCase): Promise<StagedRelation> {
  const { rows, columns } = tableOf(
    item.current,
    /string/i.test(String(item.params["column"])) ? "VARCHAR" : "DOUBLE",
  );
  return session.stage({ kind: "rows", rows }, { columns });
}

async function runCheck(item: QualityCase, check: CheckJson): Promise<CheckResult> {
  const verdict = await evaluateGate(session, defineSuite({ checks: [check] }), await stage(item), {
    now: 0,
    fence: fenceOf(session),
  });
  const [result] = verdict.checks;
  if (result === undefined) throw new Error("no result");
  return result;
}

/** Deequ's analyzers by the name of the check that computes the same number. */
const analyzers: Readonly<
  Record<string, (params: JsonObject) => { readonly kind: string; readonly params: JsonObject }>
> = {
  Size: () => ({ kind: "expect_table_row_count_to_be_between", params: {} }),
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
  PatternMatch: ({ column, pattern }) =>
    pattern === "EMAIL" || pattern === "SSN_US"
      ? {
          kind: "expect_column_values_to_have_format",
          params: { column: column ?? null, format: pattern.toLowerCase() },
        }
      : {
          kind: "expect_column_values_to_match_regex",
          params: { column: column ?? null, regex: pattern ?? null },
        },
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

const single = (value: JsonValue): JsonValue =>
  Array.isArray(value) ? ((value as readonly JsonValue[])[0] ?? null) : value;

/**
 * Without the file there is no case to make a test of; the first test below tells that, and fails where `CI`
 * is set.
 */
const describeCases = casesFound ? describe : describe.skip;

describe("numbers that Deequ's own tests assert of its analyzers", () => {
  it("finds the file of cases", ({ skip }) => {
    if (!casesFound && process.env["CI"] === undefined)
      skip(`no file of cases: ${casesFile} (name it in VARVE_QUALITY_CASES)`);
    expect(casesOf("analyzer").length, casesFile).toBeGreaterThan(50);
  });

  it.each(named("analyzer"))("%s", async (_, item) => {
    const { method, params, expected } = item;
    if (method === "Histogram") {
      const counts = await valueHistogram(session, await stage(item), String(params["column"]));
      expect(counts).toHaveLength(Number(expected["bins"]));
      expect(counts.map(({ value }) => value ?? "NullValue").sort()).toEqual(
        [...(expected["keys"] as string[])].sort(),
      );
      return;
    }
    if (method === "HistogramBinned") {
      const { edges, frequencies } = (await binnedHistogram(
        session,
        await stage(item),
        "values",
        Number(params["binCount"]),
      )) ?? {
        edges: [],
        frequencies: [],
      };
      expect(frequencies).toEqual(expected["frequencies"]);
      for (const [at, edge] of (expected["edges"] as number[]).entries())
        expect(edges[at]).toBeCloseTo(edge, 9);
      return;
    }
    if (method === "DataType") {
      const check = {
        kind: "expect_column_data_type_share_to_be_between",
        params: { column: params["column"] ?? null, data_type: "String" },
        onFail: "warn" as const,
      };
      expect((await runCheck(item, check)).details?.["shares"]).toEqual(expected);
      return;
    }
    const made = analyzers[method]?.(params);
    if (made === undefined) throw new Error(`no check for ${method}`);
    const result = await runCheck(item, {
      ...made,
      onFail: "warn",
      ...(typeof params["where"] === "string" ? { where: params["where"] } : {}),
    });
    const observed = single(result.observed);
    if (expected["error"] !== undefined) expect(observed).toBeNull();
    else if (typeof expected["min_exclusive"] === "number") {
      expect(observed).toBeGreaterThan(expected["min_exclusive"]);
      expect(observed).toBeLessThan(Number(expected["max_exclusive"]));
    } else if (typeof expected["value"] === "number")
      expect(Number(observed)).toBeCloseTo(expected["value"], 9);
    else expect(observed).toBe(expected["value"]);
  });
});

interface RowCase {
  readonly checks: readonly CheckJson[];
  /** Where varve chooses otherwise: what it says of the rows, and why. */
  readonly ours?: { readonly rows: readonly (boolean | null)[]; readonly why: string };
}

const uniqueOver = (columns: readonly string[], where?: string): RowCase => ({
  checks: [
    {
      kind: "expect_compound_columns_to_be_unique",
      params: { column_list: columns },
      onFail: "warn",
      ...(where === undefined ? {} : { where }),
    },
  ],
});
const complete = (column: string): CheckJson => ({
  kind: "expect_column_values_to_not_be_null",
  params: { column },
  onFail: "warn",
});

/**
 * Deequ's row-level checks; where its treatment of nulls differs from varve's default, the check says so with
 * `onNull`.
 */
const rowCases: Readonly<Record<string, RowCase>> = {
  "dq.row.complete_and": { checks: [complete("att1"), complete("att2")] },
  "dq.row.uniq.nulls": uniqueOver(["unique", "nonUniqueWithNulls"]),
  "dq.row.uniq.full": uniqueOver(["nonUnique", "onlyUniqueWithOtherNonUnique"]),
  "dq.row.uniq.non": uniqueOver(["nonUnique"]),
  "dq.row.pk.nulls": {
    checks: [
      {
        kind: "expect_columns_to_be_primary_key",
        params: { column_list: ["uniqueWithNulls"] },
        onFail: "warn",
      },
    ],
    ours: {
      rows: [true, true, false, true, true, true],
      why: "a null key is no key; Deequ's own test calls its answer a mistake",
    },
  },
  "dq.row.uniq.partial_null_groups": uniqueOver(["onlyUniqueWithOtherNonUnique", "nonUniqueWithNulls"]),
  "dq.row.uniq.single_null": {
    ...uniqueOver(["uniqueWithNulls"]),
    ours: {
      rows: [true, true, null, true, true, true],
      why: "a null key is left out of the count instead of passing",
    },
  },
  "dq.row.uniq.where_null": uniqueOver(["onlyUniqueWithOtherNonUnique"], 'CAST("unique" AS INTEGER) < 4'),
  "dq.row.min_null": {
    checks: [
      {
        kind: "expect_column_values_to_be_between",
        params: { column: "val2", min_value: 2, strict_min: true },
        onFail: "warn",
      },
    ],
  },
  "dq.row.max_null": {
    checks: [
      {
        kind: "expect_column_values_to_be_between",
        params: { column: "val2", max_value: 3 },
        onFail: "warn",
      },
    ],
  },
  "dq.row.pattern_null": {
    checks: [
      {
        kind: "expect_column_values_to_match_regex",
        params: { column: "att2", regex: "\\w" },
        onNull: "fail",
        onFail: "warn",
      },
    ],
  },
  "dq.row.satisfies_null": {
    checks: [{ kind: "expect_rows_to_satisfy", params: { expression: "val2 > 3" }, onFail: "warn" }],
  },
  "dq.row.where_null": { checks: [{ ...complete("att2"), where: "att1 = 'a'" }] },
  "dq.row.contained_range": {
    checks: [
      {
        kind: "expect_column_values_to_be_between",
        params: { column: "attNull", min_value: 0, max_value: 6, strict_min: true, strict_max: true },
        onNull: "pass",
        onFail: "warn",
      },
    ],
  },
  "dq.row.contained_set": {
    checks: [
      {
        kind: "expect_column_values_to_be_in_set",
        params: { column: "att2", value_set: [5, 6, 7] },
        onFail: "warn",
      },
    ],
  },
  "dq.row.contained_set_where": {
    checks: [
      {
        kind: "expect_column_values_to_be_in_set",
        params: { column: "att2", value_set: [5, 6, 7] },
        where: "att1 > 3",
        onFail: "warn",
      },
    ],
    ours: {
      rows: [null, null, null, true, true, true],
      why: "a row that the condition leaves out is left out of the count instead of passing",
    },
  },
  "dq.rowschema.regex": {
    checks: [
      {
        kind: "expect_column_values_to_match_regex",
        params: { column: "name", regex: "^[a-z0-9_\\-\\s]+$" },
        onFail: "quarantine",
      },
    ],
  },
  "dq.rowschema.typed": {
    checks: [
      {
        kind: "expect_column_values_to_be_castable",
        params: { column: "id", type: "INTEGER" },
        onNull: "fail",
        onFail: "quarantine",
      },
      {
        kind: "expect_column_value_lengths_to_be_between",
        params: { column: "name", max_value: 10 },
        onFail: "quarantine",
      },
      {
        kind: "expect_column_values_to_match_strftime_format",
        params: { column: "event_time", strftime_format: "%Y-%m-%d %H:%M:%S" },
        onNull: "fail",
        onFail: "quarantine",
      },
    ],
  },
};

describeCases("rows that Deequ's own tests name", () => {
  it.each(named("row_level"))("%s", async (id, item) => {
    const known = rowCases[id];
    if (known === undefined) throw new Error(`no check for ${item.method}`);
    const staged = await stage(item);
    const verdict = await evaluateGate(session, defineSuite({ checks: known.checks }), staged, {
      now: 0,
      fence: fenceOf(session),
    });
    if (id.startsWith("dq.rowschema")) {
      const valid = (item.expected["valid"] ?? item.expected["valid_ids"]) as JsonValue[];
      const clean = await session.rows(unchecked(verdict.cleanSql));
      expect(clean.map((row) => row[id.endsWith("typed") ? "id" : "name"])).toEqual(valid);
      expect(verdict.quarantined).toBe(item.expected["num_invalid"]);
      return;
    }
    const rows = known.ours?.rows ?? (item.expected["rows"] as (boolean | null)[]);
    const failing = new Set(verdict.checks.flatMap((check) => check.sample.map(({ row }) => row)));
    expect(rows.map((_, at) => failing.has(at))).toEqual(rows.map((row) => row === false));
    if (known.checks.length === 1)
      expect(verdict.checks[0]?.considered).toBe(rows.filter((row) => row !== null).length);
  });
});

function ruleOf({ method, params }: QualityCase): AnomalyRule {
  const pick = (names: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(names).flatMap(([from, to]) => (params[from] === undefined ? [] : [[to, params[from]]])),
    );
  const change = { maxRateDecrease: "max_decrease", maxRateIncrease: "max_increase", order: "order" };
  const factors = {
    lower: "lower_factor",
    upper: "upper_factor",
    ignoreStartPercentage: "ignore_start",
    ignoreAnomalies: "ignore_anomalies",
  };
  switch (method) {
    case "SimpleThreshold":
      return { rule: "threshold", ...pick({ lowerBound: "lower", upperBound: "upper" }) };
    case "AbsoluteChange":
      return { rule: "absolute_change", ...pick(change) };
    case "RelativeRateOfChange":
      return { rule: "relative_change", ...pick(change) };
    case "BatchNormal":
      return { rule: "batch_normal", ...pick(factors) };
    default:
      return { rule: "online_normal", ...pick(factors) };
  }
}

describeCases("anomalies that Deequ's own tests find", () => {
  it.each(named("anomaly"))("%s", (_, item) => {
    const series = item.current as number[];
    const search = item.params["search"] as number[] | undefined;
    const rule = ruleOf(item);
    if (rule.rule === "online_normal") {
      const last = onlineStates(series, rule).at(-1);
      expect(last?.mean).toBeCloseTo(Number(item.expected["last_mean"]), 12);
      expect(last?.deviation).toBeCloseTo(Number(item.expected["last_std"]), 12);
      return;
    }
    const found = findAnomalies(
      series,
      rule,
      search === undefined ? undefined : { from: search[0] ?? 0, to: search[1] ?? series.length },
    );
    expect(found.map(({ index }) => index)).toEqual(item.expected["anomaly_indices"]);
  });
});

describeCases("intervals and thresholds of the other projects' tests", () => {
  it.each(named("interval"))("%s", (_, item) => {
    const interval = item.method.startsWith("wald") ? waldInterval : wilsonInterval;
    expect(
      interval(Number(item.params["p_hat"]), Number(item.params["n"]), Number(item.params["confidence"])),
    ).toEqual(item.expected);
  });

  it.each(named("threshold"))("%s", (_, item) => {
    const { std_lower_multiplier: lower, std_upper_multiplier: upper, offset_from: from } = item.params;
    const thresholds = deviationThresholds(item.reference as number[], {
      from: from as "mean",
      ddof: 0,
      ...(typeof lower === "number" ? { lowerFactor: lower } : {}),
      ...(typeof upper === "number" ? { upperFactor: upper } : {}),
    });
    for (const [name, value] of Object.entries(item.expected))
      expect(thresholds[name as "lower"]).toBeCloseTo(Number(value), 9);
  });
});
