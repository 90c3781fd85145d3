import type { LogSnapshot } from "../log/contract.ts";
import type { StructType } from "../schema/types.ts";
import { existingTarget } from "../write/plan/batch-target.ts";
import { writeTests } from "../write/plan/plan-rows.ts";
import type { WriteOptions } from "../write/plan/write-options.ts";
import type { RewriteOutcome } from "../write/rewrite/commit-rewrite.ts";
import type {
  Assignment,
  RewriteOptions,
  RewritePlan,
  TranslatedValue,
} from "../write/rewrite/rewrite-plan.ts";
import { runRewrite } from "../write/rewrite/run-rewrite.ts";
import { isRefusal } from "../write/write-services.ts";
import { refuseAppendOnly } from "./append-only.ts";
import { assignedPath, refuseIdentity, refuseTwice, requirePath } from "./assigned-paths.ts";
import { thenCompact } from "./auto-compact.ts";
import { writeServices } from "./write-services.ts";

/** Which rows are updated, and how. */
export interface UpdateRequest {
  /** SQL expressions over a row's old values, by the columns or fields (`address.city`) that take them, or their paths. */
  readonly set: Readonly<Record<string, string | TranslatedValue>> | readonly Assignment[];
  /** SQL condition; absent: all rows. */
  readonly where?: string | undefined;
  /** See {@link RewritePlan.condition}. */
  readonly condition?: RewritePlan["condition"];
  /** See {@link RewritePlan.readsTable}. */
  readonly readsTable?: RewritePlan["readsTable"];
  /** See {@link RewritePlan.subqueries}. */
  readonly subqueries?: RewritePlan["subqueries"];
}

/** Options of an update: its new rows are tested like those of an append. */
export type UpdateOptions = RewriteOptions & Pick<WriteOptions, "gate" | "gateOptions" | "recordRejection">;

/**
 * Gives new values to columns of the rows for which a condition is true, in one commit. All new values are
 * computed from a row's old ones, so that columns can be swapped.
 *
 * The table's NOT NULL columns, constraints and suite hold for the new rows; an update is accepted or rejected
 * as a whole. One that is rejected leaves a record, like a batch.
 *
 * @throws `SCHEMA_MISMATCH` for a value that is not of its column's type; `COLUMN_NOT_FOUND`,
 * `CONSTRAINT_VIOLATED`, `BATCH_REJECTED`, `TABLE_APPEND_ONLY`, `SQL_FAILED`, `SQL_REFUSED`,
 * `UNSUPPORTED_FEATURE`, `CONFLICT_…`, `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
 */
export async function updateRows(
  snapshot: LogSnapshot,
  { set, where, condition, readsTable, subqueries }: UpdateRequest,
  options: UpdateOptions = {},
): Promise<RewriteOutcome> {
  const target = await existingTarget(snapshot);
  refuseAppendOnly(target);
  const { txn, batchId, userMetadata, targetFileBytes, gate, gateOptions, recordRejection, ...run } = options;
  const predicate = JSON.stringify(where === undefined ? [] : [where]);
  const plan: RewritePlan = {
    target,
    snapshot,
    where,
    condition,
    readsTable,
    subqueries,
    set: assignmentsOf(snapshot, set),
    tests: writeTests(target.metadata.configuration, { gate, gateOptions }),
    operation: { name: "UPDATE", parameters: { predicate } },
    batch: { txn, batchId },
    userMetadata,
    targetFileBytes,
  };
  const { history, baselines, rejections } = writeServices(target, {
    gateOptions,
    recordRejection,
    signal: run.signal,
  });
  try {
    return await thenCompact(snapshot, await runRewrite(plan, { ...run, history, baselines }), run.signal);
  } catch (error) {
    const { tests, batch } = plan;
    if (tests === undefined || rejections === undefined || run.dryRun === true || !isRefusal(error))
      throw error;
    const { suite } = tests;
    throw await rejections.record({ batch, operation: "UPDATE", sources: [], userMetadata, suite, error });
  }
}

function assignmentsOf({ schema }: LogSnapshot, set: UpdateRequest["set"]): Assignment[] {
  const assignments: Assignment[] = [];
  for (const [path, value] of pathsOf(schema, set)) {
    refuseIdentity("update", schema, path);
    assignments.push({ path, value });
  }
  refuseTwice("update", assignments);
  return assignments;
}

type Pair = readonly [path: readonly string[], value: Assignment["value"]];

function pathsOf(schema: StructType, set: UpdateRequest["set"]): readonly Pair[] {
  if (isList(set)) return set.map(({ path, value }): Pair => [requirePath(schema, path), value]);
  return Object.entries(set).map(([name, value]): Pair => [assignedPath(schema, name), value]);
}

function isList(set: UpdateRequest["set"]): set is readonly Assignment[] {
  return Array.isArray(set);
}
