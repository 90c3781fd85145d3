import { VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import type { StructType } from "../schema/types.ts";
import type { CommitResult } from "../table/commit/commit-request.ts";
import { maintainLog } from "../table/commit/log-maintenance.ts";
import { createEmpty, createParameters } from "../table/definition/create-empty.ts";
import { refuseExisting } from "../table/definition/refuse-existing.ts";
import { defineTable, type TableDefinition } from "../table/definition/table-definition.ts";
import { newTarget } from "../write/plan/batch-target.ts";
import { addedRows, writeTests } from "../write/plan/plan-rows.ts";
import type { WriteOptions, WriteOutcome } from "../write/plan/write-options.ts";
import type { RowsPlan } from "../write/plan/write-plan.ts";
import type { WriteSource } from "../write/plan/write-source.ts";
import { runPlan } from "../write/write-pipeline.ts";
import { writeServices } from "./write-services.ts";

/** Definition of a new table: its schema, or a source to derive it from. */
export interface CreateOptions
  extends Omit<WriteOptions, "mergeSchema" | "upgradeProtocol">,
    Omit<TableDefinition, "schema"> {
  readonly schema?: StructType | undefined;
  /**
   * First rows. Without a schema, their columns become the table's, all nullable; a column that is always
   * null becomes an untyped `string`.
   */
  readonly source?: WriteSource | undefined;
}

/**
 * Creates a table in version 0, with its first rows if a source is given.
 *
 * @throws `TABLE_EXISTS`; `INVALID_ARGUMENT` without schema and source; `SCHEMA_INVALID`, `COLUMN_NOT_FOUND`
 * for partition and clustering columns; for a source as `append`
 */
export async function createTable(context: TableContext, options: CreateOptions): Promise<WriteOutcome> {
  await refuseExisting(context);
  if (options.source !== undefined) return createFromSource(context, options.source, options);
  if (options.schema === undefined) {
    throw new VarveError("INVALID_ARGUMENT", "A new table needs a schema or a source. Pass one of them.", {});
  }
  const definition = definitionOf(options, options.schema);
  return emptyResult(context, await createEmpty(context, definition, options));
}

function createFromSource(
  context: TableContext,
  source: WriteSource,
  options: CreateOptions,
): Promise<WriteOutcome> {
  const { schema, txn, batchId, userMetadata, targetFileBytes } = options;
  const about = { txn, batchId, userMetadata, targetFileBytes };
  const definition = definitionOf(options, schema ?? { type: "struct", fields: [] });
  // Without a schema, an empty table stands in until the columns of the source are known.
  const table = defineTable(context.world, schema === undefined ? { schema: definition.schema } : definition);
  const target = newTarget(context, table);
  const { partitionBy: _, ...parameters } = createParameters([], definition);
  const plan: RowsPlan = {
    ...addedRows(target, { source, tests: writeTests(definition.properties ?? {}, options) }, about),
    schema: schema === undefined ? { kind: "define", table: definition } : { kind: "keep" },
    operation: { name: "CREATE TABLE AS SELECT", parameters },
  };
  return runPlan(plan, writeServices(target, options));
}

function definitionOf(options: CreateOptions, schema: StructType): TableDefinition {
  const { partitionBy, clusterBy, properties, name, description } = options;
  return {
    schema,
    partitionBy,
    clusterBy,
    properties,
    name,
    description,
  };
}

function emptyResult(context: TableContext, result: CommitResult): WriteOutcome {
  const nothing = { rows: 0, filesAdded: 0, filesRemoved: 0, bytesAdded: 0 };
  if (result.outcome === "alreadyApplied")
    return { outcome: result.outcome, version: result.version, ...nothing };
  return {
    outcome: result.outcome,
    version: result.version,
    ...nothing,
    maintenance: maintainLog(context, result),
  };
}
