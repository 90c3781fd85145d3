import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { RecordedTransition } from "../../monitors/alerts/alert-events.ts";
import type { Alert } from "../../monitors/alerts/alert-list.ts";
import type { Silence } from "../../monitors/alerts/silence.ts";
import type { AlertSelection } from "../../monitors/alerts/silence-alerts.ts";
import { knownOptions, type OptionKeys } from "../shared/known-options.ts";
import { parseTimestamp, requireText, type Timestamp } from "../shared/table-uri.ts";

/** Which alerts are listed. */
export interface AlertListOptions {
  /** Only those of this monitor. */
  readonly monitor?: string | undefined;
  /** Those that have ended, too; default: only pending and firing ones. */
  readonly all?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Whose changes of alerts are listed. */
export interface AlertHistoryOptions {
  readonly monitor?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Which alerts are muted or acknowledged, until when, by whom and why. */
export interface SilenceOptions extends AlertSelection {
  /** A version or a time; default: until the alert is resolved. */
  readonly until?: "resolved" | { readonly version: number } | { readonly time: Timestamp } | undefined;
  readonly by: string;
  readonly reason: string;
  readonly signal?: AbortSignal | undefined;
}

/** Which mutes and acknowledgements are taken back, and by whom. */
export interface UnsilenceOptions extends AlertSelection {
  readonly by: string;
  readonly signal?: AbortSignal | undefined;
}

const selectionKeys = { rule: true, column: true, slice: true } satisfies OptionKeys<AlertSelection>;
const listKeys = { monitor: true, all: true, signal: true } satisfies OptionKeys<AlertListOptions>;
const historyKeys = { monitor: true, signal: true } satisfies OptionKeys<AlertHistoryOptions>;
const silenceKeys = { ...selectionKeys, until: true, by: true, reason: true, signal: true } as const;
const unsilenceKeys = { ...selectionKeys, by: true, signal: true } satisfies OptionKeys<UnsilenceOptions>;

/** Characters of a reason or a name. */
const mostText = 2_000;

/** @throws as {@link TableMonitors.alerts} */
export async function alerts(log: LogSnapshot, options: AlertListOptions): Promise<Alert[]> {
  const { signal, ...selection } = knownOptions("monitors.alerts", options, listKeys);
  const { listAlerts } = await import("../../monitors/alerts/silence-alerts.ts");
  return listAlerts(log, selection, { signal });
}

/** @throws as {@link TableMonitors.alertHistory} */
export async function alertChanges(
  log: LogSnapshot,
  options: AlertHistoryOptions,
): Promise<RecordedTransition[]> {
  const { monitor, signal } = knownOptions("monitors.alertHistory", options, historyKeys);
  const [{ alertHistory }, { readAlertEvents }] = await Promise.all([
    import("../../monitors/alerts/alert-events.ts"),
    import("../../monitors/alerts/alerts-store.ts"),
  ]);
  return [...alertHistory(await readAlertEvents(log, { signal })).transitions.values()]
    .flat()
    .filter(({ key }) => monitor === undefined || key.monitor === monitor)
    .sort((a, b) => a.version - b.version);
}

/** @throws as {@link TableMonitors.mute} */
export async function silence(
  log: LogSnapshot,
  kind: Silence["kind"],
  monitor: string,
  options: SilenceOptions,
): Promise<Silence> {
  const verb = `monitors.${kind}`;
  const { signal, until, ...request } = knownOptions<SilenceOptions>(verb, options, silenceKeys);
  for (const name of ["by", "reason", "rule", "column", "slice"] as const)
    requireShort(verb, name, request[name], name === "by" || name === "reason");
  const { silenceAlerts } = await import("../../monitors/alerts/silence-alerts.ts");
  return silenceAlerts(log, { ...request, kind, monitor, until: endOf(verb, until) }, { signal });
}

/** @throws as {@link TableMonitors.unmute} */
export async function unsilence(
  log: LogSnapshot,
  monitor: string,
  options: UnsilenceOptions,
): Promise<Silence[]> {
  const { signal, ...request } = knownOptions("monitors.unmute", options, unsilenceKeys);
  requireShort("monitors.unmute", "by", request.by, true);
  const { unsilenceAlerts } = await import("../../monitors/alerts/silence-alerts.ts");
  return unsilenceAlerts(log, { ...request, monitor }, { signal });
}

function endOf(verb: string, until: SilenceOptions["until"]): Silence["until"] {
  if (until === undefined || until === "resolved") return { kind: "resolved" };
  if (typeof until === "object" && until !== null && "version" in until) {
    if (Number.isSafeInteger(until.version) && until.version >= 0)
      return { kind: "version", version: until.version };
  } else if (typeof until === "object" && until !== null && "time" in until)
    return { kind: "time", time: new Date(parseTimestamp(until.time)) };
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The option until of ${verb} must be "resolved", { version } with a whole number, or { time }, not ${JSON.stringify(until)}.`,
    { verb, option: "until" },
  );
}

function requireShort(verb: string, option: string, text: string | undefined, isRequired: boolean): void {
  if (text === undefined && !isRequired) return;
  requireText(text, `The option ${option} of ${verb}`, option);
  const length = text?.trim().length ?? 0;
  if (length > 0 && length <= mostText) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The option ${option} of ${verb} has ${length} characters; it needs 1 to ${mostText}.`,
    { verb, option, length },
  );
}
