import type { WriteOptions } from "./write-options.ts";

// A batch is in two logs: its quarantined rows in one, the others in the other. A writer whose tests set no
// row aside writes to the table's alone, so that it can land the whole batch after another writer, with other
// tests, put rows of it into quarantine. The table's log decides: a batch that landed without the mark of its
// quarantined rows landed with them.

/** The mark of a commit that lands a batch without the rows that its gate set aside. */
export function asideMark(batchId: string): string {
  return `varve.aside.${batchId}`;
}

/**
 * The mark of a commit that lands quarantined rows of a batch which has not landed. A commit that would land
 * the whole batch conflicts with it.
 */
export function resubmittedMark(batchId: string): string {
  return `varve.resubmitted.${batchId}`;
}

/** What the quarantine calls a batch that is written under an application id. */
export function namedBatch({ batchId, txn }: Pick<WriteOptions, "batchId" | "txn">): string | undefined {
  return batchId ?? (txn === undefined ? undefined : `${txn.appId}:${txn.version}`);
}
