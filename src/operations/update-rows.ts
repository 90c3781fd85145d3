import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { columnMetadata } from "../schema/column-metadata.ts";
import { findField, requireColumn } from "../schema/fields.ts";
import { isPrimitive, pathText, typeText } from "../schema/type-names.ts";
import type { DeltaType, StructField, StructType } from "../schema/types.ts";
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
  const { history, rejections } = writeServices(target, { gateOptions, recordRejection, signal: run.signal });
  try {
    return await runRewrite(plan, { ...run, history });
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
    const other = assignments.find(({ path: before }) => begins(before, path) || begins(path, before));
    if (other !== undefined) throw assignedTwice(other.path, path);
    refuseIdentity(schema, path);
    assignments.push({ path, value });
  }
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

/** The column that a name means, or else the field of a struct, as in `address.city`. @throws `COLUMN_NOT_FOUND` */
function assignedPath(schema: StructType, name: string): string[] {
  const parts = name.split(".");
  return requirePath(schema, findField(schema, name) === undefined ? parts : [name]);
}

/** The path in the table's spelling. @throws `COLUMN_NOT_FOUND` */
function requirePath(schema: StructType, parts: readonly string[]): string[] {
  const [name = ""] = parts;
  if (parts.length === 1) return [requireColumn(schema, name).name];
  const path: string[] = [];
  let type: DeltaType = schema;
  for (const part of parts) {
    const field: StructField | undefined =
      isPrimitive(type) || type.type !== "struct" ? undefined : findField(type, part);
    if (field === undefined) throw noSuchField(parts.join("."), path, type);
    path.push(field.name);
    type = field.type;
  }
  return path;
}

function noSuchField(name: string, path: readonly string[], type: DeltaType): VarveError {
  const known = isPrimitive(type) || type.type !== "struct" ? [] : type.fields.map((field) => field.name);
  const where =
    path.length === 0 ? "the table has no such column" : `${pathText(path)} is a ${typeText(type)}`;
  const advice =
    known.length === 0
      ? "Only columns and fields of structs can be set."
      : `Its fields are: ${known.join(", ")}.`;
  return new VarveError("COLUMN_NOT_FOUND", `Cannot set ${name}: ${where}. ${advice}`, { column: [name] });
}

function begins(path: readonly string[], start: readonly string[]): boolean {
  return start.every((name, index) => path[index] === name);
}

function assignedTwice(first: readonly string[], second: readonly string[]): VarveError {
  const [a, b] = [pathText(first), pathText(second)];
  return new VarveError(
    "INVALID_ARGUMENT",
    a === b
      ? `The update sets the column ${a} twice (names are compared ignoring case). Set it once.`
      : `The update sets ${a} and ${b}, of which one is a part of the other. Set one of them.`,
    { column: [...second] },
  );
}

/** The numbers of an identity column are the table's. */
function refuseIdentity(schema: StructType, [name = ""]: readonly string[]): void {
  const field = requireColumn(schema, name);
  if (columnMetadata(field).identity === undefined) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The update sets the identity column ${pathText([name])}, whose values the table numbers itself. Leave it out.`,
    { column: [name] },
  );
}
