import { schemaOfEngine } from "../../dialects/engine-types.ts";
import type { EngineColumn } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { findField } from "../../schema/fields.ts";
import { voidAsUntyped } from "../../schema/untyped-columns.ts";
import { defineTable } from "../../table/definition/table-definition.ts";
import { optionText } from "../../util/option-text.ts";
import { type BatchTarget, mergedTarget, newTarget, replacedTarget } from "../plan/batch-target.ts";
import type { SchemaChange } from "../plan/write-plan.ts";

/** Whether a source is read with its own types, because its columns become the table's. */
export function readsOwnTypes({ kind }: SchemaChange): boolean {
  return kind === "replace" || kind === "define";
}

/** The table as the commit will leave it for a source with these columns. @throws as {@link mergedTarget} */
export function adaptedTarget(
  target: BatchTarget,
  change: SchemaChange,
  columns: readonly EngineColumn[],
): BatchTarget {
  switch (change.kind) {
    case "keep":
      return target;
    case "merge":
      return mergedTarget(target, columns, change.upgradeProtocol);
    case "replace": {
      const schema = schemaOfEngine(columns);
      const partitionBy =
        change.partitionBy ??
        target.metadata.partitionColumns.filter((name) => findField(schema, name) !== undefined);
      return replacedTarget(target, schema, partitionBy, change.upgradeProtocol);
    }
    case "define": {
      const { context } = target;
      const schema = voidAsUntyped(schemaOfEngine(columns), change.table.partitionBy);
      return newTarget(context, defineTable(context.world, { ...change.table, schema }));
    }
  }
}

/**
 * The target with the tag column of the tests, which a merge or a table's first batch may add.
 *
 * @throws `SCHEMA_MISMATCH` if it may not be added
 */
export function taggedTarget(target: BatchTarget, change: SchemaChange, tag: string | null): BatchTarget {
  if (tag === null || findField(target.schema, tag) !== undefined) return target;
  if (change.kind !== "keep" || target.snapshot === undefined) {
    const upgrade = "upgradeProtocol" in change && change.upgradeProtocol === true;
    return mergedTarget(target, [{ name: tag, type: "VARCHAR[]" }], upgrade);
  }
  throw new VarveError(
    "SCHEMA_MISMATCH",
    `The gate tags rows in column ${tag}, which the table does not have. To add it, pass ${optionText("mergeSchema")}. Nothing was written.`,
    { column: [tag], expected: "array<string>", found: "no such column", reason: "missing" },
  );
}
