/**
 * Maps `items` through `task` with at most `limit` tasks under way, keeping the order of `items` in the
 * result.
 *
 * The first failure rejects; tasks already under way are awaited first, so that nothing runs on behind the
 * caller's back.
 */
export async function mapBounded<T, R>(
  items: Iterable<T>,
  limit: number,
  task: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const iterator = items[Symbol.iterator]();
  let index = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (!failed) {
      const next = iterator.next();
      if (next.done === true) return;
      const position = index++;
      try {
        results[position] = await task(next.value, position);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const settled = await Promise.allSettled(Array.from({ length: Math.max(1, limit) }, worker));
  for (const outcome of settled) if (outcome.status === "rejected") throw outcome.reason;
  return results;
}

/**
 * Keeps long work from holding the event loop: the function that it returns is told of each piece of work
 * done, and waits for a turn of the loop whenever `unitsPerTurn` have been done since the last.
 */
export function eventLoopPauses(unitsPerTurn: number): (units: number) => Promise<void> | undefined {
  let done = 0;
  return (units) => {
    done += units;
    if (done < unitsPerTurn) return undefined;
    done = 0;
    return new Promise((resolve) => setImmediate(resolve));
  };
}

/** Lets some tasks run at a time, in the order they came; the rest wait. */
export class Turnstile {
  readonly #limit: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      // The place goes to the next one, without being free in between.
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
