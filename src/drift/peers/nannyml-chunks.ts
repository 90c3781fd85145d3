import { deviationThresholds } from "../../quality/measures/intervals.ts";

/** Rows of a chunk, from the first to the last, counted from 0. */
export type ChunkRows = readonly [first: number, last: number];

/** How NannyML cuts a side: so many rows a chunk, or so many chunks. */
export type Chunking = ({ readonly size: number } | { readonly number: number }) & {
  /** Rows that are left over: a chunk of their own (the default), part of the last full one, or left out. */
  readonly rest?: "keep" | "append" | "drop" | undefined;
};

export function chunksOf(rows: number, chunking: Chunking): ChunkRows[] {
  const size = Math.max(1, "size" in chunking ? chunking.size : Math.floor(rows / chunking.number));
  const rest = chunking.rest ?? "keep";
  const full = Math.floor(rows / size);
  const isLast = (index: number) => index === full - 1 && rest === "append";
  return Array.from({ length: rest === "keep" ? Math.ceil(rows / size) : full }, (_, index) => [
    index * size,
    (isLast(index) ? rows : Math.min(rows, (index + 1) * size)) - 1,
  ]);
}

/** Whether a side has fewer rows than it should be cut into chunks. */
export function isTooShort(rows: number, chunking: Chunking): boolean {
  return "number" in chunking && rows < chunking.number;
}

/** Values of a side, chunk by chunk. */
export function chunked<T>(values: readonly T[], chunks: readonly ChunkRows[]): T[][] {
  return chunks.map(([first, last]) => values.slice(first, last + 1));
}

/** Bounds beyond which a chunk alerts; null for none. */
export interface Thresholds {
  readonly lower: number | null;
  readonly upper: number | null;
}

/** Values by chunk with the chunks that alert. */
export interface ChunkValues {
  readonly value: readonly (number | null)[];
  readonly alert: readonly boolean[];
}

/** Chunks of the baseline and of the current side, with the thresholds that the baseline gave. */
export interface ChunkReport {
  readonly baseline: ChunkValues;
  readonly current: ChunkValues;
  readonly thresholds: Thresholds;
}

/** Where the thresholds of a measure are: fixed, or so many population deviations from the baseline's chunks. */
export type ThresholdRule =
  | { readonly fixed: Thresholds }
  | {
      /** Deviations below and above; undefined for no threshold on that side. */
      readonly lowerFactor?: number | undefined;
      readonly upperFactor?: number | undefined;
      /** Default: the mean. */
      readonly from?: "mean" | "median" | undefined;
    };

/** NannyML's defaults: three deviations above the mean, or on both sides of it. */
export const threeAbove: ThresholdRule = { upperFactor: 3 };
export const threeAround: ThresholdRule = { lowerFactor: 3, upperFactor: 3 };

/** How the chunks of a measure are judged. */
export interface ChunkJudgement {
  readonly rule: ThresholdRule;
  /** The least and the most that the measure can be. */
  readonly least?: number | undefined;
  readonly most?: number | undefined;
  /** Thresholds at or beyond a limit: moved to it (the default), or dropped. */
  readonly beyondLimit?: "move" | "drop" | undefined;
  /** Whether a value on a threshold alerts, and a chunk without a value; default: neither does. */
  readonly isStrict?: boolean | undefined;
}

/** Judges the values of chunks by thresholds that follow from those of the baseline. */
export function chunkReport(
  baseline: readonly (number | null)[],
  current: readonly (number | null)[],
  judgement: ChunkJudgement,
): ChunkReport {
  const thresholds = thresholdsOf(baseline, judgement);
  const isAlert = judgement.isStrict === true ? isNotWithin : isBeyond;
  const withAlerts = (value: readonly (number | null)[]): ChunkValues => ({
    value,
    alert: value.map((each) => isAlert(each, thresholds)),
  });
  return { baseline: withAlerts(baseline), current: withAlerts(current), thresholds };
}

function thresholdsOf(values: readonly (number | null)[], judgement: ChunkJudgement): Thresholds {
  const { rule, least = -Infinity, most = Infinity, beyondLimit = "move" } = judgement;
  const { lower, upper } = "fixed" in rule ? rule.fixed : deviationsOf(values, rule);
  const limited = (value: number | null, limit: number, isWithin: boolean) => {
    if (value === null || isWithin || Number.isNaN(value)) return value;
    return beyondLimit === "move" ? limit : null;
  };
  return {
    lower: limited(lower, least, lower !== null && lower > least),
    upper: limited(upper, most, upper !== null && upper < most),
  };
}

function deviationsOf(
  values: readonly (number | null)[],
  { lowerFactor, upperFactor, from = "mean" }: Exclude<ThresholdRule, { readonly fixed: Thresholds }>,
): Thresholds {
  const known = values.filter((value) => value !== null);
  return deviationThresholds(known, { from, upperFactor, lowerFactor });
}

function isBeyond(value: number | null, { lower, upper }: Thresholds): boolean {
  return value !== null && ((upper !== null && value > upper) || (lower !== null && value < lower));
}

/** Thresholds that are undefined, because the baseline has infinite values, make every chunk alert. */
function isNotWithin(value: number | null, { lower, upper }: Thresholds): boolean {
  return value === null || !(value > (lower ?? -Infinity) && value < (upper ?? Infinity));
}
