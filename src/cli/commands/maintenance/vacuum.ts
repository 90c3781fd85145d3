import type { Command } from "commander";
import { counted } from "../../../api/counted.ts";
import type { VacuumPlan, VacuumResult, VersionRange } from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openedTable, printWarnings } from "../../shared/opened-table.ts";
import { age, repeated, type StoreFlags, withJson, withStoreFlags } from "../../shared/options.ts";
import { print, printError } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { sizeText, withProgressLine } from "../../shared/progress.ts";
import { fileSource } from "../../shared/source-files.ts";

interface VacuumFlags extends StoreFlags {
  readonly retain?: number | undefined;
  readonly lite?: boolean | undefined;
  readonly inventory?: string | undefined;
  readonly forgetClone?: readonly string[] | undefined;
  readonly dryRun?: boolean | undefined;
  readonly yes?: boolean | undefined;
  readonly list?: boolean | undefined;
  readonly message?: string | undefined;
  readonly json?: boolean | undefined;
}

const hour = 3_600_000;

/** `varve vacuum TABLE` */
export function addVacuum(program: Command): void {
  const command = program
    .command("vacuum")
    .summary("delete files that no version needs any more")
    .description(
      "Delete files that were removed from a table longer ago than it keeps them (delta.deletedFileRetentionDuration, 7 days by default), and files that no version names and that are as old. Says first what would go, and which versions could not be read any more; deletes only with --yes, or when a terminal's question is answered with y.",
    )
    .argument("<table>", "folder or URI of the table")
    .option(
      "--retain <age>",
      "keep what was needed within this time, e.g. 30d or 0h; default: the table's",
      age,
    )
    .option("--lite", "find files in the log since the last vacuum, without listing the folder")
    .option(
      "--inventory <file>",
      "look only at the files that this Parquet, CSV or NDJSON file names in its column path",
    )
    .option(
      "--forget-clone <uri>",
      "keep nothing for this shallow clone, which is gone for good; repeatable",
      repeated,
    )
    .option("--dry-run", "say what would be deleted, and do not ask")
    .option("-y, --yes", "delete without asking, also below the table's own retention if --retain says so")
    .option("--list", "print the path of each file")
    .option("-m, --message <text>", "message for the history")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve vacuum ./flights\n  $ varve vacuum ./flights --yes\n  $ varve vacuum ./flights --retain 30d --dry-run --list\n\nWith a --retain below the table's own, files that another writer is about to commit may be deleted.",
    );
  withStoreFlags(withJson(command)).action(vacuum);
}

async function vacuum(uri: string, flags: VacuumFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const asks = flags.dryRun !== true && flags.yes !== true && process.stdin.isTTY && process.stderr.isTTY;
  const inventory = flags.inventory === undefined ? undefined : fileSource([flags.inventory], {});
  const result = await withProgressLine({ stage: "looking" }, flags.quiet === true || asks, (update) =>
    stoppedBySignals(
      (signal) =>
        table.vacuum({
          mode: flags.lite === true ? "lite" : undefined,
          retainHours: flags.retain === undefined ? undefined : flags.retain / hour,
          // It is shown what a shorter retention deletes, and --yes or an answer is its confirmation.
          retentionCheck: false,
          inventory,
          forgetClones: flags.forgetClone,
          dryRun: flags.dryRun === true || (flags.yes !== true && !asks) ? true : undefined,
          confirm: asks ? ask : undefined,
          userMetadata: flags.message,
          onProgress: (share) => update({ stage: "deleting", share }),
          signal,
        }),
      "early: files that were deleted stay deleted. Run it again to delete the rest.",
    ),
  );
  await printVacuum(result, flags);
  await printWarnings(table);
}

/** Asks on the terminal. */
async function ask(plan: VacuumPlan): Promise<boolean> {
  printError(`${planText(plan, "would be deleted")}\n`);
  const { createInterface } = await import("node:readline/promises");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question("Delete them? [y/N] ")).trim());
  } finally {
    terminal.close();
  }
}

async function printVacuum(result: VacuumResult, flags: VacuumFlags): Promise<void> {
  if (flags.json === true) {
    return printJson(result);
  }
  if (flags.list === true) for (const path of result.files) print(`${visible(path)}\n`);
  const { outcome } = result;
  if (result.files.length === 0 && result.forgottenClones.length === 0) print(`${nothingText(result)}\n`);
  else if (outcome === "dryRun")
    print(
      `${planText(result, "would be deleted")}\nNothing was deleted; repeat it with --yes to delete them.\n`,
    );
  else if (outcome === "declined") print("Nothing was deleted.\n");
  else print(`${planText(result, "deleted")}\n`);
}

function nothingText({ before, unreachableClones }: VacuumPlan): string {
  return [
    `nothing to delete: every file is needed, or is younger than ${before.toISOString()}`,
    ...unreachableText(unreachableClones),
  ].join("\n");
}

function planText(plan: VacuumPlan, what: string): string {
  const { files, bytes, before, unreadableVersions, pinnedVersions, unreadableChanges } = plan;
  const records = plan.forgottenClones.map(
    (uri) => `the record of the shallow clone ${visible(uri)} ${what}`,
  );
  const lines = [
    `${counted(files.length, "file")} (${sizeText(bytes)}) ${what}: no version since ${before.toISOString()} needs them`,
    ...lostText(unreadableVersions, "cannot be read any more", what),
    ...pinnedVersions.map(
      ({ version, pins }) =>
        `version ${version} stays readable by ${pins.length === 1 ? "pin" : "pins"} ${pins.join(", ")}`,
    ),
    ...lostText(unreadableChanges, "lose their change files", what),
    ...records,
    ...unreachableText(plan.unreachableClones),
  ];
  return lines.join("\n");
}

function unreachableText(clones: VacuumPlan["unreachableClones"]): string[] {
  return clones.map(
    ({ uri, recorded, files, bytes }) =>
      `${counted(files, "file")} (${sizeText(bytes)}) kept for the shallow clone ${visible(uri)} of ${recorded.toISOString()}, which was not found; if it is gone for good: --forget-clone ${visible(uri)}`,
  );
}

function lostText(ranges: readonly VersionRange[], fate: string, what: string): string[] {
  if (ranges.length === 0) return [];
  const named = ranges.map(({ from, to, fromTime, toTime }) =>
    from === to
      ? `${from} (${fromTime.toISOString()})`
      : `${from} to ${to} (${fromTime.toISOString()} to ${toTime.toISOString()})`,
  );
  const isOne = ranges.length === 1 && ranges[0]?.from === ranges[0]?.to;
  const verb = isOne && fate.startsWith("lose") ? fate.replace("lose their", "loses its") : fate;
  return [
    `${isOne ? "version" : "versions"} ${named.join(", ")} ${what === "deleted" ? "" : "then "}${verb}`,
  ];
}
