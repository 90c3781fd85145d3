import type { Command } from "commander";
import { counted } from "../../api/counted.ts";
import type { StagedRows } from "../../index.ts";
import { visible } from "../../report/visible-text.ts";
import { stoppedBySignals } from "../shared/interruption.ts";
import { openedTable, printWarnings } from "../shared/opened-table.ts";
import {
  type ListOutputFlags,
  nameList,
  type RowOutputFlags,
  type StoreFlags,
  wholeNumber,
  withJson,
  withListOutput,
  withRowOutput,
  withStoreFlags,
} from "../shared/options.ts";
import { print } from "../shared/print.ts";
import { runAndPrint } from "../shared/query-output.ts";
import { printRecords } from "../shared/records.ts";
import { printReport, type ReportFlags, withReportOutput } from "../shared/report-output.ts";
import { printSnapshot, type SnapshotFlags } from "../shared/snapshot-output.ts";
import { fileSource, filesHelp } from "../shared/source-files.ts";
import { inputFiles } from "../shared/standard-input.ts";
import { readSuite } from "../shared/suite-file.ts";
import {
  noRecord,
  printDone,
  type SchemaFlags,
  schemaOptions,
  upgradeHelp,
  type WriteFlags,
  withProgress,
  withRowFlags,
} from "./write.ts";

/** `varve stage TABLE FILES…`: the first half of write, audit, publish. */
export function addStage(program: Command): void {
  const command = program
    .command("stage")
    .summary("write rows without committing them")
    .description(
      "Write the rows of files into the table's folder without committing them: they stay invisible until they are published.\nThe table's schema and constraints are enforced now, its data tests when the batch is audited or published.",
    )
    .argument("<table>", "folder or URI of the table")
    .argument("<files...>", filesHelp)
    .option("--id <id>", "name of the staged batch; default: a new id")
    .option("--merge-schema", "add missing columns to the table when the batch is published")
    .option("--upgrade-protocol", upgradeHelp)
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve stage ./flights february.csv --id 2001-02\n  $ varve staged audit ./flights 2001-02 --suite suite.json\n  $ varve staged publish ./flights 2001-02",
    );
  withStoreFlags(withRowFlags(command)).action(stage);
}

/** `varve staged list | show | query | audit | publish | discard TABLE`. */
export function addStaged(program: Command): void {
  const group = program
    .command("staged")
    .summary("audit, publish or discard staged rows")
    .description("Inspect staged rows; run data tests on them, publish them to the table, or discard them.")
    .addHelpText(
      "afterAll",
      '\nExamples:\n  $ varve staged list ./flights\n  $ varve staged query ./flights 2001-02 "SELECT count(*) FROM staged ANTI JOIN t USING (id)"\n  $ varve staged audit ./flights 2001-02 --suite suite.json --format html --output report.html\n  $ varve staged publish ./flights 2001-02\n  $ varve staged discard ./flights 2001-03\n\nExit code 3 when the tests reject the batch, which then stays staged; also if more than half of its rows would be set aside (maxBadShare).',
    );
  withStoreFlags(
    withListOutput(
      group
        .command("list")
        .description("list staged batches")
        .argument("<table>", "folder or URI of the table"),
    ),
  ).action(list);
  withStoreFlags(withRowOutput(on(group, "show", "print staged rows")))
    .option("-c, --columns <names>", "columns, separated by commas", nameList)
    .option("-w, --where <condition>", "SQL condition on the columns")
    .option("-n, --limit <rows>", "maximum number of rows", wholeNumber)
    .action(show);
  withStoreFlags(
    withRowOutput(
      on(group, "query", "run SQL over the staged rows and the table").argument(
        "<sql>",
        "a query over staged and t, the table",
      ),
    ),
  ).action(query);
  withStoreFlags(
    withReportOutput(on(group, "audit", "run the table's data tests, and others, over the staged rows")),
  )
    .option("--suite <file>", "JSON file of data tests, in addition to the table's own suite")
    .action(audit);
  withStoreFlags(
    withJson(on(group, "publish", "commit the staged rows, after testing them where that is due")),
  )
    .option("--suite <file>", "JSON file of data tests; default: those of the last audit")
    .addOption(noRecord())
    .action(publish);
  withStoreFlags(on(group, "discard", "give the staged rows up and delete their files")).action(discard);
}

function on(group: Command, name: string, description: string): Command {
  return group
    .command(name)
    .description(description)
    .argument("<table>", "folder or URI of the table")
    .argument("<id>", "the staged batch");
}

interface StageFlags extends WriteFlags, SchemaFlags {
  readonly id?: string | undefined;
}

async function stage(uri: string, files: readonly string[], flags: StageFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  await using input = await inputFiles(files, flags);
  const staged = await withProgress(flags, ({ batchId: _, txn: __, ...options }) =>
    table.staging.stage(fileSource(input.files, flags), {
      ...options,
      id: flags.id,
      ...schemaOptions(flags),
    }),
  );
  if (flags.json === true) return await printRecords([recordOf(staged)], { format: "jsonl" });
  const id = visible(staged.id);
  const misfits = staged.misfits === 0 ? "" : `, ${counted(staged.misfits, "non-conforming row")} set aside`;
  print(
    `staged ${id}: ${counted(staged.rows, "row")} in ${counted(staged.files, "file")}${misfits}; publish with: varve staged publish ${visible(uri)} ${id}\n`,
  );
}

function recordOf(staged: StagedRows): Record<string, unknown> {
  const { id, rows, misfits, files, bytes, baseVersion, stagedAt } = staged;
  return { id, rows, misfits, files, bytes, baseVersion, stagedAt: stagedAt.toISOString() };
}

async function list(uri: string, flags: StoreFlags & ListOutputFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  await printRecords((await table.staging.list()).map(recordOf), flags);
}

async function show(uri: string, id: string, flags: StoreFlags & SnapshotFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  await printSnapshot(await (await table.staging.get(id)).snapshot(), flags);
}

async function query(
  uri: string,
  id: string,
  sql: string,
  flags: StoreFlags & RowOutputFlags,
): Promise<void> {
  await using table = await openedTable(uri, flags);
  const staged = await table.staging.get(id);
  await runAndPrint(flags, (exportFolder) => staged.sql(sql, { exportFolder }));
}

async function audit(
  uri: string,
  id: string,
  flags: StoreFlags & ReportFlags & { readonly suite?: string | undefined },
): Promise<void> {
  await using table = await openedTable(uri, flags);
  const staged = await table.staging.get(id);
  const report = await staged.audit(flags.suite === undefined ? undefined : await readSuite(flags.suite));
  await printReport(report, flags);
}

interface PublishFlags extends StoreFlags {
  readonly suite?: string | undefined;
  readonly recordRejection: boolean;
  readonly json?: boolean | undefined;
}

async function publish(uri: string, id: string, flags: PublishFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const gate = flags.suite === undefined ? undefined : await readSuite(flags.suite);
  const { recordRejection } = flags;
  const result = await stoppedBySignals((signal) =>
    table.staging.publish(id, { gate, recordRejection, signal }),
  );
  await printDone(result, flags);
  await printWarnings(table);
}

async function discard(uri: string, id: string, flags: StoreFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  await (await table.staging.get(id)).discard();
  print(`discarded ${visible(id)}\n`);
}
