import type { Metric, Metrics } from "./metric.ts";

/** How a slice is treated next to the largest slice of its column, in one metric. */
export interface FairnessGap {
  readonly column: string;
  readonly slice: string;
  /** The largest slice of the column. */
  readonly reference: string;
  readonly metric: string;
  readonly value: number;
  readonly referenceValue: number;
  /** Slice less reference, with Newcombe's 95 % interval. */
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  /** Slice over reference; null where that is 0. */
  readonly ratio: number | null;
}

/** A slice with its metrics and the rows that they count. */
export interface JudgedSlice {
  readonly column: string;
  readonly name: string;
  readonly judged: number;
  readonly metrics: Metrics;
}

/** Metrics that are compared: all are shares with Wilson intervals. */
const compared = ["selection_rate", "recall", "fpr", "accuracy"] as const;

/** The gaps between the slices of each column and its largest one; slices under `minRows` rows say nothing. */
export function fairnessGaps(slices: readonly JudgedSlice[], minRows: number): FairnessGap[] {
  const columns = [...new Set(slices.map(({ column }) => column))];
  return columns.flatMap((column) => {
    const own = slices.filter((slice) => slice.column === column && slice.judged >= minRows);
    const reference = own.reduce<JudgedSlice | undefined>(
      (largest, slice) => (largest === undefined || slice.judged > largest.judged ? slice : largest),
      undefined,
    );
    if (reference === undefined) return [];
    return own
      .filter((slice) => slice !== reference)
      .flatMap((slice) =>
        compared.flatMap((metric) => {
          const gap = newcombe(slice.metrics[metric], reference.metrics[metric]);
          return gap === undefined
            ? []
            : [{ column, slice: slice.name, reference: reference.name, metric, ...gap }];
        }),
      );
  });
}

/** The difference of two shares with Newcombe's interval, from their Wilson intervals. */
function newcombe(slice: Metric | undefined, reference: Metric | undefined) {
  if (slice === undefined || reference === undefined) return undefined;
  const { value, low, high } = slice;
  const { value: referenceValue, low: referenceLow, high: referenceHigh } = reference;
  if (value === null || low === null || high === null) return undefined;
  if (referenceValue === null || referenceLow === null || referenceHigh === null) return undefined;
  const difference = value - referenceValue;
  return {
    value,
    referenceValue,
    difference,
    low: difference - Math.hypot(value - low, referenceHigh - referenceValue),
    high: difference + Math.hypot(high - value, referenceValue - referenceLow),
    ratio: referenceValue === 0 ? null : value / referenceValue,
  };
}
