import type { CheckResult } from "../quality/gate/verdict.ts";
import type { CheckReport } from "./check-report.ts";
import { finding, toneOf } from "./finding.ts";
import { howRowsAreCounted, placeText } from "./place.ts";
import { escapeMarkup, shown } from "./show.ts";
import { visible } from "./visible-text.ts";

/**
 * Renders a report as JUnit XML, for the test pages of CI systems. Each check is a test case; one that only
 * warns is a skipped test case with its reason, so that it does not fail the build. A rejection that no
 * single check explains is a test case of its own.
 *
 * Valid by the schema of Jenkins' xUnit plugin, which has no `skipped` for all suites together.
 *
 * @example
 * ```ts
 * import { checkJunit } from "varve/report";
 *
 * console.log(checkJunit(await orders.suite.check()));
 * ```
 */
export function checkJunit(report: CheckReport): string {
  const tones = report.checks.map(toneOf);
  const count = (tone: string) => tones.filter((other) => other === tone).length;
  const refused = !report.accepted && count("fail") === 0;
  const tests = report.checks.length + (refused ? 1 : 0);
  const counts = `tests="${tests}" failures="${count("fail") + (refused ? 1 : 0)}" errors="0"`;
  const time = report.seconds === undefined ? "" : ` time="${report.seconds.toFixed(3)}"`;
  const moment = report.timestamp.toISOString().slice(0, 19);
  const head = `<testsuite name="${attribute(report.suite.name)}" ${counts} skipped="${count("warn")}"${time} timestamp="${moment}">`;
  const source = `    <properties>\n      <property name="source" value="${attribute(report.source)}"/>\n    </properties>\n`;
  const cases = [
    ...report.checks.map((check) => testCase(check, report)),
    ...(refused ? [refusal(report)] : []),
  ];
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${counts}${time}>\n  ${head}\n${source}${cases.join("")}  </testsuite>\n</testsuites>\n`;
}

function testCase(check: CheckResult, report: CheckReport): string {
  const open = `    <testcase classname="${attribute(`${report.suite.name}.${check.kind}`)}" name="${attribute(check.id)}"`;
  const tone = toneOf(check);
  if (tone === "pass") return `${open}/>\n`;
  const message = attribute(`${check.message}; ${finding(check)}`);
  if (tone === "warn") return `${open}>\n      <skipped message="${message}"/>\n    </testcase>\n`;
  const isPlaced = check.sample.some(({ row }) => row !== null);
  const rows = [
    ...check.sample.map((row) => `${placeText(row)}${shown(row.values, 300)}`),
    ...(isPlaced ? [`${howRowsAreCounted}.`] : []),
  ];
  return `${open}>\n      <failure type="${attribute(check.reaction)}" message="${message}">${escapeMarkup(rows.map(visible).join("\n"))}</failure>\n    </testcase>\n`;
}

function refusal({ suite, reasons }: CheckReport): string {
  const open = `    <testcase classname="${attribute(suite.name)}" name="accepted">`;
  return `${open}\n      <failure type="reject" message="${attribute(reasons.join("; "))}"/>\n    </testcase>\n`;
}

/** XML parsers replace line breaks in attributes by spaces. */
function attribute(text: string): string {
  return escapeMarkup(visible(text));
}
