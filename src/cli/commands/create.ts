import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { VarveError } from "../../api/errors.ts";
import { openOptions } from "../shared/open-options.ts";
import { printWarnings } from "../shared/opened-table.ts";
import { keyValue, nameList, withStoreFlags } from "../shared/options.ts";
import { fileSource, warnOfMissingHeader } from "../shared/source-files.ts";
import { inputFiles } from "../shared/standard-input.ts";
import { printWriteResult, type WriteFlags, withProgress, withWriteFlags } from "./write.ts";

/** `varve create TABLE`: a new table from files, or from a schema. */
export function addCreate(program: Command): void {
  const command = program
    .command("create")
    .summary("create a table")
    .description("Create a table from files, or an empty table from a schema.")
    .argument("<table>", "folder or URI of the new table")
    .option(
      "--from <files...>",
      "files to take the schema and the first rows from, also s3:// and https://; - for standard input",
    )
    .option("--schema <file>", "Delta schema as JSON, as printed by varve schema --format json")
    .option("-p, --partition-by <columns>", "partition columns, separated by commas", nameList)
    .option("--cluster-by <columns>", "columns by which files are clustered, separated by commas", nameList)
    .option(
      "--property <name=value>",
      "table property such as delta.appendOnly=true; repeat for more",
      keyValue,
    )
    .option("--name <name>", "name in the table's metadata")
    .option("--description <text>", "description in the table's metadata")
    .addHelpText(
      "after",
      "\nExamples:\n  $ varve create ./flights --from january.parquet --partition-by origin\n  $ varve create ./delays --from january.parquet --cluster-by origin,delay\n  $ varve create ./orders --schema schema.json --property delta.enableChangeDataFeed=true",
    );
  withStoreFlags(withWriteFlags(command)).action(create);
}

interface CreateFlags extends WriteFlags {
  readonly from?: readonly string[] | undefined;
  readonly schema?: string | undefined;
  readonly partitionBy?: readonly string[] | undefined;
  readonly clusterBy?: readonly string[] | undefined;
  readonly property?: Readonly<Record<string, string>> | undefined;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
}

async function create(uri: string, flags: CreateFlags): Promise<void> {
  const { createTableWith } = await import("../../api/create-table.ts");
  if (flags.from === undefined && flags.schema === undefined)
    throw new VarveError("INVALID_ARGUMENT", "A new table needs columns. Set --from or --schema.");
  const schema = flags.schema === undefined ? undefined : await readSchema(flags.schema);
  await using input = await inputFiles(flags.from ?? [], flags);
  const { table, written } = await withProgress(flags, (options) =>
    createTableWith(uri, {
      ...options,
      ...openOptions(flags),
      schema,
      source: flags.from === undefined ? undefined : fileSource(input.files, flags),
      partitionBy: flags.partitionBy,
      clusterBy: flags.clusterBy,
      properties: flags.property,
      name: flags.name,
      description: flags.description,
    }),
  );
  await using created = table;
  if (written === undefined) throw new Error("varve internal error: the table was there and nothing said so");
  const { schema: made } = created.snapshot();
  warnOfMissingHeader(
    made.fields.map(({ name }) => name),
    { ...flags, files: flags.from ?? [] },
  );
  await printWriteResult(written, flags);
  await printWarnings(created);
}

async function readSchema(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VarveError("SCHEMA_INVALID", `Cannot read the schema ${file}: ${why}.`, { file }, error);
  }
}
