import type { World } from "./world.ts";

/** When a batch is complete. */
export interface BatchLimits {
  readonly items: number;
  readonly bytes: number;
  /** After its first item. */
  readonly milliseconds: number;
}

/** Items of a stream that are taken over batch by batch. */
export interface MicroBatchOptions<Item> {
  readonly world: World;
  readonly limits: BatchLimits;
  /** Takes over a batch; never called while an earlier call is under way. */
  readonly commit: (items: readonly Item[]) => Promise<void>;
  /** Told when a batch fails; {@link MicroBatches.add} and {@link MicroBatches.end} reject from then on. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Gathers items of a stream into batches, which are complete by number, bytes or time. At most one batch waits
 * while another is taken over. After a failed batch, none is taken over.
 */
export class MicroBatches<Item> {
  readonly #options: MicroBatchOptions<Item>;
  #items: Item[] = [];
  #bytes = 0;
  #timer: AbortController | undefined;
  /** Resolves when the last complete batch was taken over. */
  #taken: Promise<void> = Promise.resolve();

  constructor(options: MicroBatchOptions<Item>) {
    this.#options = options;
  }

  /** Adds an item; resolves when there is room for another. */
  async add(item: Item, bytes: number): Promise<void> {
    const { limits } = this.#options;
    this.#items.push(item);
    this.#bytes += bytes;
    if (this.#items.length >= limits.items || this.#bytes >= limits.bytes) await this.#complete();
    else if (this.#timer === undefined) this.#startTimer();
  }

  /** Has the last batch taken over. */
  async end(): Promise<void> {
    await this.#complete();
    await this.#taken;
  }

  /** Drops the items of the batch that is not complete, and waits for the others. */
  async discard(): Promise<void> {
    this.#stopTimer();
    this.#items = [];
    this.#bytes = 0;
    await this.#taken.catch(() => undefined); // onFailure was told
  }

  /** Hands over the items as soon as the batch before them is done; resolves when their taking over begins. */
  async #complete(): Promise<void> {
    this.#stopTimer();
    if (this.#items.length === 0) return;
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    const before = this.#taken;
    this.#taken = before.then(() => this.#options.commit(items));
    this.#taken.catch(this.#options.onFailure);
    await before;
  }

  #startTimer(): void {
    const timer = new AbortController();
    this.#timer = timer;
    const { world, limits } = this.#options;
    world.sleep(limits.milliseconds, timer.signal).then(
      () => {
        // A batch before this one that failed was told of.
        if (this.#timer === timer) this.#complete().catch(() => undefined);
      },
      () => undefined, // the batch was complete before its time
    );
  }

  #stopTimer(): void {
    this.#timer?.abort();
    this.#timer = undefined;
  }
}
