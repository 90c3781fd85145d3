import type { CheckReport } from "../quality/check-report.ts";
import type { CheckResult } from "../quality/verdict.ts";
import { grouped, shown } from "./show.ts";

/** A report as lines of text: the outcome, each check, and a few failing rows of those that fail. */
export function checkText(report: CheckReport): string {
  const failed = report.checks.filter((check) => !check.success).length;
  const head = [
    `${report.accepted ? "accepted" : "REJECTED"}: ${report.source} by ${report.suite.name}, ${grouped(report.rows)} rows, ${report.checks.length - failed} of ${report.checks.length} checks pass`,
    ...(report.quarantined + report.dropped === 0
      ? []
      : [`${grouped(report.clean)} rows are clean, ${grouped(report.quarantined)} for the quarantine, ${grouped(report.dropped)} to drop`]),
    ...report.reasons.map((reason) => `  because ${reason}`),
  ];
  return `${[...head, "", ...report.checks.flatMap(lines)].join("\n")}\n`;
}

function lines(check: CheckResult): string[] {
  const mark = check.success ? "pass" : check.reaction === "warn" || check.reaction === "tag" ? "warn" : "FAIL";
  const numbers =
    check.unexpected === null
      ? `found ${shown(check.observed)}`
      : `${grouped(check.unexpected)} of ${grouped(check.considered ?? 0)} rows fail`;
  const rows =
    (check.unexpected ?? 0) === 0
      ? []
      : check.sample.slice(0, 5).map((row) => `        ${row.file === null ? "" : `${row.file} `}row ${row.row}: ${values(row.values)}`);
  return [
    `  ${mark}  ${check.id}: ${check.message}; ${numbers}${check.repaired === 0 ? "" : `, ${grouped(check.repaired)} repaired`}`,
    ...rows,
  ];
}

function values(row: CheckResult["sample"][number]["values"]): string {
  return Object.entries(row)
    .map(([name, value]) => `${name} = ${shown(value, 40)}`)
    .join(", ");
}
