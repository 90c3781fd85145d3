import { isVarveError, VarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import { readCommitBytes } from "../../log/segment/commit-file.ts";
import { commitPath } from "../../log/segment/file-names.ts";
import { backoffDelay } from "../../util/backoff.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import type { RetryLimits } from "./commit-request.ts";

/** One version's bytes, and whose they are. */
export interface Attempt {
  readonly context: TableContext;
  readonly version: number;
  readonly bytes: Uint8Array;
  readonly txnId: string;
  /** Milliseconds since 1970-01-01 UTC, before its first put. */
  readonly triedAt: number;
  /**
   * Set once a put's answer was not definite: from then on nothing but reading the version back settles it.
   */
  pending: boolean;
  /**
   * Set once a put may have landed that was not answered `created`: if the version was cleaned up since,
   * nothing tells any more.
   */
  doubted: boolean;
}

/**
 * `won`: the version is ours. `lost`: it is definitely another's, whose bytes these are. `unknown`: neither
 * could be established.
 */
export type AttemptOutcome =
  | { readonly kind: "won" }
  | { readonly kind: "lost"; readonly winner: Uint8Array }
  | { readonly kind: "unknown"; readonly cause: unknown };

/**
 * Puts one version until its outcome is definite, reading it back after every answer that is not. PROTOCOL.md
 * "Creation of New Log Entries" and "Delta Log Entries": each version is written once.
 *
 * An answer `exists` is read back too: it may be our own request that landed, earlier or sent twice on the
 * way.
 *
 * @throws what the store throws for definite refusals, only while no put of ours is pending; `CANCELLED`
 * likewise.
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
    // `exists` is no proof either: something on the way may have sent our put twice, and passed on the answer
    // to the second.
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
 * Whose version it is, or `undefined` if nobody's. Runs without the caller's signal: a definite answer is
 * worth this one read.
 */
async function readBack(attempt: Attempt): Promise<AttemptOutcome | undefined> {
  const committed = await readCommitBytes(attempt.context.store, attempt.version);
  if (committed === undefined) return undefined;
  return isOurs(committed, attempt.txnId) ? { kind: "won" } : { kind: "lost", winner: committed };
}

/**
 * Whether commit bytes carry our `txnId`; it is random, so a plain search in the first lines cannot mistake
 * another's.
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
