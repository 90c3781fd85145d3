import { availableParallelism, totalmem } from "node:os";
import { VarveError } from "../../errors.ts";
import { cancelled } from "../../util/cancel.ts";

/** Limits on concurrent work of the engine in this process. */
export interface EngineLimits {
  /** How many sessions may compute at once; default: twice the number of cores, at least 4. */
  readonly sessions?: number | undefined;
  /**
   * Bytes that the memory limits of those sessions may add up to; default: all memory that the process may
   * use. One session may always compute.
   */
  readonly memory?: number | undefined;
}

/**
 * Milliseconds that a session may be idle before it loses its turn to one that waits. This is longer than the
 * pauses between the steps of one piece of work, so that many queries finish one after the other instead of
 * all being half done.
 */
const patience = 20;

/** Bytes of memory that this process may use. */
export function processMemory(): number {
  const allowed = process.constrainedMemory() ?? 0;
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
}

interface Waiter {
  readonly turn: Turn;
  readonly admit: () => void;
}

/**
 * Lets a bounded number of sessions compute at once; the others wait in order of arrival.
 *
 * No two sessions can wait for each other: a turn is held only while a call of the engine runs, and such a
 * call waits for nothing. A session that waits for its caller, a file or another session loses its turn to
 * the next in line, and takes another turn for its next call. Open sessions come before new ones, so that
 * work in progress finishes first.
 */
export class TurnQueue {
  #limits: Required<{ readonly [K in keyof EngineLimits]: number }>;
  readonly #holders = new Set<Turn>();
  readonly #returning: Waiter[] = [];
  readonly #arriving: Waiter[] = [];
  #bytes = 0;

  constructor(limits: EngineLimits = {}) {
    this.#limits = withDefaults(limits);
  }

  /**
   * Changes the limits; sessions that have a turn keep it. @throws `INVALID_ARGUMENT` for anything except a
   * positive integer
   */
  limit(limits: EngineLimits): void {
    this.#limits = withDefaults(limits);
    this.#admit();
  }

  /** Sessions that have a turn, and those that wait for one. */
  get counts(): { readonly holding: number; readonly waiting: number } {
    return { holding: this.#holders.size, waiting: this.#returning.length + this.#arriving.length };
  }

  /**
   * Waits for the first turn of a session that may use `bytes` of memory. @throws `CANCELLED` at once when
   * the signal aborts
   */
  async enter(bytes: number, signal?: AbortSignal): Promise<Turn> {
    const turn = new Turn(this, bytes);
    await this.#take(turn, this.#arriving, signal);
    return turn;
  }

  /** Takes a turn again. @throws `CANCELLED` at once when the signal aborts */
  retake(turn: Turn, signal?: AbortSignal): Promise<void> {
    return this.#take(turn, this.#returning, signal);
  }

  isHeld(turn: Turn): boolean {
    return this.#holders.has(turn);
  }

  /** Whether a session waits, so that an idle one must give up its turn. */
  get isWanted(): boolean {
    return this.#returning.length > 0 || this.#arriving.length > 0;
  }

  release(turn: Turn): void {
    if (!this.#holders.delete(turn)) return;
    this.#bytes -= turn.bytes;
    this.#admit();
  }

  #take(turn: Turn, line: Waiter[], signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(cancelled("waiting for the engine", signal?.reason));
    return new Promise((resolve, reject) => {
      const abort = () => {
        line.splice(line.indexOf(waiter), 1);
        reject(cancelled("waiting for the engine", signal?.reason));
        this.#admit();
      };
      const waiter: Waiter = {
        turn,
        admit: () => {
          signal?.removeEventListener("abort", abort);
          resolve();
        },
      };
      line.push(waiter);
      signal?.addEventListener("abort", abort, { once: true });
      this.#admit();
      if (this.isWanted) for (const holder of this.#holders) holder.watch();
    });
  }

  #admit(): void {
    for (;;) {
      const line = this.#returning.length > 0 ? this.#returning : this.#arriving;
      const next = line[0];
      if (next === undefined || !this.#hasRoom(next.turn)) return;
      line.shift();
      if (!this.#holders.has(next.turn)) this.#bytes += next.turn.bytes;
      this.#holders.add(next.turn);
      next.admit();
    }
  }

  #hasRoom(turn: Turn): boolean {
    if (this.#holders.size === 0 || this.#holders.has(turn)) return true;
    return this.#holders.size < this.#limits.sessions && this.#bytes + turn.bytes <= this.#limits.memory;
  }
}

/** A session's permission to compute. */
export class Turn {
  readonly bytes: number;
  readonly #queue: TurnQueue;
  /** Number of running calls of the engine. */
  #running = 0;
  #idle: NodeJS.Timeout | undefined;
  #ended = false;
  /** Called when no call of the engine runs any more. */
  #whenQuiet: (() => void)[] = [];

  constructor(queue: TurnQueue, bytes: number) {
    this.#queue = queue;
    this.bytes = bytes;
  }

  /**
   * Runs calls of the engine, and first waits for a turn if the session has lost it. `work` must await
   * neither a caller nor another session.
   *
   * @throws `CANCELLED` if the signal aborts during the wait
   */
  async use<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    this.#running++;
    this.#unwatch();
    try {
      if (!this.#queue.isHeld(this) && !this.#ended) await this.#queue.retake(this, signal);
      return await work();
    } finally {
      this.#running--;
      if (this.#running === 0) for (const resolve of this.#whenQuiet.splice(0)) resolve();
      if (this.#ended) this.#queue.release(this);
      else if (this.#queue.isWanted) this.watch();
    }
  }

  /** Waits until no call of the engine runs. */
  quiet(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenQuiet.push(resolve));
  }

  /** Gives up the turn immediately, for a session that is about to wait for another one. */
  pass(): void {
    if (this.#running === 0) this.#queue.release(this);
  }

  /** Ends the session's turn for good. */
  end(): void {
    this.#ended = true;
    this.#unwatch();
    this.#queue.release(this);
  }

  /** Gives up the turn if nothing runs for a while. */
  watch(): void {
    if (this.#running > 0 || this.#ended || this.#idle !== undefined) return;
    this.#idle = setTimeout(() => {
      this.#idle = undefined;
      if (this.#queue.isWanted) this.pass();
    }, patience);
  }

  #unwatch(): void {
    clearTimeout(this.#idle);
    this.#idle = undefined;
  }
}

function withDefaults({
  sessions,
  memory,
}: EngineLimits): Required<{ readonly [K in keyof EngineLimits]: number }> {
  assertPositive("sessions", sessions);
  assertPositive("memory", memory);
  return { sessions: sessions ?? Math.max(4, 2 * availableParallelism()), memory: memory ?? processMemory() };
}

function assertPositive(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The engine limit ${name} must be a positive integer, not ${value}.`,
    { [name]: value },
  );
}

/** The queue of this process. */
export const engineTurns = new TurnQueue();

/**
 * Limits concurrent work of the engine in this process, from the next session on: see {@link EngineLimits}.
 *
 * @throws `INVALID_ARGUMENT` for anything except a positive integer
 */
export function setEngineLimits(limits: EngineLimits): void {
  engineTurns.limit(limits);
}
