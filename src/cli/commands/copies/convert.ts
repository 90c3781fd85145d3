import type { Command } from "commander";
import { counted } from "../../../api/counted.ts";
import type { ConvertResult } from "../../../index.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openOptions } from "../../shared/open-options.ts";
import { type StoreFlags, withJson, withStoreFlags } from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { sizeText, withProgressLine } from "../../shared/progress.ts";

interface ConvertFlags extends StoreFlags {
  readonly partitionBy?: string | undefined;
  /** Commander's form of `--no-statistics`. */
  readonly statistics: boolean;
  readonly dryRun?: boolean | undefined;
  readonly message?: string | undefined;
  readonly json?: boolean | undefined;
}

/** `varve convert FOLDER` */
export function addConvert(program: Command): void {
  const command = program
    .command("convert")
    .summary("make a folder of Parquet files a table")
    .description(
      "Make a folder of Parquet files a table, in one commit: the files stay as and where they are, and a log is written beside them.",
    )
    .argument("<folder>", "folder or URI of the files")
    .option(
      "--partition-by <columns>",
      'columns of folders such as d=2024-01-31, with their types: "d date, n int"',
    )
    .option("--no-statistics", "do not read the files for statistics, by which queries skip files")
    .option("--dry-run", "say what the table would be, and write nothing")
    .option("-m, --message <text>", "message for the version's history")
    .addHelpText(
      "after",
      '\nExamples:\n  $ varve convert ./exports --dry-run\n  $ varve convert ./exports-by-day --partition-by "day date"',
    );
  withStoreFlags(withJson(command)).action(async (uri: string, flags: ConvertFlags) => {
    const { convertTable } = await import("../../../api/convert-table.ts");
    const result = await withProgressLine({ stage: "reading" }, flags.quiet === true, (update) =>
      stoppedBySignals((signal) =>
        convertTable(uri, {
          ...openOptions(flags),
          partitionBy: flags.partitionBy === undefined ? undefined : [flags.partitionBy],
          statistics: flags.statistics ? undefined : false,
          dryRun: flags.dryRun === true ? true : undefined,
          userMetadata: flags.message,
          onProgress: (share) => update({ stage: "reading", share }),
          signal,
        }),
      ),
    );
    await printConvert(result, flags);
  });
}

async function printConvert(result: ConvertResult, { json }: ConvertFlags): Promise<void> {
  if (json === true) {
    return printJson(result);
  }
  const { outcome, uri, version, files, bytes, rows, partitionColumns } = result;
  const content = `${counted(rows, "row")} in ${counted(files, "file")} (${sizeText(bytes)})`;
  const partitions = partitionColumns.length === 0 ? "" : `, partitioned by ${partitionColumns.join(", ")}`;
  if (outcome === "unchanged") print(`nothing changed: ${uri} is a table already, at version ${version}\n`);
  else if (outcome === "dryRun")
    print(`${uri} would be a table of ${content}${partitions}; nothing was written\n`);
  else print(`version ${version}: ${uri} is a table of ${content}${partitions}\n`);
}
