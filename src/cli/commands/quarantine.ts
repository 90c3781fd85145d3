import { type Command, Option } from "commander";
import type { QuarantineSelection } from "../../quarantine/quarantine-read.ts";
import { openOptions } from "../shared/open-options.ts";
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
import { print, printExact } from "../shared/print.ts";
import { printRecords } from "../shared/records.ts";
import { readSuite } from "../shared/suite-file.ts";

const defaultAge = "90d";

/** `varve quarantine list | show | export | repair | resubmit | discard | purge TABLE`. */
export function addQuarantine(program: Command): void {
  const group = program
    .command("quarantine")
    .summary("rows that data tests set aside")
    .description(
      "Look at the rows that data tests set aside, repair them, put them through the tests again, or give them up.",
    )
    .addHelpText(
      "afterAll",
      '\nExamples:\n  $ varve quarantine list ./flights\n  $ varve quarantine show ./flights --check possible-delay\n  $ varve quarantine repair ./flights --batch flights-2001-02 --set "delay=NULL"\n  $ varve quarantine resubmit ./flights --suite suite.json\n  $ varve quarantine discard ./flights --batch flights-2001-01 --note "sensor fault"\n  $ varve quarantine purge ./flights --older-than 30d',
    );
  withStoreFlags(
    withListOutput(on(group, "list", "batches that left rows behind, and what became of them")),
  ).action(list);
  withStoreFlags(
    withListOutput(
      withSelection(
        on(
          group,
          "show",
          "rows with their source and every failed check; a table counts them from 1, other formats from 0",
        ),
      ),
    ),
  )
    .option("-n, --limit <rows>", "at most so many rows", wholeNumber, 50)
    .action(show);
  withStoreFlags(withSelection(on(group, "export", "rows as lossless JSON lines"))).action(exportRows);
  withStoreFlags(withSelection(on(group, "repair", "change values of open rows")))
    .requiredOption("--set <column=expression>", "SQL over the row's columns; repeat for more", keyValue)
    .action(repair);
  withStoreFlags(
    withSelection(on(group, "resubmit", "test open rows again and add those that pass to the table")),
  )
    .option(
      "--suite <file>",
      "JSON file of the data tests that rows have to pass now; default: those that the table carries",
    )
    .action(resubmit);
  withStoreFlags(withSelection(on(group, "discard", "give open rows up; they stay on record")))
    .option("--note <text>", "why")
    .action(discard);
  withStoreFlags(
    on(
      group,
      "purge",
      "remove rows for good that were resubmitted or discarded long ago; open rows always stay",
    ),
  )
    .addOption(
      new Option("--older-than <age>", "resolved longer ago than this, e.g. 30d or 12h")
        .argParser(age)
        .default(age(defaultAge), defaultAge),
    )
    .option("--dry-run", "only say how many there are")
    .action(purge);
}

async function purge(
  uri: string,
  flags: StoreFlags & { readonly olderThan: number; readonly dryRun?: boolean | undefined },
): Promise<void> {
  await using table = await opened(uri, flags);
  const { realWorld } = await import("../../util/world.ts");
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

async function opened(uri: string, flags: StoreFlags) {
  const { openTable } = await import("../../api/open-table.ts");
  return openTable(uri, openOptions(flags));
}

async function list(uri: string, flags: StoreFlags & ListOutputFlags): Promise<void> {
  await using table = await opened(uri, flags);
  const batches = await table.quarantine.list();
  await printRecords(
    batches.map((batch) => ({ ...batch, quarantinedAt: batch.quarantinedAt.toISOString() })),
    flags,
  );
}

async function show(
  uri: string,
  flags: SelectionFlags & ListOutputFlags & { readonly limit: number },
): Promise<void> {
  await using table = await opened(uri, flags);
  const rows = await table.quarantine.read({ ...selectionOf(flags), limit: flags.limit });
  if (flags.format !== "table") return printRecords(rows, flags);
  const reasons = (errors: unknown): string =>
    Array.isArray(errors)
      ? errors.map((error) => String((error as Record<string, unknown>)["message"])).join("; ")
      : "";
  await printRecords(
    rows.map((row) => ({
      id: String(row["quarantine_id"]).slice(0, 12),
      batch: row["batch_id"],
      row: personsRow(row["source_row"]),
      status: row["status"],
      why: reasons(row["errors"]),
      payload: row["payload"],
    })),
    flags,
  );
}

/** The reports of data tests count rows from 1 too. */
function personsRow(row: unknown): unknown {
  return typeof row === "number" || typeof row === "bigint" ? Number(row) + 1 : row;
}

async function exportRows(uri: string, flags: SelectionFlags): Promise<void> {
  await using table = await opened(uri, flags);
  for await (const lines of table.quarantine.lines(selectionOf(flags))) await printExact(lines, true);
}

async function repair(
  uri: string,
  flags: SelectionFlags & { readonly set: Readonly<Record<string, string>> },
): Promise<void> {
  await using table = await opened(uri, flags);
  const rows = await table.quarantine.repair(selectionOf(flags), flags.set);
  print(`${rows} rows changed; resubmit them to add those that pass to the table\n`);
}

async function resubmit(
  uri: string,
  flags: SelectionFlags & { readonly suite?: string | undefined },
): Promise<void> {
  await using table = await opened(uri, flags);
  const gate = flags.suite === undefined ? {} : { gate: await readSuite(flags.suite) };
  const result = await table.quarantine.resubmit({ ...selectionOf(flags), ...gate });
  const became = result.version === null ? "" : ` in version ${result.version}`;
  print(`${result.landed} rows landed${became}; ${result.stillBad} still fail and stay open\n`);
}

async function discard(
  uri: string,
  flags: SelectionFlags & { readonly note?: string | undefined },
): Promise<void> {
  await using table = await opened(uri, flags);
  const rows = await table.quarantine.discard(selectionOf(flags), flags.note);
  print(`${rows} rows discarded\n`);
}
