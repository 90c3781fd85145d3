import type { Command } from "commander";
import { counted } from "../../../api/counted.ts";
import { VarveError } from "../../../api/errors.ts";
import type {
  DriftReport,
  MonitorJson,
  MonitorReport,
  MonitorRun,
  PerformanceReport,
  Snapshot,
} from "../../../index.ts";
import { visible } from "../../../report/visible-text.ts";
import { exitCodes } from "../../shared/exit.ts";
import { stoppedBySignals } from "../../shared/interruption.ts";
import { openedTable, printWarnings } from "../../shared/opened-table.ts";
import {
  type ListOutputFlags,
  type StoreFlags,
  withJson,
  withListOutput,
  withStoreFlags,
} from "../../shared/options.ts";
import { print, printFailure } from "../../shared/print.ts";
import { printJson } from "../../shared/print-json.ts";
import { withProgressLine } from "../../shared/progress.ts";
import { printRecords } from "../../shared/records.ts";
import { isUnattended } from "./monitor-alerts.ts";
import { addMonitorCreate } from "./monitor-create.ts";
import {
  baselineOf,
  baselineText,
  type DefinitionFlags,
  namedMonitor,
  nameText,
  tableText,
  versionNumber,
  withFile,
} from "./monitor-named.ts";

interface JsonFlags extends StoreFlags {
  readonly json?: boolean | undefined;
}

interface ShowFlags extends StoreFlags, ListOutputFlags {
  readonly version?: number | undefined;
  readonly html?: string | undefined;
}

interface RunFlags extends JsonFlags, DefinitionFlags {
  readonly version?: number | undefined;
}

interface BackfillFlags extends JsonFlags, DefinitionFlags {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

interface RebaselineFlags extends JsonFlags {
  readonly baseline?: MonitorJson["baseline"] | undefined;
}

/** `varve monitor create | list | show | remove | run | backfill | rebaseline TABLE`. */
export function addMonitorVerbs(group: Command): void {
  addMonitorCreate(group);
  const list = group.command("list").description("list the monitors of a table");
  withStoreFlags(withListOutput(list.argument("<table>", tableText))).action(listMonitors);
  const show = group
    .command("show")
    .description("show what a monitor found, by version; with --version, one comparison in full")
    .argument("<table>", tableText)
    .argument("<name>", nameText)
    .option("--version <version>", "the comparison of this version", versionNumber)
    .option("--html <file>", "write a page: the newest comparison, effects over versions, alerts, the model");
  withStoreFlags(withListOutput(show)).action(showMonitor);
  const remove = group
    .command("remove")
    .description("take a monitor off a table; what it found stays")
    .argument("<table>", tableText)
    .argument("<name>", nameText);
  withStoreFlags(withJson(remove)).action(removeMonitor);
  const run = group
    .command("run")
    .description(
      "compare a version with the baseline of a monitor: the newest one that brought rows, unless --version names another. Exit code 4 if a column drifts or is broken, or while an alert of the monitor fires that nobody muted or acknowledged",
    )
    .argument("<table>", tableText)
    .argument("[name]", `${nameText}; with --file, its name in the file may be left out`)
    .option("--version <version>", "the version to compare", versionNumber);
  withStoreFlags(withJson(withFile(run))).action(runMonitor);
  const backfill = group
    .command("backfill")
    .description(
      "compare all versions that a monitor has not compared yet, newest first. It may be interrupted and repeated, and run many times at once. Exit code 4 if a version drifts or is broken, or while an alert of the monitor fires that nobody muted or acknowledged",
    )
    .argument("<table>", tableText)
    .argument("[name]", nameText)
    .option("--from <version>", "the first version; default: v0", versionNumber)
    .option("--to <version>", "the last version; default: the newest", versionNumber);
  withStoreFlags(withJson(withFile(backfill))).action(backfillMonitor);
  const rebaseline = group
    .command("rebaseline")
    .description("make new bins of a monitor's baseline, as it is now, or of another baseline")
    .argument("<table>", tableText)
    .argument("<name>", nameText)
    .option("--baseline <baseline>", baselineText, baselineOf);
  withStoreFlags(withJson(rebaseline)).action(rebaselineMonitor);
}

async function listMonitors(uri: string, flags: StoreFlags & ListOutputFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const monitors = await table.monitors.list();
  const records = monitors.map(({ name, definition }) => ({
    name,
    baseline: definition.baseline,
    scope: definition.scope ?? "batch",
    on: definition.on ?? "run",
    alerts: definition.alerts?.length ?? 0,
    definition,
  }));
  const fields = ["name", "baseline", "scope", "on", "alerts"];
  await printRecords(records, {
    ...flags,
    fields: flags.format === "table" ? fields : [...fields, "definition"],
    kept: ["name"],
  });
}

async function showMonitor(uri: string, name: string, flags: ShowFlags): Promise<void> {
  const { version } = flags;
  await using table = await openedTable(uri, flags);
  if (flags.html !== undefined) {
    const { writeMonitorPage } = await import("./monitor-page.ts");
    return await writeMonitorPage(table, name, { version, html: flags.html });
  }
  const range = version === undefined ? { columns: [] } : { from: version, to: version };
  const reports = await table.monitors.results(name, range);
  const found = await table.monitors.performance(name, { from: version, to: version });
  const report = version === undefined ? undefined : reports.at(-1);
  if (version !== undefined && report === undefined) throw notCompared(await table.snapshot(), name, version);
  if (report !== undefined && flags.format === "table") {
    print(await reportText(report));
    return printPerformance(found);
  }
  const [performance] = found;
  if (report !== undefined && flags.format === "json")
    return await printJson(performance === undefined ? report : { ...report, performance });
  const texts = new Map(found.map((evaluation) => [evaluation.version, evaluation.text]));
  const runs = reports.map((one) => ({
    ...shownRun(one),
    performance: texts.get(one.current.version) ?? null,
  }));
  const fields = texts.size === 0 ? runFields : [...runFields, "performance"];
  await printRecords(runs, { ...flags, fields, kept: ["version", "verdict"] });
}

/** Evaluations of the model, a line each, and one for each slice or window. */
function printPerformance(evaluations: readonly PerformanceReport[]): void {
  for (const { version, state, text, parts } of evaluations) {
    // The text of windows together is made of theirs.
    const isByWindow = parts.some(({ window }) => window !== null) && isEvaluated(state);
    print(`performance of v${version}, ${state}${isByWindow ? ", by window" : `: ${visible(text)}`}\n`);
    for (const { slice, window, state: known, text: said } of parts) {
      const place = window ?? (slice?.value == null ? slice?.key : `${slice.key} = ${slice.value}`) ?? "";
      print(`  ${visible(place)}, ${known}: ${visible(said)}\n`);
    }
  }
}

function isEvaluated(state: PerformanceReport["state"]): boolean {
  return state === "evaluated" || state === "immature";
}

/** Why a monitor has no result of a version, as far as the table tells. */
function notCompared({ version: newest }: Snapshot, monitor: string, version: number): VarveError {
  const why =
    version > newest
      ? `The newest version is ${newest}.`
      : `A version that brought no rows has no result; one that was not looked at yet is compared by varve monitor run --version v${version}.`;
  return new VarveError(
    "VERSION_NOT_FOUND",
    `The monitor ${monitor} has no result of version ${version}. ${why}`,
    { version, latest: newest },
  );
}

const runFields = ["version", "committed", "rows", "state", "verdict", "drifted", "broken", "text"];

function shownRun({ current, committed_at, state, verdict, counts, text }: MonitorReport) {
  const { version, rows } = current;
  const { drifted, broken } = counts;
  return { version, committed: committed_at, rows, state, verdict, drifted, broken, text };
}

async function reportText(report: DriftReport): Promise<string> {
  const { driftText } = await import("../../../api/drift/drift-report.ts");
  return driftText(report);
}

async function removeMonitor(uri: string, name: string, flags: JsonFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const { version } = await table.monitors.remove(name);
  await printWarnings(table);
  if (flags.json === true) return await printJson({ name, version });
  print(`removed ${visible(name)} in version ${version}; what it found stays\n`);
}

async function runMonitor(
  uri: string,
  name: string | undefined,
  flags: RunFlags,
  command: Command,
): Promise<void> {
  const monitor = await namedMonitor(name, flags, command);
  await using table = await openedTable(uri, flags);
  const found = await stoppedBySignals((signal) =>
    table.monitors.run(monitor, { version: flags.version, signal }),
  );
  const report = "report" in found ? found.report : undefined;
  const isMoved = report !== undefined && ["drift", "broken"].includes(report.verdict);
  if (isMoved || isUnattended(found.alerts.alerts)) process.exitCode = exitCodes.drift;
  printTroubles(found);
  if (flags.json === true) return await printJson(found);
  if (report !== undefined) {
    print(await reportText(report));
    printPerformance(found.performance);
    return printFiring(uri, found.alerts.alerts);
  }
  const why = {
    no_rows: "brought no rows to compare",
    no_baseline: "has no earlier version with rows to be compared with",
  };
  const outcome = found.outcome === "no_baseline" ? "no_baseline" : "no_rows";
  print(`nothing compared: version ${found.version} ${why[outcome]}\n`);
  printFiring(uri, found.alerts.alerts);
}

/** Alerts that could not be sent, and tables that could not be compacted; the next run tries again. */
function printTroubles({ alerts, warnings }: Pick<MonitorRun, "alerts" | "warnings">): void {
  for (const { target, outcome, reason } of alerts.deliveries)
    if (outcome === "failed")
      printFailure(`warning: the alert for ${visible(target)} was not sent: ${visible(reason ?? "")}`);
  for (const { message } of warnings) printFailure(`warning: ${visible(message)}`);
}

async function backfillMonitor(
  uri: string,
  name: string | undefined,
  flags: BackfillFlags,
  command: Command,
): Promise<void> {
  const monitor = await namedMonitor(name, flags, command);
  await using table = await openedTable(uri, flags);
  const { from, to } = flags;
  const result = await withProgressLine({ stage: "comparing" }, flags.quiet === true, (update) =>
    stoppedBySignals((signal) =>
      table.monitors.backfill(monitor, {
        from,
        to,
        signal,
        onProgress: ({ version, done, total }) =>
          update({
            stage: "comparing",
            share: total === 0 ? 1 : done / total,
            detail: `v${version}, ${done} of ${counted(total, "version")}`,
          }),
      }),
    ),
  );
  if (result.drifted.length > 0 || isUnattended(result.alerts.alerts)) process.exitCode = exitCodes.drift;
  printTroubles(result);
  if (flags.json === true) return await printJson(result);
  const { recorded, known, withoutRows, unreadable, drifted } = result;
  const parts = [
    `${counted(recorded.length, "version")} compared`,
    known.length === 0 ? "" : `${known.length} known`,
    withoutRows.length === 0 ? "" : `${withoutRows.length} without rows`,
    unreadable.length === 0 ? "" : `${unreadable.length} unreadable`,
  ].filter((part) => part !== "");
  const names = drifted.map((version) => `v${version}`).join(", ");
  print(`${parts.join(", ")}\n${names === "" ? "no drift" : `drift in ${names}`}\n`);
  printPerformance(result.performance);
  printFiring(uri, result.alerts.alerts);
}

/** How many alerts of a monitor fire; those of the model, of columns and of breaks alike. */
function printFiring(uri: string, alerts: MonitorRun["alerts"]["alerts"]): void {
  const firing = alerts.filter(({ status }) => status === "firing").length;
  if (firing > 0) print(`${counted(firing, "alert")} firing: see varve monitor alerts ${visible(uri)}\n`);
}

async function rebaselineMonitor(uri: string, name: string, flags: RebaselineFlags): Promise<void> {
  await using table = await openedTable(uri, flags);
  const result = await stoppedBySignals((signal) =>
    table.monitors.rebaseline(name, { baseline: flags.baseline, signal }),
  );
  await printWarnings(table);
  if (flags.json === true) return await printJson(result);
  const { generation, baseline, columns } = result;
  const what = `${counted(columns, "column")} of ${counted(baseline.rows, "row")} (${visible(baseline.source)})`;
  print(`new bins of ${what}: baseline ${generation} of ${visible(name)}\n`);
}
