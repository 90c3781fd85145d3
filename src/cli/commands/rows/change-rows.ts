import { type Command, InvalidArgumentError } from "commander";
import { counted } from "../../../api/counted.ts";
import type { DeleteOptions, RewriteResult } from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { printCompaction } from "../../shared/compaction-line.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openedTable, printWarnings } from "../../shared/opened-table.ts";
import { byteSize, type StoreFlags, withJson, withStoreFlags } from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { phaseStates, withProgressLine } from "../../shared/progress.ts";
import { readSuite } from "../../shared/suite-file.ts";
import { printFailedChecks, printRejection } from "../write.ts";

interface ChangeFlags extends StoreFlags {
  readonly where?: string | undefined;
  readonly all?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly batchId?: string | undefined;
  readonly message?: string | undefined;
  readonly targetFileSize?: number | undefined;
  readonly json?: boolean | undefined;
}

interface UpdateFlags extends ChangeFlags {
  readonly set: readonly Assignment[];
  readonly suite?: string | undefined;
  readonly recordRejection: boolean;
}

/** What a command does with rows. */
interface Done {
  readonly done: "deleted" | "updated";
}

/** A column and the SQL of its new value. */
export type Assignment = readonly [column: string, value: string];

/** `varve delete TABLE --where CONDITION` */
export function addDelete(program: Command): void {
  const command = program
    .command("delete")
    .summary("delete rows that match a condition")
    .description(
      "Delete the rows of a table for which a condition is true, in one commit. Old versions keep them until a vacuum.",
    )
    .argument("<table>", "folder or URI of the table")
    .addHelpText(
      "after",
      `
With the property delta.enableDeletionVectors, rows are marked as deleted; else their files are written again.

Examples:
  $ varve delete ./flights --where "origin = 'SFO'" --dry-run
  $ varve delete ./flights --where "origin = 'SFO'" --message 'request 4711'`,
    );
  withChangeFlags(command, "delete").action((uri: string, flags: ChangeFlags) =>
    change(command, uri, { ...flags, done: "deleted" }, (table, where, options) =>
      table.delete(where, options),
    ),
  );
}

/** `varve update TABLE --set COLUMN=VALUE --where CONDITION` */
export function addUpdate(program: Command): void {
  const command = program
    .command("update")
    .summary("change values of rows that match a condition")
    .description(
      "Give new values to columns of the rows for which a condition is true, in one commit. The table's constraints and suite hold for the new rows.",
    )
    .argument("<table>", "folder or URI of the table")
    .requiredOption(
      "--set <column=value>",
      "column and the SQL of its new value, over the row's old values; give it once for each column",
      assignment,
    )
    .option("--suite <file>", "JSON file of data tests that the new rows must pass")
    .option(
      "--no-record-rejection",
      "leave no record of the update if its tests reject it (see history --rejected)",
    )
    .addHelpText(
      "after",
      `
A text is quoted as in SQL: --set "origin='OAK'".

Examples:
  $ varve update ./flights --set "delay=0" --where "delay < 0" --dry-run
  $ varve update ./flights --set "delay=delay + 1" --set "origin=upper(origin)" --all

Exit code 3 when the tests reject the new rows; nothing is written then.`,
    );
  withChangeFlags(command, "update").action(async (uri: string, flags: UpdateFlags) => {
    const gate = flags.suite === undefined ? undefined : await readSuite(flags.suite);
    const set = Object.fromEntries(flags.set);
    requireOnce(command, flags.set);
    await change(command, uri, { ...flags, done: "updated" }, (table, where, options) =>
      table.update({ ...options, set, where, gate, recordRejection: flags.recordRejection }),
    );
  });
}

function withChangeFlags(command: Command, verb: string): Command {
  return withStoreFlags(
    withJson(
      command
        .option("--where <condition>", `${verb} the rows for which this SQL condition is true`)
        .option("--all", `${verb} every row`)
        .option("--dry-run", "count the rows, file by file, and write nothing")
        .option("--batch-id <id>", "name of the change; it is committed at most once")
        .option("-m, --message <text>", "message for the version's history")
        .option("--target-file-size <size>", "split data files near this size, e.g. 128MB", byteSize),
    ),
  );
}

type Change = (
  table: Awaited<ReturnType<typeof openedTable>>,
  where: string,
  options: DeleteOptions,
) => Promise<RewriteResult>;

async function change(command: Command, uri: string, flags: ChangeFlags & Done, run: Change): Promise<void> {
  if ((flags.where === undefined) === (flags.all !== true))
    command.error("error: give --where CONDITION, or --all for every row.");
  await using table = await openedTable(uri, flags);
  const changed = withProgressLine({ stage: "starting", share: 0 }, flags.quiet === true, (update) => {
    const stateOf = phaseStates();
    return stoppedBySignals((signal) =>
      run(table, flags.where ?? "true", {
        batchId: flags.batchId,
        userMetadata: flags.message,
        targetFileBytes: flags.targetFileSize,
        dryRun: flags.dryRun === true ? true : undefined,
        onProgress: (progress) => update(stateOf(progress)),
        signal,
      }),
    );
  });
  const result = await (flags.json === true ? changed.catch(printRejection) : changed);
  await printRewrite(result, flags);
  await printWarnings(table);
}

async function printRewrite(result: RewriteResult, flags: Pick<ChangeFlags, "json"> & Done): Promise<void> {
  const { gate, ...rest } = result;
  const { summarizeVerdict } = await import("../../../api/verdict.ts");
  const verdict = gate === undefined ? undefined : summarizeVerdict(gate);
  if (flags.json === true) {
    const plain = verdict === undefined ? rest : { ...rest, gate: verdict };
    return printJson(plain);
  }
  const { outcome, version } = result;
  if (outcome === "unchanged") print(`nothing changed: no row of version ${version} meets the condition\n`);
  else if (outcome === "alreadyApplied")
    print(`nothing changed: this change was already committed (version ${version} or earlier)\n`);
  else if (outcome === "dryRun") printDryRun(result, flags);
  else print(`version ${version}: ${rowsText(result, flags)} (${filesText(result)})\n`);
  if (outcome === "committed") printFailedChecks(verdict, result.rowsUpdated);
  printCompaction(result.compaction);
}

function rowsText({ rowsDeleted, rowsUpdated }: RewriteResult, { done }: Done, modal = ""): string {
  return `${counted(done === "updated" ? rowsUpdated : rowsDeleted, "row")} ${modal}${done}`;
}

function printDryRun(result: RewriteResult, done: Done): void {
  const { version, files } = result;
  const where = `in ${counted(files.length, "file")} of version ${version}`;
  print(`${rowsText(result, done, "would be ")}, ${where}; nothing was written\n`);
  for (const { path, rows, changed } of files)
    print(`  ${changed} of ${counted(rows, "row")} of ${visible(path)}\n`);
}

/** What a change of rows did to files. */
export function filesText({
  filesAdded,
  filesRemoved,
  filesMarked,
  rowsCopied,
}: Pick<RewriteResult, "filesAdded" | "filesRemoved" | "filesMarked" | "rowsCopied">): string {
  const parts = [
    filesMarked > 0 ? `${counted(filesMarked, "file")} marked` : "",
    filesRemoved > 0 ? `${counted(filesRemoved, "file")} removed` : "",
    filesAdded > 0 ? `${counted(filesAdded, "file")} added` : "",
    rowsCopied > 0 ? `${counted(rowsCopied, "row")} copied` : "",
  ].filter((part) => part !== "");
  return parts.join(", ") || "no file changed";
}

/** Ends the command for a column that is set twice. */
export function requireOnce(command: Command, set: readonly Assignment[]): void {
  if (new Set(set.map(([column]) => column)).size !== set.length)
    command.error("error: --set names a column twice.");
}

/** Adds `column=value` of a command line to those before it. */
export function assignment(text: string, before: readonly Assignment[] = []): readonly Assignment[] {
  const match = /^([^=]*[^=\s])\s*=(?!=)(.*)$/s.exec(text);
  const [column, value] = [match?.[1]?.trim(), match?.[2]?.trim()];
  if (column === undefined || value === undefined || column === "" || value === "")
    throw new InvalidArgumentError("It must be written as column=value, with SQL as the value.");
  return [...before, [column, value]];
}
