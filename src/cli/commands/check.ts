import type { Command } from "commander";
import { exitCodes } from "../exit.ts";
import { openSource, openVersion } from "../open-source.ts";
import { type StoreFlags, withStoreFlags } from "../options.ts";
import { printReport, type ReportFlags, withReportOutput } from "../report-output.ts";
import { type SourceFlags, withSourceFlags } from "../source-files.ts";
import { readSuite } from "../suite-file.ts";

/** `varve check SUITE SOURCE`: runs data tests over anything, without writing a table. */
export function addCheck(program: Command): void {
  const command = program
    .command("check")
    .summary("run data tests over files or a table")
    .description("Run a suite of data tests over CSV, NDJSON, Parquet or Arrow files, or over a table at any version. Writes no table.")
    .argument("<suite>", "JSON file of data tests")
    .argument("<source...>", "files, or one table's folder or URI with @v12 or @2024-06-01T00:00:00Z for a version")
    .option("--history <table>", "compare with the batches of this table, in checks of a metric's history")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve check suite.json february.csv\n  $ varve check suite.json ./flights@v3 --format html --output report.html\n  $ varve check suite.json 'in/*.parquet' --format junit --output tests.xml\n  $ varve check suite.json march.csv --history ./flights\n\nWithout --history a table's version is compared with the versions before it, and files with nothing.\nExit code 3 when the tests would reject the batch.",
    );
  withStoreFlags(withSourceFlags(withReportOutput(command))).action(check);
}

interface CheckFlags extends StoreFlags, SourceFlags, ReportFlags {
  readonly history?: string;
}

async function check(suiteFile: string, sources: readonly string[], flags: CheckFlags): Promise<void> {
  const { runSuite } = await import("../../api/run-suite.ts");
  const suite = await readSuite(suiteFile);
  const source = await openSource(sources, flags);
  const history = flags.history === undefined ? {} : { history: await openVersion(flags.history, flags) };
  const report = await runSuite(suite, source, { name: sources.join(", "), ...history });
  // before the report is printed: a reader that closes the pipe early must not hide the rejection
  if (!report.accepted) process.exitCode = exitCodes.rejected;
  await printReport(report, flags);
}
