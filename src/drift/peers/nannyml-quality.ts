import { momentsOf, quantileOf, type SortedSample, sortedSample } from "../../statistics/samples.ts";
import {
  type Chunking,
  type ChunkJudgement,
  type ChunkReport,
  chunked,
  chunkReport,
  chunksOf,
  isTooShort,
  type ThresholdRule,
  threeAround,
} from "./nannyml-chunks.ts";
import { categories, type PeerColumn, type PeerValue } from "./peer-column.ts";

/** NannyML's summaries of a column by chunk. */
export type NannymlQuality =
  | "missing"
  | "unseen"
  | "range"
  | "avg"
  | "std"
  | "median"
  | "sum"
  /** Rows. */
  | "count";

/** How a column is summarised. */
export interface QualityOptions {
  readonly method: NannymlQuality;
  readonly chunking: Chunking;
  /** Shares of the rows (the default) instead of numbers of rows. */
  readonly asShare?: boolean | undefined;
  /** Default: none of `unseen` and `range`, three deviations to both sides of the others. */
  readonly rule?: ThresholdRule | undefined;
}

/** A report with the standard error of each chunk's value; null for summaries that have none. */
export interface QualityReport extends ChunkReport {
  readonly baselineError: readonly number[] | null;
  readonly currentError: readonly number[] | null;
}

/** How a chunk is summarised and judged, with the standard error of so many rows. */
interface Summary {
  readonly of: (chunk: readonly PeerValue[]) => number | null;
  readonly error: ((rows: number) => number) | null;
  readonly judgement: ChunkJudgement;
}

/**
 * What NannyML 0.13.1 answers by chunk, with thresholds from the baseline's chunks. A reason in place of a report says
 * why the baseline has no such summary.
 */
export function nannymlQuality(column: PeerColumn, options: QualityOptions): QualityReport | string {
  const { chunking, rule } = options;
  const summary = summaryOf(column.baseline, options);
  if (typeof summary === "string") return summary;
  if ([column.baseline, column.current].some((side) => isTooShort(side.length, chunking)))
    return "a side has fewer rows than chunks";
  const { of, error, judgement } = summary;
  const sides = [column.baseline, column.current].map((values) => {
    const chunks = chunksOf(values.length, chunking);
    return {
      values: chunked(values, chunks).map(of),
      errors: error === null ? null : chunks.map(([first, last]) => error(last - first + 1)),
    };
  });
  const [baseline, current] = sides;
  return {
    ...chunkReport(baseline?.values ?? [], current?.values ?? [], {
      ...judgement,
      rule: rule ?? judgement.rule,
    }),
    baselineError: baseline?.errors ?? null,
    currentError: current?.errors ?? null,
  };
}

function summaryOf(
  baseline: readonly PeerValue[],
  { method, asShare = true }: QualityOptions,
): Summary | string {
  switch (method) {
    case "missing":
      return missing(baseline, asShare);
    case "unseen": {
      // a missing value is a value like others
      const known = new Set(baseline.map(plainMissing));
      return counted((value) => !known.has(plainMissing(value)), asShare);
    }
    case "range": {
      const sample = sortedSample(baseline);
      const [low = Number.NaN, high = Number.NaN] = [sample[0], sample[sample.length - 1]];
      return counted((value) => value !== null && (Number(value) < low || Number(value) > high), asShare);
    }
    case "count":
      return {
        of: (chunk) => chunk.length,
        error: null,
        judgement: { rule: threeAround, least: 0, beyondLimit: "drop", isStrict: true },
      };
    default:
      return numeric(baseline, method);
  }
}

function plainMissing(value: PeerValue): PeerValue {
  return Number.isNaN(value) ? null : value;
}

function missing(baseline: readonly PeerValue[], asShare: boolean): Summary {
  const count = (values: readonly PeerValue[]) => values.length - categories(values).length;
  const share = count(baseline) / baseline.length;
  const deviation = Math.sqrt(share * (1 - share));
  return {
    of: (chunk) => (asShare ? count(chunk) / chunk.length : count(chunk)),
    error: (rows) => deviation * (asShare ? 1 / Math.sqrt(rows) : Math.sqrt(rows)),
    judgement: { rule: threeAround, least: 0, most: asShare ? 1 : undefined },
  };
}

/** Values that the baseline does not have; any of them alerts. */
function counted(isOutside: (value: PeerValue) => boolean, asShare: boolean): Summary {
  return {
    of: (chunk) => {
      const outside = chunk.filter(isOutside).length;
      return asShare ? outside / chunk.length : outside;
    },
    error: null,
    judgement: {
      rule: { fixed: { lower: null, upper: 0 } },
      least: 0,
      most: asShare ? 1 : undefined,
    },
  };
}

function numeric(values: readonly PeerValue[], method: "avg" | "std" | "median" | "sum"): Summary | string {
  const baseline = sortedSample(values);
  const isBounded = Number.isFinite(baseline[0]) && Number.isFinite(baseline[baseline.length - 1]);
  if (method === "median" && !(baseline.length > 1 && isBounded))
    return "the error of a median needs two values of the baseline, and only finite ones";
  const { sd, populationSd, kurtosis } = momentsOf(baseline);
  const deviation = sd ?? Number.NaN;
  // NannyML's fourth moment takes missing values in
  const isWhole = baseline.length === values.length;
  const fourth = isWhole ? ((kurtosis ?? Number.NaN) + 3) * (populationSd ?? Number.NaN) ** 4 : Number.NaN;
  const density = method === "median" ? densityAtMedian(baseline) : Number.NaN;
  const errors = {
    avg: (rows: number) => deviation / Math.sqrt(rows),
    sum: (rows: number) => deviation * Math.sqrt(rows),
    median: (rows: number) => (sd === 0 ? 0 : 1 / (2 * Math.sqrt(rows) * density)),
    std: (rows: number) => {
      const spread = fourth - (deviation ** 4 * (rows - 3)) / (rows - 1);
      return Number.isFinite(spread) ? Math.sqrt(spread / rows) / (2 * deviation) : Number.NaN;
    },
  };
  return {
    of: (chunk) => numberOf(sortedSample(chunk), method),
    error: errors[method],
    judgement: {
      rule: threeAround,
      least: method === "std" ? 0 : undefined,
      beyondLimit: "drop",
      isStrict: true,
    },
  };
}

function numberOf(sample: SortedSample, method: "avg" | "std" | "median" | "sum"): number | null {
  if (method === "sum") return Array.from(sample).reduce((sum, value) => sum + value, 0);
  if (sample.length === 0) return null;
  const moments = momentsOf(sample);
  const value = method === "median" ? quantileOf(sample, 0.5) : method === "std" ? moments.sd : moments.mean;
  return Number.isNaN(value) ? null : value;
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
