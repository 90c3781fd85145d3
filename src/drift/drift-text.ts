import { visible } from "../report/visible-text.ts";
import { counted, shownNumber } from "../util/counted.ts";
import type { DriftRecord, DriftReport, DriftSide } from "./comparison/drift-record.ts";
import { effectText } from "./comparison/figure-text.ts";
import { mayBeChance, nameOf } from "./comparison/sentence.ts";
import { methodLines, metricLines } from "./own-figures.ts";

/** Quiet columns that are listed. */
const mostQuiet = 20;

/**
 * Renders a comparison as lines of text: the verdict, what moved, and what was not compared. Characters that a terminal
 * would interpret are escaped.
 *
 * @example
 * ```ts
 * import { drift } from "varve";
 * import { driftText } from "varve/report";
 *
 * const rows = Array.from({ length: 100 }, (_, id) => ({ amount: id % 10 }));
 * console.log(driftText(await drift(rows, rows)));
 * ```
 */
export function driftText(report: DriftReport): string {
  const { columns } = report;
  const of = (...verdicts: readonly DriftRecord["verdict"][]) =>
    columns.filter(({ verdict }) => verdicts.includes(verdict));
  const quiet = of("none");
  const named = quiet
    .slice(0, mostQuiet)
    .map((record) => `${nameOf(record)} ${effectText(record.effect ?? 0)}${chanceText(record)}`);
  const more = quiet.length > mostQuiet ? ` and ${shownNumber(quiet.length - mostQuiet)} more` : "";
  const lines = [
    `${sideText(report.baseline)} against ${sideText(report.current)}`,
    headline(report),
    "",
    ...of("broken").map(({ text }) => `  BROKEN  ${text}`),
    ...of("drift").map(({ text }) => `  DRIFT   ${text}`),
    ...of("insufficient").map(({ text }) => `  few     ${text}`),
    ...of("not_applicable").map(({ text }) => `  -       ${text}`),
    ...(quiet.length === 0 ? [] : [`  quiet   ${named.join(", ")}${more}`]),
    ...(report.multivariate?.text ?? []).map((text) => `  all     ${text}`),
    ...methodLines(columns).map((text) => `  method  ${text}`),
    ...metricLines(columns).map((text) => `  metric  ${text}`),
  ];
  return `${lines.map(visible).join("\n")}\n`;
}

function chanceText(record: DriftRecord): string {
  return mayBeChance(record) ? " (may be chance)" : "";
}

function sideText({ source, rows }: DriftSide): string {
  return `${source} (${counted(rows, "row")})`;
}

function headline({ verdict, counts }: DriftReport): string {
  const { tested, drifted, broken, insufficient } = counts;
  const few = insufficient === 0 ? "" : `; ${shownNumber(insufficient)} with too few rows`;
  if (verdict === "insufficient") return `TOO FEW ROWS for any of ${counted(insufficient, "comparison")}`;
  const breaks = broken === 0 ? "" : `BROKEN: ${shownNumber(broken)}; `;
  const drifts = drifted === 0 ? "no drift" : `DRIFT: ${shownNumber(drifted)}`;
  return `${breaks}${drifts} in ${counted(tested, "comparison")}${few}`;
}
