import { type Command, Option } from "commander";
import { openedTable } from "../shared/opened-table.ts";
import { age, type StoreFlags, withStoreFlags } from "../shared/options.ts";
import { print } from "../shared/print.ts";

const defaultAge = "90d";

/** `varve rejections purge TABLE`; `varve history TABLE --rejected` lists them. */
export function addRejections(program: Command): void {
  const group = program
    .command("rejections")
    .summary("forget batches that were rejected long ago")
    .description("The records of rejected batches, which varve history TABLE --rejected lists.")
    .addHelpText(
      "afterAll",
      "\nExamples:\n  $ varve history ./flights --rejected\n  $ varve rejections purge ./flights --older-than 30d",
    );
  const command = group
    .command("purge")
    .description(
      "permanently remove the records of batches that were rejected long ago, with the data files that hold them",
    )
    .argument("<table>", "folder or URI of the table");
  withStoreFlags(command)
    .addOption(
      new Option("--older-than <age>", "minimum age, e.g. 30d or 12h")
        .argParser(age)
        .default(age(defaultAge), defaultAge),
    )
    .option("--dry-run", "only print how many records would be removed")
    .action(purge);
}

interface PurgeFlags extends StoreFlags {
  readonly olderThan: number;
  readonly dryRun?: boolean | undefined;
}

async function purge(uri: string, { olderThan, dryRun = false, ...flags }: PurgeFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const { realWorld } = await import("../../api/world.ts");
  const count = await table.rejections.purge({ before: new Date(realWorld.now() - olderThan), dryRun });
  print(`${count} records of rejected batches ${dryRun ? "would be removed" : "removed"}\n`);
}
