import type { MonitoredMetric } from "./performance-record.ts";

/** A figure as sentences show it. */
function figure(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function percent(share: number): string {
  return `${figure(100 * share)}%`;
}

/** A metric beside its value on the baseline, in a few words. */
function metricText({ metric, value, low, high, reason, baseline }: MonitoredMetric): string {
  if (value === null) return `${metric} is not defined (${reason ?? "no value"})`;
  const interval = low === null || high === null ? "" : ` (${figure(low)} to ${figure(high)})`;
  const before = baseline === null ? "" : `, ${figure(baseline)} on the baseline`;
  return `${metric} is ${figure(value)}${interval}${before}`;
}

/** What is known of a version's outcomes, in a sentence. */
export function labelledText(rows: number, labelled: number, reached: number | null): string {
  const share = rows === 0 ? "no rows" : `${percent(labelled / rows)} of ${rows} rows`;
  const expected = reached === null ? "" : `, ${percent(reached)} of those that are expected`;
  return `Outcomes are known of ${share}${expected}.`;
}

/** Metrics and what moved, in one or two sentences. */
export function performanceText(metrics: readonly MonitoredMetric[], because: string | null): string {
  const figures = `${metrics.slice(0, 3).map(metricText).join("; ")}.`;
  return because === null ? figures : `${figures} ${because}`;
}
