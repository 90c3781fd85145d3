import { shownNumber } from "../util/counted.ts";
import type { DriftMethodAnswer, DriftRecord } from "./comparison/drift-record.ts";
import { numberText, pText } from "./comparison/figure-text.ts";
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

/** A line for each method: its answers, column by column. */
export function methodLines(records: readonly DriftRecord[]): string[] {
  const byName = new Map<string, string[]>();
  for (const record of records) {
    const { method } = record;
    if (method === undefined) continue;
    const texts = byName.get(method.name) ?? [];
    texts.push(`${nameOf(record)} ${answerText(record, method)}`);
    byName.set(method.name, texts);
  }
  return [...byName].map(([name, texts]) => {
    const more = texts.length - mostListed;
    const others = more <= 0 ? "" : `; and ${shownNumber(more)} more`;
    return `${name}: ${texts.slice(0, mostListed).join("; ")}${others}`;
  });
}

function answerText(
  { undefined_because: why }: DriftRecord,
  { value, p, threshold, drift }: DriftMethodAnswer,
): string {
  if (value === null && p === null)
    return `not defined (${why["method"]?.replaceAll("_", " ") ?? "unknown"})`;
  const isP = p !== null && p === value;
  const figure = value === null ? "not finite" : isP ? `p ${pText(value)}` : numberText(value);
  const chance = p === null || isP ? "" : `, p ${pText(p)}`;
  if (drift === null) return `${figure}${chance}`;
  const bound = threshold === null ? "" : ` (threshold ${numberText(threshold)})`;
  return `${figure}${chance}, ${drift ? "drift" : "no drift"}${bound}`;
}
