import type { ProtocolAction } from "../../protocol/actions.ts";
import { findFeature, supportedWriterFeatures } from "../../protocol/features.ts";
import { requireWritable } from "../../protocol/obstacles.ts";
import { type CommitState, singleAction, type WinningCommit } from "./commit-request.ts";
import { ConflictError } from "./conflict-error.ts";
import type { ReadWriteSet } from "./read-write-set.ts";

/**
 * The protocol to commit on after `winner`.
 *
 * @throws {@link ConflictError} `CONFLICT_PROTOCOL_CHANGED` (rules P2 to P4 and P6); `UNSUPPORTED_FEATURE` or
 * `UNSUPPORTED_PROTOCOL` (rule P1).
 */
export function protocolConflict(
  transaction: ReadWriteSet,
  state: CommitState,
  winner: WinningCommit,
): ProtocolAction {
  const theirs = singleAction(winner.actions, "protocol");
  const ours = singleAction(transaction.request.actions, "protocol");
  if (theirs === undefined) {
    if (ours !== undefined) checkDrop(state.protocol, ours, winner);
    return state.protocol;
  }
  requireWritable(theirs, singleAction(winner.actions, "metaData") ?? state.metadata);
  if (ours !== undefined) {
    throw protocolError(winner, "changed the table's protocol", "changes the protocol too");
  }
  const before = supportedWriterFeatures(state.protocol);
  const after = supportedWriterFeatures(theirs);
  const dropped = [...before].filter((name) => !after.has(name));
  if (dropped.length > 0)
    throw protocolError(winner, `dropped the table feature ${dropped.join(", ")}`, "was prepared with it");
  const hard = [...after].filter((name) => !before.has(name) && findFeature(name)?.soft !== true);
  if (hard.length > 0)
    throw protocolError(winner, `added the table feature ${hard.join(", ")}`, "was prepared without it");
  return theirs;
}

/** That nothing uses a dropped feature was checked on the table before the winner. */
function checkDrop(before: ProtocolAction, ours: ProtocolAction, winner: WinningCommit): void {
  const after = supportedWriterFeatures(ours);
  const dropped = [...supportedWriterFeatures(before)].filter((name) => !after.has(name));
  const changed = winner.actions.find(({ kind }) => kind === "metaData" || kind === "domainMetadata");
  if (dropped.length === 0 || changed === undefined) return;
  const what = changed.kind === "metaData" ? "the table's metadata" : "a metadata domain";
  throw protocolError(
    winner,
    `changed ${what}`,
    `drops the table feature ${dropped.join(", ")}, which that may use`,
  );
}

function protocolError(winner: WinningCommit, winnerDid: string, met: string): ConflictError {
  return new ConflictError("CONFLICT_PROTOCOL_CHANGED", winner, {
    winnerDid,
    met,
    advice: "Reload the table and retry.",
  });
}
