import { escapeMarkup } from "../report/show.ts";
import { visible } from "../report/visible-text.ts";
import type { DriftRecord, DriftReport } from "./comparison/drift-record.ts";
import { nameOf } from "./comparison/sentence.ts";
import { methodLines, metricLines } from "./own-figures.ts";

/**
 * Renders a comparison as JUnit XML, for the test pages of CI systems. Each column is a test case: one that drifts or
 * is broken fails, and one that is not compared is skipped with its reason.
 *
 * @example
 * ```ts
 * import { drift } from "varve";
 * import { driftJunit } from "varve/report";
 *
 * const rows = Array.from({ length: 100 }, (_, id) => ({ amount: id % 10 }));
 * console.log(driftJunit(await drift(rows, rows)));
 * ```
 */
export function driftJunit({ columns, counts, at, baseline, current, multivariate }: DriftReport): string {
  const failures = counts.drifted + counts.broken;
  const skipped = counts.insufficient + counts.not_applicable;
  const texts = multivariate?.text ?? [];
  const numbers = `tests="${columns.length + texts.length}" failures="${failures}" errors="0"`;
  const name = `drift ${baseline.source} against ${current.source}`;
  const head = `<testsuite name="${attribute(name)}" ${numbers} skipped="${skipped}" timestamp="${at.slice(0, 19)}">`;
  const cases = [...columns.map(testCase), ...texts.map(togetherCase)].join("");
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${numbers}>\n  ${head}\n${cases}  </testsuite>\n</testsuites>\n`;
}

/** What all columns together say, which does not fail. */
function togetherCase(text: string): string {
  const [name = ""] = text.split(/[: ]/);
  const output = escapeMarkup(visible(text));
  return `    <testcase classname="drift.multivariate" name="${attribute(name)}">\n      <system-out>${output}</system-out>\n    </testcase>\n`;
}

function testCase(record: DriftRecord): string {
  const open = `    <testcase classname="drift.${record.kind ?? "column"}" name="${attribute(nameOf(record))}"`;
  const message = attribute(record.text);
  const output = outputOf(record);
  switch (record.verdict) {
    case "none":
      return output === "" ? `${open}/>\n` : `${open}>\n${output}    </testcase>\n`;
    case "drift":
    case "broken":
      return `${open}>\n      <failure type="${record.verdict}" message="${message}">${bins(record)}</failure>\n${output}    </testcase>\n`;
    default:
      return `${open}>\n      <skipped message="${message}"/>\n${output}    </testcase>\n`;
  }
}

/** What methods and metrics of the caller say of a column, which does not fail. */
function outputOf(record: DriftRecord): string {
  const lines = [
    ...methodLines([record]).map((text) => `method ${text}`),
    ...metricLines([record]).map((text) => `metric ${text}`),
  ];
  if (lines.length === 0) return "";
  return `      <system-out>${escapeMarkup(lines.map(visible).join("\n"))}</system-out>\n`;
}

/** The bins that moved most, one a line. */
function bins(record: DriftRecord): string {
  const lines = record.bins
    .filter(({ part }) => part > 0)
    .slice(0, 10)
    .map(({ label, baseline, current }) => `${label}: ${shareText(baseline)} → ${shareText(current)}`);
  return escapeMarkup(lines.map(visible).join("\n"));
}

function shareText(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** XML parsers replace line breaks in attributes by spaces. */
function attribute(text: string): string {
  return escapeMarkup(visible(text));
}
