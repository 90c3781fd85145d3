import type { Session } from "../../engine/core/contract.ts";
import type { TableContext } from "../contract.ts";

const sessions = new WeakMap<TableContext, Promise<Session>>();

/**
 * Runs `work` in the engine session that a table's log shares for short reads; a failing one is replaced,
 * because a damaged file may have broken it.
 */
export async function withLogSession<T>(
  context: TableContext,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const opening = sessions.get(context) ?? context.engine().then((engine) => engine.open());
  sessions.set(context, opening);
  try {
    return await work(await opening);
  } catch (error) {
    if (sessions.get(context) === opening) await closeLogSession(context);
    throw error;
  }
}

/** Closes the session of {@link withLogSession}, if there is one; the next use opens another. */
export async function closeLogSession(context: TableContext): Promise<void> {
  const opening = sessions.get(context);
  sessions.delete(context);
  if (opening === undefined) return;
  const session = await opening.catch(() => undefined);
  await session?.close();
}
