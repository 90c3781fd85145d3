import { type Command, Option } from "commander";
import { counted } from "../../../api/counted.ts";
import type { CloneResult } from "../../../index.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openedTable } from "../../shared/opened-table.ts";
import { keyValue, type StoreFlags, withJson, withStoreFlags } from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { sizeText, withProgressLine } from "../../shared/progress.ts";

interface CloneFlags extends StoreFlags {
  readonly deep?: boolean | undefined;
  readonly property?: Readonly<Record<string, string>> | undefined;
  readonly replace?: boolean | undefined;
  readonly ifNotExists?: boolean | undefined;
  readonly message?: string | undefined;
  readonly json?: boolean | undefined;
}

/** `varve clone TABLE NEW` */
export function addClone(program: Command): void {
  const command = program
    .command("clone")
    .summary("make a table of its own from a version of another")
    .description(
      "Make a table of its own from a version of another, in one commit. A shallow clone reads the files of its source where they are; a deep clone has copies, and continues where an interrupted one ended.",
    )
    .argument("<table>", "folder or URI of the table, with a version such as @v12 if not the newest")
    .argument("<new>", "folder or URI of the new table")
    .option("--deep", "copy the files")
    .option("--property <name=value>", "property that differs from the table's; repeatable", keyValue)
    .addOption(
      new Option("--replace", "replace the table that is there, as a new version of it").conflicts(
        "ifNotExists",
      ),
    )
    .option("--if-not-exists", "do nothing if there is a table already")
    .option("-m, --message <text>", "message for the version's history")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve clone ./flights ./flights-test\n  $ varve clone ./flights@v0 ./flights-copy --deep",
    );
  withStoreFlags(withJson(command)).action(async (uri: string, target: string, flags: CloneFlags) => {
    await using table = await openedTable(uri, flags);
    const result = await withProgressLine({ stage: "cloning" }, flags.quiet === true, (update) =>
      stoppedBySignals((signal) =>
        table.clone(target, {
          deep: flags.deep === true ? true : undefined,
          properties: flags.property,
          replace: flags.replace === true ? true : undefined,
          ifNotExists: flags.ifNotExists === true ? true : undefined,
          userMetadata: flags.message,
          onProgress: ({ files, totalFiles, bytes, totalBytes }) =>
            update({
              stage: "copying",
              share: totalBytes === 0 ? 1 : bytes / totalBytes,
              detail: `${files} of ${counted(totalFiles, "file")}`,
            }),
          signal,
        }),
      ),
    );
    await printClone(result, flags);
  });
}

async function printClone(result: CloneResult, { json, deep }: CloneFlags): Promise<void> {
  if (json === true) {
    return printJson(result);
  }
  const { outcome, uri, version, sourceVersion, files, bytes, filesCopied, bytesCopied } = result;
  const all = `${counted(files, "file")}, ${sizeText(bytes)}`;
  const copied = `${counted(filesCopied, "file")} (${sizeText(bytesCopied)}) copied`;
  if (outcome === "unchanged") print(`nothing changed: there is a table at ${uri}\n`);
  else
    print(
      `version ${version} of ${uri}: the table as at version ${sourceVersion} (${all}${deep === true ? `; ${copied}` : ""})\n`,
    );
}
