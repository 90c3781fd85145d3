import type { Command } from "commander";
import { counted, shownNumber } from "../../../api/counted.ts";
import { exitCodes } from "../../shared/exit.ts";
import { openOptions } from "../../shared/open-options.ts";
import { openedTable } from "../../shared/opened-table.ts";
import {
  type ListOutputFlags,
  type StoreFlags,
  withListOutput,
  withStoreFlags,
} from "../../shared/options.ts";
import { printError } from "../../shared/print.ts";
import { withProgressLine } from "../../shared/progress.ts";
import { printRecords } from "../../shared/records.ts";

/** `varve fsck TABLE`: checks a table against the protocol. */
export function addFsck(program: Command): void {
  const command = program
    .command("fsck")
    .summary("check a table against the protocol")
    .description(
      "Check a table for gaps in the log, missing files, wrong sizes, row counts, statistics and checksums, and orphaned files. Changes nothing, except with --remove-leftovers.",
    )
    .argument("<table>", "folder or URI of the table, with @v12 for the files of a version")
    .option("--no-data", "check that data files exist, but do not read them")
    .option("--no-orphans", "do not look for files that no version names")
    .option(
      "--remove-leftovers",
      "afterwards, remove what killed writers left (ABANDONED_FILE); without it, they are only named",
    )
    .option(
      "--deep",
      "also check the history: every checkpoint against the commits, the files of all versions, change files",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve fsck ./flights\n  $ varve fsck ./flights --no-data --format json\n  $ varve fsck ./flights --deep\n\nExit code 1 when an error was found, 0 when there are only warnings. spec/fsck.md explains the codes.",
    );
  withStoreFlags(withListOutput(command)).action(fsck);
}

interface FsckFlags extends StoreFlags, ListOutputFlags {
  readonly data: boolean;
  readonly orphans: boolean;
  readonly deep?: boolean | undefined;
  readonly removeLeftovers?: boolean | undefined;
}

async function fsck(uri: string, flags: FsckFlags): Promise<void> {
  const { fsck: check } = await import("../../../api/fsck.ts");
  const report = await withProgressLine({ stage: "checking", share: 0 }, flags.quiet === true, (update) =>
    check(uri, {
      ...openOptions(flags),
      data: flags.data,
      orphans: flags.orphans,
      deep: flags.deep === true,
      onProgress: (files, of) =>
        update({
          stage: "checking",
          share: of === 0 ? 0 : files / of,
          detail: `${shownNumber(files)} of ${counted(of, "file")}`,
        }),
    }),
  );
  const findings = report.findings.map(({ severity, code, message, path }) => ({
    severity,
    code,
    message,
    path: path ?? "",
  }));
  // set before the findings are printed, because a reader that closes the pipe early must not hide them
  if (findings.some((finding) => finding.severity === "error")) process.exitCode = exitCodes.failed;
  if (flags.format !== "table" || findings.length > 0) await printRecords(findings, flags);
  printError(
    `${counted(report.commits, "commit")}, ${counted(report.checkpoints, "checkpoint")}, ${counted(report.files, "file")}, ${counted(report.rows, "row")}: ${counted(findings.length, "finding")}\n`,
  );
  if (flags.removeLeftovers === true) await removeLeftovers(uri, flags);
}

async function removeLeftovers(uri: string, flags: FsckFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const paths = await table.log.removeLeftovers();
  printError(`${paths.length} leftovers of killed writers removed\n`);
}
