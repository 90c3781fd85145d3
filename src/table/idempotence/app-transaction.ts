/**
 * The progress of an idempotent writer: a commit that carries it lands at most once for each `version` and
 * all below.
 */
export interface AppTransaction {
  readonly appId: string;
  readonly version: bigint;
}

/** How far an application has come in a table, as its log says (PROTOCOL.md "Transaction Identifiers"). */
export type AppProgress = Pick<AppTransaction, "version">;

/** The part of a snapshot that knows the progress of applications. */
export interface ProgressSource {
  appTransactions(): Promise<ReadonlyMap<string, AppProgress>>;
}

/** Whether an application that has come so far has landed a transaction; it may have landed later ones too. */
export function isCovered(
  progress: AppProgress | undefined,
  transaction: AppTransaction,
): progress is AppProgress {
  return progress !== undefined && progress.version >= transaction.version;
}

/** Whether a version of a table holds what was written under a transaction. */
export async function isApplied(table: ProgressSource, transaction: AppTransaction): Promise<boolean> {
  return isCovered((await table.appTransactions()).get(transaction.appId), transaction);
}
