import type { MonitoredMetric, PerformancePart, PerformanceReport } from "./performance-record.ts";

/** A figure as sentences show it. */
function figure(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function percent(share: number): string {
  return `${figure(100 * share)}%`;
}

/** A metric as it is expected without outcomes, in a few words; empty where it was not estimated. */
function estimatedText({
  metric,
  estimated,
  estimated_low: low,
  estimated_high: high,
  baseline,
}: MonitoredMetric) {
  if (estimated === null) return "";
  const interval = low === null || high === null ? "" : ` (${figure(low)} to ${figure(high)})`;
  const before = baseline === null ? "" : `, ${figure(baseline)} on the baseline`;
  return `${metric} is estimated at ${figure(estimated)}${interval}${before}`;
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

/** Metrics as they are expected without outcomes, and what that cannot see; empty where nothing was estimated. */
export function estimateText(metrics: readonly MonitoredMetric[], cannotSee: string): string {
  const figures = metrics.map(estimatedText).filter((text) => text !== "");
  return figures.length === 0 ? "" : `${figures.slice(0, 3).join("; ")}. ${cannotSee}`;
}

/** The name of a part, as sentences begin with it. */
export function partName({ slice, window }: Pick<PerformancePart, "slice" | "window">): string {
  if (slice === null) return window ?? "";
  return slice.value === null ? slice.key : `${slice.key} = ${slice.value}`;
}

type Together = Pick<PerformanceReport, "rows" | "labelled" | "state" | "text">;

/** What the windows of a version say together; nothing of one without windows, or that was not evaluated. */
export function windowsTogether({
  state,
  parts,
}: Pick<PerformanceReport, "state" | "parts">): Partial<Together> {
  const windows = parts.filter(({ window }) => window !== null);
  if (windows.length === 0 || state === "refused" || state === "unreadable") return {};
  const known = windows.filter((part) => part.state === "evaluated");
  const early = windows.length - known.length;
  const texts = known.slice(-3).map((part) => `${partName(part)}: ${part.text}`);
  const more = known.length > 3 ? [`${known.length - 3} more windows before.`] : [];
  const waiting = early === 0 ? [] : [`Too early: ${early} of ${windows.length} windows.`];
  return {
    rows: windows.reduce((sum, { rows }) => sum + rows, 0),
    labelled: windows.reduce((sum, { labelled }) => sum + labelled, 0),
    state: known.length > 0 ? "evaluated" : "immature",
    text: [...texts, ...more, ...waiting].join(" "),
  };
}
