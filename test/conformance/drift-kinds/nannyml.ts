import { expect } from "vitest";
import {
  type Chunking,
  type ChunkReport,
  type ChunkValues,
  chunked,
  chunkReport,
  chunksOf,
} from "../../../src/drift/peers/nannyml-chunks.ts";
import { type NannymlQuality, nannymlQuality } from "../../../src/drift/peers/nannyml-quality.ts";
import { ranksByAlerts, ranksByCorrelation } from "../../../src/drift/peers/nannyml-ranks.ts";
import { type NannymlMethod, nannymlDrift } from "../../../src/drift/peers/nannyml-univariate.ts";
import type { PeerColumn, PeerType } from "../../../src/drift/peers/peer-column.ts";
import { reconstructionErrors } from "../../../src/drift/peers/reconstruction.ts";
import { binCount, equalEdges } from "../../../src/statistics/bin-edges.ts";
import { ksDistance } from "../../../src/statistics/kolmogorov.ts";
import { mannWhitney } from "../../../src/statistics/mann-whitney.ts";
import { momentsOf, sortedSample, wassersteinOf } from "../../../src/statistics/samples.ts";
import type { JsonObject } from "../../../src/util/json.ts";
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
  const report = nannymlDrift(column, method as NannymlMethod, chunkingOf(params));
  if (expected["error"] !== undefined) {
    expect(report, "a reason").toMatch(/\w/);
    return;
  }
  if (typeof report === "string") throw new Error(report);
  if (params["calculation_method"] !== undefined) compareEstimated(item, column, report);
  else expectClose(reportOf(report, column, params), expected, tolerance);
  if (right?.["edges"] !== undefined) {
    const sample = sortedSample(column.baseline);
    expectClose(equalEdges(sample, binCount(sample, "doane")), right["edges"], tolerance, "right.edges");
  }
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
  const { inputs, params, method, expected, tolerance } = item;
  const column = columnOf(inputs, series);
  const report = nannymlQuality(column, {
    method: method.replace(/_rate_off$/, "") as NannymlQuality,
    chunking: chunkingOf(params),
    asShare: params["normalize"] !== false,
  });
  const side = ({ value, alert }: ChunkValues, errors: readonly number[] | null, given: JsonObject) => ({
    value,
    alert,
    // an error that is the same for all chunks stands once
    sampling_error: Array.isArray(given["sampling_error"]) ? errors : errors?.[0],
    upper_threshold: report.thresholds.upper,
    lower_threshold: report.thresholds.lower,
  });
  const { reference, analysis } = objectOf(expected, "expected");
  const got = {
    reference: side(report.baseline, report.baselineError, objectOf(reference, "reference")),
    analysis: side(report.current, report.currentError, objectOf(analysis, "analysis")),
  };
  expectClose(got, expected, tolerance);
}

function compareRanks({ inputs, params, expected, tolerance }: DriftCase, series: SeriesByName): void {
  const wanted = objectOf(expected, "expected");
  const chunking = chunkingOf(params);
  const [reference, current] = [
    objectOf(inputs["reference"], "reference"),
    objectOf(inputs["current"], "current"),
  ];
  const columns = Object.keys(objectOf(wanted["drift"], "drift")).map((name) => {
    const column: PeerColumn = {
      type: "numeric",
      baseline: series(reference[name]),
      current: series(current[name]),
    };
    const report = nannymlDrift(column, params["method"] as NannymlMethod, chunking);
    if (typeof report === "string") throw new Error(report);
    return {
      name,
      drift: [...report.baseline.value, ...report.current.value].map(Number),
      alerts: [...report.baseline.alert, ...report.current.alert],
    };
  });
  const aucOf = (side: JsonObject) => {
    const [score, target] = [series(side["score"]), series(side["target"])];
    return chunksOf(score.length, chunking).map(([first, last]) =>
      areaUnderCurve(score, target, first, last),
    );
  };
  const metric = { baseline: aucOf(reference), current: aucOf(current) };
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

function areaUnderCurve(
  score: readonly SeriesValue[],
  target: readonly SeriesValue[],
  first: number,
  last: number,
): number {
  const rows = score.slice(first, last + 1).map((value, index) => ({ value, target: target[first + index] }));
  const of = (wanted: number) =>
    sortedSample(rows.filter((row) => Number(row.target) === wanted).map((row) => row.value));
  return mannWhitney(of(0), of(1)).probability;
}

/** Kind `drift_multivariate` by PCA: the columns of the case and a derived one of categories. */
export function compareReconstruction(item: DriftCase, series: SeriesByName): void {
  const { inputs, params, expected, tolerance } = item;
  const errors = reconstructionErrors(sideColumns(inputs, series), Number(params["n_components"]));
  const chunking = chunkingOf(params);
  const ofSide = (values: readonly number[]) =>
    chunked(values, chunksOf(values.length, chunking)).map(momentsOf);
  const [before, after] = [ofSide(errors.baseline), ofSide(errors.current)];
  const means = (chunks: typeof before) => chunks.map(({ mean }) => mean);
  const report = chunkReport(means(before), means(after), { sides: "both" });
  const side = (values: ChunkValues, chunks: typeof before, rows: number) => ({
    reconstruction_error: {
      ...values,
      sampling_error: chunks.map(({ sd, count }) => (sd ?? Number.NaN) / Math.sqrt(count)),
      upper_threshold: report.thresholds.upper,
      lower_threshold: report.thresholds.lower,
    },
    chunk: chunksOf(rows, chunking),
  });
  const got = {
    reference: side(report.baseline, before, errors.baseline.length),
    analysis: side(report.current, after, errors.current.length),
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

function chunkingOf(params: JsonObject): Chunking {
  const { chunk_size: size, chunk_number: number } = params;
  return size === undefined ? { number: Number(number) } : { size: Number(size) };
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
