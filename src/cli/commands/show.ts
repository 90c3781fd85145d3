import type { Command } from "commander";
import { openedTable } from "../shared/opened-table.ts";
import { nameList, type StoreFlags, wholeNumber, withRowOutput, withStoreFlags } from "../shared/options.ts";
import { printSnapshot, type SnapshotFlags } from "../shared/snapshot-output.ts";

/** `varve show TABLE[@version]`: rows of a version. */
export function addShow(program: Command): void {
  const command = program
    .command("show")
    .summary("print rows of a table")
    .description(
      "Print rows of any version of a table: all of them, but for a table that is not written to a file, which has 20 rows unless --limit says otherwise.",
    )
    .argument("<table>", "folder or URI of the table, with @v12 or @2024-06-01T00:00:00Z for a version")
    .option("-c, --columns <names>", "columns, separated by commas", nameList)
    .option("-w, --where <condition>", "SQL condition on the table's columns")
    .option("-n, --limit <rows>", "maximum number of rows", wholeNumber)
    .option(
      "--row-ids",
      "add a column _metadata with each row's stable id and last commit version; needs row tracking",
    )
    .addHelpText(
      "after",
      '\nExamples:\n  $ varve show ./flights@v3 --where "delay > 600"\n  $ varve show ./flights --format jsonl > flights.jsonl\n  $ varve show ./flights --output flights.parquet',
    );
  withStoreFlags(withRowOutput(command)).action(show);
}

interface ShowFlags extends StoreFlags, SnapshotFlags {}

async function show(uri: string, flags: ShowFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  await printSnapshot(table.snapshot(), flags);
}
