import { deviationThresholds } from "../../quality/measures/intervals.ts";

/** Rows of a chunk, from the first to the last, counted from 0. */
export type ChunkRows = readonly [first: number, last: number];

/** How NannyML cuts a side: so many rows a chunk, or so many chunks; rows that are left over are a chunk of their own. */
export type Chunking = { readonly size: number } | { readonly number: number };

export function chunksOf(rows: number, chunking: Chunking): ChunkRows[] {
  const size = Math.max(1, "size" in chunking ? chunking.size : Math.floor(rows / chunking.number));
  return Array.from({ length: Math.ceil(rows / size) }, (_, index) => [
    index * size,
    Math.min(rows, (index + 1) * size) - 1,
  ]);
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

/** Which thresholds a measure has: three deviations above, or on both sides, or fixed ones. */
export type ThresholdRule =
  | { readonly sides: "upper" | "both"; readonly lowest?: number | undefined }
  | { readonly fixed: Thresholds };

/**
 * Values of chunks against three population deviations around the mean of the baseline's chunks. A `lowest` possible
 * value takes the place of a lower threshold below it.
 */
export function chunkReport(
  baseline: readonly (number | null)[],
  current: readonly (number | null)[],
  rule: ThresholdRule,
): ChunkReport {
  const thresholds = thresholdsOf(baseline, rule);
  const withAlerts = (value: readonly (number | null)[]): ChunkValues => ({
    value,
    alert: value.map((each) => each !== null && isBeyond(each, thresholds)),
  });
  return { baseline: withAlerts(baseline), current: withAlerts(current), thresholds };
}

function thresholdsOf(values: readonly (number | null)[], rule: ThresholdRule): Thresholds {
  if ("fixed" in rule) return rule.fixed;
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return { lower: null, upper: null };
  const { lower, upper } = deviationThresholds(known, {
    from: "mean",
    upperFactor: 3,
    lowerFactor: rule.sides === "both" ? 3 : undefined,
  });
  return { lower: lower === null ? null : Math.max(lower, rule.lowest ?? -Infinity), upper };
}

/** Thresholds that are undefined, because the baseline has infinite values, make every chunk alert. */
function isBeyond(value: number, { lower, upper }: Thresholds): boolean {
  return (upper !== null && !(value <= upper)) || (lower !== null && !(value >= lower));
}
