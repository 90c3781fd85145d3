import type { Schema as ArrowSchema } from "apache-arrow";
import { schemaOfArrow } from "../dialects/arrow-types.ts";
import { VarveError } from "../errors.ts";
import { SchemaBuilder } from "../schema/builder.ts";
import { parseSchema, schemaFromJson, typeToJson } from "../schema/schema-json.ts";
import type { StructType } from "../schema/types.ts";
import type { ContextOptions } from "../table/definition/open-context.ts";
import type { TableDefinition } from "../table/definition/table-definition.ts";
import { defined } from "../util/defined.ts";
import type { JsonValue } from "../util/json.ts";
import type { WriteResult } from "../write/write-options.ts";
import { openContext, openLog } from "./lazy-log.ts";
import { type Source, toWriteSource } from "./source.ts";
import { Table } from "./table.ts";
import { requireOptions, splitTableUri } from "./table-uri.ts";
import { type AppendOptions, toWriteOptions } from "./write-options.ts";

/** A schema as callers have it: from the builder, as a Delta type, as Delta's schema JSON (text), or of Arrow data. */
export type SchemaInput = StructType | SchemaBuilder | string | ArrowSchema;

/** A new table: its schema, or a source to take it from; its layout and properties. */
export interface CreateTableOptions
  extends ContextOptions,
    Omit<AppendOptions, "mergeSchema" | "upgradeProtocol">,
    Omit<TableDefinition, "schema"> {
  readonly schema?: SchemaInput | undefined;
  /** First rows; without a schema their columns become the table's, all nullable. */
  readonly source?: Source | undefined;
  /** Open the table if there is one already, instead of failing; the source is then not written. */
  readonly ifNotExists?: boolean | undefined;
}

/**
 * Creates a table at a folder or URI and opens it.
 *
 * @throws `TABLE_EXISTS`; `INVALID_ARGUMENT` without schema and source; `SCHEMA_INVALID`, `COLUMN_NOT_FOUND`; for a source as `Table.append`
 */
export async function createTable(uri: string, options: CreateTableOptions): Promise<Table> {
  return (await createTableWith(uri, options)).table;
}

/** As {@link createTable}, with what the first write did; without `written` the table was there already. */
export async function createTableWith(
  uri: string,
  options: CreateTableOptions,
): Promise<{ readonly table: Table; readonly written?: WriteResult | undefined }> {
  requireOptions(options, "createTable()");
  const { schema, source, ifNotExists, partitionBy, properties, name, description, ...rest } = options;
  const { gate, gateOptions, quarantine, txn, batchId, userMetadata, targetFileBytes, onProgress, signal, ...contextOptions } = rest;
  const split = splitTableUri(uri);
  if (split.at !== undefined)
    throw new VarveError("INVALID_ARGUMENT", `A new table cannot begin at a version: ${uri}. Leave the suffix out.`, { uri });
  const context = await openContext(split.uri, contextOptions);
  const write = defined({ gate, gateOptions, quarantine, txn, batchId, userMetadata, targetFileBytes, onProgress, signal });
  const { createTable: createVerb } = await import("../operations/create.ts");
  try {
    const written = await createVerb(context, {
      ...toWriteOptions(write),
      ...defined({ partitionBy, properties, name, description }),
      ...defined({
        schema: schema === undefined ? undefined : toSchema(schema),
        source: source === undefined ? undefined : toWriteSource(source),
      }),
    });
    await written.upkeep;
    return { table: new Table(await openLog(context), false), written };
  } catch (error) {
    if (!(ifNotExists === true && error instanceof VarveError && error.code === "TABLE_EXISTS")) throw error;
    return { table: new Table(await openLog(context), false) };
  }
}

/** A schema in Delta's terms. @throws `SCHEMA_INVALID` */
function toSchema(input: SchemaInput): StructType {
  if (typeof input === "string") return parseSchema(input);
  if (input instanceof SchemaBuilder) return input.build();
  if ("type" in input) return schemaFromJson(toJson(input));
  return schemaOfArrow(input);
}

/** Through JSON, so that what callers put together by hand is held to the rules too. */
function toJson(schema: StructType): JsonValue {
  return typeToJson(schema);
}
