import { isVarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import type { AddAction, DeletionVectorDescriptor, RemoveAction } from "../../protocol/actions.ts";
import { recordsOf } from "../../protocol/record-count.ts";
import { type BitSet, difference, isEmpty } from "../../util/bit-sets.ts";
import { mapBounded } from "../../util/concurrency.ts";
import type { MarkedFile } from "../data-files/deletion-vector-files.ts";
import { rowsOfVector } from "../scan/row-selection.ts";
import type { CommitState, WinningCommit } from "./commit-request.ts";
import type { ReadWriteSet } from "./read-write-set.ts";

/** A file from which a winner deleted rows by a deletion vector, and which it left as it was otherwise. */
export interface WinningMark {
  /** The file with its new vector. */
  readonly add: AddAction;
  /** All of its deleted rows. */
  readonly deleted: BitSet;
}

/** By key of their paths. */
export type WinningMarks = ReadonlyMap<string, WinningMark>;

/** The marks of a winner that concern no transaction. */
export const noMarks: WinningMarks = new Map();

/** Number of files whose vectors are read in parallel. */
const READ_CONCURRENCY = 4;

/**
 * The marks of a winner that can be reconciled with a transaction: of files that it marks too, or may have
 * read. Empty at levels that do not reconcile them. `spec/conflicts.md`, "Marked rows".
 *
 * A file counts only if its new vector holds every row of the one before: a restore gives rows back.
 *
 * @throws `DELETION_VECTOR_CORRUPT`, `STORE_UNAVAILABLE`, `CANCELLED`
 */
export async function winningMarks(
  context: TableContext,
  transaction: ReadWriteSet,
  state: CommitState,
  winner: WinningCommit,
): Promise<WinningMarks> {
  const { isolation, request, tools, marked, readRows } = transaction;
  const { wholeTable = false, predicates = [] } = request.reads ?? {};
  if (isolation !== "WriteSerializable" || wholeTable) return noMarks;
  if (marked.size + readRows.size + predicates.length === 0) return noMarks;
  const pairs = [...markedPairs(winner, tools.pathKey)].filter(
    ([key, { add }]) =>
      marked.has(key) ||
      readRows.has(key) ||
      predicates.some((predicate) => tools.mayMatch(predicate, add, state)),
  );
  const read = await mapBounded(pairs, READ_CONCURRENCY, async ([key, pair]) => {
    const mark = await readMark(context, pair, marked.get(key), request.signal);
    return mark === undefined ? [] : [[key, mark] as const];
  });
  return new Map(read.flat());
}

interface MarkedPair {
  readonly remove: RemoveAction;
  readonly add: AddAction;
}

/** Files that a winner removes and adds again with a vector, each once. */
function markedPairs(winner: WinningCommit, pathKey: (path: string) => string): Map<string, MarkedPair> {
  const removes = new Map<string, RemoveAction>();
  const pairs = new Map<string, MarkedPair>();
  const twice = new Set<string>();
  for (const action of winner.actions) {
    if (action.kind !== "remove") continue;
    const key = pathKey(action.path);
    if (removes.has(key)) twice.add(key);
    removes.set(key, action);
  }
  for (const action of winner.actions) {
    if (action.kind !== "add") continue;
    const key = pathKey(action.path);
    const remove = removes.get(key);
    if (pairs.has(key)) twice.add(key);
    if (remove?.dataChange === true && action.dataChange && action.deletionVector !== undefined)
      pairs.set(key, { remove, add: action });
  }
  for (const key of twice) pairs.delete(key);
  return pairs;
}

async function readMark(
  context: TableContext,
  { remove, add }: MarkedPair,
  own: MarkedFile | undefined,
  signal: AbortSignal | undefined,
): Promise<WinningMark | undefined> {
  const rows = own === undefined ? recordsOf(add.stats) : physicalRows(own);
  if (rows === undefined) return undefined;
  const read = async (vector: DeletionVectorDescriptor | undefined) =>
    vector === undefined ? new Uint8Array() : await rowsOfVector(context, vector, rows, signal);
  try {
    const [before, deleted] = [await read(remove.deletionVector), await read(add.deletionVector)];
    return isEmpty(difference(before, deleted)) ? { add, deleted } : undefined;
  } catch (error) {
    // Another writer's vacuum removed the vector: what it held is not known, as without this rule.
    if (isVarveError(error, "DATA_FILE_MISSING")) return undefined;
    throw error;
  }
}

/** Number of rows of a file, the deleted ones included. */
export function physicalRows({ add, liveRows }: MarkedFile): number {
  return liveRows + (add.deletionVector?.cardinality ?? 0);
}
