import { type ErrorCode, isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { openLog } from "../log/snapshot/open-log.ts";
import type { StructType } from "../schema/types.ts";
import { createEmpty } from "../table/definition/create-empty.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { requireOwnTypes } from "./own-columns.ts";

/**
 * A Delta table that keeps what varve knows of another table, usually in a folder below it. It exists from its first
 * row on. It is open to other writers: columns that they add are kept, and columns of varve's own that they remove
 * are null when read and come back with the next write.
 */
export interface SideTable {
  /** Its place, with the store, local copies, engine limits, clock and ids of the table that it belongs to. */
  readonly context: TableContext;
  /** What errors call it, e.g. `quarantine`. */
  readonly name: string;
  readonly description: string;
  /** The columns that varve itself reads and writes. */
  readonly columns: StructType;
}

/** What every call on a side table can be told. */
export interface SideTableOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What every write of a side table can be told. */
export interface SideWriteOptions extends SideTableOptions {
  /** The columns that the rows may have, where some depend on the table above; default: the side table's own. */
  readonly schema?: StructType | undefined;
}

/**
 * The newest version of a side table; `undefined` where nothing was written to it yet.
 *
 * @throws `SCHEMA_MISMATCH` where a column of varve's own has another type; errors of a damaged log; `CANCELLED`
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
 * The newest version of a side table, which is created where there is none. Writers that create it at the same time
 * get the same table.
 *
 * @throws as {@link openSideTable}
 */
export async function ensureSideTable(side: SideTable, options: SideWriteOptions = {}): Promise<LogSnapshot> {
  const existing = await openSideTable(side, options);
  if (existing !== undefined) return existing;
  const { context, description, columns } = side;
  const { schema = columns, signal } = options;
  try {
    await asStep(side, () => naming(side, () => createEmpty(context, { schema, description }, { signal })));
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
 * Runs a write of a side table that is a step of another verb. Where its outcome is unknown, that of the verb is not:
 * what `recover` would tell of the side table must not pass for the verb's own commit.
 *
 * @throws `STORE_UNAVAILABLE` in place of `COMMIT_OUTCOME_UNKNOWN`; else what `work` throws
 */
export async function asStep<T>(side: SideTable, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isVarveError(error, "COMMIT_OUTCOME_UNKNOWN")) throw error;
    const { uri } = side.context.store;
    throw new VarveError(
      "STORE_UNAVAILABLE",
      `The ${side.name} at ${uri}: the store gave no definite answer to the commit of version ${String(error.data["version"])}, so the call ended before it was done. Retry it; with a batchId nothing is written twice.`,
      { ...error.data, uri },
      error,
    );
  }
}

/** Errors that are about a caller's text or wish, not about the table. */
const aboutCaller: ReadonlySet<ErrorCode> = new Set([
  "SQL_FAILED",
  "SQL_REFUSED",
  "CANCELLED",
  "INVALID_ARGUMENT",
]);

/** Runs work on a side table, whose errors then say which table they are about. */
export async function naming<T>(side: SideTable, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { uri } = side.context.store;
    // Errors of a class of their own, as of conflicts and unknown outcomes, hold more than their message says.
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
