import type { Command } from "commander";
import { openedTable } from "../shared/opened-table.ts";
import { type RowOutputFlags, type StoreFlags, withRowOutput, withStoreFlags } from "../shared/options.ts";
import { runAndPrint } from "../shared/query-output.ts";

/** `varve changes TABLE --from A --to B`: the change data feed. */
export function addChanges(program: Command): void {
  const command = program
    .command("changes")
    .summary("print the rows that changed between versions")
    .description(
      "Print the change data feed: rows inserted, deleted and updated, with _change_type, _commit_version and _commit_timestamp.",
    )
    .argument("<table>", "folder or URI of the table")
    .requiredOption("--from <point>", "first version or time, inclusive")
    .option("--to <point>", "last version or time, inclusive; default: the newest version")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve changes ./orders --from 3 --to 5\n  $ varve changes ./orders --from 2024-06-01T00:00:00Z --format jsonl",
    );
  withStoreFlags(withRowOutput(command)).action(changes);
}

interface ChangesFlags extends StoreFlags, RowOutputFlags {
  readonly from: string;
  readonly to?: string | undefined;
}

async function changes(uri: string, flags: ChangesFlags): Promise<void> {
  const { parseTravelPoint } = await import("../../api/shared/table-uri.ts");
  await using table = await openedTable(uri, flags);
  const from = parseTravelPoint(flags.from);
  const range = { from, to: flags.to === undefined ? undefined : parseTravelPoint(flags.to) };
  await runAndPrint(flags, (exportFolder) =>
    table.changes(exportFolder === undefined ? range : { ...range, exportFolder }),
  );
}
