import type { AddAction, RemoveAction } from "../../protocol/actions.ts";
import { rowIdMark, rowTrackingDomain } from "../../protocol/domains.ts";
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

/**
 * Checks one commit that came first against the transaction, and folds it into the state that the transaction
 * will be based on.
 *
 * `spec/conflicts.md` has the rules and their order. Called for every winner, oldest first.
 *
 * @throws {@link ConflictError}; `UNSUPPORTED_FEATURE` if varve cannot write the table that the winner left
 */
export function checkWinner(
  transaction: ReadWriteSet,
  state: CommitState,
  winner: WinningCommit,
): CommitState {
  const protocol = protocolConflict(transaction, state, winner);
  const metadata = metadataConflict(transaction, state, winner);
  // PROTOCOL.md "Domain Metadata".
  checkDomains(transaction, winner);
  // PROTOCOL.md "Transaction Identifiers".
  checkAppTransactions(transaction, winner);
  checkAdded(transaction, winner, { protocol, metadata });
  checkRemoved(transaction, winner);
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

function checkAdded(
  transaction: ReadWriteSet,
  winner: WinningCommit,
  table: Pick<CommitState, "protocol" | "metadata">,
): void {
  const { mayMatch, pathKey } = transaction.tools;
  const recommitted = winner.actions.find(
    (action) => action.kind === "add" && transaction.added.has(pathKey(action.path)),
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

function checkRemoved(transaction: ReadWriteSet, winner: WinningCommit): void {
  const { pathKey } = transaction.tools;
  const readded = new Set(
    winner.actions.flatMap((action) => (action.kind === "add" ? [pathKey(action.path)] : [])),
  );
  for (const action of winner.actions) {
    if (action.kind !== "remove") continue;
    const key = pathKey(action.path);
    if (transaction.removed.has(key)) throw sameFileRemoved(winner, action);
    if (transaction.added.has(key) && !readded.has(key))
      throw readFileRemoved(winner, action, "adds the same file again");
    if (!action.dataChange) continue;
    if (transaction.readFiles.has(key)) throw readFileRemoved(winner, action, "read that file");
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
