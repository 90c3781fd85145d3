import { schemaOfEngine } from "../dialects/engine-types.ts";
import { VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { voidAsString } from "../schema/evolution.ts";
import type { StructType } from "../schema/types.ts";
import type { CommitResult } from "../table/commit/commit-request.ts";
import { keepLog } from "../table/commit/upkeep.ts";
import { createEmpty, createParameters } from "../table/definition/create-empty.ts";
import { defineTable, type TableDefinition } from "../table/definition/table-definition.ts";
import { type BatchTarget, newTarget } from "../write/batch-target.ts";
import { commitBatch } from "../write/commit-batch.ts";
import { prepareWithEarlier } from "../write/quarantine-again.ts";
import { quarantineRows } from "../write/quarantine-write.ts";
import { type BatchHooks, prepareBatch } from "../write/write-batch.ts";
import type { WriteOptions, WriteOutcome } from "../write/write-options.ts";
import type { WriteSource } from "../write/write-source.ts";

/** A new table: its schema, or a source to take it from. */
export interface CreateOptions
  extends Omit<WriteOptions, "mergeSchema" | "upgradeProtocol">,
    Omit<TableDefinition, "schema"> {
  readonly schema?: StructType | undefined;
  /**
   * First rows; without a schema their columns become the table's, all nullable; those that are null
   * throughout become `string`.
   */
  readonly source?: WriteSource | undefined;
}

/**
 * Creates a table, with its first rows where a source is given, in version 0.
 *
 * @throws `TABLE_EXISTS`; `INVALID_ARGUMENT` without schema and source; `SCHEMA_INVALID`, `COLUMN_NOT_FOUND`
 * for partition columns; for a source as `append`
 */
export async function createTable(context: TableContext, options: CreateOptions): Promise<WriteOutcome> {
  await refuseExisting(context);
  if (options.source !== undefined) return createFromSource(context, options.source, options);
  if (options.schema === undefined) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      "A new table needs a schema, or a source to take it from. Give one of them.",
      {},
    );
  }
  const definition = definitionOf(options, options.schema);
  return emptyResult(context, await createEmpty(context, definition, options));
}

async function createFromSource(
  context: TableContext,
  source: WriteSource,
  options: CreateOptions,
): Promise<WriteOutcome> {
  const define = (schema: StructType): BatchTarget => {
    const table = defineTable(context.world, definitionOf(options, schema));
    return newTarget(context, table.protocol, table.metadata, table.schema);
  };
  const known = options.schema === undefined ? undefined : define(options.schema);
  const base = known ?? newTarget(context, ...emptyTable(context));
  const hooks: BatchHooks =
    known === undefined
      ? { adapt: (relation) => define(voidAsString(schemaOfEngine(relation.columns))) }
      : {};
  const { prepared: batch, earlier } = await prepareWithEarlier(base, options, () =>
    prepareBatch(base, source, options, hooks),
  );
  try {
    const quarantine = await quarantineRows(batch, options, { earlier });
    return await commitBatch(
      batch,
      {
        operation: "CREATE TABLE AS SELECT",
        operationParameters: createParameters(batch.target.metadata.partitionColumns, options),
        quarantine,
      },
      options,
    );
  } finally {
    await batch.close();
  }
}

/** Stands in for the table until the source has told its columns. */
function emptyTable(context: TableContext) {
  const empty = defineTable(context.world, { schema: { type: "struct", fields: [] } });
  return [empty.protocol, empty.metadata, empty.schema] as const;
}

async function refuseExisting(context: TableContext): Promise<void> {
  for await (const _ of context.store.list("_delta_log/")) {
    throw new VarveError(
      "TABLE_EXISTS",
      `There is a table at ${context.store.uri} already. Open it, or choose another place.`,
      {
        uri: context.store.uri,
      },
    );
  }
}

function definitionOf(options: CreateOptions, schema: StructType): TableDefinition {
  const { partitionBy, properties, name, description } = options;
  return {
    schema,
    partitionBy,
    properties,
    name,
    description,
  };
}

function emptyResult(context: TableContext, result: CommitResult): WriteOutcome {
  const nothing = { rows: 0, filesAdded: 0, filesRemoved: 0, bytesAdded: 0 };
  if (result.outcome === "alreadyApplied")
    return { outcome: result.outcome, version: result.version, ...nothing };
  return { outcome: result.outcome, version: result.version, ...nothing, upkeep: keepLog(context, result) };
}
