import type { Command } from "commander";
import { Option } from "commander";
import { counted } from "../../../api/counted.ts";
import type { AppendOptions, MergeBuilder, MergeResult } from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { printCompaction } from "../../shared/compaction-line.ts";
import { openSource } from "../../shared/open-source.ts";
import { openedTable, printWarnings } from "../../shared/opened-table.ts";
import { nameList, withStoreFlags } from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { sourceHelp } from "../../shared/source-files.ts";
import { inputFiles } from "../../shared/standard-input.ts";
import {
  noRecord,
  printFailedChecks,
  type SchemaFlags,
  schemaOptions,
  upgradeHelp,
  type WriteFlags,
  withProgress,
  withWriteFlags,
} from "../write.ts";
import { type Assignment, assignment, filesText, requireOnce } from "./change-rows.ts";

interface MergeFlags extends WriteFlags, SchemaFlags {
  readonly on?: string | undefined;
  readonly key?: readonly string[] | undefined;
  readonly deleteWhen?: string | undefined;
  readonly updateAll?: boolean | undefined;
  readonly set?: readonly Assignment[] | undefined;
  readonly updateWhen?: string | undefined;
  readonly insertAll?: boolean | undefined;
  readonly insertWhen?: string | undefined;
  readonly deleteMissing?: boolean | undefined;
  readonly deleteMissingWhen?: string | undefined;
  readonly onDuplicate?: "error" | "error-if-acting" | undefined;
  readonly dryRun?: boolean | undefined;
  readonly recordRejection: boolean;
}

/** `varve merge TABLE SOURCE --key COLUMNS --update-all --insert-all` */
export function addMerge(program: Command): void {
  const command = program
    .command("merge")
    .summary("update, insert and delete rows by those of a source")
    .description(
      "Merge the rows of files or of a table into a table, in one commit: update or delete rows that match one of the source, insert those that only the source has, delete those that it lacks. The table's constraints and suite hold for the new rows.",
    )
    .argument("<table>", "folder or URI of the table")
    .argument("<source...>", sourceHelp)
    .option("--key <columns>", "columns that are equal in rows that match, separated by commas", nameList)
    .option(
      "--on <condition>",
      "instead of --key: SQL condition that is true of rows that match, over the columns of target and source",
    )
    .option(
      "--delete-when <condition>",
      "delete matching rows for which this is true; tried before an update",
    )
    .option("--update-all", "update matching rows with all columns of the source")
    .option(
      "--set <column=value>",
      "instead of --update-all: column and the SQL of its new value; give it once for each column",
      assignment,
    )
    .option("--update-when <condition>", "update only matching rows for which this is true")
    .option("--insert-all", "insert rows that match none of the table, with all columns")
    .option("--insert-when <condition>", "insert only rows for which this is true")
    .option("--delete-missing", "delete rows of the table that match none of the source")
    .option("--delete-missing-when <condition>", "delete only those of them for which this is true")
    .addOption(
      new Option(
        "--on-duplicate <rule>",
        "when several rows of the source match one of the table: an error (the default), or only if more than one acts on it",
      ).choices(["error", "error-if-acting"]),
    )
    .option("--dry-run", "count the rows, file by file, and write nothing")
    .option("--merge-schema", "add columns that the table lacks")
    .option("--upgrade-protocol", upgradeHelp)
    .addOption(noRecord())
    .addHelpText("after", examples);
  withStoreFlags(withWriteFlags(command)).action((uri: string, sources: string[], flags: MergeFlags) => {
    requireFlags(command, flags);
    return merge(uri, sources, flags);
  });
}

const examples = `
Conditions and values call the table target and the source source: --on "target.id = source.id".

Examples:
  $ varve merge ./flights february.csv --key id --update-all --insert-all
  $ varve merge ./flights february.csv --key id --update-all --insert-all --dry-run
  $ varve merge ./flights february.csv --on "target.id = source.id" --set "delay=source.delay" --update-when "source.delay > target.delay"
  $ varve merge ./flights february.csv --key id --delete-when "source.delay IS NULL" --update-all --insert-all --delete-missing

Exit code 3 when the tests reject the new rows; nothing is written then. Rows of the source that a suite sets aside, for
failed checks or cells of a wrong type (onMisfit), change nothing. Those that would have been inserted can be resubmitted;
the others must be merged again: varve quarantine resubmit says how.`;

function requireFlags(command: Command, flags: MergeFlags): void {
  const {
    on,
    key,
    set = [],
    updateAll,
    updateWhen,
    insertAll,
    insertWhen,
    deleteMissing,
    deleteMissingWhen,
  } = flags;
  const updates = updateAll === true || set.length > 0;
  const problem =
    on === undefined && key === undefined
      ? "give --key COLUMNS, or --on CONDITION, to say which rows match."
      : on !== undefined && key !== undefined
        ? "give --key or --on, not both."
        : updateAll === true && set.length > 0
          ? "give --update-all or --set, not both."
          : updateWhen !== undefined && !updates
            ? "--update-when needs --update-all or --set."
            : insertWhen !== undefined && insertAll !== true
              ? "--insert-when needs --insert-all."
              : deleteMissingWhen !== undefined && deleteMissing !== true
                ? "--delete-missing-when needs --delete-missing."
                : !updates && insertAll !== true && deleteMissing !== true && flags.deleteWhen === undefined
                  ? "give what to do: --update-all, --set, --delete-when, --insert-all or --delete-missing."
                  : undefined;
  if (problem !== undefined) command.error(`error: ${problem}`);
  requireOnce(command, set);
}

async function merge(uri: string, sources: readonly string[], flags: MergeFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  await using input = await inputFiles(sources, flags);
  const source = await openSource(input.files, flags);
  const { on, key, onDuplicate, dryRun, recordRejection } = flags;
  const result = await withProgress(flags, (options: AppendOptions) => {
    const builder = table.merge(source, {
      ...options,
      ...schemaOptions(flags),
      on: on ?? key ?? [],
      onDuplicate,
      dryRun: dryRun === true ? true : undefined,
      recordRejection,
    });
    return withClauses(builder, flags).execute();
  });
  await printMerge(result, flags);
  await printWarnings(table);
}

function withClauses(builder: MergeBuilder, flags: MergeFlags): MergeBuilder {
  const {
    deleteWhen,
    updateAll,
    set = [],
    updateWhen,
    insertAll,
    insertWhen,
    deleteMissing,
    deleteMissingWhen,
  } = flags;
  let merge = builder;
  if (deleteWhen !== undefined) merge = merge.whenMatchedDelete({ condition: deleteWhen });
  if (updateAll === true) merge = merge.whenMatchedUpdateAll({ condition: updateWhen });
  if (set.length > 0)
    merge = merge.whenMatchedUpdate({ set: Object.fromEntries(set), condition: updateWhen });
  if (insertAll === true) merge = merge.whenNotMatchedInsertAll({ condition: insertWhen });
  if (deleteMissing === true) merge = merge.whenNotMatchedBySourceDelete({ condition: deleteMissingWhen });
  return merge;
}

async function printMerge(result: MergeResult, { json }: MergeFlags): Promise<void> {
  const { gate, ...rest } = result;
  const { summarizeVerdict } = await import("../../../api/verdict.ts");
  const verdict = gate === undefined ? undefined : summarizeVerdict(gate);
  if (json === true) {
    const plain = verdict === undefined ? rest : { ...rest, gate: verdict };
    return printJson(plain);
  }
  const { outcome, version, files, quarantine } = result;
  if (outcome === "unchanged") print(`nothing changed: no clause acts on a row (version ${version})\n`);
  else if (outcome === "alreadyApplied")
    print(`nothing changed: this change was already committed (version ${version} or earlier)\n`);
  else if (outcome === "dryRun") {
    print(`version ${version} would have ${rowsText(result)}; nothing was written\n`);
    for (const { path, rows, changed } of files)
      print(`  ${changed} of ${counted(rows, "row")} of ${visible(path)}\n`);
  } else print(`version ${version}: ${rowsText(result)} (${filesText(result)})\n`);
  if (outcome === "committed") printFailedChecks(verdict, result.rowsUpdated + result.rowsInserted);
  if (quarantine !== undefined)
    print(`  ${counted(quarantine.rows, "row")} quarantined in ${visible(quarantine.uri)}\n`);
  for (const { column, type } of result.typedColumns ?? [])
    print(`  schema: column ${visible(column)}, which had no values, is now ${type}\n`);
  printCompaction(result.compaction);
}

function rowsText({ rowsUpdated, rowsInserted, rowsDeleted }: MergeResult): string {
  return `${counted(rowsUpdated, "row")} updated, ${rowsInserted} inserted, ${rowsDeleted} deleted`;
}
