import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { optionText } from "../util/option-text.ts";
import { type BatchTarget, existingTarget } from "../write/plan/batch-target.ts";
import { addedRows, writeTests } from "../write/plan/plan-rows.ts";
import type { WriteOptions, WriteOutcome } from "../write/plan/write-options.ts";
import type { RowsPlan } from "../write/plan/write-plan.ts";
import type { WriteSource } from "../write/plan/write-source.ts";
import { landedBefore, runPlan } from "../write/write-pipeline.ts";
import { refuseAppendOnly } from "./append-only.ts";
import { thenCompact } from "./auto-compact.ts";
import { writeServices } from "./write-services.ts";

/** What an overwrite replaces; by default the whole table. */
export interface OverwriteOptions extends WriteOptions {
  /** Replace the rows that meet this SQL condition; every new row must meet it too. */
  readonly replaceWhere?: string | undefined;
  /** Replace only the partitions that the new rows belong to. */
  readonly dynamicPartitions?: boolean | undefined;
  /** Let the batch's columns replace the table's schema. */
  readonly overwriteSchema?: boolean | undefined;
  /**
   * With `overwriteSchema`: the new partition columns; default: the present ones that the new schema still
   * has.
   */
  readonly partitionBy?: readonly string[] | undefined;
}

/**
 * Replaces rows of a table with those of a source in one commit: readers see either all old rows or all new
 * ones.
 *
 * @throws as `append`, and `TABLE_APPEND_ONLY`; `INVALID_ARGUMENT` for options that exclude each other;
 * `CONSTRAINT_VIOLATED` for new rows that do not meet `replaceWhere`; `SQL_FAILED`, `SQL_REFUSED` for its SQL
 */
export async function overwrite(
  snapshot: LogSnapshot,
  source: WriteSource,
  options: OverwriteOptions = {},
): Promise<WriteOutcome> {
  checkOptions(options);
  const target = await existingTarget(snapshot);
  refuseAppendOnly(target);
  const landed = await landedBefore(target, options);
  if (landed !== undefined) return landed;
  const { removes, parameters, schema } = replacementOf(target, options);
  const added = addedRows(
    target,
    { source, tests: writeTests(target.metadata.configuration, options) },
    options,
  );
  const plan: RowsPlan = {
    ...added,
    removes,
    schema: schema ?? added.schema,
    operation: { name: "WRITE", parameters: { mode: "Overwrite", ...parameters } },
  };
  return thenCompact(snapshot, await runPlan(plan, writeServices(target, options)), options.signal);
}

interface Replacement {
  readonly removes: RowsPlan["removes"];
  readonly schema?: RowsPlan["schema"] | undefined;
  /** Parameters in the history. */
  readonly parameters: Readonly<Record<string, string>>;
}

function replacementOf(target: BatchTarget, options: OverwriteOptions): Replacement {
  const { replaceWhere: where, dynamicPartitions, overwriteSchema, partitionBy, upgradeProtocol } = options;
  if (where !== undefined)
    return { removes: { kind: "condition", where }, parameters: { predicate: JSON.stringify([where]) } };
  if (dynamicPartitions === true) {
    if (target.metadata.partitionColumns.length === 0) throw noPartitions();
    return { removes: { kind: "partitions" }, parameters: { isDynamicPartitionOverwrite: "true" } };
  }
  if (overwriteSchema !== true) return { removes: { kind: "all" }, parameters: {} };
  return {
    removes: { kind: "all" },
    schema: { kind: "replace", partitionBy, upgradeProtocol: upgradeProtocol === true },
    parameters: { overwriteSchema: "true" },
  };
}

function checkOptions(options: OverwriteOptions): void {
  const chosen = [
    options.replaceWhere !== undefined,
    options.dynamicPartitions === true,
    options.overwriteSchema === true,
  ].filter(Boolean);
  if (chosen.length > 1) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Only one of ${optionText("replaceWhere")}, ${optionText("dynamicPartitions")} and ${optionText("overwriteSchema")} can be set. Leave the others out.`,
      {},
    );
  }
  if (options.partitionBy !== undefined && options.overwriteSchema !== true) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Changing partition columns requires ${optionText("overwriteSchema")}. Set it, or leave ${optionText("partitionBy")} out.`,
      {},
    );
  }
}

function noPartitions(): VarveError {
  return new VarveError(
    "INVALID_ARGUMENT",
    `The table is not partitioned, so ${optionText("dynamicPartitions")} does not apply. Leave it out.`,
    {},
  );
}
