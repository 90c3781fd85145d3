import { expect } from "vitest";
import {
  type Chunking,
  type ChunkReport,
  type ChunkValues,
  chunked,
  chunksOf,
  type ThresholdRule,
} from "../../../src/drift/peers/nannyml-chunks.ts";
import { type NannymlQuality, nannymlQuality } from "../../../src/drift/peers/nannyml-quality.ts";
import { ranksByAlerts, ranksByCorrelation } from "../../../src/drift/peers/nannyml-ranks.ts";
import { type NannymlMethod, nannymlDrift } from "../../../src/drift/peers/nannyml-univariate.ts";
import type { PeerColumn, PeerType } from "../../../src/drift/peers/peer-column.ts";
import { nannymlReconstruction } from "../../../src/drift/peers/reconstruction.ts";
import { evaluate } from "../../../src/index.ts";
import { binCount, equalEdges } from "../../../src/statistics/bin-edges.ts";
import { ksDistance } from "../../../src/statistics/kolmogorov.ts";
import { momentsOf, sortedSample, wassersteinOf } from "../../../src/statistics/samples.ts";
import type { JsonObject, JsonValue } from "../../../src/util/json.ts";
import {
  type CompareCase,
  type DriftCase,
  objectOf,
  type SeriesByName,
  type SeriesValue,
} from "../drift-cases.ts";
import { expectClose } from "../drift-close.ts";

/** Kinds by chunk of NannyML. */
export const nannymlKinds: Readonly<Record<string, CompareCase>> = {
  drift_chunks: compareChunks,
  ranker: compareRanks,
};

function compareChunks(item: DriftCase, series: SeriesByName): void {
  const { inputs, params, method, tolerance, right } = item;
  const expected = objectOf(item.expected, "expected");
  const column: PeerColumn = {
    type: (params["type"] ?? "numeric") as PeerType,
    baseline: longSeries(inputs["reference"], series),
    current: longSeries(inputs["current"], series),
  };
  const report = nannymlDrift(
    column,
    method as NannymlMethod,
    chunkingOf(params),
    ruleOf(params["threshold"]),
  );
  if (typeof report === "string" || expected["error"] !== undefined) {
    expectReason(report, expected);
    return;
  }
  if (params["calculation_method"] !== undefined) compareEstimated(item, column, report);
  else expectClose(reportOf(report, column, params), expected, tolerance);
  if (right?.["edges"] !== undefined) {
    const sample = sortedSample(column.baseline);
    expectClose(equalEdges(sample, binCount(sample, "doane")), right["edges"], tolerance, "right.edges");
  }
}

/** A reason in place of a report: the peer raised, or has no value of any chunk. */
function expectReason(report: unknown, expected: JsonObject): void {
  expect(report, "a reason").toMatch(/\w/);
  if (expected["error"] !== undefined) return;
  for (const part of ["reference", "analysis"])
    for (const value of objectOf(expected[part], part)["value"] as readonly unknown[])
      expect(value, `value of ${part}: ${String(report)}`).toBe("NaN");
}

/** Thresholds of a case: NannyML's arguments, two bounds, or words for its defaults. */
export function ruleOf(threshold: JsonValue | undefined): ThresholdRule | undefined {
  if (threshold === undefined || typeof threshold === "string") return undefined;
  if (Array.isArray(threshold)) {
    const [lower, upper] = threshold;
    return { fixed: { lower: boundOf(lower), upper: boundOf(upper) } };
  }
  const given = objectOf(threshold, "threshold");
  if (given["type"] === "constant" || "lower" in given || "upper" in given)
    return { fixed: { lower: boundOf(given["lower"]), upper: boundOf(given["upper"]) } };
  const factor = (name: string) => (name in given ? (boundOf(given[name]) ?? undefined) : 3);
  const from = String(given["offset_from"] ?? "mean").includes("median") ? "median" : "mean";
  return { lowerFactor: factor("std_lower_multiplier"), upperFactor: factor("std_upper_multiplier"), from };
}

function boundOf(value: JsonValue | undefined): number | null {
  return value === undefined || value === null ? null : Number(value);
}

/** From so many rows on, the peer counts in cells; `right` is what the rows themselves say. */
function compareEstimated(
  { method, expected, right, tolerance, params }: DriftCase,
  column: PeerColumn,
  report: ChunkReport,
): void {
  expectClose({ value: report.current.value }, expected, tolerance);
  const whole = sortedSample(column.baseline);
  const exact = chunked(column.current, chunksOf(column.current.length, chunkingOf(params))).map((chunk) => {
    const sample = sortedSample(chunk);
    return method === "wasserstein" ? wassersteinOf(whole, sample) : ksDistance(whole, sample).statistic;
  });
  expectClose({ value: exact }, right ?? {}, tolerance, "right");
}

function reportOf({ baseline, current, thresholds }: ChunkReport, column: PeerColumn, params: JsonObject) {
  const side = ({ value, alert }: ChunkValues, rows: number) => ({
    value,
    alert,
    rows: chunksOf(rows, chunkingOf(params)),
  });
  return {
    reference: side(baseline, column.baseline.length),
    analysis: side(current, column.current.length),
    upper_threshold: thresholds.upper,
    lower_threshold: thresholds.lower,
  };
}

/** Kind `data_quality` by NannyML. */
export function compareNannymlQuality(item: DriftCase, series: SeriesByName): void {
  const { inputs, params, method, tolerance } = item;
  const expected = objectOf(item.expected, "expected");
  const column = columnOf(inputs, series);
  const report = nannymlQuality(column, {
    method: method.replace(/_rate_off$/, "") as NannymlQuality,
    chunking: chunkingOf(params),
    asShare: params["normalize"] !== false,
    rule: ruleOf(params["threshold"]),
  });
  if (typeof report === "string" || expected["error"] !== undefined) {
    expectReason(report, expected);
    return;
  }
  const side = ({ value, alert }: ChunkValues, errors: readonly number[] | null, given: JsonObject) => ({
    value,
    alert,
    // an error that is the same for all chunks stands once
    sampling_error: Array.isArray(given["sampling_error"]) ? errors : errors?.[0],
    upper_threshold: report.thresholds.upper,
    lower_threshold: report.thresholds.lower,
  });
  const { reference, analysis } = expected;
  const got = {
    reference: side(report.baseline, report.baselineError, objectOf(reference, "reference")),
    analysis: side(report.current, report.currentError, objectOf(analysis, "analysis")),
  };
  expectClose(got, expected, tolerance);
}

async function compareRanks(
  { inputs, params, expected, tolerance }: DriftCase,
  series: SeriesByName,
): Promise<void> {
  const wanted = objectOf(expected, "expected");
  const chunking = chunkingOf(params);
  const [reference, current] = [
    objectOf(inputs["reference"], "reference"),
    objectOf(inputs["current"], "current"),
  ];
  const columns = Object.keys(objectOf(wanted["drift"], "drift")).map((name) => {
    const [baseline, now] = [series(reference[name]), series(current[name])];
    const isText = [...baseline, ...now].some((value) => typeof value === "string");
    const column: PeerColumn = { type: isText ? "categorical" : "numeric", baseline, current: now };
    const report = nannymlDrift(column, params["method"] as NannymlMethod, chunking);
    if (typeof report === "string") throw new Error(report);
    return {
      name,
      drift: [...report.baseline.value, ...report.current.value].map(Number),
      alerts: [...report.baseline.alert, ...report.current.alert],
    };
  });
  const metric = {
    baseline: await realised(String(params["metric"]), reference, { params, series }),
    current: await realised(String(params["metric"]), current, { params, series }),
  };
  const got = {
    count: ranksByAlerts(columns).map(({ name, alerts }, index) => ({
      number_of_alerts: alerts,
      column_name: name,
      rank: index + 1,
    })),
    correlation: ranksByCorrelation(columns, metric).map(({ name, correlation, p, drifted }, index) => ({
      column_name: name,
      pearsonr_correlation: correlation,
      pearsonr_pvalue: p,
      has_drifted: drifted,
      rank: index + 1,
    })),
    drift: Object.fromEntries(columns.map(({ name, drift }) => [name, drift])),
    [String(params["metric"])]: [...metric.baseline, ...metric.current],
    mean_reference: momentsOf(metric.baseline).mean,
  };
  expectClose(got, expected, tolerance);
}

/** A metric of a model by windows of a side: of classes where there is a score, else of numbers. */
async function realised(
  metric: string,
  side: JsonObject,
  { params, series }: { readonly params: JsonObject; readonly series: SeriesByName },
): Promise<number[]> {
  const columns = Object.entries(side).map(([name, source]) => [name, series(source)] as const);
  const rows = Array.from({ length: columns[0]?.[1].length ?? 0 }, (_, row) =>
    Object.fromEntries(columns.map(([name, values]) => [name, values[row]])),
  );
  const [[first, last] = [0, 0]] = chunksOf(rows.length, chunkingOf(params));
  const common = { prediction: "prediction", target: "target", window: { rows: last - first + 1 } };
  const { windows } = await evaluate(
    rows,
    "score" in side
      ? { ...common, problem: "binary", score: "score", positive: 1 }
      : { ...common, problem: "regression" },
  );
  return windows.map(({ metrics }) => metrics[metric]?.value ?? Number.NaN);
}

/** Kind `drift_multivariate` by PCA: the columns of the case and a derived one of categories. */
export function compareReconstruction(item: DriftCase, series: SeriesByName): void {
  const { inputs, params, expected, tolerance } = item;
  const columns = sideColumns(inputs, series);
  const { n_components: components } = params;
  const chunking = chunkingOf(params);
  const report = nannymlReconstruction(columns, {
    chunking,
    components: components === undefined ? undefined : Number(components),
    rule: ruleOf(params["threshold"]),
  });
  const side = (values: ChunkValues, errors: readonly number[], rows: number) => ({
    reconstruction_error: {
      ...values,
      sampling_error: errors,
      upper_threshold: report.thresholds.upper,
      lower_threshold: report.thresholds.lower,
    },
    chunk: chunksOf(rows, chunking),
  });
  const got = {
    reference: side(report.baseline, report.baselineError, columns[0]?.baseline.length ?? 0),
    analysis: side(report.current, report.currentError, columns[0]?.current.length ?? 0),
  };
  expectClose(got, expected, tolerance);
}

/** Columns that stand by name below each side, and a derived one. */
export function sideColumns(inputs: JsonObject, series: SeriesByName): readonly PeerColumn[] {
  const [reference, current] = [
    objectOf(inputs["reference"], "reference"),
    objectOf(inputs["current"], "current"),
  ];
  const numeric = Object.keys(reference).map((name) => ({
    type: "numeric" as const,
    baseline: series(reference[name]),
    current: series(current[name]),
  }));
  return [...numeric, ...derivedColumns(inputs["derived"], numeric[0])];
}

/** A column that the file describes in words: 'o' in each seventh row, else 'l', 'm' and 'n' in turn. */
function derivedColumns(words: unknown, like: PeerColumn | undefined): PeerColumn[] {
  if (words === undefined || like === undefined) return [];
  expect(words).toBe(
    "column k: 'o' where i mod 7 = 0, else the letter i mod 3 of 'lmn' (i = position from 0)",
  );
  const letters = (rows: number) =>
    Array.from({ length: rows }, (_, row) => (row % 7 === 0 ? "o" : "lmn"[row % 3]));
  return [
    {
      type: "categorical",
      baseline: letters(like.baseline.length).map(String),
      current: letters(like.current.length).map(String),
    },
  ];
}

/** Chunks of a case; ten where it does not say. */
export function chunkingOf(params: JsonObject): Chunking {
  const { chunk_size: size, chunk_number: number = 10, incomplete: rest = "keep" } = params;
  if (rest !== "keep" && rest !== "append" && rest !== "drop")
    throw new Error(`incomplete is ${String(rest)}`);
  return size === undefined ? { number: Number(number), rest } : { size: Number(size), rest };
}

/** A series, or one that is repeated and moved in words. */
function longSeries(input: unknown, series: SeriesByName): readonly SeriesValue[] {
  if (typeof input === "string" || Array.isArray(input)) return series(input);
  const { series: name, repeat, transform } = objectOf(input as JsonObject, "series");
  const once = series(name);
  const all = Array.from({ length: Number(repeat) }, () => once).flat();
  if (transform === undefined) return all;
  expect(transform).toBe("round(x + (i mod 13) * 0.01, 4), i = position from 0");
  return all.map((value, index) => Number((Number(value) + (index % 13) * 0.01).toFixed(4)));
}

function columnOf(input: JsonObject, series: SeriesByName): PeerColumn {
  return { type: "numeric", baseline: series(input["reference"]), current: series(input["current"]) };
}
