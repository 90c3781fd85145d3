import type { Session } from "../../engine/core/contract.ts";
import type { TableContext } from "../contract.ts";

/** The session that a table's log shares for short reads, until it is closed or a read in it fails. */
class LogSession {
  readonly #opening: Promise<Session>;
  #users = 0;
  #retired = false;
  #closed: Promise<void> | undefined;
  readonly #waiting: (() => void)[] = [];

  constructor(opening: Promise<Session>) {
    this.#opening = opening;
  }

  /** @param onFailure called immediately if `work` or the opening fails, before the session is closed */
  async use<T>(work: (session: Session) => Promise<T>, onFailure: () => void): Promise<T> {
    this.#users++;
    const [outcome] = await Promise.allSettled([this.#opening.then(work)]);
    this.#users--;
    if (outcome.status === "rejected") {
      this.#retired = true;
      onFailure();
    }
    const closing = this.#retired && this.#users === 0 ? this.#close() : undefined;
    const [closed] = await Promise.allSettled([closing]);
    if (outcome.status === "rejected") throw outcome.reason;
    if (closed.status === "rejected") throw closed.reason;
    return outcome.value;
  }

  /** Closes the session once no read uses it, because other reads of sound files may be in progress. */
  retire(): Promise<void> {
    this.#retired = true;
    return this.#users === 0 ? this.#close() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  #close(): Promise<void> {
    // If it failed to open, the caller received the error.
    this.#closed ??= this.#opening
      .then(
        (session) => session.close(),
        () => undefined,
      )
      .finally(() => {
        for (const resolve of this.#waiting) resolve();
      });
    return this.#closed;
  }
}

const sessions = new WeakMap<TableContext, LogSession>();

/**
 * Runs `work` in the engine session that a table's log shares for short reads. After a failure, the next read
 * gets another session, because a damaged file may have broken it; reads in progress continue in theirs.
 */
export function withLogSession<T>(context: TableContext, work: (session: Session) => Promise<T>): Promise<T> {
  const shared = sessions.get(context) ?? new LogSession(context.engine().then((engine) => engine.open()));
  sessions.set(context, shared);
  return shared.use(work, () => {
    if (sessions.get(context) === shared) sessions.delete(context);
  });
}

/**
 * Closes the session of {@link withLogSession}, if there is one, after its last read; the next use opens
 * another.
 */
export async function closeLogSession(context: TableContext): Promise<void> {
  const shared = sessions.get(context);
  sessions.delete(context);
  await shared?.retire();
}
