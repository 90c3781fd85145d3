/** How a column is compared. */
export type DriftKind =
  | "boolean"
  | "discrete"
  | "numeric"
  | "category"
  | "text"
  | "time"
  | "id"
  | "sequence"
  | "nested";

/** A value of a category: text, or a number of a discrete column. */
export type CategoryValue = string | number;

/**
 * Bins of numbers, which belong to the baseline: 261 quantiles of the values that are no points, and each point, a
 * value that at least a twentieth of the rows have. Empty where the baseline has no finite value.
 */
export interface NumericBins {
  readonly form: "numeric";
  readonly quantiles: readonly number[];
  readonly points: readonly number[];
  /** Whether the quantiles are those of all rows, or of a sample. Counts are always of all rows. */
  readonly edges: "exact" | "sampled";
}

/** Bins of categories, which belong to the baseline. */
export interface CategoryBins {
  readonly form: "category";
  /** Values with a bin of their own. */
  readonly values: readonly CategoryValue[];
  /** Further values of the baseline, `rare` together; null if there are too many to be kept. */
  readonly known: readonly CategoryValue[] | null;
  /** Values that one row of the baseline has: as many rows of an equal sample have values that it has not seen. */
  readonly singles: readonly CategoryValue[];
  /** Whether the values are numbers. */
  readonly isNumber: boolean;
  /** Names of the values, if they are not the values. */
  readonly labels?: readonly string[] | undefined;
}

export type Bins = NumericBins | CategoryBins;

/** Steps between the quantiles: a multiple of 20, so that 20, 10, 5, 4 and 2 bins are made of whole cells. */
export const fineSteps = 260;

/** Numbers of rows of a side in the cells of numeric bins. */
export interface NumericCounts {
  readonly form: "numeric";
  readonly rows: number;
  readonly nulls: number;
  readonly nans: number;
  /** Below the first boundary, between each two, and from the last one on; see {@link boundariesOf}. */
  readonly cells: readonly number[];
  readonly min: number | null;
  readonly max: number | null;
  /** Of the finite values; null if there are none, or if they are too large. */
  readonly mean: number | null;
  /** Sample standard deviation (ddof 1). */
  readonly sd: number | null;
  /** Quantiles .05, .25, .5, .75 and .95 of the finite values (type 7), if they were computed. */
  readonly quantiles: readonly number[] | null;
}

/** Numbers of rows of a side in the bins of categories. */
export interface CategoryCounts {
  readonly form: "category";
  readonly rows: number;
  readonly nulls: number;
  readonly nans: number;
  readonly values: readonly number[];
  readonly rare: number;
  readonly singles: number;
  /** Without `known`: all values without a bin. */
  readonly unseen: number;
  /** Different values; null where that is not known, as of rows that were counted apart. */
  readonly distinct: number | null;
  readonly mean: number | null;
  readonly sd: number | null;
}

export type Counts = NumericCounts | CategoryCounts;

/** A number amid the bins, around which sums are taken, so that squares of large numbers keep their digits. */
export function centreOf(bins: Bins): number {
  const amid = bins.form === "numeric" ? bins.quantiles : bins.isNumber ? bins.values : [];
  const centre = amid[amid.length >> 1] ?? (bins.form === "numeric" ? bins.points[0] : 0);
  return Number(centre ?? 0);
}

/**
 * The boundaries of the cells in which rows are counted: the quantiles, the number after the last one (the last bin
 * is closed), and each point with the number after it.
 */
export function boundariesOf({ quantiles, points }: NumericBins): number[] {
  const last = quantiles.at(-1);
  const all = [...quantiles, ...(last === undefined ? [] : [numberAfter(last)])];
  for (const point of points) all.push(point, numberAfter(point));
  return distinct(all.sort((a, b) => a - b));
}

/** Sorted values without repetitions; 0 and −0 are one. */
export function distinct(sorted: readonly number[]): number[] {
  return sorted.filter((value, index) => index === 0 || value !== sorted[index - 1]);
}

/** The smallest double above a number. */
export function numberAfter(value: number): number {
  if (value === 0) return Number.MIN_VALUE;
  if (value === Number.POSITIVE_INFINITY) return value;
  doubles[0] = value;
  bits[0] = (bits[0] ?? 0n) + (value > 0 ? 1n : -1n);
  return doubles[0];
}

const doubles = new Float64Array(1);
/** Of the double. */
const bits = new BigInt64Array(doubles.buffer);
