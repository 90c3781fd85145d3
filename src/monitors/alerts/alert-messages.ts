import type { AlertHistory, AlertMessage, RecordedTransition } from "./alert-events.ts";
import { type Present, silencesOf } from "./alert-list.ts";
import { sliceText } from "./silence.ts";

/** Alerts that a message names; the others are a number. */
const mostNamed = 5;

/** Where a message comes from and goes to. */
export interface MessageContext extends Present {
  readonly id: string;
  readonly monitor: string;
  /** URI and id of the table. */
  readonly table: string;
  readonly tableId: string;
  readonly targets: readonly string[];
}

/**
 * The message about everything that holds and that nobody was told of: alerts that fire, and ends of alerts that were
 * told of. `undefined` if there is nothing to say, or nobody to say it to.
 *
 * An alert that fired and ended before anything was sent is recorded only, as in the history that a backfill looks at.
 */
export function newMessage(history: AlertHistory, context: MessageContext): AlertMessage | undefined {
  const { id, monitor, now, targets } = context;
  const told = [...history.transitions.values()]
    .filter(([first]) => first?.key.monitor === monitor)
    .flatMap((transitions) => newsOf(history, transitions, context))
    .toSorted(byEffect);
  if (told.length === 0 || targets.length === 0) return undefined;
  const body = JSON.stringify(messageBody(history, told, context));
  return { id, monitor, at: new Date(now), transitions: told.map((one) => one.id), targets, body };
}

function newsOf(
  history: AlertHistory,
  transitions: readonly RecordedTransition[],
  present: Present,
): RecordedTransition[] {
  const index = transitions.findLastIndex(({ to }) => to !== "pending" && to !== "ok");
  const last = transitions[index];
  if (last === undefined || last.to === "superseded" || history.told.has(last.id)) return [];
  if (silencesOf(history, { transitions, except: last }, present).mute !== undefined) return [];
  if (last.to === "firing") return [last];
  const fired = transitions.slice(0, index).findLast(({ to }) => to === "firing");
  return fired !== undefined && history.told.has(fired.id) ? [last] : [];
}

/** What is broken, whose effect is not a number, first. */
function byEffect(a: RecordedTransition, b: RecordedTransition): number {
  const [one, other] = [a.effect ?? Number.MAX_VALUE, b.effect ?? Number.MAX_VALUE];
  return other - one || (a.key.column < b.key.column ? -1 : 1);
}

function messageBody(
  history: AlertHistory,
  told: readonly RecordedTransition[],
  { id, monitor, table, tableId, version, now }: MessageContext,
): object {
  const firing = told.filter(({ to }) => to === "firing");
  const named = told.slice(0, mostNamed);
  const more = told.length - named.length;
  const open = [...history.transitions.values()].filter(
    (list) => list[0]?.key.monitor === monitor && list.at(-1)?.to === "firing",
  );
  const heads = [
    ...(firing.length === 0 ? [] : [`${firing.length} firing`]),
    ...(firing.length === told.length ? [] : [`${told.length - firing.length} resolved`]),
  ];
  const lines = named.map((one) => `${one.to === "firing" ? "firing" : "resolved"}: ${sentence(one)}`);
  const rest = more === 0 ? [] : [`and ${more} more`];
  return {
    id,
    monitor,
    table,
    table_id: tableId,
    version,
    at: new Date(now).toISOString(),
    text: [`Monitor ${monitor}: ${heads.join(", ")}`, ...lines, ...rest].join("\n"),
    alerts: named.map(namedAlert),
    more,
    firing: open.length,
  };
}

function sentence({ to, key, since, text }: RecordedTransition): string {
  const slice = sliceText(key.slice);
  const place = slice === null ? key.column : `${key.column} (${slice})`;
  return to === "firing" ? `${place} since version ${since}. ${text}` : `${place}. ${text}`;
}

function namedAlert({ id, key, severity, to, ...transition }: RecordedTransition): object {
  const { version, window, since, effect, threshold, text } = transition;
  const { rule, column, slice } = key;
  return { id, status: to, severity, rule, column, slice, version, window, since, effect, threshold, text };
}
