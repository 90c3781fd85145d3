import type { AlertSeverity } from "../definition/definition.ts";
import type { AlertHistory, RecordedTransition } from "./alert-events.ts";
import type { AlertKey } from "./alert-key.ts";
import { type AlertStatus, isOpen } from "./alert-states.ts";
import { covers, type Silence } from "./silence.ts";

/** An alert as it is now. */
export interface Alert extends AlertKey {
  readonly severity: AlertSeverity;
  readonly status: AlertStatus;
  /** The version, and the window if the monitor has windows, of its last change. */
  readonly version: number;
  readonly window: string | null;
  /** The first version of what it is about. */
  readonly since: number;
  readonly effect: number | null;
  readonly threshold: number | null;
  readonly text: string;
  /** Nothing is sent about it meanwhile. */
  readonly muted: Silence | null;
  /** Someone is at work on it. */
  readonly acknowledged: Silence | null;
  /** Whether it fires, and nobody muted or acknowledged it. */
  readonly unattended: boolean;
}

/** When silences are looked at. */
export interface Present {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The newest version that the monitor has looked at. */
  readonly version: number;
}

/** The alerts that ever were, by monitor and key. */
export function alertList(history: AlertHistory, present: Present): Alert[] {
  return [...history.transitions.values()].flatMap((transitions) => {
    const last = transitions.at(-1);
    if (last === undefined) return [];
    const { key, severity, to, version, window, since, effect, threshold, text } = last;
    const silenced = isOpen(to) ? silencesOf(history, { transitions, except: null }, present) : undefined;
    const [muted, acknowledged] = [silenced?.mute ?? null, silenced?.acknowledge ?? null];
    const unattended = to === "firing" && muted === null && acknowledged === null;
    const state = {
      status: to,
      version,
      window,
      since,
      effect,
      threshold,
      text,
      muted,
      acknowledged,
      unattended,
    };
    return [{ ...key, severity, ...state }];
  });
}

interface SilencedTransitions {
  readonly transitions: readonly RecordedTransition[];
  /** A transition that does not end silences: what it says of an end is what they are asked about. */
  readonly except: RecordedTransition | null;
}

/** The newest mute and acknowledgement that cover an alert, given by its transitions. */
export function silencesOf(
  { silences, places }: AlertHistory,
  { transitions, except }: SilencedTransitions,
  { now, version }: Present,
): { readonly mute: Silence | undefined; readonly acknowledge: Silence | undefined } {
  const [first] = transitions;
  const covering = silences.flatMap(({ silence, place }) => {
    const endedSince = () =>
      transitions.some(
        (one) =>
          one !== except &&
          (one.to === "resolved" || one.to === "superseded") &&
          one.replaces === null &&
          (places.get(one.id) ?? 0) > place,
      );
    const isCovered = first !== undefined && covers(silence, { key: first.key, endedSince, version }, now);
    return isCovered ? [silence] : [];
  });
  return {
    mute: covering.findLast(({ kind }) => kind === "mute"),
    acknowledge: covering.findLast(({ kind }) => kind === "acknowledge"),
  };
}
