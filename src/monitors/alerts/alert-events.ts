import type { AlertSeverity } from "../definition/definition.ts";
import type { AlertKey } from "./alert-key.ts";
import { alertKeyText } from "./alert-key.ts";
import type { AlertTransition } from "./alert-states.ts";
import type { Silence } from "./silence.ts";

/** A transition as it is recorded. */
export interface RecordedTransition extends AlertTransition {
  readonly id: string;
  readonly key: AlertKey;
  readonly severity: AlertSeverity;
  /** When it was recorded. */
  readonly at: Date;
  /** The recorded transition that it corrects, after results of earlier versions came. */
  readonly replaces: string | null;
}

/** What was sent, or is to be sent, about transitions; fixed when they are recorded, so that a repeat is the same. */
export interface AlertMessage {
  readonly id: string;
  readonly monitor: string;
  readonly at: Date;
  /** Ids of all transitions that it tells of, those that it only counts included. */
  readonly transitions: readonly string[];
  /** Names of the receivers. */
  readonly targets: readonly string[];
  /** JSON. */
  readonly body: string;
}

/** What is recorded of alerts, in the order of the records. */
export type AlertEvent =
  | { readonly event: "transition"; readonly transition: RecordedTransition }
  /** Results that came later say that it did not happen so. */
  | { readonly event: "revoked"; readonly monitor: string; readonly transition: string }
  | { readonly event: "message"; readonly message: AlertMessage }
  /** A run is at work on it until then, in milliseconds since 1970. */
  | {
      readonly event: "sending";
      readonly monitor: string;
      readonly message: string;
      readonly target: string;
      readonly run: string;
      readonly until: number;
    }
  | {
      readonly event: "sent" | "failed";
      readonly monitor: string;
      readonly message: string;
      readonly target: string;
      /** Why it failed. */
      readonly text: string | null;
    }
  | { readonly event: "silence"; readonly silence: Silence }
  | { readonly event: "unsilenced"; readonly monitor: string; readonly silence: string; readonly by: string };

/** What the records of alerts amount to. */
export interface AlertHistory {
  /** The transitions that hold, by the text of their key, in the order in which they happened. */
  readonly transitions: ReadonlyMap<string, readonly RecordedTransition[]>;
  /** Ids of the transitions that a message told of, those that a correction replaced included. */
  readonly told: ReadonlySet<string>;
  /** Those that nobody took back, with the place of their record among all. */
  readonly silences: readonly { readonly silence: Silence; readonly place: number }[];
  /** Places of the records of transitions, by id. */
  readonly places: ReadonlyMap<string, number>;
  readonly messages: readonly AlertMessage[];
  /** What became of a message for a target, by {@link deliveryName}. */
  readonly deliveries: ReadonlyMap<string, Extract<AlertEvent, { event: "sending" | "sent" | "failed" }>>;
}

/** Names the delivery of a message to a target. */
export function deliveryName(message: string, target: string): string {
  return JSON.stringify([message, target]);
}

/** What the records of alerts amount to, given in their order. */
export function alertHistory(events: readonly AlertEvent[]): AlertHistory {
  const revoked = new Set(events.flatMap((one) => (one.event === "revoked" ? [one.transition] : [])));
  const taken = new Set(events.flatMap((one) => (one.event === "unsilenced" ? [one.silence] : [])));
  const transitions = new Map<string, RecordedTransition[]>();
  const history = {
    told: new Set<string>(),
    silences: [] as { silence: Silence; place: number }[],
    places: new Map<string, number>(),
    messages: [] as AlertMessage[],
    deliveries: new Map<string, Extract<AlertEvent, { event: "sending" | "sent" | "failed" }>>(),
  };
  for (const [place, one] of events.entries()) {
    if (one.event === "transition") {
      const { transition } = one;
      history.places.set(transition.id, place);
      if (transition.replaces !== null && history.told.has(transition.replaces))
        history.told.add(transition.id);
      if (revoked.has(transition.id)) continue;
      const name = alertKeyText(transition.key);
      const list = transitions.get(name);
      if (list === undefined) transitions.set(name, [transition]);
      else list.push(transition);
    } else if (one.event === "message") {
      history.messages.push(one.message);
      for (const id of one.message.transitions) history.told.add(id);
    } else if (one.event === "silence") {
      if (!taken.has(one.silence.id)) history.silences.push({ silence: one.silence, place });
    } else if (one.event === "sending" || one.event === "sent" || one.event === "failed") {
      history.deliveries.set(deliveryName(one.message, one.target), one);
    }
  }
  for (const list of transitions.values()) list.sort(byPosition);
  return { ...history, transitions };
}

/** In the order of windows and versions; at one of them, what begins in a state comes after what leads to it. */
function byPosition(a: AlertTransition, b: AlertTransition): number {
  const [one, other] = [a.window ?? "", b.window ?? ""];
  if (one !== other) return one < other ? -1 : 1;
  return a.version - b.version || Number(a.from === b.to) - Number(b.from === a.to);
}
