/** Why a metric has no value. */
export type UndefinedReason =
  | "no_rows"
  | "one_class"
  | "no_positives"
  | "no_negatives"
  | "no_positive_predictions"
  | "no_negative_predictions"
  | "constant_prediction"
  | "constant_target"
  | "zero_targets"
  | "value_below_minus_one"
  | "no_relevant_items"
  | "no_scores"
  | "too_few_rows"
  | "not_finite";

/** How the interval of a metric was computed. */
export type IntervalMethod =
  | "wilson"
  | "newcombe"
  | "delong"
  | "bootstrap"
  | "normal"
  | "fisher"
  | "order"
  | "information";

/**
 * A figure with its 95 % interval. An undefined figure is null and has a reason; it is never 0 or NaN. An interval
 * that cannot be computed is null on both sides.
 */
export interface Metric {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly interval?: IntervalMethod | undefined;
  readonly reason?: UndefinedReason | undefined;
}

/** Metrics by name. */
export type Metrics = Readonly<Record<string, Metric>>;

/** Quantile of the standard normal distribution for two-sided 95 %. */
export const z95 = 1.959963984540054;

/** A metric that is not defined. */
export function undefinedMetric(reason: UndefinedReason): Metric {
  return { value: null, low: null, high: null, reason };
}

/** A metric without an interval; what is not finite is null. */
export function plainMetric(value: number): Metric {
  return Number.isFinite(value) ? { value, low: null, high: null } : undefinedMetric("not_finite");
}

/** Limits that a metric cannot exceed. */
export interface Limits {
  readonly least?: number | undefined;
  readonly most?: number | undefined;
}

/** A metric with value ± 1.96 standard errors, cut at its limits. */
export function metricWithError(
  value: number,
  error: number | undefined,
  interval: IntervalMethod,
  { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY }: Limits = {},
): Metric {
  if (!Number.isFinite(value)) return undefinedMetric("not_finite");
  if (error === undefined || !Number.isFinite(error)) return plainMetric(value);
  return {
    value,
    low: Math.max(least, value - z95 * error),
    high: Math.min(most, value + z95 * error),
    interval,
  };
}

/** A share of counts with its Wilson interval; `reason` says what no rows mean. */
export function shareMetric(part: number, whole: number, reason: UndefinedReason): Metric {
  if (whole === 0) return undefinedMetric(reason);
  const share = part / whole;
  const centre = share + z95 ** 2 / (2 * whole);
  const half = z95 * Math.sqrt((share * (1 - share)) / whole + z95 ** 2 / (4 * whole ** 2));
  const scale = 1 + z95 ** 2 / whole;
  return {
    value: share,
    low: Math.max(0, (centre - half) / scale),
    high: Math.min(1, (centre + half) / scale),
    interval: "wilson",
  };
}
