/**
 * Maps `items` through `task` with at most `limit` tasks running, keeping the order of `items` in the result.
 *
 * The first failure rejects, after running tasks have ended, so that nothing continues in the background.
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
 * Keeps long work from blocking the event loop: the returned function is called with the units of work done,
 * and waits for a turn of the loop whenever `unitsPerTurn` have been done since the last.
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

/** Lets a limited number of tasks run at a time, in order of arrival; the others wait. */
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
      // The slot passes to the next task, without being free in between.
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
