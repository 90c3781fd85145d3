import { randomBytes, randomUUID } from "node:crypto";

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
  uuid: () => randomUUID(),
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
  const id = world.uuid();
  // The last parts of a version-4 UUID are random but for its version.
  const [, random] = /^[0-9a-f]{8}-[0-9a-f]{4}-4([0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$/.exec(id) ?? [];
  if (random === undefined)
    throw new TypeError(`The world's uuid() gave ${JSON.stringify(id)}, which is no version-4 UUID.`);
  const time = Math.max(0, Math.trunc(world.now())).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random}`;
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
