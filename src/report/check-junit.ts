import type { CheckReport } from "../quality/check-report.ts";
import type { CheckResult } from "../quality/verdict.ts";
import { escapeMarkup, shown } from "./show.ts";

/**
 * A report as JUnit XML, for the test pages of CI systems: a check is a test case; what only warns is a skipped one with its reason, so that a
 * build does not turn red for it.
 */
export function checkJunit(report: CheckReport): string {
  const failures = report.checks.filter(fails).length;
  const skipped = report.checks.filter((check) => !check.success && !fails(check)).length;
  const counts = `tests="${report.checks.length}" failures="${failures}" errors="0" skipped="${skipped}"`;
  const cases = report.checks.map((check) => testCase(check, report));
  const name = escapeMarkup(report.suite.name);
  const time = new Date(report.at).toISOString().slice(0, 19);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${counts}>\n  <testsuite name="${name}" ${counts} timestamp="${time}">\n${cases.join("")}  </testsuite>\n</testsuites>\n`;
}

/** A failing check that only warns or tags does not fail the build. */
function fails(check: CheckResult): boolean {
  return !check.success && check.reaction !== "warn" && check.reaction !== "tag";
}

function testCase(check: CheckResult, report: CheckReport): string {
  const open = `    <testcase classname="${escapeMarkup(`${report.suite.name}.${check.kind}`)}" name="${escapeMarkup(check.id)}"`;
  if (check.success) return `${open}/>\n`;
  const numbers =
    check.unexpected === null ? `found ${shown(check.observed, 200)}` : `${check.unexpected} of ${check.considered} rows fail`;
  const message = escapeMarkup(`${check.message}; ${numbers}`);
  if (!fails(check)) return `${open}>\n      <skipped message="${message}"/>\n    </testcase>\n`;
  const rows = check.sample.map((row) => `${row.file === null ? "" : `${row.file} `}row ${row.row}: ${shown(row.values, 300)}`);
  return `${open}>\n      <failure type="${escapeMarkup(check.reaction)}" message="${message}">${escapeMarkup(rows.join("\n"))}</failure>\n    </testcase>\n`;
}
