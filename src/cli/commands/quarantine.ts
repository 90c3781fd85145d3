import { type Command, Option } from "commander";
import { counted, shownNumber } from "../../api/counted.ts";
import type { EngineRow, QuarantineChange, QuarantineSelection, ResubmitResult, Table } from "../../index.ts";
import { visible } from "../../report/visible-text.ts";
import { cutNote } from "../shared/cut-note.ts";
import { openedTable, printWarnings } from "../shared/opened-table.ts";
import {
  age,
  keyValue,
  type ListOutputFlags,
  nameList,
  type StoreFlags,
  wholeNumber,
  withListOutput,
  withStoreFlags,
} from "../shared/options.ts";
import { print, printExact, printFailure } from "../shared/print.ts";
import { printLines } from "../shared/query-output.ts";
import { printRecords } from "../shared/records.ts";
import { readSuite } from "../shared/suite-file.ts";

const defaultAge = "90d";

/** `varve quarantine list | show | export | repair | resubmit | discard | reopen | purge TABLE`. */
export function addQuarantine(program: Command): void {
  const group = program
    .command("quarantine")
    .summary("inspect, repair and resubmit rejected rows")
    .description(
      "Inspect the rows that data tests set aside; repair them, test them again and append them, or discard them.",
    )
    .addHelpText(
      "afterAll",
      `
Examples:
  $ varve quarantine list ./flights
  $ varve quarantine show ./flights --check possible-delay
  $ varve quarantine repair ./flights --batch flights-2001-02 --set "delay=NULL"
  $ varve quarantine repair ./flights --id 3f2a91c07b1e --set "delay=replace(raw.delay, ',', '.')"
  $ varve quarantine resubmit ./flights --batch flights-2001-02
  $ varve quarantine discard ./flights --batch flights-2001-01 --note "sensor fault"
  $ varve quarantine reopen ./flights --batch flights-2001-01
  $ varve quarantine purge ./flights --older-than 30d`,
    );
  withStoreFlags(
    withListOutput(on(group, "list", "list batches with quarantined rows, and the state of these rows")),
  ).action(list);
  withStoreFlags(withListOutput(withStatus(withSelection(on(group, "show", showHelp)))))
    .option("-n, --limit <rows>", "maximum number of rows", wholeNumber)
    .action(show);
  withStoreFlags(withStatus(withSelection(on(group, "export", "print rows as lossless JSON lines")))).action(
    exportRows,
  );
  withStoreFlags(withChange(on(group, "repair", "change values of open rows"), "open"))
    .requiredOption(
      "--set <column=expression>",
      "SQL over the row's columns, and over raw.COLUMN, the cell's text as it came; repeat for more",
      keyValue,
    )
    .action(repair);
  withStoreFlags(withChange(on(group, "resubmit", resubmitHelp), "open"))
    .option("--suite <file>", "JSON file of the data tests to pass instead")
    .addOption(
      new Option("--untested", "append the rows without tests; they only have to fit the table").conflicts(
        "suite",
      ),
    )
    .action(resubmit);
  withStoreFlags(withChange(on(group, "discard", "discard open rows; they stay on record"), "open"))
    .option("--note <text>", "reason, kept with the rows")
    .action(discard);
  withStoreFlags(withChange(on(group, "reopen", reopenHelp), "discarded"))
    .option("--note <text>", "reason, kept with the rows")
    .action(reopen);
  withStoreFlags(on(group, "purge", purgeHelp))
    .addOption(
      new Option("--older-than <age>", "minimum age since they were resolved, e.g. 30d or 12h")
        .argParser(age)
        .default(age(defaultAge), defaultAge),
    )
    .option("--dry-run", "only print how many rows would be removed")
    .action(purge);
}

const showHelp =
  "show rows with their source and failed checks: all of them, but for a table that is not written to a file, which has 50 rows unless --limit says otherwise; positions count from 1 in a table, from 0 in other formats";

const resubmitHelp =
  "test open rows again and append those that pass; the tests are those of the table and those that the rows were set aside with, which are kept with them";

const reopenHelp =
  "open discarded rows again; resubmitted rows stay in the table, and so do rows that were discarded because the table has them";

const purgeHelp =
  "permanently remove rows that were resubmitted or discarded long ago, with the data files that hold them; earlier versions of the quarantine can then no longer be read; never removes open rows (to erase these, discard them and purge with --older-than 0m)";

async function purge(
  uri: string,
  flags: StoreFlags & { readonly olderThan: number; readonly dryRun?: boolean | undefined },
): Promise<void> {
  await using table = await openedTable(uri, flags);
  const { realWorld } = await import("../../api/world.ts");
  const dryRun = flags.dryRun === true;
  const rows = await table.quarantine.purge({ before: new Date(realWorld.now() - flags.olderThan), dryRun });
  print(`${counted(rows, "row")} ${dryRun ? "would be removed" : "removed"}\n`);
}

interface SelectionFlags extends StoreFlags {
  readonly id?: readonly string[] | undefined;
  readonly batch?: string | undefined;
  readonly check?: string | undefined;
  readonly status?: QuarantineSelection["status"];
}

function on(group: Command, name: string, description: string): Command {
  return group.command(name).description(description).argument("<table>", "folder or URI of the table");
}

function withSelection(command: Command): Command {
  return command
    .option("--id <ids>", "rows by quarantine id, or the beginning of one, separated by commas", nameList)
    .option("--batch <id>", "rows of one batch")
    .option("--check <id>", "rows that failed one check");
}

function withStatus(command: Command): Command {
  return command.addOption(
    new Option(
      "--status <status>",
      "rows in one state, or in any; default: open rows, or with --id those in any state",
    ).choices(["open", "claimed", "resubmitted", "discarded", "any"]),
  );
}

/** Adds the selection of a command that changes rows of one status. */
function withChange(command: Command, status: string): Command {
  return withSelection(command).addOption(
    new Option("--all", `every ${status} row`).conflicts(["id", "batch", "check"]),
  );
}

interface ChangeFlags extends SelectionFlags {
  readonly all?: boolean | undefined;
}

function selectionOf(flags: SelectionFlags): QuarantineSelection {
  return {
    ids: flags.id,
    batchId: flags.batch,
    checkId: flags.check,
    status: flags.status,
  };
}

/** The rows that a command changes. @throws `INVALID_ARGUMENT` unless the flags name rows, or all */
async function changeOf(flags: ChangeFlags, status: string): Promise<QuarantineChange> {
  if (isNarrow(flags)) return selectionOf(flags);
  if (flags.all === true) return { all: true };
  const { VarveError } = await import("../../api/errors.ts");
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Select rows with --id, --batch or --check, or take every ${status} row with --all. Nothing was changed.`,
    { option: "all" },
  );
}

function isNarrow({ id, batch, check }: SelectionFlags): boolean {
  return (id !== undefined && id.length > 0) || batch !== undefined || check !== undefined;
}

/**
 * Refuses a batch or check that no row of the quarantine has, which a selection that matched nothing may be.
 *
 * @throws `QUARANTINE_INVALID`
 */
async function requireKnown(table: Table, { batch, check }: SelectionFlags): Promise<void> {
  if (batch === undefined && check === undefined) return;
  const batches = await table.quarantine.list();
  const checks = new Set(batches.flatMap((each) => Object.keys(each.checks)));
  const unknown =
    batch !== undefined && !batches.some(({ batchId }) => batchId === batch)
      ? `no rows of a batch ${batch}`
      : check !== undefined && !checks.has(check)
        ? `no rows that failed a check ${check}`
        : undefined;
  if (unknown === undefined) return;
  const { VarveError } = await import("../../api/errors.ts");
  throw new VarveError(
    "QUARANTINE_INVALID",
    `The quarantine has ${unknown}. List it to see its batches and checks.`,
    { batchId: batch, checkId: check },
  );
}

async function list(uri: string, flags: StoreFlags & ListOutputFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const batches = await table.quarantine.list();
  await printRecords(
    batches.map((batch) => ({ ...batch, quarantinedAt: batch.quarantinedAt.toISOString() })),
    flags,
  );
}

/** Default number of rows of a table that is not written to a file. */
const shownRows = 50;

async function show(
  uri: string,
  flags: SelectionFlags & ListOutputFlags & { readonly limit?: number | undefined },
): Promise<void> {
  await using table = await openedTable(uri, flags);
  const selection = selectionOf(flags);
  const isShort = flags.format === "table" && flags.output === undefined;
  const limit = flags.limit ?? (isShort ? shownRows : undefined);
  if (flags.format === "jsonl" && limit === undefined) {
    if (await isEmpty(table, selection)) await requireKnown(table, flags);
    return await printLines(table.quarantine.lines(selection), flags.output);
  }
  const rows = await table.quarantine.read({ ...selection, limit });
  if (rows.length === 0) await requireKnown(table, flags);
  if (flags.format !== "table") return await printRecords(rows, flags);
  const isCut = limit !== undefined && rows.length >= limit;
  const all = isCut ? await countRows(table, selection) : rows.length;
  const note = all > rows.length ? cutNote(rows.length, all) : "";
  await printRecords(rows.map(summary), { ...flags, note });
}

async function isEmpty({ quarantine }: Table, selection: QuarantineSelection): Promise<boolean> {
  return (await quarantine.read({ ...selection, limit: 1 })).length === 0;
}

async function countRows({ quarantine }: Table, selection: QuarantineSelection): Promise<number> {
  let count = 0;
  for await (const lines of quarantine.lines(selection)) count += lines.split("\n").length - 1;
  return count;
}

/** One line of a table. */
function summary(row: EngineRow): Record<string, unknown> {
  const errors = row["errors"];
  return {
    id: String(row["quarantine_id"]).slice(0, 12),
    batch: row["batch_id"],
    row: personsRow(row["source_row"]),
    status: row["repaired_at"] === null ? row["status"] : `${String(row["status"])}, repaired`,
    why: Array.isArray(errors)
      ? errors.map((error) => String((error as Record<string, unknown>)["message"])).join("; ")
      : "",
    payload: row["payload"],
  };
}

/** Reports of data tests also count rows from 1. */
function personsRow(row: unknown): unknown {
  return typeof row === "number" || typeof row === "bigint" ? Number(row) + 1 : row;
}

async function exportRows(uri: string, flags: SelectionFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const selection = selectionOf(flags);
  if (await isEmpty(table, selection)) await requireKnown(table, flags);
  for await (const lines of table.quarantine.lines(selection)) await printExact(lines);
}

async function repair(
  uri: string,
  flags: ChangeFlags & { readonly set: Readonly<Record<string, string>> },
): Promise<void> {
  const selection = await changeOf(flags, "open");
  await using table = await openedTable(uri, flags);
  const rows = await table.quarantine.repair(selection, flags.set);
  print(`${counted(rows, "row")} changed; resubmit to append what passes\n`);
}

async function resubmit(
  uri: string,
  flags: ChangeFlags & { readonly suite?: string | undefined; readonly untested?: boolean | undefined },
): Promise<void> {
  const selection = await changeOf(flags, "open");
  await using table = await openedTable(uri, flags);
  const gate = flags.suite === undefined ? undefined : await readSuite(flags.suite);
  const { untested } = flags;
  const result = await table.quarantine.resubmit({ ...selection, gate, untested });
  print(resubmitText(result));
  if (result.ofRemovedTable > 0)
    printFailure(
      `warning: ${openRows(result.ofRemovedTable)} of another table, which was in this place and was removed; they stay, and can be discarded`,
    );
  if (result.needMerge > 0)
    printFailure(
      `warning: ${openRows(result.needMerge)} of a merge's source; only a merge can bring them into the table. Merge the column payload of the table ${table.uri}/_quarantine, where needs_merge is true, and then discard them`,
    );
  if (untested === true && result.landed > 0)
    printFailure("warning: the rows were appended without tests, as --untested says");
  await printWarnings(table);
}

function openRows(rows: number): string {
  return rows === 1 ? "1 open row is" : `${shownNumber(rows)} open rows are`;
}

/** What became of the rows of a resubmission, and why some still fail. */
function resubmitText({ landed, stillBad, version, failures }: ResubmitResult): string {
  const place = version === null ? "" : ` in version ${version}`;
  const reasons = failures.map(
    ({ checkId, message, rows }) => `  ${shownNumber(rows)}: ${visible(message)} (${visible(checkId)})\n`,
  );
  return `${counted(landed, "row")} appended${place}; ${stillBad === 1 ? "1 still fails and stays" : `${shownNumber(stillBad)} still fail and stay`} open${reasons.length === 0 ? "" : ":"}\n${reasons.join("")}`;
}

async function discard(
  uri: string,
  flags: ChangeFlags & { readonly note?: string | undefined },
): Promise<void> {
  const selection = await changeOf(flags, "open");
  await using table = await openedTable(uri, flags);
  const rows = await table.quarantine.discard(selection, flags.note);
  print(`${counted(rows, "row")} discarded\n`);
}

async function reopen(
  uri: string,
  flags: ChangeFlags & { readonly note?: string | undefined },
): Promise<void> {
  const selection = await changeOf(flags, "discarded");
  await using table = await openedTable(uri, flags);
  const rows = await table.quarantine.reopen(selection, flags.note);
  print(`${counted(rows, "row")} open again; resubmit to append what passes\n`);
}
