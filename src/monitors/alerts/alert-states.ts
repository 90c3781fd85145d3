import type { NamedRule } from "./alert-rule.ts";
import type { Reading, Sign } from "./reading.ts";

/** States of an alert. `superseded`: its baseline or its rule was replaced while it was open. */
export type AlertStatus = "ok" | "pending" | "firing" | "resolved" | "superseded";

/** A change of an alert's state. */
export interface AlertTransition {
  readonly from: AlertStatus;
  readonly to: AlertStatus;
  /** The result that changed the state. */
  readonly version: number;
  readonly window: string | null;
  /** The first version of what the alert is about. */
  readonly since: number;
  readonly effect: number | null;
  readonly threshold: number | null;
  readonly text: string;
}

/** An alert after some readings. */
interface AlertState {
  readonly status: AlertStatus;
  /** The last readings that a rule looks at, oldest first. */
  readonly recent: readonly { readonly isHit: boolean; readonly version: number }[];
  /** Quiet readings in a row. */
  readonly quiet: number;
  readonly since: number;
  /** The cumulative sum of a trend. */
  readonly creep: number;
  readonly creepSince: number;
}

const start: AlertState = { status: "ok", recent: [], quiet: 0, since: 0, creep: 0, creepSince: 0 };

/**
 * The changes of an alert's state by its readings, which may come in any order and be given twice: only the order of
 * their windows and versions counts, and of two readings of one, the later in the list.
 */
export function alertTransitions(rule: NamedRule, readings: readonly Reading[]): AlertTransition[] {
  const transitions: AlertTransition[] = [];
  let state = start;
  let bins: string | null = null;
  for (const reading of inOrder(readings)) {
    if (bins !== null && reading.bins !== null && reading.bins !== bins) {
      if (isOpen(state.status)) transitions.push(superseded(state, reading));
      state = { ...start, status: isOpen(state.status) ? "superseded" : state.status };
    }
    bins = reading.bins ?? bins;
    const next = stepped(rule, state, reading);
    if (next.status !== state.status) transitions.push(changed(state, next, reading));
    state = next;
  }
  return transitions;
}

/** Whether an alert is about something that goes on. */
export function isOpen(status: AlertStatus): boolean {
  return status === "pending" || status === "firing";
}

function inOrder(readings: readonly Reading[]): Reading[] {
  const last = new Map(readings.map((reading) => [reading.window ?? reading.version, reading]));
  return [...last.values()].sort((a, b) => {
    const [one, other] = [a.window ?? "", b.window ?? ""];
    return one < other ? -1 : one > other ? 1 : a.version - b.version;
  });
}

function stepped(rule: NamedRule, state: AlertState, reading: Reading): AlertState {
  if (reading.sign === "blind") return state;
  const crept = rule.when === "trend" ? creeping(state, reading) : state;
  const sign = rule.when === "trend" ? trendSign(crept, reading) : reading.sign;
  return state.status === "firing" ? cleared(rule, crept, sign) : counted(rule, crept, sign, reading.version);
}

/** An alert that fires, after a reading that may clear it. */
function cleared(rule: NamedRule, state: AlertState, sign: Sign): AlertState {
  const quiet = sign === "quiet" ? state.quiet + 1 : 0;
  return quiet < rule.clearFor ? { ...state, quiet } : { ...start, status: "resolved", since: state.since };
}

/** An alert that does not fire, after a reading that may count. */
function counted(rule: NamedRule, state: AlertState, sign: Sign, version: number): AlertState {
  const isHit = sign === "hit" || sign === "urgent";
  const recent = [...state.recent, { isHit, version }].slice(-rule.of);
  const hits = recent.filter((one) => one.isHit);
  const since = rule.when === "trend" ? state.creepSince : (hits[0]?.version ?? version);
  const kept = { ...state, recent, quiet: 0, since };
  if (sign === "urgent" || hits.length >= rule.hits) return { ...kept, status: "firing", recent: [] };
  if (hits.length > 0) return { ...kept, status: "pending" };
  return { ...kept, since: state.since, status: state.status === "pending" ? "ok" : state.status };
}

/** Adds a reading to the sum of a trend, which never falls below zero. Noise adds nothing. */
function creeping(state: AlertState, { effect, threshold, version }: Reading): AlertState {
  const creep = Math.max(0, state.creep + (effect ?? 0) - 0.5 * (threshold ?? 0));
  return { ...state, creep, creepSince: state.creep === 0 ? version : state.creepSince };
}

/** A trend fires when its sum passes three thresholds, and is quiet while the effect would lower the sum. */
function trendSign({ creep }: AlertState, { effect, threshold }: Reading): Sign {
  if (creep > 3 * (threshold ?? 0)) return "urgent";
  return (effect ?? 0) < 0.5 * (threshold ?? 0) ? "quiet" : "between";
}

function changed(before: AlertState, after: AlertState, reading: Reading): AlertTransition {
  const { version, window, effect, threshold, text } = reading;
  // An alert that ends says since when it was open.
  const { since } = isOpen(after.status) ? after : before;
  return { from: before.status, to: after.status, version, window, since, effect, threshold, text };
}

function superseded({ status, since }: AlertState, { version, window }: Reading): AlertTransition {
  const text = "The baseline was replaced.";
  return { from: status, to: "superseded", version, window, since, effect: null, threshold: null, text };
}
