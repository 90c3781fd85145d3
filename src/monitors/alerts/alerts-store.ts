import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import type { SideTableOptions } from "../../sidetables/side-table.ts";
import type { AlertSeverity } from "../definition/definition.ts";
import {
  inStore,
  type MonitoredTable,
  readStore,
  type StoreReadOptions,
  sideTableOf,
  tidied,
} from "../stores/drift-store.ts";
import { itemsOf, numberOrNull, type PlainRow, textOrNull } from "../stores/stored-row.ts";
import type { AlertEvent, AlertMessage, RecordedTransition } from "./alert-events.ts";
import type { AlertStatus } from "./alert-states.ts";
import { alertsStore } from "./alerts-table.ts";
import type { Silence, SilenceEnd } from "./silence.ts";

/** Reads what is recorded of the alerts of a table, in the order in which it was recorded. */
export async function readAlertEvents(
  table: MonitoredTable,
  options: StoreReadOptions = {},
): Promise<AlertEvent[]> {
  const query = { where: [], order: ["sequence", "position"] };
  return (await readStore(table, alertsStore, query, options)).flatMap((row) => eventOf(row) ?? []);
}

/**
 * Records events in one commit, after all that were recorded before: `eventsFor` is called again whenever another
 * writer was faster, with what then is recorded.
 *
 * @returns all events, with the new ones
 */
export async function recordAlertEvents(
  table: MonitoredTable,
  eventsFor: (recorded: readonly AlertEvent[]) => readonly AlertEvent[],
  options: SideTableOptions = {},
): Promise<AlertEvent[]> {
  const { context, metadata } = table;
  const side = sideTableOf(context, alertsStore);
  // Nothing to record makes no table.
  const before = await readAlertEvents(table, options);
  if (eventsFor(before).length === 0) return before;
  for (;;) {
    let all: AlertEvent[] = [];
    let isDone = false;
    const rowsFor = async (snapshot: LogSnapshot) => {
      const recorded = await readAlertEvents(table, { ...options, opened: snapshot });
      const events = eventsFor(recorded);
      all = [...recorded, ...events];
      isDone = events.length === 0;
      if (isDone) return undefined;
      const sequence = snapshot.version + 1;
      const source = events.map((event, position) => ({
        ...storedEvent(event, context),
        table_id: metadata.id,
        recorded_at: new Date(context.world.now()),
        sequence,
        position,
      }));
      // Two writers of one version conflict, whatever they record.
      return { source, txn: { appId: `varve.alerts.${metadata.id}`, version: BigInt(sequence) } };
    };
    const { appendToSideTable } = await import("../../sidetables/append-rows.ts");
    const { outcome, version } = await inStore(context, alertsStore, () =>
      appendToSideTable(side, rowsFor, options),
    );
    if (outcome === "committed") await tidied(context, alertsStore, version, options);
    if (outcome === "committed" || isDone) return all;
  }
}

function storedEvent(event: AlertEvent, { world }: TableContext): Record<string, unknown> {
  const id = world.uuid();
  switch (event.event) {
    case "transition":
      return { event: event.event, ...storedTransition(event.transition) };
    case "revoked":
      return { event: event.event, id, monitor: event.monitor, refers_to: event.transition };
    case "message": {
      const { at: _, ...message } = event.message;
      return { event: event.event, ...message };
    }
    case "sending":
    case "sent":
    case "failed": {
      const { event: kind, monitor, message, target } = event;
      const run = event.event === "sending" ? { run_id: event.run, until: new Date(event.until) } : {};
      const text = event.event === "sending" ? null : event.text;
      return { event: kind, id, monitor, refers_to: message, target, text, ...run };
    }
    case "silence":
      return storedSilence(event.silence);
    case "unsilenced":
      return { event: event.event, id, monitor: event.monitor, refers_to: event.silence, by: event.by };
  }
}

function storedTransition({ id, key, severity, ...transition }: RecordedTransition) {
  const { from, to, version, window, since, effect, threshold, text, replaces } = transition;
  return {
    id,
    monitor: key.monitor,
    rule: key.rule,
    column: key.column,
    slice_key: key.slice?.key,
    slice_value: key.slice?.value,
    severity,
    from_status: from,
    to_status: to,
    version,
    window,
    since_version: since,
    effect,
    threshold,
    text,
    refers_to: replaces,
  };
}

function storedSilence({ kind, id, monitor, rule, column, slice, by, reason, until }: Silence) {
  return {
    event: kind,
    id,
    monitor,
    rule,
    column,
    slice,
    by,
    reason,
    until: until.kind === "time" ? until.time : undefined,
    until_version: until.kind === "version" ? until.version : undefined,
  };
}

/** @returns `undefined` for events that a later version of varve records */
function eventOf(row: PlainRow): AlertEvent | undefined {
  const { id, monitor, refers, text } = commonOf(row);
  const event = String(row["event"]);
  switch (event) {
    case "transition":
      return { event, transition: transitionOf(row) };
    case "revoked":
      return { event, monitor, transition: refers };
    case "message":
      return { event, message: messageOf(row) };
    case "sending": {
      const claim = { run: String(row["run_id"]), until: Number(row["until"]) };
      return { event, monitor, message: refers, target: String(row["target"]), ...claim };
    }
    case "sent":
    case "failed":
      return { event, monitor, message: refers, target: String(row["target"]), text };
    case "mute":
    case "acknowledge":
      return { event: "silence", silence: silenceOf(event, id, row) };
    case "unsilenced":
      return { event, monitor, silence: refers, by: String(row["by"]) };
    default:
      return undefined;
  }
}

function commonOf(row: PlainRow) {
  const [id, monitor] = [String(row["id"]), String(row["monitor"])];
  return { id, monitor, refers: String(row["refers_to"]), text: textOrNull(row["text"]) };
}

function transitionOf(row: PlainRow): RecordedTransition {
  const sliceKey = textOrNull(row["slice_key"]);
  return {
    id: String(row["id"]),
    key: {
      monitor: String(row["monitor"]),
      rule: String(row["rule"]),
      column: String(row["column"]),
      slice: sliceKey === null ? null : { key: sliceKey, value: textOrNull(row["slice_value"]) },
    },
    severity: String(row["severity"]) as AlertSeverity,
    at: new Date(Number(row["recorded_at"])),
    from: String(row["from_status"]) as AlertStatus,
    to: String(row["to_status"]) as AlertStatus,
    version: Number(row["version"]),
    window: textOrNull(row["window"]),
    since: Number(row["since_version"]),
    effect: numberOrNull(row["effect"]),
    threshold: numberOrNull(row["threshold"]),
    text: String(row["text"]),
    replaces: textOrNull(row["refers_to"]),
  };
}

function messageOf(row: PlainRow): AlertMessage {
  return {
    id: String(row["id"]),
    monitor: String(row["monitor"]),
    at: new Date(Number(row["recorded_at"])),
    transitions: itemsOf(row["transitions"]).map(String),
    targets: itemsOf(row["targets"]).map(String),
    body: String(row["body"]),
  };
}

function silenceOf(kind: Silence["kind"], id: string, row: PlainRow): Silence {
  return {
    id,
    kind,
    monitor: String(row["monitor"]),
    rule: textOrNull(row["rule"]),
    column: textOrNull(row["column"]),
    slice: textOrNull(row["slice"]),
    by: String(row["by"]),
    reason: String(row["reason"]),
    at: new Date(Number(row["recorded_at"])),
    until: endOf(row),
  };
}

function endOf(row: PlainRow): SilenceEnd {
  const [version, time] = [numberOrNull(row["until_version"]), numberOrNull(row["until"])];
  if (version !== null) return { kind: "version", version };
  return time === null ? { kind: "resolved" } : { kind: "time", time: new Date(time) };
}
