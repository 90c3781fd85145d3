import type { TableContext } from "../../log/contract.ts";
import { defined } from "../../util/defined.ts";
import type { CommitResult } from "../commit/commit-request.ts";
import { commitChange, type TableChange } from "../commit/table-change.ts";
import { defineTable, type TableDefinition } from "./table-definition.ts";

/**
 * Commits version 0 of a table without rows.
 *
 * @throws as `defineTable` and `commitNewTable`
 */
export function createEmpty(
  context: TableContext,
  definition: TableDefinition,
  { userMetadata, signal }: Pick<TableChange, "userMetadata" | "signal"> = {},
): Promise<CommitResult> {
  const { protocol, metadata, clustering } = defineTable(context.world, definition);
  return commitChange(
    { context },
    {
      operation: "CREATE TABLE",
      operationParameters: createParameters(metadata.partitionColumns, definition),
      definition: [protocol, metadata, ...(clustering === undefined ? [] : [clustering])],
      userMetadata,
      signal,
    },
  );
}

/** How the history shows a table's creation, under Spark's names. */
export function createParameters(
  partitionColumns: readonly string[],
  { clusterBy, properties, description }: Pick<TableDefinition, "clusterBy" | "properties" | "description">,
): Readonly<Record<string, string>> {
  return defined({
    partitionBy: JSON.stringify(partitionColumns),
    clusterBy: clusterBy === undefined ? undefined : JSON.stringify(clusterBy),
    properties: JSON.stringify(properties ?? {}),
    description,
    isManaged: "false",
  });
}
