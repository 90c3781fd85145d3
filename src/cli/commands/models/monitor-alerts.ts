import { userInfo } from "node:os";
import type { Command } from "commander";
import { counted } from "../../../api/counted.ts";
import type { Alert, AlertSelection, RecordedTransition, Silence, SilenceOptions } from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { exitCodes } from "../../shared/exit.ts";
import { openedTable } from "../../shared/opened-table.ts";
import {
  type ListOutputFlags,
  type StoreFlags,
  withJson,
  withListOutput,
  withStoreFlags,
} from "../../shared/options.ts";
import { print } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { printRecords } from "../../shared/records.ts";

interface AlertsFlags extends StoreFlags, ListOutputFlags {
  readonly monitor?: string | undefined;
  readonly all?: boolean | undefined;
  readonly history?: boolean | undefined;
}

interface SilenceFlags extends StoreFlags, AlertSelection {
  readonly until?: string | undefined;
  readonly by?: string | undefined;
  readonly reason: string;
  readonly json?: boolean | undefined;
}

interface UnmuteFlags extends StoreFlags, AlertSelection {
  readonly by?: string | undefined;
  readonly json?: boolean | undefined;
}

const tableText = "folder or URI of the table";

/** `varve monitor alerts | mute | acknowledge | unmute TABLE`. */
export function addMonitorAlerts(group: Command): void {
  const alerts = group
    .command("alerts")
    .description(
      "list the alerts of monitors: what fires, since which version, and what is pending. Exit code 4 while an alert fires that nobody muted or acknowledged",
    )
    .argument("<table>", tableText)
    .option("--monitor <name>", "only alerts of this monitor")
    .option("--all", "alerts that have ended, too")
    .option("--history", "each change of state by version, instead of what is now");
  withStoreFlags(withListOutput(alerts)).action(list);
  const mute = group
    .command("mute")
    .description(
      "send nothing about alerts of a monitor for a time. They are recorded as ever, and what still fires afterwards is sent then",
    );
  withSilence(mute).action((uri: string, monitor: string, flags: SilenceFlags) =>
    silence("mute", uri, monitor, flags),
  );
  const acknowledge = group
    .command("acknowledge")
    .description(
      "record that someone is at work on open alerts: they no longer make varve monitor alerts end with exit code 4, and their end is still sent",
    );
  withSilence(acknowledge).action((uri: string, monitor: string, flags: SilenceFlags) =>
    silence("acknowledge", uri, monitor, flags),
  );
  const unmute = group
    .command("unmute")
    .description("take back mutes and acknowledgements of a monitor: all, or those that name these alerts");
  withStoreFlags(withJson(withSelection(unmute))).action(takeBack);
}

/** Whether an alert fires that nobody muted or acknowledged: exit code 4 of all commands that look at alerts. */
export function isUnattended(alerts: readonly Pick<Alert, "unattended">[]): boolean {
  return alerts.some(({ unattended }) => unattended);
}

function withSelection(command: Command): Command {
  return command
    .argument("<table>", tableText)
    .argument("<monitor>", "name of the monitor")
    .option("--rule <name>", "only alerts of this rule, such as drift or broken")
    .option("--column <name>", "only alerts of this column, or of this metric of a model")
    .option("--slice <name>", "only alerts of this slice, such as country=DE")
    .option("--by <name>", "who says so (default: the user of this process)");
}

function withSilence(command: Command): Command {
  return withStoreFlags(
    withJson(
      withSelection(command)
        .requiredOption("--reason <text>", "why")
        .option(
          "--until <version or time>",
          "such as v40 or 2035-01-01; default: until the alert is resolved",
        ),
    ),
  );
}

async function list(uri: string, flags: AlertsFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const { monitor, all } = flags;
  const alerts = await table.monitors.alerts({ monitor, all });
  if (isUnattended(alerts)) process.exitCode = exitCodes.drift;
  const isHistory = flags.history === true;
  const records = isHistory
    ? (await table.monitors.alertHistory({ monitor })).map(changeRecord)
    : alerts.map(alertRecord);
  if (flags.format !== "table")
    return await printRecords(records, { ...flags, fields: isHistory ? changeFields : alertFields });
  await printRecords(tableRecords(records), { ...flags, kept: ["status", "version"] });
}

const placeFields = ["version", "window", "since", "effect", "threshold", "text"];
const keyFields = ["monitor", "rule", "column", "slice", "severity"];
const alertFields = [...keyFields, "status", ...placeFields, "muted", "acknowledged", "unattended"];
const changeFields = [...keyFields, "from", "to", ...placeFields, "at"];

function alertRecord(alert: Alert): Record<string, unknown> {
  const record = { ...alert, slice: sliceName(alert.slice) };
  const said = { muted: saidText(alert.muted), acknowledged: saidText(alert.acknowledged) };
  return inOrder(alertFields, { ...record, ...said });
}

function changeRecord({ key, at, ...change }: RecordedTransition): Record<string, unknown> {
  return inOrder(changeFields, { ...change, ...key, slice: sliceName(key.slice), at: at.toISOString() });
}

function inOrder(
  fields: readonly string[],
  record: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(fields.map((field) => [field, record[field] ?? null]));
}

/** What a terminal shows: fields that a record has, with two decimals of the effect and the sentence at the end. */
function tableRecords(records: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown>[] {
  const left: ReadonlySet<string> = new Set(["threshold", "unattended", "at"]);
  const fields = [...new Set(records.flatMap(Object.keys))].filter(
    (field) => field !== "text" && !left.has(field) && records.some((record) => record[field] !== null),
  );
  return records.map((record) => {
    const { effect } = record;
    const shown = typeof effect !== "number" ? "" : effect < 0.005 ? "< 0.01" : effect.toFixed(2);
    return inOrder([...fields, "text"], { ...record, effect: shown });
  });
}

function sliceName(slice: Alert["slice"]): string | null {
  return slice === null ? null : slice.value === null ? slice.key : `${slice.key}=${slice.value}`;
}

function saidText(silence: Silence | null): string | null {
  return silence === null ? null : `${silence.by}: ${silence.reason} (until ${endText(silence.until)})`;
}

function endText(until: Silence["until"]): string {
  if (until.kind === "version") return `version ${until.version}`;
  return until.kind === "time" ? until.time.toISOString() : "resolved";
}

async function silence(
  kind: Silence["kind"],
  uri: string,
  monitor: string,
  flags: SilenceFlags,
): Promise<void> {
  await using table = await openedTable(uri, flags);
  const { rule, column, slice, reason, by = userInfo().username } = flags;
  const options = { rule, column, slice, reason, by, until: untilOf(flags.until) };
  const said =
    kind === "mute"
      ? await table.monitors.mute(monitor, options)
      : await table.monitors.acknowledge(monitor, options);
  if (flags.json === true) return await printJson(said);
  print(`${kind === "mute" ? "muted" : "acknowledged"} ${silenceText(said)}\n`);
}

function untilOf(text: string | undefined): SilenceOptions["until"] {
  if (text === undefined || text === "resolved") return "resolved";
  const [, version] = /^v(\d+)$/.exec(text) ?? [];
  return version === undefined ? { time: text } : { version: Number(version) };
}

function silenceText({ monitor, rule, column, slice, until }: Silence): string {
  const parts = [rule, column, slice].filter((part) => part !== null);
  const what = parts.length === 0 ? "all alerts" : parts.join(" ");
  return visible(`${what} of ${monitor} until ${endText(until)}`);
}

async function takeBack(uri: string, monitor: string, flags: UnmuteFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const { rule, column, slice, by = userInfo().username } = flags;
  const taken = await table.monitors.unmute(monitor, { rule, column, slice, by });
  if (flags.json === true) return await printJson(taken);
  if (taken.length === 0) print("nothing was muted or acknowledged\n");
  else print(`took back ${counted(taken.length, "mute or acknowledgement", "mutes and acknowledgements")}\n`);
}
