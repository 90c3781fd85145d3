import type { CheckResult } from "../quality/gate/verdict.ts";
import { counted, shownNumber } from "../util/counted.ts";
import type { CheckReport } from "./check-report.ts";
import { finding, outcomeText, toneOf } from "./finding.ts";
import { howRowsAreCounted, placeText } from "./place.ts";
import { grouped, shown } from "./show.ts";
import { visible } from "./visible-text.ts";

/**
 * Renders a report as lines of text: the outcome, each check, and a few failing rows of each check that
 * fails. Characters that a terminal would interpret are escaped.
 *
 * @example
 * ```ts
 * import { checkText } from "varve/report";
 *
 * console.log(checkText(await orders.suite.check()));
 * ```
 */
export function checkText(report: CheckReport): string {
  const failed = report.checks.filter((check) => !check.success).length;
  const head = [
    `${report.accepted ? outcomeText(report) : "REJECTED"}: ${report.source} by ${report.suite.name}, ${counted(report.rows, "row")}, ${shownNumber(report.checks.length - failed)} of ${counted(report.checks.length, "check")} ${report.checks.length - failed === 1 ? "passes" : "pass"}`,
    ...(report.quarantined + report.dropped === 0
      ? []
      : [
          `${counted(report.clean, "row")} ${report.clean === 1 ? "is" : "are"} clean, ${grouped(report.quarantined)} for the quarantine, ${grouped(report.dropped)} to drop`,
        ]),
    ...report.reasons.map((reason) => `  because ${reason}`),
  ];
  const isPlaced = report.checks.some(
    ({ unexpected, sample }) => (unexpected ?? 0) > 0 && sample.some(({ row }) => row !== null),
  );
  const note = isPlaced ? ["", `${howRowsAreCounted}.`] : [];
  return `${[...head, "", ...report.checks.flatMap(lines), ...note].map(visible).join("\n")}\n`;
}

function lines(check: CheckResult): string[] {
  const tone = toneOf(check);
  const rows =
    (check.unexpected ?? 0) === 0
      ? []
      : check.sample.slice(0, 5).map((row) => `        ${placeText(row)}${values(row.values)}`);
  const repaired = check.repaired === 0 ? "" : `, ${grouped(check.repaired)} repaired`;
  return [
    `  ${tone === "fail" ? "FAIL" : tone}  ${check.id}: ${check.message}; ${finding(check)}${repaired}`,
    ...rows,
  ];
}

function values(row: CheckResult["sample"][number]["values"]): string {
  return Object.entries(row)
    .map(([name, value]) => `${name} = ${shown(value, 40)}`)
    .join(", ");
}
