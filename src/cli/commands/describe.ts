import type { Command } from "commander";
import { openedTable } from "../shared/opened-table.ts";
import { type StoreFlags, withStoreFlags } from "../shared/options.ts";
import { withFormat } from "../shared/output-format.ts";
import { printJson } from "../shared/print-json.ts";
import { printRecords } from "../shared/records.ts";

/**
 * `varve describe TABLE[@version]`: summary of a version: id, schema width, partitioning, protocol,
 * properties, size.
 */
export function addDescribe(program: Command): void {
  const command = program
    .command("describe")
    .summary("describe a table")
    .description(
      "Describe any version of a table: id, size, partitioning, protocol, features and properties.",
    )
    .argument("<table>", "folder or URI of the table, with @v12 or @2024-06-01T00:00:00Z for a version")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve describe ./flights\n  $ varve describe ./flights@v3 --format json",
    );
  withStoreFlags(
    withFormat(command, { formats: ["table", "json"], preset: "table", text: "how to print" }),
  ).action(describe);
}

interface DescribeFlags extends StoreFlags {
  readonly format: "table" | "json";
}

async function describe(uri: string, flags: DescribeFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const description = await table.snapshot().describe();
  if (flags.format === "json") {
    return await printJson(description);
  }
  const records = Object.entries(description).flatMap(([name, value]): Record<string, unknown>[] => {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) return [];
    if (Array.isArray(value)) return [{ what: name, value: value.join(", ") }];
    if (typeof value !== "object" || value === null) return [{ what: name, value }];
    return Object.entries(value).map(([key, inner]) => ({ what: key, value: inner }));
  });
  await printRecords(records, { format: "table" });
}
