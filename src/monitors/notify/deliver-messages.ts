import type { SideTableOptions } from "../../sidetables/side-table.ts";
import {
  type AlertEvent,
  type AlertHistory,
  type AlertMessage,
  alertHistory,
  deliveryName,
} from "../alerts/alert-events.ts";
import { readAlertEvents, recordAlertEvents } from "../alerts/alerts-store.ts";
import type { NotifyTarget } from "../definition/definition.ts";
import type { MonitoredTable } from "../stores/drift-store.ts";
import { send } from "./send.ts";
import { type SendContext, SendFailure } from "./sending.ts";
import { targetName } from "./target.ts";

/** What became of a message for one target. */
export interface Delivery {
  readonly target: string;
  readonly message: string;
  /** `waiting`: another run is at work on it, or an earlier message for the target failed. */
  readonly outcome: "sent" | "failed" | "waiting";
  /** Why it failed, as the end of a sentence. */
  readonly reason: string | null;
}

/** Whose messages are sent, and where. */
export interface DeliveryRequest extends Omit<SendContext, "table">, SideTableOptions {
  readonly table: MonitoredTable;
  readonly monitor: string;
  readonly targets: readonly NotifyTarget[];
}

/** Time for which a run has its messages to itself; what it did not begin to send in `sendMilliseconds` waits. */
const claimMilliseconds = 120_000;
/** The rest of the time is longer than it takes to send one message: three attempts of a webhook, or a command. */
const sendMilliseconds = 60_000;
/** Messages that one run sends to a target at most; the others wait for the next run. */
const mostMessages = 50;

/**
 * Sends the messages of a monitor that were not sent yet, oldest first. Those that fail stay for the next run.
 *
 * A run claims messages before it sends them, so that two runs at once do not send one twice. After a run that was
 * killed meanwhile, the message is sent again with the same id.
 */
export async function deliverMessages(request: DeliveryRequest): Promise<Delivery[]> {
  const { table, monitor, targets, signal, onUpkeepFailed } = request;
  const stores = { signal, onUpkeepFailed };
  const byName = new Map(targets.map((target) => [targetName(target), target]));
  if (due(alertHistory(await readAlertEvents(table, stores)), monitor, byName).length === 0) return [];
  const { world } = table.context;
  const run = world.uuid();
  let end = 0;
  let claimed: readonly Due[] = [];
  let waiting: readonly Due[] = [];
  const claim = (events: readonly AlertEvent[]) => {
    const all = due(alertHistory(events), monitor, byName);
    const now = world.now();
    end = now + sendMilliseconds;
    claimed = all.filter(({ claimedUntil }) => claimedUntil === null || isOver(claimedUntil, now));
    waiting = all.filter((one) => !claimed.includes(one));
    const until = now + claimMilliseconds;
    return claimed.map(({ message, target }) => {
      return { event: "sending" as const, monitor, message: message.id, target, run, until };
    });
  };
  await recordAlertEvents(table, claim, stores);
  const sent = await sendAll(claimed, byName, { ...request, table: table.context, end });
  const outcomes = sent.map(({ message, target, outcome, reason }) => {
    const event = outcome === "sent" ? ("sent" as const) : ("failed" as const);
    return { event, monitor, message, target, text: reason };
  });
  if (outcomes.length > 0) await recordAlertEvents(table, () => outcomes, stores);
  return [...sent, ...waiting.map(waits)];
}

/** Whether a claim is over; one that a wrong clock put far ahead counts as over, too. */
function isOver(claimedUntil: number, now: number): boolean {
  return claimedUntil <= now || claimedUntil > now + 10 * claimMilliseconds;
}

/** A message that a target did not get yet. */
interface Due {
  readonly message: AlertMessage;
  readonly target: string;
  /** Milliseconds since 1970; null if no run was at work on it. */
  readonly claimedUntil: number | null;
}

function due(
  { messages, deliveries }: AlertHistory,
  monitor: string,
  targets: ReadonlyMap<string, NotifyTarget>,
): Due[] {
  const isSent = (message: AlertMessage, target: string) =>
    deliveries.get(deliveryName(message.id, target))?.event === "sent";
  const own = messages.filter((message) => message.monitor === monitor);
  return [...targets.keys()].flatMap((target) => {
    const open = own.flatMap((message): Due[] => {
      // What a target that is gone did not get goes to those in its place.
      const isLeft = message.targets.some((other) => !targets.has(other) && !isSent(message, other));
      if (isSent(message, target) || !(isLeft || message.targets.includes(target))) return [];
      const last = deliveries.get(deliveryName(message.id, target));
      return [{ message, target, claimedUntil: last?.event === "sending" ? last.until : null }];
    });
    return open.slice(0, mostMessages);
  });
}

async function sendAll(
  claimed: readonly Due[],
  targets: ReadonlyMap<string, NotifyTarget>,
  { end, ...context }: SendContext & { readonly end: number },
): Promise<Delivery[]> {
  const failed = new Set<string>();
  const deliveries: Delivery[] = [];
  for (const one of claimed) {
    const target = targets.get(one.target);
    if (target === undefined || failed.has(one.target) || context.table.world.now() >= end) {
      deliveries.push(waits(one));
      continue;
    }
    const { id, body } = one.message;
    const head = { target: one.target, message: id };
    try {
      await send(target, { id, body, isRepeat: one.claimedUntil !== null }, context);
      deliveries.push({ ...head, outcome: "sent", reason: null });
    } catch (error) {
      if (!(error instanceof SendFailure)) throw error;
      failed.add(one.target);
      deliveries.push({ ...head, outcome: "failed", reason: error.message });
    }
  }
  return deliveries;
}

function waits({ message, target }: Due): Delivery {
  return { target, message: message.id, outcome: "waiting", reason: null };
}
