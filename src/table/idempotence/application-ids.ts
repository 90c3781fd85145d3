import type { AppTransaction } from "./app-transaction.ts";

// All application ids that varve records, by log (`spec/formats.md`).
//
// A batch is in two logs: its quarantined rows in one, the others in the other. A writer whose tests set no
// row aside writes only to the table's log, so it can land the whole batch after another writer, with other
// tests, put some of its rows into the quarantine. The table's log decides: a batch that landed without the
// mark of its quarantined rows landed with them.

/**
 * How a caller identifies a batch, so that it lands at most once. Without either field, a repeated batch
 * counts as another one.
 */
export interface BatchName {
  readonly txn?: { readonly appId: string; readonly version: number | bigint } | undefined;
  readonly batchId?: string | undefined;
}

/** The transaction under which a batch lands in the table; absent if the caller gave no identity. */
export function batchTransaction({ txn, batchId }: BatchName): AppTransaction | undefined {
  if (txn !== undefined) return { appId: txn.appId, version: BigInt(txn.version) };
  return batchId === undefined ? undefined : { appId: ownBatch(batchId), version: 1n };
}

/** The transaction under which a staged batch is published. */
export function stagedTransaction(id: string): AppTransaction {
  return { appId: `${stagedPrefix}${id}`, version: 1n };
}

/** The transaction that ends a claim of quarantined rows, whether they land or the claim is given up. */
export function claimTransaction(claim: string): AppTransaction {
  return { appId: `varve.resubmit.${claim}`, version: 1n };
}

/** The mark of a commit that gives up a claim. */
export function givenUpMark(claim: string): string {
  return `${claimTransaction(claim).appId}.given-up`;
}

/** The mark of a commit that lands a batch without the rows that its gate set aside. */
export function asideMark(batchId: string): string {
  return `varve.aside.${batchId}`;
}

/**
 * The mark of a commit that lands quarantined rows of a batch that has not landed. A commit that would land
 * the whole batch conflicts with it.
 */
export function resubmittedMark(batchId: string): string {
  return `varve.resubmitted.${batchId}`;
}

/** The quarantine's id of a batch that is written under a transaction. */
export function quarantinedName({ batchId, txn }: BatchName): string | undefined {
  return batchId ?? (txn === undefined ? undefined : transactionName(txn));
}

/**
 * The quarantine's id of a batch that is written under the caller's own transaction, or of a staged batch.
 */
export function transactionName({ appId, version }: NonNullable<BatchName["txn"]>): string {
  return `${appId}:${version}`;
}

/**
 * The transaction under which a quarantine receives a batch's rows. Each batch has an application id of its
 * own, because rows that replace those of an earlier attempt have its next version.
 */
export function quarantineTransaction(batch: BatchName): AppTransaction | undefined {
  const txn = batchTransaction(batch);
  if (txn === undefined) return undefined;
  const name = batch.txn === undefined ? txn.appId : transactionName(txn);
  return { appId: `${quarantinePrefix}${name}`, version: 1n };
}

/**
 * The id that a quarantine has recorded where it holds rows of another batch of this one's name: a `batchId` may be
 * spelled as an application id and its version are. `undefined` where none can be.
 */
export function namesakeId(batch: BatchName): string | undefined {
  const name = quarantinedName(batch);
  if (name === undefined) return undefined;
  if (batch.txn !== undefined) return `${quarantinePrefix}${ownBatch(name)}`;
  return /:\d+$/.test(name) ? `${quarantinePrefix}${name}` : undefined;
}

/** The transaction under which a quarantine receives rows of a staged batch that do not fit the table. */
export function misfitsTransaction({ appId }: AppTransaction): AppTransaction {
  return { appId: `${quarantinePrefix}${appId}.misfits`, version: 1n };
}

/**
 * The transaction under which a batch lands in the table, by its id in the quarantine and the progress that
 * the quarantine has; `undefined` if it was written without one.
 */
export function quarantinedTransaction(
  batchId: string,
  quarantined: ReadonlyMap<string, unknown>,
): AppTransaction | undefined {
  const own = ownBatch(batchId);
  if (quarantined.has(`${quarantinePrefix}${own}`)) return { appId: own, version: 1n };
  const [, appId = "", version = ""] = /^(.*):(\d+)$/s.exec(batchId) ?? [];
  return version !== "" && quarantined.has(`${quarantinePrefix}${batchId}`)
    ? { appId, version: BigInt(version) }
    : undefined;
}

const quarantinePrefix = "varve.quarantine.";

const batchPrefix = "varve.batch.";
const stagedPrefix = "varve.staged.";

function ownBatch(batchId: string): string {
  return `${batchPrefix}${batchId}`;
}

/**
 * The batch that a transaction of a table's log stands for, as its writer named it; of a staged batch, its id.
 * `undefined` for marks.
 */
export function batchOf(transaction: AppTransaction): BatchName | undefined {
  const { appId } = transaction;
  if (appId.startsWith(batchPrefix)) return { batchId: appId.slice(batchPrefix.length) };
  if (appId.startsWith(stagedPrefix)) return { batchId: appId.slice(stagedPrefix.length) };
  return appId.startsWith("varve.") ? undefined : { txn: transaction };
}
