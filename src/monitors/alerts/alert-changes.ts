import { appendAll } from "../../util/append-all.ts";
import type { AlertSeverity } from "../definition/definition.ts";
import type { AlertEvent, AlertHistory, RecordedTransition } from "./alert-events.ts";
import { type AlertKey, alertKeyText } from "./alert-key.ts";
import { type AlertTransition, isOpen } from "./alert-states.ts";

/** The transitions of an alert by all results that are recorded. */
export interface FoundAlert {
  readonly key: AlertKey;
  readonly severity: AlertSeverity;
  readonly transitions: readonly AlertTransition[];
}

/** What new records need besides the results. */
export interface ChangeContext {
  readonly history: AlertHistory;
  readonly monitor: string;
  /** Names of the monitor's rules. */
  readonly rules: ReadonlySet<string>;
  /** The newest version with results. */
  readonly version: number;
  readonly at: Date;
  readonly id: () => string;
}

type ChangeEvent = Extract<AlertEvent, { event: "transition" | "revoked" }>;

/**
 * The records that make what is recorded equal what the results say: transitions that are new, and those that results
 * of earlier versions, which came later, took back. Open alerts of rules that are gone end.
 */
export function alertChanges(found: readonly FoundAlert[], context: ChangeContext): ChangeEvent[] {
  const byKey = new Map(found.map((alert) => [alertKeyText(alert.key), alert]));
  const events: ChangeEvent[] = [];
  for (const [name, recorded] of context.history.transitions) {
    const [first] = recorded;
    if (first === undefined || first.key.monitor !== context.monitor) continue;
    const { key, severity } = first;
    if (context.rules.has(key.rule)) {
      if (!byKey.has(name)) byKey.set(name, { key, severity, transitions: [] });
    } else appendAll(events, abandoned(recorded, context));
  }
  for (const [name, alert] of byKey)
    appendAll(events, corrected(alert, context.history.transitions.get(name) ?? [], context));
  return events;
}

function corrected(
  { key, severity, transitions }: FoundAlert,
  recorded: readonly RecordedTransition[],
  { monitor, at, id }: ChangeContext,
): ChangeEvent[] {
  const left = new Map(recorded.map((one) => [identity(one), one]));
  const added = transitions.filter((one) => !left.delete(identity(one)));
  const gone = [...left.values()];
  return [
    ...gone.map((one) => ({ event: "revoked" as const, monitor, transition: one.id })),
    ...added.map((one) => {
      const index = gone.findIndex(({ to }) => to === one.to);
      const [replaced] = index === -1 ? [] : gone.splice(index, 1);
      const transition = { ...one, id: id(), key, severity, at, replaces: replaced?.id ?? null };
      return { event: "transition" as const, transition };
    }),
  ];
}

/** What makes two transitions of an alert the same one. */
function identity({ window, version, from, to, since }: AlertTransition): string {
  return JSON.stringify([window ?? version, from, to, window === null ? since : null]);
}

function abandoned(
  recorded: readonly RecordedTransition[],
  { version, at, id }: ChangeContext,
): ChangeEvent[] {
  const last = recorded.at(-1);
  if (last === undefined || !isOpen(last.to)) return [];
  const transition: RecordedTransition = {
    ...last,
    id: id(),
    from: last.to,
    to: "superseded",
    version: Math.max(version, last.version),
    effect: null,
    threshold: null,
    text: "Its rule was changed or removed.",
    at,
    replaces: null,
  };
  return [{ event: "transition", transition }];
}
