import { shownNumber } from "../util/counted.ts";
import type { DriftRecord } from "./comparison/drift-record.ts";
import { numberText } from "./comparison/figure-text.ts";
import { nameOf } from "./comparison/sentence.ts";

/** Columns that a line of a metric lists. */
const mostListed = 20;

/** A line for each of the caller's metrics: its figures, the largest first. */
export function metricLines(records: readonly DriftRecord[]): string[] {
  const names = Object.keys(records[0]?.metrics ?? {});
  return names.map((name) => {
    const known = records.flatMap((record) => {
      const value = record.metrics?.[name] ?? null;
      return value === null ? [] : [{ value, text: `${nameOf(record)} ${numberText(value)}` }];
    });
    if (known.length === 0) return `${name}: not defined for any column`;
    const listed = known.sort((a, b) => b.value - a.value).slice(0, mostListed);
    const more = known.length - listed.length;
    const others = more === 0 ? "" : ` and ${shownNumber(more)} more`;
    return `${name}: ${listed.map(({ text }) => text).join(", ")}${others}`;
  });
}
