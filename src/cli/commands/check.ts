import type { Command } from "commander";
import type { CheckReport, RunSuiteOptions } from "../../index.ts";
import { openOptions } from "../shared/open-options.ts";
import { openSource, openVersion } from "../shared/open-source.ts";
import { type StoreFlags, withStoreFlags } from "../shared/options.ts";
import { phaseStates, withProgressLine } from "../shared/progress.ts";
import { printReport, type ReportFlags, withReportOutput } from "../shared/report-output.ts";
import { type SourceFlags, sourceHelp, withSourceFlags } from "../shared/source-files.ts";
import { type InputFiles, inputFiles, inputName } from "../shared/standard-input.ts";
import { readSuite } from "../shared/suite-file.ts";

/** `varve check SUITE SOURCE`: runs data tests over anything, without writing a table. */
export function addCheck(program: Command): void {
  const command = program
    .command("check")
    .summary("run data tests on files or a table")
    .description(
      "Run a suite of data tests on CSV, NDJSON, Parquet or Arrow files, or on any version of a table. Writes nothing.",
    )
    .argument("<suite>", "JSON file of data tests")
    .argument("<source...>", sourceHelp)
    .option(
      "--table <table>",
      "table to which the files would be appended: test them exactly as append would, with its types, constraints and own suite too",
    )
    .option("--history <table>", "table whose history the checks of metrics compare with")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve check suite.json february.csv\n  $ varve check suite.json ./flights@v3 --format html --output report.html\n  $ varve check suite.json 'in/*.parquet' --format junit --output tests.xml\n  $ varve check suite.json march.csv --table ./flights\n  $ varve check suite.json march.csv --history ./flights\n  $ zcat march.csv.gz | varve check suite.json - --input-format csv\n\nWithout --table or --history, checks of metrics compare a table's version with its earlier versions, and files with nothing.\nWithout --table, files are read with the types that their values suggest; onMisfit applies to writes only, so a line that cannot be read fails here.\nExit code 3 when the tests would reject the batch, which they also do if more than half of its rows would be set aside (maxBadShare); with --strict, when any check fails.",
    );
  withStoreFlags(withSourceFlags(withReportOutput(command))).action(check);
}

interface CheckFlags extends StoreFlags, SourceFlags, ReportFlags {
  readonly history?: string | undefined;
  readonly table?: string | undefined;
}

async function check(suiteFile: string, sources: readonly string[], flags: CheckFlags): Promise<void> {
  const { runSuite } = await import("../../api/shared/run-suite.ts");
  const suite = await readSuite(suiteFile);
  await using input = await inputFiles(sources, flags);
  const source = await openSource(input.files, flags);
  const options: RunSuiteOptions = {
    name: input.name,
    s3: openOptions(flags).s3,
    history: flags.history === undefined ? undefined : await openVersion(flags.history, flags),
    table: flags.table === undefined ? undefined : await openVersion(flags.table, flags),
  };
  const stateOf = phaseStates();
  const report = await withProgressLine({ stage: "starting", share: 0 }, flags.quiet === true, (update) =>
    runSuite(suite, source, { ...options, onProgress: (progress) => update(stateOf(progress)) }),
  );
  await printReport(withInputName(report, input), flags);
}

/** The report, with standard input named as such instead of its temporary file. */
function withInputName(report: CheckReport, { kept }: InputFiles): CheckReport {
  if (kept === undefined) return report;
  const renamed = (row: CheckReport["checks"][number]["sample"][number]) =>
    row.file === kept ? { ...row, file: inputName } : row;
  return {
    ...report,
    checks: report.checks.map((check) => ({ ...check, sample: check.sample.map(renamed) })),
  };
}
