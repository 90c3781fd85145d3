import { type Command, Option } from "commander";
import type { EngineRow, QuarantineSelection, Table } from "../../index.ts";
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

/** `varve quarantine list | show | export | repair | resubmit | discard | purge TABLE`. */
export function addQuarantine(program: Command): void {
  const group = program
    .command("quarantine")
    .summary("inspect, repair and resubmit rejected rows")
    .description(
      "Inspect the rows that data tests set aside; repair them, test them again and append them, or discard them.",
    )
    .addHelpText(
      "afterAll",
      '\nExamples:\n  $ varve quarantine list ./flights\n  $ varve quarantine show ./flights --check possible-delay\n  $ varve quarantine repair ./flights --batch flights-2001-02 --set "delay=NULL"\n  $ varve quarantine resubmit ./flights --suite suite.json\n  $ varve quarantine discard ./flights --batch flights-2001-01 --note "sensor fault"\n  $ varve quarantine purge ./flights --older-than 30d',
    );
  withStoreFlags(
    withListOutput(on(group, "list", "list batches with quarantined rows, and the state of these rows")),
  ).action(list);
  withStoreFlags(
    withListOutput(
      withSelection(
        on(
          group,
          "show",
          "show rows with their source and failed checks: all of them, but for a table that is not written to a file, which has 50 rows unless --limit says otherwise; positions count from 1 in a table, from 0 in other formats",
        ),
      ),
    ),
  )
    .option("-n, --limit <rows>", "maximum number of rows", wholeNumber)
    .action(show);
  withStoreFlags(withSelection(on(group, "export", "print rows as lossless JSON lines"))).action(exportRows);
  withStoreFlags(withSelection(on(group, "repair", "change values of open rows")))
    .requiredOption("--set <column=expression>", "SQL over the row's columns; repeat for more", keyValue)
    .action(repair);
  withStoreFlags(withSelection(on(group, "resubmit", "test open rows again and append those that pass")))
    .option("--suite <file>", "JSON file of the data tests to pass; default: the table's own suite")
    .action(resubmit);
  withStoreFlags(withSelection(on(group, "discard", "discard open rows; they stay on record")))
    .option("--note <text>", "reason, kept with the rows")
    .action(discard);
  withStoreFlags(
    on(
      group,
      "purge",
      "permanently remove rows that were resubmitted or discarded long ago; never removes open rows",
    ),
  )
    .addOption(
      new Option("--older-than <age>", "minimum age since they were resolved, e.g. 30d or 12h")
        .argParser(age)
        .default(age(defaultAge), defaultAge),
    )
    .option("--dry-run", "only print how many rows would be removed")
    .action(purge);
}

async function purge(
  uri: string,
  flags: StoreFlags & { readonly olderThan: number; readonly dryRun?: boolean | undefined },
): Promise<void> {
  await using table = await openedTable(uri, flags);
  const { realWorld } = await import("../../api/world.ts");
  const dryRun = flags.dryRun === true;
  const rows = await table.quarantine.purge({ before: new Date(realWorld.now() - flags.olderThan), dryRun });
  print(`${rows} rows ${dryRun ? "would be removed" : "removed"}\n`);
}

interface SelectionFlags extends StoreFlags {
  readonly id?: readonly string[] | undefined;
  readonly batch?: string | undefined;
  readonly check?: string | undefined;
}

function on(group: Command, name: string, description: string): Command {
  return group.command(name).description(description).argument("<table>", "folder or URI of the table");
}

function withSelection(command: Command): Command {
  return command
    .option("--id <ids>", "rows by quarantine id, separated by commas", nameList)
    .option("--batch <id>", "rows of one batch")
    .option("--check <id>", "rows that failed one check");
}

function selectionOf(flags: SelectionFlags): QuarantineSelection {
  return {
    ids: flags.id,
    batchId: flags.batch,
    checkId: flags.check,
  };
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
  const isStream = limit === undefined && selection.ids === undefined;
  if (flags.format === "jsonl" && isStream)
    return printLines(table.quarantine.lines(selection), flags.output);
  const rows = await table.quarantine.read({ ...selection, limit });
  if (flags.format !== "table") return printRecords(rows, flags);
  const isCut = limit !== undefined && rows.length >= limit;
  const all = isCut ? await countRows(table, selection) : rows.length;
  const note = all > rows.length ? cutNote(rows.length, all) : "";
  await printRecords(rows.map(summary), { ...flags, note });
}

async function countRows({ quarantine }: Table, selection: QuarantineSelection): Promise<number> {
  if (selection.ids !== undefined) return (await quarantine.read(selection)).length;
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
    status: row["status"],
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
  for await (const lines of table.quarantine.lines(selectionOf(flags))) await printExact(lines);
}

async function repair(
  uri: string,
  flags: SelectionFlags & { readonly set: Readonly<Record<string, string>> },
): Promise<void> {
  await using table = await openedTable(uri, flags);
  const rows = await table.quarantine.repair(selectionOf(flags), flags.set);
  print(`${rows} rows changed; resubmit them to append those that pass\n`);
}

async function resubmit(
  uri: string,
  flags: SelectionFlags & { readonly suite?: string | undefined },
): Promise<void> {
  await using table = await openedTable(uri, flags);
  const gate = flags.suite === undefined ? {} : { gate: await readSuite(flags.suite) };
  const result = await table.quarantine.resubmit({ ...selectionOf(flags), ...gate });
  const place = result.version === null ? "" : ` in version ${result.version}`;
  print(`${result.landed} rows appended${place}; ${result.stillBad} still fail and stay open\n`);
  if (flags.suite === undefined && result.landed > 0 && (await table.suite.get()) === undefined)
    printFailure("warning: no tests were run: the table has no suite, and --suite was not set");
  await printWarnings(table);
}

async function discard(
  uri: string,
  flags: SelectionFlags & { readonly note?: string | undefined },
): Promise<void> {
  await using table = await openedTable(uri, flags);
  const rows = await table.quarantine.discard(selectionOf(flags), flags.note);
  print(`${rows} rows discarded\n`);
}
