import { type Command, Option } from "commander";
import { openedTable } from "../shared/opened-table.ts";
import { type StoreFlags, withStoreFlags } from "../shared/options.ts";
import { print } from "../shared/print.ts";
import { printRecords } from "../shared/records.ts";

/** `varve diff TABLE A B`: schema, properties, files and rows between two versions. */
export function addDiff(program: Command): void {
  const command = program
    .command("diff")
    .summary("compare two versions of a table")
    .description(
      "Compare two versions of a table: columns, properties, files and, with --rows, the rows added and removed.",
    )
    .argument("<table>", "folder or URI of the table")
    .argument("<from>", "a version such as 3 or v3, or a time such as 2024-06-01T00:00:00Z")
    .argument("[to]", "the same; default: the newest version")
    .option("--rows", "compare the rows too")
    .addOption(
      new Option("-f, --format <format>", "how to print").choices(["table", "json"]).default("table"),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve diff ./flights 2 5\n  $ varve diff ./flights 2024-06-01T00:00:00Z --rows --format json",
    );
  withStoreFlags(command).action(diff);
}

interface DiffFlags extends StoreFlags {
  readonly rows?: boolean | undefined;
  readonly format: "table" | "json";
}

async function diff(uri: string, from: string, to: string | undefined, flags: DiffFlags): Promise<void> {
  const { parseTravelPoint } = await import("../../api/shared/table-uri.ts");
  await using table = await openedTable(uri, flags);
  const result = await table.diff(
    parseTravelPoint(from),
    to === undefined ? undefined : parseTravelPoint(to),
    {
      rows: flags.rows === true,
    },
  );
  if (flags.format === "json") {
    print(`${JSON.stringify(result, undefined, 2)}\n`);
    return;
  }
  const records: Record<string, unknown>[] = [
    ...result.schema.map((difference) => ({
      what: `column ${difference.kind}`,
      name: difference.column,
      before: difference.before ?? "",
      after: difference.after ?? "",
    })),
    ...result.properties.map((difference) => ({
      what: "property",
      name: difference.key,
      before: difference.before ?? "",
      after: difference.after ?? "",
    })),
    { what: "files", name: "removed / added", before: result.files.removed, after: result.files.added },
    {
      what: "bytes",
      name: "removed / added",
      before: result.files.bytesRemoved,
      after: result.files.bytesAdded,
    },
    ...(result.rows === undefined
      ? []
      : [{ what: "rows", name: "removed / added", before: result.rows.removed, after: result.rows.added }]),
  ];
  await printRecords(records, { format: "table" });
}
