import { VarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import { CommitOutcomeUnknownError } from "./commit-outcome.ts";

/** The error if other writers were faster each time. */
export function retriesExhausted(attempts: number, version: number): VarveError {
  return new VarveError(
    "COMMIT_RETRIES_EXHAUSTED",
    `Other writers committed first at each of ${attempts} versions, up to ${version}. Nothing was committed. Retry later, or commit larger batches less often.`,
    { attempts, version },
  );
}

/** The error if the log after the version that a transaction read has changed. */
export function strayCommit(base: number, path: string): VarveError {
  return new VarveError(
    "LOG_GAP",
    `Cannot rely on the commits after version ${base}: ${path} is newer than the commit after it, so it may have been written after that version was cleaned up. Open the table again and retry.`,
    { missing: base + 1, path },
  );
}

/** The error if a listed commit is gone. */
export function removedMeanwhile(version: number): VarveError {
  return new VarveError(
    "LOG_GAP",
    `Version ${version} was removed while it was being read. Open the table again and retry.`,
    {
      missing: version,
    },
  );
}

/** The error if another writer created the table. */
export function tableExists(context: TableContext): VarveError {
  return new VarveError(
    "TABLE_EXISTS",
    `A table already exists at ${context.store.uri}. Open it, or choose another address.`,
    {
      uri: context.store.uri,
    },
  );
}

/**
 * The error if nothing is left to read back, and putting the version again would create it in the past, so
 * that recovery cannot determine more.
 */
export function neverKnown(version: number, txnId: string): CommitOutcomeUnknownError {
  return new CommitOutcomeUnknownError(
    version,
    txnId,
    () => Promise.reject(neverKnown(version, txnId)),
    undefined,
  );
}

/** The error for a commit that no reader will ever see. */
export function landedInThePast(version: number): VarveError {
  return new VarveError(
    "LOG_GAP",
    `This writer paused for so long that version ${version} was cleaned up before it committed, so its commit is not part of the table. Open the table again and retry.`,
    { missing: version, version },
  );
}
