import type { LogSnapshot } from "../../log/contract.ts";
import { listLog } from "../../log/segment/listing.ts";
import { fileTimes } from "../../log/snapshot/time-travel.ts";

/**
 * File times of a log's commits, as {@link fileTimes} has them. The log is listed whole once, because a time depends on
 * those before it; after that, only what was not listed yet.
 */
export class ListedTimes {
  readonly #times = new Map<number, number>();
  #last = { version: -1, timestamp: Number.NEGATIVE_INFINITY };

  /** Times by version, of those from one version on that are in the log now. */
  async from(
    { context }: Pick<LogSnapshot, "context">,
    version: number,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<number, number>> {
    for (const earlier of this.#times.keys()) if (earlier < version) this.#times.delete(earlier);
    const listing = await listLog(context.store, this.#last.version + 1, undefined, { signal });
    for (const time of fileTimes(listing)) {
      this.#last = { ...time, timestamp: Math.max(time.timestamp, this.#last.timestamp + 1) };
      if (time.version >= version) this.#times.set(time.version, this.#last.timestamp);
    }
    return this.#times;
  }
}
