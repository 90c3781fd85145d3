import { studentTwoSided } from "../../statistics/distributions.ts";
import { meanOf } from "../../statistics/samples.ts";
import { compareTexts } from "./peer-column.ts";

/** A column's chunks of both sides, baseline first, and which of them alerted. */
export interface RankedColumn {
  readonly name: string;
  readonly drift: readonly number[];
  readonly alerts: readonly boolean[];
}

/** Columns from the most alerts down; equal ones by name, the last first. */
export function ranksByAlerts(
  columns: readonly RankedColumn[],
): readonly { readonly name: string; readonly alerts: number }[] {
  return columns
    .map(({ name, alerts }) => ({ name, alerts: alerts.filter(Boolean).length }))
    .sort((a, b) => b.alerts - a.alerts || compareTexts(b.name, a.name));
}

/** How drift and the change of a metric go together. */
export interface CorrelationRank {
  readonly name: string;
  /** Pearson's correlation over the chunks; null where either does not vary. */
  readonly correlation: number | null;
  readonly p: number | null;
  readonly drifted: boolean;
}

/**
 * Columns from the highest correlation of their drift with how far a metric is from its mean over the chunks of the
 * baseline.
 */
export function ranksByCorrelation(
  columns: readonly RankedColumn[],
  metric: { readonly baseline: readonly number[]; readonly current: readonly number[] },
): readonly CorrelationRank[] {
  const usual = meanOf(metric.baseline);
  const change = [...metric.baseline, ...metric.current].map((value) => Math.abs(value - usual));
  return columns
    .map(({ name, drift, alerts }) => ({ name, ...pearson(drift, change), drifted: alerts.some(Boolean) }))
    .sort((a, b) => (b.correlation ?? -2) - (a.correlation ?? -2));
}

function pearson(
  x: readonly number[],
  y: readonly number[],
): { readonly correlation: number | null; readonly p: number | null } {
  const [meanX, meanY] = [meanOf(x), meanOf(y)];
  let [xx, yy, xy] = [0, 0, 0];
  for (const [index, value] of x.entries()) {
    const [dx, dy] = [value - meanX, (y[index] ?? Number.NaN) - meanY];
    xx += dx ** 2;
    yy += dy ** 2;
    xy += dx * dy;
  }
  if (!(xx > 0 && yy > 0)) return { correlation: null, p: null };
  const correlation = Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy)));
  const df = x.length - 2;
  return {
    correlation,
    p: df < 1 ? null : studentTwoSided(correlation * Math.sqrt(df / (1 - correlation ** 2)), df),
  };
}
