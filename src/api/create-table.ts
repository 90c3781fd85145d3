import { VarveError } from "../errors.ts";
import type { WriteResult } from "../write/plan/write-options.ts";
import { knownOptions } from "./shared/known-options.ts";
import { openContext, openLog } from "./shared/lazy-log.ts";
import { toSchema } from "./shared/schema-input.ts";
import { toWriteSource } from "./shared/source.ts";
import { type CreateTableOptions, createTableKeys } from "./shared/table-options.ts";
import { splitTableUri } from "./shared/table-uri.ts";
import { toCommitOptions } from "./shared/write-options.ts";
import { Table } from "./table.ts";

/**
 * Creates a table at a folder or URI and opens it.
 *
 * @throws `TABLE_EXISTS`; `INVALID_ARGUMENT` without schema and source; `SCHEMA_INVALID`, `COLUMN_NOT_FOUND`;
 * for a source as `Table.append`
 *
 * @example
 * ```ts
 * import { createTable, schema } from "varve";
 *
 * const table = await createTable("./sales", {
 *   schema: schema().long("id", { nullable: false }).string("customer").decimal("amount", 12, 2),
 *   partitionBy: ["customer"],
 * });
 * await table.close();
 * ```
 */
export async function createTable(uri: string, options: CreateTableOptions): Promise<Table> {
  return (await createTableWith(uri, options)).table;
}

/** As {@link createTable}, with what the first write did; without `written` the table was there already. */
export async function createTableWith(
  uri: string,
  options: CreateTableOptions,
): Promise<{ readonly table: Table; readonly written?: WriteResult | undefined }> {
  const known = knownOptions("createTable", options, createTableKeys);
  const { schema, source, ifNotExists, partitionBy, properties, name, description } = known;
  const { s3, openStore, memoryLimit, threads, temporaryFolder, world, cache, allowedPrefixes } = known;
  const split = splitTableUri(uri);
  if (split.at !== undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Cannot create a table at a version: ${uri}. Leave the suffix out.`,
      { uri },
    );
  const write = toCommitOptions(known);
  const context = await openContext(split.uri, {
    s3,
    openStore,
    memoryLimit,
    threads,
    temporaryFolder,
    world,
    cache,
    allowedPrefixes,
  });
  const { createTable: createVerb } = await import("../operations/create.ts");
  try {
    const written = await createVerb(context, {
      ...write,
      partitionBy,
      properties,
      name,
      description,
      schema: schema === undefined ? undefined : toSchema(schema),
      source: source === undefined ? undefined : toWriteSource(source),
    });
    const { upkeep, ...result } = written;
    await upkeep;
    return { table: Table.of(await openLog(context), false, upkeep), written: result };
  } catch (error) {
    if (!(ifNotExists === true && error instanceof VarveError && error.code === "TABLE_EXISTS")) throw error;
    return { table: Table.of(await openLog(context), false) };
  }
}
