import type { LogSnapshot } from "../log/contract.ts";
import { listLog } from "../log/segment/listing.ts";
import { versionNotFound } from "../log/segment/segment.ts";
import type { SideTableOptions } from "../sidetables/side-table.ts";
import { recordedBinsHead } from "./bins-head.ts";
import type { MonitorDefinition } from "./definition/definition.ts";
import { definitionHash } from "./definition/parse-definition.ts";
import type { MonitorWork, VersionOutcome } from "./evaluate-version.ts";
import type { RecordedBins } from "./profiles/profile.ts";
import type { BinsHead } from "./stores/bins-store.ts";
import type { MonitorReport } from "./stores/monitor-record.ts";
import { readResults } from "./stores/results-store.ts";
import { ReadCommits, rowsOfVersion, type VersionRows } from "./version-rows.ts";

/** Versions back that a run looks for one with rows. */
const mostLooked = 1_000;

/** Which version a monitor compares. */
export interface RunRequest extends SideTableOptions {
  /** Default: the newest version that brought rows. */
  readonly version?: number | undefined;
  /** Whether this process has just committed the version, so that nothing is recorded of it. */
  readonly isNew?: boolean | undefined;
}

/**
 * Compares a version with a monitor's baseline: the newest one that brought rows, unless another is named. A version
 * that was compared before by the same definition and bins is not compared again.
 *
 * @throws `VERSION_NOT_FOUND` for a version that does not exist yet; as {@link evaluateVersion}
 */
export async function runMonitor(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  { version, isNew = false, ...options }: RunRequest = {},
): Promise<VersionOutcome> {
  // A version that is to come would be recorded as unreadable, and never be looked at.
  if (version !== undefined && version > snapshot.version)
    throw versionNotFound(await listLog(snapshot.context.store, 0, snapshot.version), version);
  if (version !== undefined) {
    // Before the bins: a commit that brought no rows, such as one that changes the monitor itself, does not need them.
    const commits = new ReadCommits();
    const { kind } = await commits.rowsOf(snapshot.context, version);
    if (!mayBring(kind, definition) && kind !== "gone") return { outcome: "no_rows", version };
    const work = { snapshot, definition, options, bins: undefined, commits };
    return isNew ? evaluated({ ...work, newVersion: version }, version) : knownOr(work, version);
  }
  const work = { snapshot, definition, options, bins: undefined, commits: new ReadCommits() };
  for (let newest = snapshot.version; newest >= 0 && snapshot.version - newest < mostLooked; newest--) {
    const { kind } = await rowsOfVersion(snapshot.context, newest);
    if (kind === "gone") break;
    if (mayBring(kind, definition)) return knownOr(work, newest);
  }
  return { outcome: "no_rows", version: snapshot.version };
}

/** Whether a version of a kind has rows that the monitor compares. */
function mayBring(kind: VersionRows["kind"], { scope }: MonitorDefinition): boolean {
  return kind === "batch" || (kind === "changed" && scope === "table");
}

/** A version as it was compared before, for which bins and counts need not be read, else compared now. */
async function knownOr(work: MonitorWork, version: number): Promise<VersionOutcome> {
  const { snapshot, definition, options } = work;
  const reports = await reportsOf(work, { from: version, to: version });
  if (reports.length === 0) return evaluated(work, version);
  const bins = await recordedBinsHead(snapshot, definition, options);
  const known = reports.findLast((report) => isBy(bins, report));
  return known === undefined ? evaluated(work, version) : { outcome: "known", version, report: known };
}

/** What compares is loaded where there is something to compare. */
async function evaluated(work: MonitorWork, version: number): Promise<VersionOutcome> {
  const [{ evaluateVersion }, { recordedBins }] = await Promise.all([
    import("./evaluate-version.ts"),
    import("./monitor-bins.ts"),
  ]);
  const bins = await recordedBins(work.snapshot, work.definition, work.options);
  return evaluateVersion({ ...work, bins }, version);
}

/** Reports by the present definition. */
function reportsOf(
  { snapshot, definition, options }: MonitorWork,
  range: { readonly from: number; readonly to: number; readonly columns?: readonly string[] },
): Promise<MonitorReport[]> {
  const selection = { ...range, monitor: definition.name, definitionHash: definitionHash(definition) };
  return readResults(snapshot, selection, options);
}

/** Whether a report is by the present bins. */
function isBy(bins: BinsHead | undefined, { bins_id, state }: MonitorReport): boolean {
  return state === "unreadable" || bins_id === bins?.id;
}

/** How far a backfill has come. */
export interface BackfillProgress {
  readonly version: number;
  /** Versions done, of those that it looks at. */
  readonly done: number;
  readonly total: number;
}

/** What a backfill found, by versions; each list is in ascending order. */
export interface BackfillResult {
  readonly monitor: string;
  readonly recorded: readonly number[];
  /** Had been recorded before, or meanwhile by another process. */
  readonly known: readonly number[];
  /** Brought no rows, or have none before them to be compared with. */
  readonly withoutRows: readonly number[];
  /** Of `recorded`: those whose files or log are gone. */
  readonly unreadable: readonly number[];
  /** Of `recorded` and `known`: those with drift or a break. */
  readonly drifted: readonly number[];
}

export interface BackfillRequest extends SideTableOptions {
  /** First version; default 0. */
  readonly from?: number | undefined;
  /** Last version; default: the newest. */
  readonly to?: number | undefined;
  readonly onProgress?: ((progress: BackfillProgress) => void) | undefined;
}

/**
 * Compares the versions that a monitor has not compared yet, newest first; oldest first with thresholds from history,
 * because each depends on those before, and with scope `table`, where an append then costs its own rows only. What was
 * recorded stays where it is interrupted, and many processes may work at once.
 */
export async function backfillMonitor(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  { from = 0, to = snapshot.version, onProgress, ...options }: BackfillRequest = {},
): Promise<BackfillResult> {
  const [{ evaluateVersion, usesHistory }, { recordedBins }] = await Promise.all([
    import("./evaluate-version.ts"),
    import("./monitor-bins.ts"),
  ]);
  const bins = await recordedBins(snapshot, definition, options);
  const work = { snapshot, definition, options, bins, commits: new ReadCommits() };
  const last = Math.min(to, snapshot.version);
  const reports = await reportsOf(work, { from, to: last, columns: [] });
  const known = new Map(
    reports
      .filter((report) => isBy(bins?.bins, report))
      .map((report) => [report.current.version ?? report.as_of_version, report]),
  );
  const versions = from > last ? [] : await versionsOfLog(snapshot, definition, from, last);
  if (!usesHistory(definition) && !addsUp(definition)) versions.reverse();
  const outcomes: VersionOutcome[] = [];
  for (const [done, version] of versions.entries()) {
    onProgress?.({ version, done, total: versions.length });
    const report = known.get(version);
    outcomes.push(
      report === undefined ? await evaluateVersion(work, version) : { outcome: "known", version, report },
    );
  }
  onProgress?.({ version: last, done: versions.length, total: versions.length });
  return resultOf(definition.name, outcomes);
}

/** Whether the counts of a version follow from those of the one before and the rows that it added. */
function addsUp({ scope, window }: MonitorDefinition): boolean {
  return scope === "table" && window === undefined;
}

/** The versions to look at: those of the log, without the baseline itself. */
async function versionsOfLog(
  { context }: LogSnapshot,
  { baseline, scope }: MonitorDefinition,
  from: number,
  last: number,
): Promise<number[]> {
  const { commits } = await listLog(context.store, from, last);
  let first = last + 1;
  for (const version of commits.keys()) first = Math.min(first, version);
  // Commits that a cleanup of the log removed are unreadable, and said to be.
  const gone = Array.from({ length: Math.max(0, first - from) }, (_, index) => from + index);
  return [...gone, ...commits.keys()]
    .filter((version) => scope !== "table" || baseline.kind !== "version" || baseline.version !== version)
    .sort((a, b) => a - b);
}

function resultOf(monitor: string, outcomes: readonly VersionOutcome[]): BackfillResult {
  const of = (isWanted: (outcome: VersionOutcome) => boolean) =>
    outcomes
      .filter(isWanted)
      .map(({ version }) => version)
      .sort((a, b) => a - b);
  return {
    monitor,
    recorded: of(({ outcome }) => outcome === "recorded"),
    known: of(({ outcome }) => outcome === "known"),
    withoutRows: of(({ outcome }) => outcome === "no_rows" || outcome === "no_baseline"),
    unreadable: of((found) => found.outcome === "recorded" && found.report.state === "unreadable"),
    drifted: of((found) => "report" in found && ["drift", "broken"].includes(found.report.verdict)),
  };
}

/**
 * Makes new bins of a monitor's baseline, as it is now. Earlier results stay; versions are compared again by the new
 * bins when they are run or backfilled.
 *
 * @throws `BASELINE_UNREADABLE`, `PIN_NOT_FOUND`
 */
export async function rebaselineMonitor(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  options: SideTableOptions = {},
): Promise<RecordedBins> {
  const [{ baselineRows, isFixed }, { movingRows, versionsBefore }, { noRowsForBins, renewBins }] =
    await Promise.all([
      import("./baseline-side.ts"),
      import("./evaluate-version.ts"),
      import("./monitor-bins.ts"),
    ]);
  const { baseline } = definition;
  if (isFixed(baseline)) {
    const rows = await baselineRows(snapshot, baseline);
    return (await renewBins(snapshot, definition, rows, options)).bins;
  }
  const work = { snapshot, definition, options, bins: undefined, commits: new ReadCommits() };
  const before = await versionsBefore(work, snapshot.version + 1);
  if (before.length === 0) throw noRowsForBins(snapshot);
  return (await renewBins(snapshot, definition, await movingRows(work, before), options)).bins;
}
