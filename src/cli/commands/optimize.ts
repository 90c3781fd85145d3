import type { Command } from "commander";
import { counted } from "../../api/counted.ts";
import type { OptimizeOptions, OptimizeResult } from "../../index.ts";
import { visible } from "../../report/visible-text.ts";
import { stoppedBySignals } from "../shared/interruption.ts";
import { openedTable, printWarnings } from "../shared/opened-table.ts";
import { byteSize, nameList, type StoreFlags, withJson, withStoreFlags } from "../shared/options.ts";
import { print } from "../shared/print.ts";
import { printJson } from "../shared/print-json.ts";
import { sizeText, withProgressLine } from "../shared/progress.ts";

interface OptimizeFlags extends StoreFlags {
  readonly where?: string | undefined;
  readonly zorder?: readonly string[] | undefined;
  readonly full?: boolean | undefined;
  readonly purge?: boolean | undefined;
  readonly batchBytes?: number | undefined;
  readonly targetFileSize?: number | undefined;
  readonly minFileSize?: number | undefined;
  readonly auto?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly message?: string | undefined;
  readonly json?: boolean | undefined;
}

/** `varve optimize TABLE` */
export function addOptimize(program: Command): void {
  const command = program
    .command("optimize")
    .summary("compact, order or purge a table's files")
    .description(
      "Write small files, and files of which many rows are deleted, together into larger ones, in a commit that changes no row. A clustered table is clustered. With --zorder, rows are laid out by columns, so that a condition on any of them skips most files.",
    )
    .argument("<table>", "folder or URI of the table")
    .option("--where <condition>", "look only at partitions that match")
    .option("--zorder <columns>", "lay out rows by these columns, separated by commas", nameList)
    .option("--full", "of a clustered table, also files that were clustered by other columns")
    .option(
      "--purge",
      "write exactly the files again that hold deleted rows or dropped columns, without these",
    )
    .option("--target-file-size <size>", "size of the new files, e.g. 256MB", byteSize)
    .option(
      "--min-file-size <size>",
      "write files of less than this together; default: the target size",
      byteSize,
    )
    .option("--batch-bytes <size>", "commit after about this much, e.g. 4GB, instead of once", byteSize)
    .option("--auto", "say first what is gained: small files, deleted rows, files that conditions skip")
    .option("--dry-run", "say what would be written together, and write nothing")
    .option("-m, --message <text>", "message for the version's history")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve optimize ./flights --auto --dry-run\n  $ varve optimize ./flights --target-file-size 128MB\n  $ varve optimize ./flights --zorder origin,delay\n  $ varve optimize ./flights --purge",
    );
  withStoreFlags(withJson(command)).action(async (uri: string, flags: OptimizeFlags) => {
    await using table = await openedTable(uri, flags);
    const options = layoutOptions(flags);
    const planned =
      flags.auto === true || flags.dryRun === true
        ? await stoppedBySignals((signal) => table.optimize({ ...options, dryRun: true, signal }))
        : undefined;
    if (planned !== undefined && flags.auto === true && flags.json !== true) print(gainText(planned));
    if (planned !== undefined && (flags.dryRun === true || planned.outcome === "unchanged"))
      return await printOptimize(planned, flags);
    const result = await withProgressLine({ stage: "writing", share: 0 }, flags.quiet === true, (update) =>
      stoppedBySignals((signal) =>
        table.optimize({
          ...options,
          onProgress: (share) => update({ stage: "writing", share }),
          signal,
        }),
      ),
    );
    await printOptimize({ ...result, gain: planned?.gain }, flags);
    await printWarnings(table);
  });
}

function layoutOptions(flags: OptimizeFlags): OptimizeOptions {
  return {
    where: flags.where,
    zorderBy: flags.zorder,
    full: flags.full,
    purge: flags.purge,
    maxCommitBytes: flags.batchBytes,
    targetFileBytes: flags.targetFileSize,
    minFileBytes: flags.minFileSize,
    userMetadata: flags.message,
  };
}

/** What is gained, a line each. */
function gainText({ gain, filesConsidered, filesRemoved, filesAdded }: OptimizeResult): string {
  if (gain === undefined) return "";
  const { smallFiles, deletedShare, columns } = gain;
  const lines = [
    `files: ${filesConsidered}, of which ${smallFiles} are smaller than the target size; then ${filesConsidered - filesRemoved + filesAdded}`,
    `deleted rows: ${percent(deletedShare)}`,
    ...columns.map(({ column, skippedShare, expectedShare }) => {
      const then = expectedShare === undefined ? "" : `; then about ${percent(expectedShare)}`;
      return `files that a value of ${visible(column)} skips: ${percent(skippedShare)}${then}`;
    }),
  ];
  return `${lines.join("\n")}\n`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

async function printOptimize(result: OptimizeResult, { json }: OptimizeFlags): Promise<void> {
  if (json === true) {
    return printJson(result);
  }
  const { outcome, version, commits, kind, filesConsidered, filesAdded, filesRemoved, rowsPurged } = result;
  const before = `${counted(filesRemoved, "file")} (${sizeText(result.bytesRemoved)})`;
  const purged = rowsPurged === 0 ? "" : `, without ${counted(rowsPurged, "deleted row")}`;
  if (outcome === "unchanged")
    print(`nothing changed: of ${counted(filesConsidered, "file")}, ${nothingToDo[kind]}\n`);
  else if (outcome === "dryRun")
    print(`${before} would become ${counted(filesAdded, "file")}${purged}; nothing was written\n`);
  else {
    const versions = commits === 1 ? `version ${version}` : `${commits} versions, the last is ${version}`;
    const after = `${counted(filesAdded, "file")} (${sizeText(result.bytesAdded)})`;
    print(`${versions}: ${before} became ${after}${purged}\n`);
  }
}

const nothingToDo: Readonly<Record<OptimizeResult["kind"], string>> = {
  compaction: "no two can be one",
  zorder: "all are in this order already",
  clustering: "all are clustered",
  purge: "none holds deleted rows or dropped columns",
};
