import { momentsOf, quantileOf, type SortedSample, sortedSample } from "../../statistics/samples.ts";
import {
  type Chunking,
  type ChunkReport,
  chunked,
  chunkReport,
  chunksOf,
  type ThresholdRule,
} from "./nannyml-chunks.ts";
import { categories, type PeerColumn, type PeerValue } from "./peer-column.ts";

/** NannyML's summaries of a column by chunk. */
export type NannymlQuality = "missing" | "unseen" | "range" | "avg" | "std" | "median" | "sum";

/** How a column is summarised. */
export interface QualityOptions {
  readonly method: NannymlQuality;
  readonly chunking: Chunking;
  /** Shares of the rows (the default) instead of numbers of rows. */
  readonly asShare?: boolean | undefined;
}

/** A report with the standard error of each chunk's value; null for summaries that have none. */
export interface QualityReport extends ChunkReport {
  readonly baselineError: readonly number[] | null;
  readonly currentError: readonly number[] | null;
}

/** How a chunk is summarised, with the standard error of so many rows and the rule of its thresholds. */
interface Summary {
  readonly of: (chunk: readonly PeerValue[]) => number | null;
  readonly error: ((rows: number) => number) | null;
  readonly rule: ThresholdRule;
}

/** What NannyML 0.13.1 answers by chunk, with thresholds from the baseline's chunks. */
export function nannymlQuality(column: PeerColumn, options: QualityOptions): QualityReport {
  const { method, chunking, asShare = true } = options;
  const { of, error, rule } = summaryOf(column.baseline, method, asShare);
  const sides = [column.baseline, column.current].map((values) => {
    const chunks = chunksOf(values.length, chunking);
    return {
      values: chunked(values, chunks).map(of),
      errors: error === null ? null : chunks.map(([first, last]) => error(last - first + 1)),
    };
  });
  const [baseline, current] = sides;
  return {
    ...chunkReport(baseline?.values ?? [], current?.values ?? [], rule),
    baselineError: baseline?.errors ?? null,
    currentError: current?.errors ?? null,
  };
}

function summaryOf(baseline: readonly PeerValue[], method: NannymlQuality, asShare: boolean): Summary {
  switch (method) {
    case "missing":
      return missing(baseline, asShare);
    case "unseen": {
      const known = new Set(categories(baseline));
      return counted((value) => !known.has(value), asShare);
    }
    case "range": {
      const sample = sortedSample(baseline);
      const [low = Number.NaN, high = Number.NaN] = [sample[0], sample[sample.length - 1]];
      return counted((value) => Number(value) < low || Number(value) > high, asShare);
    }
    default:
      return numeric(sortedSample(baseline), method);
  }
}

function missing(baseline: readonly PeerValue[], asShare: boolean): Summary {
  const count = (values: readonly PeerValue[]) => values.length - categories(values).length;
  const share = count(baseline) / baseline.length;
  const deviation = Math.sqrt(share * (1 - share));
  return {
    of: (chunk) => (asShare ? count(chunk) / chunk.length : count(chunk)),
    error: (rows) => deviation * (asShare ? 1 / Math.sqrt(rows) : Math.sqrt(rows)),
    rule: { sides: "both", lowest: 0 },
  };
}

/** Values that the baseline does not have; any of them alerts. */
function counted(isOutside: (value: number | string | boolean) => boolean, asShare: boolean): Summary {
  return {
    of: (chunk) => {
      const values = categories(chunk);
      const outside = values.filter(isOutside).length;
      return asShare ? outside / Math.max(1, values.length) : outside;
    },
    error: null,
    rule: { fixed: { lower: null, upper: 0 } },
  };
}

function numeric(baseline: SortedSample, method: "avg" | "std" | "median" | "sum"): Summary {
  const { sd, populationSd, kurtosis } = momentsOf(baseline);
  const deviation = sd ?? Number.NaN;
  const fourth = ((kurtosis ?? Number.NaN) + 3) * (populationSd ?? Number.NaN) ** 4;
  const density = method === "median" ? densityAtMedian(baseline) : Number.NaN;
  const errors = {
    avg: (rows: number) => deviation / Math.sqrt(rows),
    sum: (rows: number) => deviation * Math.sqrt(rows),
    median: (rows: number) => 1 / (2 * Math.sqrt(rows) * density),
    std: (rows: number) =>
      Math.sqrt((fourth - (deviation ** 4 * (rows - 3)) / (rows - 1)) / rows) / (2 * deviation),
  };
  return {
    of: (chunk) => {
      const sample = sortedSample(chunk);
      if (sample.length === 0) return null;
      const moments = momentsOf(sample);
      if (method === "median") return quantileOf(sample, 0.5);
      if (method === "std") return moments.sd;
      return method === "avg" ? moments.mean : sample.reduce((sum, value) => sum + value, 0);
    },
    error: errors[method],
    rule: { sides: "both" },
  };
}

/** Density at the median by a Gaussian kernel of Scott's width. */
function densityAtMedian(sample: SortedSample): number {
  const n = sample.length;
  const width = (momentsOf(sample).sd ?? Number.NaN) * n ** -0.2;
  const middle = quantileOf(sample, 0.5);
  let sum = 0;
  for (let index = 0; index < n; index++) {
    const distance = ((sample[index] ?? 0) - middle) / width;
    sum += Math.exp(-(distance ** 2) / 2);
  }
  return sum / (n * width * Math.sqrt(2 * Math.PI));
}
