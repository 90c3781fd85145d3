import { type ErrorCode, isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import type { StructType } from "../schema/types.ts";
import { createEmpty } from "../table/definition/create-empty.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { optionText } from "../util/option-text.ts";
import { requireOwnTypes } from "./own-columns.ts";

/**
 * A Delta table that keeps what varve knows about another table, usually in a folder below it. It exists once
 * it has a row. Other writers may change it: columns that they add are kept, and columns of varve's own that
 * they remove read as null and come back with the next write.
 */
export interface SideTable {
  /** Its location, with the store, cache, engine limits, clock and ids of the table that it belongs to. */
  readonly context: TableContext;
  /** Its name in error messages, such as `quarantine`. */
  readonly name: string;
  readonly description: string;
  /** The columns that varve itself reads and writes. */
  readonly columns: StructType;
  /** Properties that the table is created with. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
}

/** Options of every call on a side table. */
export interface SideTableOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of a compaction that failed after rows had landed, which must not fail the call; default: a warning of the process. */
  readonly onUpkeepFailed?: ((failure: UpkeepFailure) => void) | undefined;
}

/** A compaction of a side table that failed; nothing is lost by it. */
export interface UpkeepFailure {
  /** The side table in words. */
  readonly table: string;
  readonly cause: unknown;
}

/** Options of every write of a side table. */
export interface SideWriteOptions extends SideTableOptions {
  /** The columns that the rows may have, if some depend on the main table; default: the side table's own. */
  readonly schema?: StructType | undefined;
}

/**
 * Opens the newest version of a side table; returns `undefined` if nothing was written to it yet.
 *
 * @throws `SCHEMA_MISMATCH` if a column of varve's own has another type; errors of a damaged log; `CANCELLED`
 */
export async function openSideTable(
  side: SideTable,
  { signal }: SideTableOptions = {},
): Promise<LogSnapshot | undefined> {
  throwIfCancelled(signal, `opening the ${side.name}`);
  try {
    const snapshot = await naming(side, () => openLog(side.context, { signal }));
    requireOwnTypes(side, snapshot.schema);
    return snapshot;
  } catch (error) {
    if (isVarveError(error, "NOT_A_TABLE")) return undefined;
    throw error;
  }
}

/**
 * Opens the newest version of a side table, and creates the table if there is none. Writers that create it at
 * the same time get the same table.
 *
 * @throws as {@link openSideTable}
 */
export async function ensureSideTable(side: SideTable, options: SideWriteOptions = {}): Promise<LogSnapshot> {
  const existing = await openSideTable(side, options);
  if (existing !== undefined) return existing;
  const { context, description, columns, properties } = side;
  const { schema = columns, signal } = options;
  try {
    await asStep(side, () =>
      naming(side, () => createEmpty(context, { schema, description, properties }, { signal })),
    );
  } catch (error) {
    if (!isVarveError(error, "TABLE_EXISTS")) throw error;
  }
  const created = await openSideTable(side, options);
  if (created !== undefined) return created;
  throw new VarveError(
    "NOT_A_TABLE",
    `The ${side.name} at ${context.store.uri} was removed while rows were written to it. Repeat the call.`,
    { uri: context.store.uri },
  );
}

/**
 * Runs a write of a side table that is a step of another verb. If its outcome is unknown, the outcome of the
 * verb is not: what `recover` would report about the side table must not be taken for the verb's own commit.
 *
 * @throws `STORE_UNAVAILABLE` instead of `COMMIT_OUTCOME_UNKNOWN`; otherwise what `work` throws
 */
export async function asStep<T>(side: SideTable, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isVarveError(error, "COMMIT_OUTCOME_UNKNOWN")) throw error;
    const { uri } = side.context.store;
    throw new VarveError(
      "STORE_UNAVAILABLE",
      `The ${side.name} at ${uri}: the store gave no definite answer to the commit of version ${String(error.data["version"])}, so the call ended before it was done. Retry it; with ${optionText("batchId")} nothing is written twice.`,
      { ...error.data, uri },
      error,
    );
  }
}

/** Errors that are about a caller's input, not about the table. */
const aboutCaller: ReadonlySet<ErrorCode> = new Set([
  "SQL_FAILED",
  "SQL_REFUSED",
  "CANCELLED",
  "INVALID_ARGUMENT",
]);

/** Runs work on a side table, and adds the table's name to its errors. */
export async function naming<T>(side: SideTable, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { uri } = side.context.store;
    // Errors with a class of their own, such as conflicts and unknown outcomes, hold more than their message.
    if (!isVarveError(error) || error.constructor !== VarveError) throw error;
    if (aboutCaller.has(error.code) || error.message.includes(uri)) throw error;
    throw new VarveError(
      error.code,
      `The ${side.name} at ${uri}: ${error.message}`,
      { ...error.data, uri },
      error,
    );
  }
}
