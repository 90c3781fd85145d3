import { VarveError } from "../../errors.ts";
import type { BinLabel } from "../profile/binned.ts";
import type { DriftKind } from "../profile/bins.ts";
import type { DriftRecord } from "./drift-record.ts";
import { nameOf } from "./sentence.ts";
import type { Subject } from "./subject.ts";

/** Rows of one side by bin. */
export interface DriftMetricSide {
  /** Rows in each bin, in the order of `bins`. */
  readonly counts: readonly number[];
  /** Rows of the side: the sum of the counts. */
  readonly rows: number;
}

/** What a metric of the caller sees of a comparison: both sides in the bins of the baseline, and no rows. */
export interface DriftMetricInput {
  readonly column: string;
  /** What is measured of the column; null is its value. */
  readonly part: DriftRecord["part"];
  readonly kind: DriftKind;
  readonly slice: DriftRecord["slice"];
  readonly window: string | null;
  /** The bins that one side or both have rows in; null, NaN, rare and unseen values are bins, too. */
  readonly bins: readonly BinLabel[];
  readonly baseline: DriftMetricSide;
  readonly current: DriftMetricSide;
}

/**
 * A figure of the caller's own, from both histograms of a column. Null where it is not defined.
 *
 * @example
 * ```ts
 * import { type DriftMetric, drift } from "varve";
 *
 * // Share of the current rows in bins whose share changed by 20 % of itself or more.
 * const moved20: DriftMetric = ({ baseline, current }) => {
 *   const rows = current.counts.filter((count, bin) => {
 *     const before = (baseline.counts[bin] ?? 0) / baseline.rows;
 *     return Math.abs(count / current.rows - before) >= 0.2 * before;
 *   });
 *   return rows.reduce((sum, count) => sum + count, 0) / current.rows;
 * };
 * const before = Array.from({ length: 500 }, (_, id) => ({ amount: id % 10, day: id % 7 }));
 * const after = before.map(({ amount, day }) => ({ amount: amount < 5 ? 0 : amount, day }));
 * const { columns } = await drift(before, after, { metrics: { moved20 } });
 * const moved = columns.filter(({ metrics }) => (metrics?.["moved20"] ?? 0) >= 0.5);
 * console.log(`${moved.length} of ${columns.length} features moved by 20 %`);
 * ```
 */
export type DriftMetric = (input: DriftMetricInput) => number | null;

/** Metrics by name. */
export type DriftMetrics = Readonly<Record<string, DriftMetric>>;

/**
 * A record with the figures of the caller's metrics. A figure is null where there are no bins, or where the metric says
 * null, NaN or an infinity; `undefined_because` then has the reason.
 *
 * @throws `INVALID_ARGUMENT` for a metric that throws or returns anything else, naming metric and column
 */
export function withMetrics(record: DriftRecord, subject: Subject, metrics: DriftMetrics): DriftRecord {
  const input = inputOf(record, subject);
  const values: [string, number | null][] = [];
  const reasons: Record<string, string> = {};
  for (const [name, metric] of Object.entries(metrics)) {
    const value = input === null ? null : metricValue(name, metric, { input, record });
    const isKnown = value !== null && Number.isFinite(value);
    values.push([name, isKnown ? value : null]);
    if (isKnown) continue;
    if (input === null) reasons[`metrics.${name}`] = record.reason ?? "no_rows";
    else reasons[`metrics.${name}`] = value === null ? "metric_says_null" : "not_finite";
  }
  return {
    ...record,
    metrics: Object.fromEntries(values),
    undefined_because: { ...record.undefined_because, ...reasons },
  };
}

function inputOf(
  { column, part, verdict, slice, window }: DriftRecord,
  { measure, comparison }: Subject,
): DriftMetricInput | null {
  const binned = comparison?.binned ?? null;
  if (binned === null || measure === null || verdict === "not_applicable") return null;
  const side = (counts: readonly number[]): DriftMetricSide => ({
    // A copy: what a metric does to it must not reach the next one.
    counts: Object.freeze([...counts]),
    rows: counts.reduce((sum, count) => sum + count, 0),
  });
  return Object.freeze({
    column,
    part,
    kind: measure.kind,
    slice,
    window,
    bins: Object.freeze([...binned.labels]),
    baseline: side(binned.counts.baseline),
    current: side(binned.counts.current),
  });
}

function metricValue(
  name: string,
  metric: DriftMetric,
  { input, record }: { readonly input: DriftMetricInput; readonly record: DriftRecord },
): number | null {
  const place = { metric: name, column: [record.column] };
  const what = `The metric ${JSON.stringify(name)}`;
  let value: unknown;
  try {
    value = metric(input);
  } catch (cause) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      `${what} failed for ${nameOf(record)}: ${cause instanceof Error ? cause.message : String(cause)} Correct it, or return null where it is not defined.`,
      place,
      cause,
    );
  }
  if (value === null || typeof value === "number") return value;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${what} returned ${value === undefined ? "nothing" : typeof value} for ${nameOf(record)}. It must return a number, or null where it is not defined.`,
    place,
  );
}
