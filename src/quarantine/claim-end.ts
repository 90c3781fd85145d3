import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { readCommitBytes } from "../log/segment/commit-file.ts";
import { commitPath } from "../log/segment/file-names.ts";
import { refreshLog } from "../log/snapshot/open-log.ts";
import { parseActions } from "../protocol/action-json.ts";
import type { Action } from "../protocol/actions.ts";
import { maintenanceProperties } from "../protocol/maintenance-properties.ts";
import { claimTransaction, givenUpMark } from "../table/idempotence/application-ids.ts";

/** How a claim ended, according to the table's log. */
export type ClaimEnd = "given up" | { readonly landed: number };

/**
 * How a claim ended that another writer ended. @throws `QUARANTINE_INVALID` where the log no longer says: the
 * claim may have landed
 */
export async function endOf(table: LogSnapshot, claim: string): Promise<ClaimEnd> {
  const now = await refreshLog(table);
  const progress = await now.appTransactions();
  if (progress.has(givenUpMark(claim))) return "given up";
  const { appId } = claimTransaction(claim);
  if (progress.has(appId)) return { landed: await versionOf(now.context, appId, now.version) };
  throw unknownEnd(claim);
}

/**
 * How a claim of an earlier call ended, if the table's log may have forgotten its transaction
 * (`delta.setTransactionRetentionDuration`) and the commits since the claim still show it; else `undefined`.
 *
 * @throws `QUARANTINE_INVALID` where some of those commits are gone: the claim may have landed
 */
export async function forgottenEnd(table: LogSnapshot, claim: string): Promise<ClaimEnd | undefined> {
  const { context, version: newest, metadata } = table;
  const retention = maintenanceProperties(metadata).setTransactionRetention;
  const made = claimTime(claim);
  if (retention === undefined || context.world.now() - made < retention) return undefined;
  const { appId } = claimTransaction(claim);
  if ((await table.appTransactions()).has(appId)) return undefined;
  for (let version = newest; version >= 0; version--) {
    const actions = await commitActions(context, version);
    if (actions === undefined) throw unknownEnd(claim);
    if (carries(actions, givenUpMark(claim))) return "given up";
    if (carries(actions, appId)) return { landed: version };
    const timestamp = actions.find((action) => action.kind === "commitInfo")?.info["timestamp"];
    if (typeof timestamp === "number" && timestamp < made - clockSkew) return undefined;
  }
  return undefined;
}

/** How far the clocks of two writers may differ, in milliseconds. */
const clockSkew = 24 * 60 * 60 * 1000;

/** When a claim was made, in milliseconds since 1970-01-01 UTC: its id begins with a UUID of version 7. */
function claimTime(claim: string): number {
  return Number.parseInt(claim.replaceAll("-", "").slice(0, 12), 16);
}

/**
 * The version whose commit carries the application id, looking back from `newest`; `newest` itself where the
 * log no longer tells.
 */
async function versionOf(context: TableContext, appId: string, newest: number): Promise<number> {
  for (let version = newest; version >= 0; version--) {
    const actions = await commitActions(context, version);
    if (actions === undefined) return newest;
    if (carries(actions, appId)) return version;
  }
  return newest;
}

async function commitActions(context: TableContext, version: number): Promise<Action[] | undefined> {
  const bytes = await readCommitBytes(context.store, version);
  return bytes === undefined ? undefined : parseActions(bytes, commitPath(version));
}

function carries(actions: readonly Action[], appId: string): boolean {
  return actions.some((action) => action.kind === "txn" && action.appId === appId);
}

function unknownEnd(claim: string): VarveError {
  return new VarveError(
    "QUARANTINE_INVALID",
    `The table's log no longer shows how the resubmission ${claim} ended. Its rows stay claimed; look for them in the table.`,
    { claim },
  );
}
