import type { Command } from "commander";
import { openedTable } from "../shared/opened-table.ts";
import { type StoreFlags, withStoreFlags } from "../shared/options.ts";
import { withFormat } from "../shared/output-format.ts";
import { print } from "../shared/print.ts";
import { printRecords } from "../shared/records.ts";

/** `varve schema TABLE[@version]`: columns, or the schema as Delta JSON. */
export function addSchema(program: Command): void {
  const command = program
    .command("schema")
    .summary("print the columns of a table")
    .description("Print the columns of any version of a table.")
    .argument("<table>", "folder or URI of the table, with @v12 or @2024-06-01T00:00:00Z for a version")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve schema ./flights\n  $ varve schema ./flights@v0 --format json > schema.json",
    );
  const text = "print a table, or Delta's schema as JSON";
  withStoreFlags(withFormat(command, { formats: ["table", "json"], preset: "table", text })).action(schema);
}

interface SchemaFlags extends StoreFlags {
  readonly format: "table" | "json";
}

async function schema(uri: string, flags: SchemaFlags): Promise<void> {
  const { serializeSchema } = await import("../../api/schema.ts");
  const { columnRows } = await import("../shared/column-rows.ts");
  await using table = await openedTable(uri, flags);
  const snapshot = table.snapshot();
  if (flags.format === "json") print(`${serializeSchema(snapshot.schema)}\n`);
  else await printRecords(columnRows(snapshot.schema, snapshot.partitionColumns), { format: "table" });
}
