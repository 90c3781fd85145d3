import type { Command } from "commander";
import { counted } from "../../../api/counted.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openedTable } from "../../shared/opened-table.ts";
import { type StoreFlags, withJson, withStoreFlags } from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";

/** `varve generate TABLE` */
export function addGenerate(program: Command): void {
  const command = program
    .command("generate")
    .summary("list a table's files for engines that do not read Delta")
    .description(
      "Write lists of the newest version's data files (_symlink_format_manifest), by which engines that do not read Delta read it: Presto, Athena, Hive. Generate them again after each change.",
    )
    .argument("<table>", "folder or URI of the table")
    .addHelpText("after", "\nExamples:\n  $ varve generate ./flights");
  withStoreFlags(withJson(command)).action(
    async (uri: string, flags: StoreFlags & { readonly json?: boolean | undefined }) => {
      await using table = await openedTable(uri, flags);
      const result = await stoppedBySignals((signal) =>
        table.generate("symlink_format_manifest", { signal }),
      );
      if (flags.json === true) {
        return await printJson(result);
      }
      const { version, manifests, files, manifestsRemoved } = result;
      const removed = manifestsRemoved === 0 ? "" : `; ${counted(manifestsRemoved, "old manifest")} removed`;
      print(
        `${counted(manifests, "manifest")} of ${counted(files, "file")} of version ${version}${removed}\n`,
      );
    },
  );
}
