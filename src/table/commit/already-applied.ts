import type { LogSnapshot } from "../../log/contract.ts";
import { isCovered } from "../idempotence/app-transaction.ts";
import {
  type AlreadyAppliedResult,
  type CommitRequest,
  txnActions,
  type WinningCommit,
} from "./commit-request.ts";

/** The result of a request whose application's progress is already in a snapshot; else `undefined`. */
export async function appliedBefore(
  snapshot: LogSnapshot,
  { txn }: CommitRequest,
): Promise<AlreadyAppliedResult | undefined> {
  if (txn === undefined) return undefined;
  const applied = (await snapshot.appTransactions()).get(txn.appId);
  if (!isCovered(applied, txn)) return undefined;
  const { version } = snapshot;
  return { outcome: "alreadyApplied", appId: txn.appId, appliedVersion: applied.version, version };
}

/** Like {@link appliedBefore}, for a commit that came between. */
export function appliedBy(winner: WinningCommit, { txn }: CommitRequest): AlreadyAppliedResult | undefined {
  const theirs =
    txn === undefined ? undefined : txnActions(winner.actions).find(({ appId }) => appId === txn.appId);
  if (txn === undefined || !isCovered(theirs, txn)) return undefined;
  return {
    outcome: "alreadyApplied",
    appId: txn.appId,
    appliedVersion: theirs.version,
    version: winner.version,
  };
}
