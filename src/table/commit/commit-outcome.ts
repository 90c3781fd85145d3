import { VarveError } from "../../errors.ts";
import type { CommitResult } from "./commit-request.ts";

/** What became of a commit whose outcome was unknown. */
export interface RecoveredCommit {
  /** `alreadyApplied`: its batch is in the table since an earlier write. */
  readonly outcome: "committed" | "alreadyApplied";
  /** The version that the commit became, or at which its batch was found applied. */
  readonly version: number;
  readonly txnId: string;
}

/**
 * It cannot be told whether a commit landed: its request may have, and the log could not be read back, or the
 * wait was aborted.
 *
 * The data files of the commit must stay. {@link CommitOutcomeUnknownError.recover} carries the same
 * transaction to a definite end and is safe to call any number of times, from this process; from another,
 * look for `data.txnId` in the `commitInfo` of version `data.version`.
 */
export class CommitOutcomeUnknownError extends VarveError {
  readonly version: number;
  readonly txnId: string;
  /**
   * Reads the version back; commits the same bytes again if nobody has that version, and goes on as the
   * transaction would have.
   */
  readonly recover: () => Promise<RecoveredCommit>;
  /** @internal As `recover`, with all that is known of the commit. */
  readonly recoverCommit: () => Promise<CommitResult>;

  /** @internal */
  constructor(version: number, txnId: string, recover: () => Promise<CommitResult>, cause: unknown) {
    super(
      "COMMIT_OUTCOME_UNKNOWN",
      `Unknown outcome of the commit of version ${version}: the store gave no definite answer and the version could not be read back. ` +
        "Do not delete its data files and do not retry the operation: call recover() on this error, " +
        `or check whether version ${version} has txnId ${txnId}.`,
      { version, txnId },
      cause,
    );
    this.name = "CommitOutcomeUnknownError";
    this.version = version;
    this.txnId = txnId;
    this.recoverCommit = recover;
    this.recover = async () => {
      const { outcome, version: landed } = await recover();
      return { outcome, version: landed, txnId };
    };
  }
}
