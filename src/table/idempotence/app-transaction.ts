/**
 * The progress of an idempotent writer: a commit that carries it lands at most once, and not at all once this
 * or a later `version` has landed.
 */
export interface AppTransaction {
  readonly appId: string;
  readonly version: bigint;
}

/** The progress of an application in a table, from its log (PROTOCOL.md "Transaction Identifiers"). */
export type AppProgress = Pick<AppTransaction, "version">;

/** The part of a snapshot that has the progress of applications. */
export interface ProgressSource {
  appTransactions(): Promise<ReadonlyMap<string, AppProgress>>;
}

/** Whether an application with this progress has landed a transaction; it may have landed later ones too. */
export function isCovered(
  progress: AppProgress | undefined,
  transaction: AppTransaction,
): progress is AppProgress {
  return progress !== undefined && progress.version >= transaction.version;
}

/** Whether a version of a table contains what was written under a transaction. */
export async function isApplied(table: ProgressSource, transaction: AppTransaction): Promise<boolean> {
  return isCovered((await table.appTransactions()).get(transaction.appId), transaction);
}
