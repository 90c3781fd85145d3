import type { SideTableOptions } from "../../sidetables/side-table.ts";
import type { MonitoredTable } from "../stores/drift-store.ts";
import type { PerformanceReport } from "../stores/performance-record.ts";
import { readPerformance } from "../stores/performance-store.ts";
import { performanceText } from "../stores/performance-text.ts";
import type { NamedRule } from "./alert-rule.ts";
import { performanceSign, type Reading } from "./reading.ts";

/** How each rule on performance reads the newest evaluation of each version. */
export async function performanceReadings(
  table: MonitoredTable,
  monitor: string,
  rules: readonly NamedRule[],
  options: SideTableOptions = {},
): Promise<{ readonly rule: NamedRule; readonly readings: readonly Reading[] }[]> {
  if (rules.length === 0) return [];
  const reports = await readPerformance(table, { monitor }, options);
  return rules.map((rule) => ({ rule, readings: reports.flatMap((report) => readingOf(rule, report)) }));
}

function readingOf(rule: NamedRule, report: PerformanceReport): Reading[] {
  const { version, bins_id: bins, state, because, metrics } = report;
  const found = metrics.find(({ metric }) => metric === rule.metric);
  if (version === null || found === undefined) return [];
  const { value, low, high, baseline, better } = found;
  const sign = performanceSign(rule, {
    value: better === null ? null : value,
    low,
    high,
    baseline,
    higherIsBetter: better !== "lower",
    mature: state === "evaluated",
  });
  const text = performanceText([found], because);
  return [{ version, window: null, bins, text, ...sign }];
}
