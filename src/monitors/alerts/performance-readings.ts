import type { SideTableOptions } from "../../sidetables/side-table.ts";
import type { MonitoredTable } from "../stores/drift-store.ts";
import type { MonitoredMetric, PerformancePart, PerformanceReport } from "../stores/performance-record.ts";
import { readPerformance } from "../stores/performance-store.ts";
import { estimateText, partName, performanceText } from "../stores/performance-text.ts";
import type { AlertKey } from "./alert-key.ts";
import type { NamedRule } from "./alert-rule.ts";
import { performanceSign, type Reading } from "./reading.ts";

/** How a rule reads a metric, in all rows or in a slice. */
export interface MetricReadings {
  readonly rule: NamedRule;
  readonly slice: AlertKey["slice"];
  readonly readings: Reading[];
}

/** How each rule on performance reads the newest evaluation of each version, slice and window. */
export async function performanceReadings(
  table: MonitoredTable,
  monitor: string,
  rules: readonly NamedRule[],
  options: SideTableOptions = {},
): Promise<MetricReadings[]> {
  if (rules.length === 0) return [];
  const reports = await readPerformance(table, { monitor }, options);
  return rules.flatMap((rule) => {
    const bySlice = new Map<string, MetricReadings>();
    for (const report of reports)
      for (const part of partsOf(report)) {
        const reading = readingOf(rule, report, part);
        if (reading === undefined) continue;
        const { slice } = part;
        const key = JSON.stringify([slice?.key, slice?.value]);
        const found = bySlice.get(key) ?? { rule, slice, readings: [] };
        bySlice.set(key, found);
        found.readings.push(reading);
      }
    return [...bySlice.values()];
  });
}

/** Rows that rules read: all of them and each slice, or each time window. */
type ReadPart = Pick<PerformancePart, "slice" | "window" | "because" | "metrics"> &
  Pick<PerformanceReport, "state">;

function partsOf(report: PerformanceReport): ReadPart[] {
  return [{ ...report, slice: null, window: null }, ...report.parts];
}

function readingOf(rule: NamedRule, report: PerformanceReport, part: ReadPart): Reading | undefined {
  const { version, bins_id: bins } = report;
  const { slice, window, because, metrics } = part;
  const found = metrics.find(({ metric }) => metric === rule.metric);
  if (version === null || found === undefined) return undefined;
  const name = slice === null ? "" : `${partName(part)}: `;
  const place = { version, window, bins };
  const family = slice === null ? 1 : report.parts.length;
  const reached = performanceSign(rule, { ...measured(found), mature: part.state === "evaluated", family });
  if (rule.when === "performance")
    return { ...place, text: `${name}${performanceText([found], because)}`, ...reached };
  // Outcomes have the last word: what they do not confirm is taken back.
  if (part.state === "evaluated" && reached.sign !== "hit" && reached.sign !== "blind")
    return { ...place, text: `${name}${performanceText([found], because)}`, ...reached };
  const { estimated: value, estimated_low: low, estimated_high: high } = found;
  const { unreliable = [], cannot_see: cannotSee = "" } = report.estimate ?? {};
  const mature = unreliable.length === 0;
  const sign = performanceSign(rule, { ...measured(found), value, low, high, mature, family });
  return { ...place, text: `${name}${estimateText([found], cannotSee)}`, ...sign };
}

/** A metric as rules read it; one that is neither good nor bad has no value for them. */
function measured({ value, low, high, baseline, better }: MonitoredMetric) {
  return { value: better === null ? null : value, low, high, baseline, higherIsBetter: better !== "lower" };
}
