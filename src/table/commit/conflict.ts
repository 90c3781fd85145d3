import type { AddAction, RemoveAction } from "../../protocol/actions.ts";
import { rowIdMark, rowTrackingDomain } from "../../protocol/domains.ts";
import { commonCount } from "../../util/bit-sets.ts";
import {
  type CommitState,
  domainActions,
  singleAction,
  txnActions,
  type WinningCommit,
} from "./commit-request.ts";
import { ConflictError, commitInfoOf } from "./conflict-error.ts";
import { metadataConflict } from "./conflict-metadata.ts";
import { protocolConflict } from "./conflict-protocol.ts";
import type { ReadWriteSet } from "./read-write-set.ts";
import { noMarks, type WinningMarks } from "./winning-marks.ts";

/**
 * Checks one commit that came first against the transaction, and folds it into the state that the transaction
 * will be based on.
 *
 * `spec/conflicts.md` has the rules and their order. Called for every winner, oldest first.
 *
 * @param marks the winner's marks that can be reconciled with the transaction: {@link winningMarks}
 * @throws {@link ConflictError}; `UNSUPPORTED_FEATURE` if varve cannot write the table that the winner left
 */
export function checkWinner(
  transaction: ReadWriteSet,
  state: CommitState,
  winner: WinningCommit,
  marks: WinningMarks = noMarks,
): CommitState {
  const protocol = protocolConflict(transaction, state, winner);
  const metadata = metadataConflict(transaction, state, winner);
  // PROTOCOL.md "Domain Metadata".
  checkDomains(transaction, winner);
  // PROTOCOL.md "Transaction Identifiers".
  checkAppTransactions(transaction, winner);
  checkMarked(transaction, winner, marks);
  checkAdded(transaction, { winner, marks }, { protocol, metadata });
  checkRemoved(transaction, { winner, marks });
  return { ...foldState(state, winner), protocol, metadata };
}

/**
 * The state after `winner`, without any check. PROTOCOL.md "Row IDs": the high-water mark after a winning
 * commit.
 */
function foldState(state: CommitState, winner: WinningCommit): CommitState {
  const mark = rowIdMark(domainActions(winner.actions).find(({ domain }) => domain === rowTrackingDomain));
  const stamp = commitInfoOf(winner.actions)?.["inCommitTimestamp"];
  return {
    version: winner.version,
    timestamp: typeof stamp === "number" ? stamp : (winner.modified ?? state.timestamp),
    protocol: singleAction(winner.actions, "protocol") ?? state.protocol,
    metadata: singleAction(winner.actions, "metaData") ?? state.metadata,
    rowIdHighWaterMark: mark ?? state.rowIdHighWaterMark,
  };
}

function checkDomains(transaction: ReadWriteSet, winner: WinningCommit): void {
  for (const { domain } of domainActions(winner.actions)) {
    if (domain === rowTrackingDomain || !transaction.domains.has(domain)) continue;
    throw new ConflictError("CONFLICT_DOMAIN_METADATA", winner, {
      winnerDid: `changed the metadata domain ${domain}`,
      met: "changes the same domain",
      advice: "Reload the domain metadata and retry.",
      data: { domain },
    });
  }
}

function checkAppTransactions(transaction: ReadWriteSet, winner: WinningCommit): void {
  for (const { appId, version } of txnActions(winner.actions)) {
    if (!transaction.appIds.has(appId)) continue;
    throw new ConflictError("CONFLICT_CONCURRENT_TRANSACTION", winner, {
      winnerDid: `recorded progress ${version} of application ${appId}`,
      met: "reads or records progress of the same application",
      advice:
        "Use this application id in one writer at a time, then retry: a batch that was already committed is skipped.",
      data: { appId, appVersion: String(version) },
    });
  }
}

/** Two transactions may mark different rows of a file, and none twice. */
function checkMarked(transaction: ReadWriteSet, winner: WinningCommit, marks: WinningMarks): void {
  for (const [key, { add, deleted }] of marks) {
    const own = transaction.marked.get(key);
    const rows = own === undefined ? 0 : commonCount(own.rows, deleted);
    if (rows === 0) continue;
    const count = rows === 1 ? "1 row" : `${rows} rows`;
    throw new ConflictError("CONFLICT_CONCURRENT_DELETE_DELETE", winner, {
      winnerDid: `changed or deleted ${count} of ${describeFile(add)}`,
      met: `changes or deletes the same ${rows === 1 ? "row" : "rows"}`,
      advice: "Retry on the new version.",
      data: { path: add.path, rows },
    });
  }
}

/** A winner, and those of its files from which it only deleted rows that the transaction can do without. */
interface MarkingWinner {
  readonly winner: WinningCommit;
  readonly marks: WinningMarks;
}

function checkAdded(
  transaction: ReadWriteSet,
  { winner, marks }: MarkingWinner,
  table: Pick<CommitState, "protocol" | "metadata">,
): void {
  const { mayMatch, pathKey } = transaction.tools;
  const isMark = (action: AddAction) => marks.has(pathKey(action.path));
  const recommitted = winner.actions.find(
    (action) => action.kind === "add" && transaction.added.has(pathKey(action.path)) && !isMark(action),
  );
  if (recommitted?.kind === "add") throw sameFileAdded(winner, recommitted, "recommits the same file");
  checkRowIds(transaction, winner);
  if (transaction.isolation === "SnapshotIsolation") return;
  const blind = commitInfoOf(winner.actions)?.["isBlindAppend"] === true;
  if (blind && transaction.isolation === "WriteSerializable" && !transaction.changesMetadata) return;
  const { wholeTable = false, predicates = [] } = transaction.request.reads ?? {};
  if (!wholeTable && predicates.length === 0) return;
  const met = winner.actions.find(
    (action): action is AddAction =>
      action.kind === "add" &&
      action.dataChange &&
      !isMark(action) &&
      (wholeTable || predicates.some((predicate) => mayMatch(predicate, action, table))),
  );
  if (met === undefined) return;
  throw new ConflictError("CONFLICT_CONCURRENT_APPEND", winner, {
    winnerDid: `added ${describeFile(met)}`,
    met: wholeTable ? "read the whole table" : "read rows by a condition that this file may match",
    advice: "Retry on the new version, or narrow the condition to a partition that others do not write.",
    data: { path: met.path },
  });
}

/**
 * A remove states the last row ids of its file; ours does not have those that a winner assigned meanwhile.
 */
function checkRowIds(transaction: ReadWriteSet, winner: WinningCommit): void {
  const numberedFiles = winner.actions.filter(
    (action): action is AddAction =>
      action.kind === "add" &&
      action.baseRowId !== undefined &&
      transaction.removed.has(transaction.tools.pathKey(action.path)),
  );
  for (const file of numberedFiles) {
    const key = transaction.tools.pathKey(file.path);
    const ours = transaction.request.actions.find(
      (action) => action.kind === "remove" && transaction.tools.pathKey(action.path) === key,
    );
    if (ours?.kind === "remove" && ours.baseRowId !== file.baseRowId)
      throw sameFileAdded(winner, file, "removes it without its row ids");
  }
}

function checkRemoved(transaction: ReadWriteSet, { winner, marks }: MarkingWinner): void {
  const { pathKey } = transaction.tools;
  const readded = new Set(
    winner.actions.flatMap((action) => (action.kind === "add" ? [pathKey(action.path)] : [])),
  );
  for (const action of winner.actions) {
    if (action.kind !== "remove") continue;
    const key = pathKey(action.path);
    const reconciled = marks.has(key) && transaction.marked.has(key);
    if (transaction.removed.has(key) && !reconciled) throw sameFileRemoved(winner, action);
    if (transaction.added.has(key) && !readded.has(key))
      throw readFileRemoved(winner, action, "adds the same file again");
    if (!action.dataChange) continue;
    if (transaction.readFiles.has(key)) throw readFileRemoved(winner, action, "read that file");
    const rows = transaction.readRows.get(key);
    if (rows !== undefined && commonCount(rows, marks.get(key)?.deleted ?? rows) > 0)
      throw readFileRemoved(winner, action, "read rows of it that are gone");
    if (transaction.request.reads?.wholeTable === true && transaction.isolation !== "SnapshotIsolation") {
      throw readFileRemoved(winner, action, "read the whole table");
    }
  }
}

function sameFileAdded(winner: WinningCommit, action: AddAction, met: string): ConflictError {
  return new ConflictError("CONFLICT_CONCURRENT_DELETE_DELETE", winner, {
    winnerDid: `recommitted ${describeFile(action)}`,
    met,
    advice: "Retry on the new version.",
    data: { path: action.path },
  });
}

function sameFileRemoved(winner: WinningCommit, action: RemoveAction): ConflictError {
  return new ConflictError("CONFLICT_CONCURRENT_DELETE_DELETE", winner, {
    winnerDid: `removed or rewrote ${describeFile(action)}`,
    met: "removes or rewrites the same file",
    advice: "Retry on the new version.",
    data: { path: action.path },
  });
}

function readFileRemoved(winner: WinningCommit, action: RemoveAction, met: string): ConflictError {
  return new ConflictError("CONFLICT_CONCURRENT_DELETE_READ", winner, {
    winnerDid: `removed ${describeFile(action)}`,
    met,
    advice: "Retry on the new version.",
    data: { path: action.path },
  });
}

function describeFile(action: AddAction | RemoveAction): string {
  const values = Object.entries(action.partitionValues ?? {}).map(
    ([name, value]) => `${name}=${value ?? "null"}`,
  );
  return values.length === 0
    ? `the file ${action.path}`
    : `the file ${action.path} (partition ${values.join(", ")})`;
}
