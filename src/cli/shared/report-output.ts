import type { Command } from "commander";
import type { CheckReport } from "../../index.ts";
import { exitCodes } from "./exit.ts";
import { withOutput } from "./output-format.ts";
import { writeOutput } from "./write-output.ts";

const reportFormats = ["text", "json", "junit", "html"] as const;

/** Options of every command that prints results of data tests. */
export interface ReportFlags {
  readonly format: (typeof reportFormats)[number];
  readonly output?: string | undefined;
  readonly strict?: boolean | undefined;
}

/** Adds the options of {@link ReportFlags}. */
export function withReportOutput(command: Command): Command {
  return withOutput(command, {
    formats: reportFormats,
    preset: "text",
    text: "how to print the report",
  }).option("--strict", "exit with code 3 if any check fails, also one that only warns or sets rows aside");
}

/**
 * Prints a report of data tests in the selected format. The exit code is set before, because a reader that closes the
 * pipe early must not hide a rejection.
 */
export async function printReport(
  report: CheckReport,
  { format, output, strict }: ReportFlags,
): Promise<void> {
  if (!report.accepted || (strict === true && report.checks.some(({ success }) => !success)))
    process.exitCode = exitCodes.rejected;
  await writeOutput(await reportText(report, format), output);
}

async function reportText(report: CheckReport, format: ReportFlags["format"]): Promise<string> {
  if (format === "html") return (await import("../../report/check-html.ts")).checkHtml(report);
  if (format === "junit") return (await import("../../report/check-junit.ts")).checkJunit(report);
  if (format === "text") return (await import("../../report/check-text.ts")).checkText(report);
  const { reportJson } = await import("../../report/check-report.ts");
  const { stringifyJson } = await import("../../api/json.ts");
  return `${stringifyJson(reportJson(report), 2)}\n`;
}
