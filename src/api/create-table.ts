import { isVarveError, VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import type { WriteOutcome, WriteResult } from "../write/plan/write-options.ts";
import { knownOptions } from "./shared/known-options.ts";
import { openContext, openCreated, openLog } from "./shared/lazy-log.ts";
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

/**
 * Like {@link createTable}, and returns the result of the first write; without `written`, the table existed
 * already.
 */
export async function createTableWith(
  uri: string,
  options: CreateTableOptions,
): Promise<{ readonly table: Table; readonly written?: WriteResult | undefined }> {
  const known = knownOptions("createTable", options, createTableKeys);
  const { schema, source, ifNotExists, partitionBy, clusterBy, properties, name, description } = known;
  const { s3, openStore, memoryLimit, threads, temporaryFolder, world, cache, allowedPrefixes } = known;
  const split = splitTableUri(uri);
  if (split.point !== undefined)
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
      clusterBy,
      properties,
      name,
      description,
      schema: schema === undefined ? undefined : toSchema(schema),
      source: source === undefined ? undefined : toWriteSource(source),
    });
    const { maintenance, ...result } = written;
    return { table: await openWritten(context, maintenance), written: result };
  } catch (error) {
    if (!(ifNotExists === true && isVarveError(error, "TABLE_EXISTS"))) throw error;
    return { table: Table.of(await openLog(context)) };
  }
}

/**
 * Opens a table whose first commit has landed. A failure to read it back is a warning of its maintenance,
 * because a caller who took it for a failure would create the table again.
 *
 * @throws the errors of opening, with the addition that the table exists, if its first commit is too large to
 * be kept in memory
 */
async function openWritten(context: TableContext, maintenance: WriteOutcome["maintenance"]): Promise<Table> {
  await maintenance;
  try {
    return Table.of(await openLog(context), { maintenance });
  } catch (cause) {
    const created = await openCreated(context);
    if (created !== undefined) return Table.of(created, { maintenance, unread: { cause } });
    throw isVarveError(cause) ? createdUnread(context, cause) : cause;
  }
}

function createdUnread({ store: { uri } }: TableContext, cause: VarveError): VarveError {
  return new VarveError(
    cause.code,
    `The table at ${uri} was created (version 0), but could not be opened: ${cause.message} Open it later; do not create it again.`,
    { ...cause.data, uri, version: 0 },
    cause,
  );
}
