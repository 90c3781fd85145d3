import type { ObjectStore } from "../../storage/contract/object-store.ts";
import { appendAll } from "../../util/append-all.ts";
import type { World } from "../../util/world.ts";
import type { WinningCommit } from "./commit-request.ts";

/** A version that landed while other transactions of this process waited for their turn. */
export interface LandedCommit {
  readonly winner: WinningCommit;
  readonly bytes: Uint8Array;
  /** Milliseconds since 1970-01-01 UTC; not after the version was created or known to be in the table. */
  readonly knownAt: number;
}

/**
 * A turn: the right to try versions while no other transaction of this process tries them in the same table.
 */
export interface CommitTurn {
  /** Versions that transactions of this process found or made while this one waited, oldest first. */
  readonly landed: readonly LandedCommit[];
  /** Passes the turn to the next transaction; `landed` is reported to all that wait. */
  end(landed: readonly LandedCommit[]): void;
  /** Whether a transaction waits, so that landed versions must be reported. */
  readonly isAwaited: boolean;
}

interface Waiting {
  readonly landed: LandedCommit[];
  begin: () => void;
}

/**
 * Milliseconds after which a waiting transaction tries without a turn, so that one that hangs does not block
 * the others.
 */
const longestTurn = 2000;

const queues = new Map<string, Waiting[]>();

/**
 * Waits for a turn to commit to a table; first come, first served.
 *
 * Otherwise, transactions of one process would race for each version, and all but one would lose. Turns only
 * affect speed: other processes do not know of them, and stores without an `identity` have none.
 *
 * @throws the reason of `signal`
 */
export async function takeTurn(
  store: ObjectStore,
  world: World,
  signal?: AbortSignal,
): Promise<CommitTurn | undefined> {
  const { identity } = store;
  if (identity === undefined) return undefined;
  const queue = queues.get(identity);
  if (queue === undefined) {
    queues.set(identity, []);
    return turnOf(identity, []);
  }
  const waiting: Waiting = { landed: [], begin: () => undefined };
  queue.push(waiting);
  const begun = new Promise<true>((resolve) => {
    waiting.begin = () => resolve(true);
  });
  const patience = new AbortController();
  const stop = () => patience.abort(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const tooLong = world.sleep(longestTurn, patience.signal).then(() => undefined);
    tooLong.catch(() => undefined);
    if ((await Promise.race([begun, tooLong])) === true) return turnOf(identity, waiting.landed);
    leave(identity, waiting);
    return undefined;
  } catch (error) {
    leave(identity, waiting);
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    patience.abort();
  }
}

function turnOf(identity: string, landed: readonly LandedCommit[]): CommitTurn {
  return {
    landed,
    get isAwaited() {
      return (queues.get(identity)?.length ?? 0) > 0;
    },
    end: (news) => {
      const queue = queues.get(identity) ?? [];
      for (const waiting of queue) appendAll(waiting.landed, news);
      const next = queue.shift();
      if (next === undefined) queues.delete(identity);
      else next.begin();
    },
  };
}

/** Removes a transaction from the queue; one whose turn has just begun passes it on. */
function leave(identity: string, waiting: Waiting): void {
  const queue = queues.get(identity);
  const index = queue?.indexOf(waiting) ?? -1;
  if (index >= 0) queue?.splice(index, 1);
  else turnOf(identity, []).end([]);
}
