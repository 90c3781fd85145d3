import { VarveError } from "../../errors.ts";
import type { CommitResult } from "./commit-request.ts";

/** Result of {@link CommitOutcomeUnknownError.recover}. */
export interface RecoveredCommit {
  /** `alreadyApplied`: an earlier write had committed the batch. */
  readonly outcome: "committed" | "alreadyApplied";
  /** The version that the commit became, or at which its batch was found to be applied. */
  readonly version: number;
  readonly txnId: string;
}

/**
 * It is unknown whether a commit landed: its request may have landed, and the log could not be read back, or
 * the wait was aborted.
 *
 * The data files of the commit must be kept. {@link CommitOutcomeUnknownError.recover} brings the same
 * transaction to a definite end, and may be called any number of times from this process; from another
 * process, look for `data.txnId` in the `commitInfo` of version `data.version`.
 */
export class CommitOutcomeUnknownError extends VarveError {
  readonly version: number;
  readonly txnId: string;
  /**
   * Reads the version back, commits the same bytes again if the version does not exist, and continues as the
   * transaction would have.
   */
  readonly recover: () => Promise<RecoveredCommit>;
  /** @internal Like `recover`, with everything that is known about the commit. */
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
