import type { Command } from "commander";
import { counted } from "../../api/counted.ts";
import type { OptimizeResult } from "../../index.ts";
import { stoppedBySignals } from "../shared/interruption.ts";
import { openedTable, printWarnings } from "../shared/opened-table.ts";
import { byteSize, type StoreFlags, withStoreFlags } from "../shared/options.ts";
import { print } from "../shared/print.ts";
import { megabytes, withProgressLine } from "../shared/progress.ts";

interface OptimizeFlags extends StoreFlags {
  readonly where?: string | undefined;
  readonly targetFileSize?: number | undefined;
  readonly minFileSize?: number | undefined;
  readonly dryRun?: boolean | undefined;
  readonly message?: string | undefined;
  readonly json?: boolean | undefined;
}

/** `varve optimize TABLE` */
export function addOptimize(program: Command): void {
  const command = program
    .command("optimize")
    .summary("write small files together")
    .description(
      "Write small files, and files of which many rows are deleted, together into larger ones, in one commit that changes no row.",
    )
    .argument("<table>", "folder or URI of the table")
    .option("--where <condition>", "look only at partitions that match")
    .option("--target-file-size <size>", "size of the new files, e.g. 256MB", byteSize)
    .option(
      "--min-file-size <size>",
      "write files of less than this together; default: the target size",
      byteSize,
    )
    .option("--dry-run", "say what would be written together, and write nothing")
    .option("-m, --message <text>", "message for the version's history")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve optimize ./flights --dry-run\n  $ varve optimize ./flights --target-file-size 128MB",
    );
  withStoreFlags(command).action(async (uri: string, flags: OptimizeFlags) => {
    await using table = await openedTable(uri, flags);
    const result = await withProgressLine({ stage: "writing", share: 0 }, flags.quiet === true, (update) =>
      stoppedBySignals((signal) =>
        table.optimize({
          where: flags.where,
          targetFileBytes: flags.targetFileSize,
          minFileBytes: flags.minFileSize,
          dryRun: flags.dryRun === true ? true : undefined,
          userMetadata: flags.message,
          onProgress: (share) => update({ stage: "writing", share }),
          signal,
        }),
      ),
    );
    await printOptimize(result, flags);
    await printWarnings(table);
  });
}

async function printOptimize(result: OptimizeResult, { json }: OptimizeFlags): Promise<void> {
  if (json === true) {
    const { stringifyJson, toJsonValue } = await import("../../api/json.ts");
    print(`${stringifyJson(toJsonValue(result), 2)}\n`);
    return;
  }
  const { outcome, version, filesConsidered, filesAdded, filesRemoved, rowsPurged } = result;
  const before = `${counted(filesRemoved, "file")} (${megabytes(result.bytesRemoved)} MB)`;
  const purged = rowsPurged === 0 ? "" : `, without ${counted(rowsPurged, "deleted row")}`;
  if (outcome === "unchanged")
    print(`nothing changed: of ${counted(filesConsidered, "file")}, no two can be one\n`);
  else if (outcome === "dryRun")
    print(`${before} would become ${counted(filesAdded, "file")}${purged}; nothing was written\n`);
  else
    print(
      `version ${version}: ${before} became ${counted(filesAdded, "file")} (${megabytes(result.bytesAdded)} MB)${purged}\n`,
    );
}
