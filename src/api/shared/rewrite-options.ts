import { VarveError } from "../../errors.ts";
import type { UpdateRequest, UpdateOptions as UpdateVerbOptions } from "../../operations/update-rows.ts";
import type { Suite, SuiteJson } from "../../quality/model/suite.ts";
import type { RewriteOptions, RewriteProgress } from "../../write/rewrite/rewrite-plan.ts";
import { knownOptions, type OptionKeys } from "./known-options.ts";
import type { ApplicationTransaction } from "./options.ts";
import { type GateOptions, gateOptionsKeys } from "./table-options.ts";
import { requireOptions } from "./table-uri.ts";
import { toCommitOptions } from "./write-options.ts";

/** Options of {@link Table.delete}. */
export interface DeleteOptions {
  /** Makes the deletion idempotent: one with the same application id and version lands at most once. */
  readonly txn?: ApplicationTransaction | undefined;
  /** Like `txn`, with one name for the deletion. */
  readonly batchId?: string | undefined;
  /** Kept in the version's history. */
  readonly userMetadata?: string | undefined;
  /** Split data files near this many bytes; default: the table's `delta.targetFileSize`, else 256 MiB. */
  readonly targetFileBytes?: number | undefined;
  /** Count what would change, file by file, and write nothing. The tests of an update are not run. */
  readonly dryRun?: boolean | undefined;
  readonly onProgress?: ((progress: RewriteProgress) => void) | undefined;
  /** Cancels the change; an uncommitted change leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@link Table.update} changes, and how. */
export interface UpdateOptions extends DeleteOptions {
  /**
   * The new values: SQL expressions over a row's old values, by the names of columns, or of fields of
   * structs (`address.city`), whose other fields stay. A text needs quotes of its own: `{ state: "'paid'" }`.
   */
  readonly set: Readonly<Record<string, string>>;
  /** SQL condition; rows for which it is true are updated. Default: all rows. */
  readonly where?: string | undefined;
  /** Tests that the new rows must pass, in addition to those that the table carries. */
  readonly gate?: SuiteJson | Suite | undefined;
  readonly gateOptions?: GateOptions | undefined;
  /** Whether an update that its tests reject leaves a record (see `table.rejections`); default true. */
  readonly recordRejection?: boolean | undefined;
}

const deleteKeys = {
  txn: { appId: true, version: true },
  batchId: true,
  userMetadata: true,
  targetFileBytes: true,
  dryRun: true,
  onProgress: true,
  signal: true,
} satisfies OptionKeys<DeleteOptions>;
const updateKeys = {
  ...deleteKeys,
  where: true,
  gate: true,
  gateOptions: gateOptionsKeys,
  recordRejection: true,
} satisfies OptionKeys<Omit<UpdateOptions, "set">>;

/** Converts a caller's options of a deletion for the verb. @throws `INVALID_ARGUMENT` naming the option */
export function toDeleteOptions(options: DeleteOptions): RewriteOptions {
  const { onProgress, dryRun, ...rest } = knownOptions("delete", options, deleteKeys);
  const { txn, batchId, userMetadata, targetFileBytes, signal } = toCommitOptions(rest);
  return { txn, batchId, userMetadata, targetFileBytes, signal, onProgress, dryRun };
}

/** Converts a caller's options of an update for the verb. @throws `INVALID_ARGUMENT` naming the option */
export function toUpdateOptions(given: UpdateOptions): {
  readonly request: UpdateRequest;
  readonly options: UpdateVerbOptions;
} {
  requireOptions(given, "update");
  const { set, ...options } = given;
  const { onProgress, dryRun, where, recordRejection, ...rest } = knownOptions("update", options, updateKeys);
  const { txn, batchId, userMetadata, targetFileBytes, signal, gate, gateOptions } = toCommitOptions(rest);
  if (where !== undefined) requireCondition("update", where);
  return {
    request: { set: requireExpressions("update", "set", set), where },
    options: {
      txn,
      batchId,
      userMetadata,
      targetFileBytes,
      signal,
      gate,
      gateOptions,
      recordRejection,
      onProgress,
      dryRun,
    },
  };
}

/** @throws `INVALID_ARGUMENT` for a condition that is no text */
export function requireCondition(verb: string, where: unknown): string {
  if (typeof where === "string" && where.trim() !== "") return where;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${verb} needs an SQL condition as text, such as "id = 7"; "true" selects all rows.`,
    { option: "where" },
  );
}

/** @throws `INVALID_ARGUMENT` for anything but texts by the names of columns, and for none */
export function requireExpressions(
  verb: string,
  option: string,
  set: unknown,
): Readonly<Record<string, string>> {
  const entries = typeof set === "object" && set !== null && !Array.isArray(set) ? Object.entries(set) : [];
  const bad = entries.find(([, value]) => typeof value !== "string");
  if (bad !== undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `The new value of ${JSON.stringify(bad[0])} must be an SQL expression as text, such as "amount * 2" or "'paid'", not a ${typeof bad[1]}.`,
      { option, column: [bad[0]] },
    );
  if (entries.length === 0)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `${verb} needs the new values in ${option}, such as { ${option}: { state: "'paid'" } }.`,
      { option },
    );
  return Object.fromEntries(entries) as Record<string, string>;
}
