import { type Command, InvalidArgumentError, Option } from "commander";
import { counted, shownNumber } from "../../api/counted.ts";
import { isVarveError } from "../../api/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../api/json.ts";
import type { AppendOptions, Source, Table, WriteResult } from "../../index.ts";
import { visible } from "../../report/visible-text.ts";
import { printCompaction } from "../shared/compaction-line.ts";
import { stoppedBySignals } from "../shared/interruption.ts";
import { openedTable, printWarnings } from "../shared/opened-table.ts";
import {
  byteSize,
  duration,
  positiveNumber,
  type StoreFlags,
  withJson,
  withStoreFlags,
} from "../shared/options.ts";
import { print } from "../shared/print.ts";
import { printJson } from "../shared/print-json.ts";
import { phaseStates, withProgressLine } from "../shared/progress.ts";
import {
  fileSource,
  filesHelp,
  type SourceFlags,
  warnOfMissingHeader,
  withSourceFlags,
} from "../shared/source-files.ts";
import { inputFiles } from "../shared/standard-input.ts";
import { readSuite } from "../shared/suite-file.ts";
import { isStream, type StreamFlags } from "./stream-flags.ts";

/** Options of every command that writes rows. */
export interface WriteFlags extends StoreFlags, SourceFlags {
  readonly suite?: string | undefined;
  readonly batchId?: string | undefined;
  readonly txn?: { readonly appId: string; readonly version: bigint } | undefined;
  readonly message?: string | undefined;
  readonly targetFileSize?: number | undefined;
  readonly json?: boolean | undefined;
}

/** Adds the options of {@link WriteFlags}. */
export function withWriteFlags(command: Command): Command {
  return withRowFlags(command)
    .option("--batch-id <id>", "name of the batch; a batch is committed at most once")
    .option(
      "--txn <app:version>",
      "Delta application transaction; each version is committed at most once",
      transaction,
    );
}

/** Adds those that select the rows to write, and how. */
export function withRowFlags(command: Command): Command {
  const written = withSourceFlags(command)
    .option("--suite <file>", "JSON file of data tests to run before the commit")
    .option("-m, --message <text>", "message for the version's history")
    .option("--target-file-size <size>", "split data files near this size, e.g. 128MB", byteSize);
  return withJson(written, "how to print the result, and the verdict of a rejected batch");
}

/** The option of commands whose rejections are recorded. */
export function noRecord(): Option {
  return new Option(
    "--no-record-rejection",
    "leave no record of the batch if its tests reject it (see history --rejected)",
  );
}

/** `varve append TABLE FILES…` */
export function addAppend(program: Command): void {
  const command = program
    .command("append")
    .summary("append rows from files")
    .description("Append the rows of CSV, NDJSON, Parquet or Arrow files to a table, in one commit.")
    .argument("<table>", "folder or URI of the table")
    .argument("<files...>", filesHelp)
    .option("--merge-schema", "add missing columns to the table")
    .option("--upgrade-protocol", upgradeHelp)
    .addOption(noRecord())
    .option(
      "--every <time>",
      "commit JSON lines of standard input as they come, this often, e.g. 10s",
      duration,
    )
    .option("--every-rows <n>", "commit them after this many lines", positiveNumber)
    .option(
      "--app-id <id>",
      "with --every: record how many lines have landed, and pass over these when the same input begins again",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve append ./flights february.csv\n  $ varve append ./flights 'in/*.parquet' --suite suite.json --batch-id flights-2001-02\n  $ varve append ./flights 's3://bucket/in/*.parquet'\n  $ varve append ./flights https://example.com/april.csv.gz\n  $ zcat march.csv.gz | varve append ./flights - --input-format csv\n  $ cat june.jsonl | varve append ./flights - --every 10s\n\nExit code 3 when the tests reject the batch; nothing is written then. A batch of which more than half would be set aside is rejected too, unless the suite has another maxBadShare.",
    );
  withStoreFlags(withWriteFlags(command)).action(
    (uri: string, files: string[], flags: AppendFlags & StreamFlags) =>
      isStream(files, flags)
        ? stream(uri, flags)
        : write(uri, files, flags, (table, source, options) =>
            table.append(source, {
              ...options,
              ...schemaOptions(flags),
              recordRejection: flags.recordRejection,
            }),
          ),
  );
}

/** `varve overwrite TABLE FILES…` */
export function addOverwrite(program: Command): void {
  const command = program
    .command("overwrite")
    .summary("replace rows with rows from files")
    .description(
      "Replace all rows of a table, those that match a condition, or those of some partitions with rows from files, in one commit. Old versions stay readable.",
    )
    .argument("<table>", "folder or URI of the table")
    .argument("<files...>", filesHelp)
    .option("--where <condition>", "replace only rows that match; the new rows must match too")
    .option("--dynamic-partitions", "replace only the partitions that the new rows belong to")
    .option("--overwrite-schema", "replace the table's schema with that of the files")
    .option("--merge-schema", "add missing columns to the table")
    .option("--upgrade-protocol", upgradeHelp)
    .addOption(noRecord())
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve overwrite ./flights all.parquet\n  $ varve overwrite ./flights june.csv --where \"month = '2001-06'\"\n  $ varve overwrite ./by-month june.csv --dynamic-partitions",
    );
  withStoreFlags(withWriteFlags(command)).action((uri: string, files: string[], flags: OverwriteFlags) =>
    write(uri, files, flags, (table, source, options) =>
      table.overwrite(source, {
        ...options,
        replaceWhere: flags.where,
        dynamicPartitions: flags.dynamicPartitions,
        overwriteSchema: flags.overwriteSchema === true ? true : undefined,
        ...schemaOptions(flags),
        recordRejection: flags.recordRejection,
      }),
    ),
  );
}

/** Options that say how a write may change the table's schema. */
export interface SchemaFlags {
  readonly mergeSchema?: boolean | undefined;
  readonly upgradeProtocol?: boolean | undefined;
}

/** What the API needs of them. */
export function schemaOptions({ mergeSchema, upgradeProtocol }: SchemaFlags): SchemaFlags {
  return {
    mergeSchema: mergeSchema === true ? true : undefined,
    upgradeProtocol: upgradeProtocol === true ? true : undefined,
  };
}

/** Help of `--upgrade-protocol`. */
export const upgradeHelp =
  "add the table features that new columns need to the protocol; older readers lose access to the table";

interface AppendFlags extends WriteFlags, SchemaFlags {
  readonly recordRejection: boolean;
}

interface OverwriteFlags extends AppendFlags {
  readonly where?: string | undefined;
  readonly dynamicPartitions?: boolean | undefined;
  readonly overwriteSchema?: boolean | undefined;
}

async function stream(uri: string, flags: AppendFlags & StreamFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const { appendStream } = await import("./append-stream.ts");
  await appendStream(table, flags, {
    gate: flags.suite === undefined ? undefined : await readSuite(flags.suite),
    userMetadata: flags.message,
    targetFileBytes: flags.targetFileSize,
    ...schemaOptions(flags),
    recordRejection: flags.recordRejection,
  });
}

type Verb = (table: Table, source: Source, options: AppendOptions) => Promise<WriteResult>;

async function write(uri: string, files: readonly string[], flags: WriteFlags, verb: Verb): Promise<void> {
  await using table = await openedTable(uri, flags);
  await using input = await inputFiles(files, flags);
  const before = new Set(columnsOf(table));
  const result = await withProgress(flags, async (options) =>
    verb(table, fileSource(input.files, flags), options),
  ).catch((error: unknown) => {
    warnOfMissingHeader(unknownColumns(error), { ...flags, files });
    throw error;
  });
  const added = columnsOf(table).filter((name) => !before.has(name));
  warnOfMissingHeader(added, { ...flags, files });
  await printWriteResult(result, flags, await landedVersion(table, result, flags));
  await printWarnings(table);
}

function columnsOf(table: Table): readonly string[] {
  return table.snapshot().schema.fields.map(({ name }) => name);
}

/** Columns of a batch that the table does not have, if that is what an error says. */
function unknownColumns(error: unknown): readonly string[] {
  const mismatches = isVarveError(error, "SCHEMA_MISMATCH") ? error.data["mismatches"] : undefined;
  if (!Array.isArray(mismatches)) return [];
  return (mismatches as readonly Readonly<Record<string, unknown>>[]).flatMap(({ reason, column }) =>
    reason === "unknown" && Array.isArray(column) ? [String(column[0])] : [],
  );
}

/** The version that a batch became that was committed before, if the log still has its commit. */
async function landedVersion(
  table: Table,
  result: WriteResult,
  { batchId, txn }: Pick<WriteFlags, "batchId" | "txn">,
): Promise<number | undefined> {
  const batch = batchId ?? (txn === undefined ? undefined : `${txn.appId}:${txn.version}`);
  if (result.outcome !== "alreadyApplied" || batch === undefined) return undefined;
  const [landed] = await table.history({ batch, limit: 1, checkFiles: false });
  return landed?.version;
}

/** Runs a write with the options from its flags, shows its progress, and stops it where a signal arrives. */
export async function withProgress<T>(
  flags: WriteFlags,
  run: (options: AppendOptions) => Promise<T>,
): Promise<T> {
  const gate = flags.suite === undefined ? undefined : await readSuite(flags.suite);
  const written = withProgressLine({ stage: "starting", share: 0 }, flags.quiet === true, (update) => {
    const stateOf = phaseStates();
    return stoppedBySignals((signal) =>
      run({
        gate,
        batchId: flags.batchId,
        txn: flags.txn,
        userMetadata: flags.message,
        targetFileBytes: flags.targetFileSize,
        onProgress: (progress) => update(stateOf(progress)),
        signal,
      }),
    );
  });
  return flags.json === true ? written.catch(printRejection) : written;
}

/** Prints the verdict of a rejected batch on standard output, beside the message on standard error. */
export async function printRejection(error: unknown): Promise<never> {
  const { isVarveError } = await import("../../api/errors.ts");
  if (isVarveError(error, "BATCH_REJECTED")) {
    const { reasons, gate } = error.data;
    await printJson({ outcome: "rejected", rows: 0, reasons, gate });
  }
  throw error;
}

/** Prints the result of a write on standard output; `landed` is the version of a batch that was committed before. */
export async function printWriteResult(
  { gate, ...result }: WriteResult,
  flags: Pick<WriteFlags, "json">,
  landed?: number,
): Promise<void> {
  const { summarizeVerdict } = await import("../../api/verdict.ts");
  await printDone(gate === undefined ? result : { ...result, gate: summarizeVerdict(gate) }, flags, landed);
}

/** Like {@link printWriteResult}, with the verdict in the form of `commitInfo.gate`. */
export async function printDone(
  result: Omit<WriteResult, "gate"> & { readonly gate?: JsonObject | undefined },
  flags: Pick<WriteFlags, "json">,
  landed?: number,
): Promise<void> {
  if (flags.json === true) {
    return printJson(result);
  }
  if (result.outcome === "alreadyApplied") {
    const version = landed ?? `${result.version} or earlier`;
    print(`nothing written: this batch was already committed (version ${version})\n`);
    return;
  }
  if (result.outcome === "unchanged") {
    print(`nothing written: the source has 0 rows (the table stays at version ${result.version})\n`);
    return;
  }
  print(
    `version ${result.version}: ${counted(result.rows, "row")} in ${counted(result.filesAdded, "file")}\n`,
  );
  for (const { column, type } of result.typedColumns ?? [])
    print(`  schema: column ${visible(column)}, which had no values, is now ${type}\n`);
  printFailedChecks(result.gate, result.rows);
  const quarantine = result.quarantine;
  if (quarantine !== undefined)
    print(`  ${counted(quarantine.rows, "row")} quarantined in ${visible(quarantine.uri)}\n`);
  printCompaction(result.compaction);
}

/** Prints what failed of a verdict on a number of rows, in the form of `commitInfo.gate`. */
export function printFailedChecks(gate: JsonObject | undefined, rows: number): void {
  const checks = gate?.["checks"];
  for (const check of Array.isArray(checks) ? (checks as readonly JsonValue[]) : []) {
    if (!isJsonObject(check) || check["success"] !== false) continue;
    const { onFail, message, unexpected, considered } = check;
    print(`  ${String(onFail)}: ${visible(String(message))} (${ofRows(unexpected, considered ?? rows)})\n`);
  }
}

/** `3 of 1,500 rows`, or the batch as a whole. */
function ofRows(unexpected: JsonValue | undefined, considered: JsonValue): string {
  if (typeof unexpected !== "number" || typeof considered !== "number") return "the batch as a whole";
  return `${shownNumber(unexpected)} of ${counted(considered, "row")}`;
}

function transaction(text: string): { readonly appId: string; readonly version: bigint } {
  const match = /^(.+):(\d+)$/s.exec(text);
  if (match?.[1] === undefined || match[2] === undefined)
    throw new InvalidArgumentError("It must be written as application:version.");
  return { appId: match[1], version: BigInt(match[2]) };
}
