import { randomBytes } from "node:crypto";
import { parse, v4, v7 } from "uuid";

/**
 * Everything that the inputs do not determine: time, ids, randomness and waiting.
 *
 * All code outside `src/util/` takes these from a `World`, so that a simulation replays exactly from its
 * seed.
 */
export interface World {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly now: () => number;
  /** A fresh version-4 UUID in lower case with dashes. */
  readonly uuid: () => string;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Resolves after `milliseconds`; rejects with the signal's reason when it aborts. */
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/** The real clock, ids and randomness. */
export const realWorld: World = Object.freeze({
  now: () => Date.now(),
  uuid: () => v4(),
  random: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  sleep: (milliseconds: number, signal?: AbortSignal) => sleepFor(milliseconds, signal),
});

/**
 * A version-7 UUID from the world's clock and ids: ids made later sort later, to the millisecond.
 *
 * For ids that are listed, sorted or stored in columns with statistics. Where Delta requires a UUID,
 * `world.uuid()` is used, which does not reveal when it was made.
 */
export function timeOrderedUuid(world: World): string {
  return v7({ msecs: world.now(), random: parse(world.uuid()) });
}

/** The longest time of a timer, about 24 days; a longer one ends at once. */
export const longestTimer = 2 ** 31 - 1;

function sleepFor(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(
      () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      },
      Math.min(milliseconds, longestTimer),
    );
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
