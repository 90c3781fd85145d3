import { alertChanges, type FoundAlert } from "./alert-changes.ts";
import { type AlertEvent, alertHistory } from "./alert-events.ts";
import { newMessage } from "./alert-messages.ts";

/** What new records follow from. */
export interface NewEventsContext {
  readonly monitor: string;
  /** URI and id of the table. */
  readonly table: string;
  readonly tableId: string;
  /** Names of the monitor's rules. */
  readonly rules: ReadonlySet<string>;
  /** Names of those who get messages. */
  readonly targets: readonly string[];
  /** The newest version with results. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly id: () => string;
}

/** What is to be recorded of a monitor's alerts beside what is recorded: changes, and the message about them. */
export function newEvents(
  recorded: readonly AlertEvent[],
  found: readonly FoundAlert[],
  context: NewEventsContext,
): AlertEvent[] {
  const at = new Date(context.now);
  const changes = alertChanges(found, { ...context, at, history: alertHistory(recorded) });
  const message = newMessage(alertHistory([...recorded, ...changes]), { ...context, id: context.id() });
  return [...changes, ...(message === undefined ? [] : [{ event: "message" as const, message }])];
}
