import type { Command } from "commander";
import { counted } from "../../api/counted.ts";
import type { RestoreResult } from "../../index.ts";
import { stoppedBySignals } from "../shared/interruption.ts";
import { openedTable, printWarnings } from "../shared/opened-table.ts";
import { type StoreFlags, withJson, withStoreFlags } from "../shared/options.ts";
import { print, printError } from "../shared/print.ts";
import { printJson } from "../shared/print-json.ts";
import { sizeText } from "../shared/progress.ts";

interface RestoreFlags extends StoreFlags {
  readonly dryRun?: boolean | undefined;
  readonly ignoreMissingFiles?: boolean | undefined;
  readonly message?: string | undefined;
  readonly json?: boolean | undefined;
}

/** `varve restore TABLE VERSION` */
export function addRestore(program: Command): void {
  const command = program
    .command("restore")
    .summary("go back to an earlier version")
    .description(
      "Give a table the rows, schema and properties of an earlier version, as a new version. The versions in between stay readable. From a pin, files come back that a vacuum has deleted.",
    )
    .argument("<table>", "folder or URI of the table")
    .argument("<version>", "a version such as 12, a time such as 2024-06-01T00:00:00Z, or the name of a pin")
    .option("--dry-run", "say what would change, and write nothing")
    .option("--ignore-missing-files", "restore the version even if some of its files are gone")
    .option("-m, --message <text>", "message for the version's history")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve restore ./flights 0 --dry-run\n  $ varve restore ./flights 0 --message 'the load of June was wrong'",
    );
  withStoreFlags(withJson(command)).action(async (uri: string, version: string, flags: RestoreFlags) => {
    await using table = await openedTable(uri, flags);
    const result = await stoppedBySignals((signal) =>
      table.restore(version, {
        dryRun: flags.dryRun === true ? true : undefined,
        ignoreMissingFiles: flags.ignoreMissingFiles,
        userMetadata: flags.message,
        signal,
      }),
    );
    await printRestore(result, flags);
    await printWarnings(table);
  });
}

async function printRestore(result: RestoreResult, { json }: RestoreFlags): Promise<void> {
  if (json === true) {
    return printJson(result);
  }
  const { outcome, version, restoredVersion, filesRestored, filesRemoved, filesFromPin = 0 } = result;
  const files = `${counted(filesRestored, "file")} (${sizeText(result.bytesRestored)}) restored${filesFromPin === 0 ? "" : `, ${counted(filesFromPin, "file")} from the pin`}, ${counted(filesRemoved, "file")} (${sizeText(result.bytesRemoved)}) removed`;
  if (outcome === "unchanged") print(`nothing changed: version ${version} is the newest\n`);
  else if (outcome === "dryRun")
    print(`version ${restoredVersion} would be restored: ${files}; nothing was written\n`);
  else print(`version ${version}: the table is as at version ${restoredVersion} (${files})\n`);
  printMissing(result);
}

const namedFiles = 10;

function printMissing({ outcome, restoredVersion, missingFiles = [] }: RestoreResult): void {
  if (missingFiles.length === 0) return;
  const [verb, they] = missingFiles.length === 1 ? ["is", "it is"] : ["are", "they are"];
  const more = missingFiles.length > namedFiles ? ` and ${missingFiles.length - namedFiles} more` : "";
  const until = outcome === "dryRun" ? "" : ` Rows cannot be read from there until ${they} put back.`;
  printError(
    `${counted(missingFiles.length, "file")} of version ${restoredVersion} ${verb} missing: ${missingFiles.slice(0, namedFiles).join(", ")}${more}.${until}\n`,
  );
}
