import { isVarveError, VarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import { readCommitBytes } from "../../log/segment/commit-file.ts";
import { commitPath } from "../../log/segment/file-names.ts";
import { backoffDelay } from "../../util/backoff.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import type { RetryLimits } from "./commit-request.ts";

/** The bytes of one version, with the id of their transaction. */
export interface Attempt {
  readonly context: TableContext;
  readonly version: number;
  readonly bytes: Uint8Array;
  readonly txnId: string;
  /** Milliseconds since 1970-01-01 UTC, before its first put. */
  readonly triedAt: number;
  /**
   * Set once a put's answer was not definite: from then on, only reading the version back settles the
   * outcome.
   */
  pending: boolean;
  /**
   * Set once a put may have landed that was not answered `created`: if the version was cleaned up since, the
   * outcome can no longer be determined.
   */
  doubted: boolean;
}

/**
 * `won`: the version is ours. `lost`: it is definitely another writer's, with these bytes. `unknown`: neither
 * could be established.
 */
export type AttemptOutcome =
  | { readonly kind: "won" }
  | { readonly kind: "lost"; readonly winner: Uint8Array }
  | { readonly kind: "unknown"; readonly cause: unknown };

/**
 * Puts one version until its outcome is definite, and reads it back after every answer that is not.
 * PROTOCOL.md "Creation of New Log Entries" and "Delta Log Entries": each version is written once.
 *
 * An answer `exists` is read back too, because our own request may have landed earlier or been sent twice on
 * the way.
 *
 * @throws the store's errors for definite refusals, and `CANCELLED`, both only while no put of ours is
 * pending
 */
export async function settleAttempt(
  attempt: Attempt,
  limits: RetryLimits,
  signal?: AbortSignal,
): Promise<AttemptOutcome> {
  const { world } = attempt.context;
  let cause: unknown;
  for (let probe = 0; probe < (limits.probes ?? 8); probe++) {
    if (probe > 0) await world.sleep(backoffDelay(world, probe - 1, 50, limits.longestWait ?? 2000));
    const step = await tryOnce(attempt, signal);
    if (step.kind !== "unknown") return step;
    cause = step.cause;
    if (signal?.aborted || isVarveError(cause, "LOG_GAP")) break;
  }
  return { kind: "unknown", cause };
}

async function tryOnce(attempt: Attempt, signal: AbortSignal | undefined): Promise<AttemptOutcome> {
  const { context, version, bytes } = attempt;
  try {
    if (attempt.pending) {
      const settled = await readBack(attempt);
      if (settled !== undefined) return settled;
    }
    throwIfCancelled(signal, `committing version ${version}`);
    const answer = await context.store.putIfAbsent(commitPath(version), bytes, { signal });
    if (answer === "created") return { kind: "won" };
    // `exists` is no proof either: a gateway may have sent our put twice, and passed on the answer to the
    // second.
    attempt.pending = true;
    attempt.doubted = true;
    const settled = await readBack(attempt);
    if (settled !== undefined) return settled;
    return { kind: "unknown", cause: answer === "exists" ? vanished(version) : undefined };
  } catch (error) {
    if (!attempt.pending) throw error;
    return { kind: "unknown", cause: error };
  }
}

/**
 * Determines whose version it is; `undefined` if it does not exist. Runs without the caller's signal, because
 * a definite answer is worth this one read.
 */
async function readBack(attempt: Attempt): Promise<AttemptOutcome | undefined> {
  const committed = await readCommitBytes(attempt.context.store, attempt.version);
  if (committed === undefined) return undefined;
  return isOurs(committed, attempt.txnId) ? { kind: "won" } : { kind: "lost", winner: committed };
}

/**
 * Whether commit bytes contain our `txnId`. It is random, so a plain search in the first lines cannot match
 * another transaction's.
 */
function isOurs(bytes: Uint8Array, txnId: string): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(`"txnId":"${txnId}"`);
}

function vanished(version: number): VarveError {
  return new VarveError(
    "LOG_GAP",
    `The store reports that version ${version} exists, but it cannot be read: it was removed in the meantime. Open the table again and retry.`,
    {
      missing: version,
    },
  );
}
