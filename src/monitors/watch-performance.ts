import type { LogSnapshot } from "../log/contract.ts";
import type { SideTableOptions } from "../sidetables/side-table.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import type { MonitorDefinition } from "./definition/definition.ts";
import { definitionHash, performanceHash } from "./definition/parse-definition.ts";
import { evaluatePerformance } from "./evaluate-performance.ts";
import { lateParts } from "./late-parts.ts";
import { recordedBins } from "./monitor-bins.ts";
import { outcomesTable } from "./outcomes-table.ts";
import type { PerformanceWork } from "./reached-performance.ts";
import type { MonitorReport } from "./stores/monitor-record.ts";
import type { PerformanceReport } from "./stores/performance-record.ts";
import { readPerformance } from "./stores/performance-store.ts";
import { readResults } from "./stores/results-store.ts";
import { ReadCommits } from "./version-rows.ts";

/** Versions whose outcomes a run looks for again. */
const mostRecent = 30;

/** Which versions are evaluated. */
export interface WatchedVersions {
  /** Versions that have just been compared, or were before. */
  readonly versions: readonly number[];
  /** Look again at this many of the newest versions whose outcomes were not all known. */
  readonly recent?: number | undefined;
}

/**
 * Evaluates the model of a monitor on versions that it compared, and again on recent ones whose outcomes have come
 * since. What was evaluated by the same version of the outcomes is not evaluated again.
 *
 * @returns the new evaluations, by version; none for a monitor without a performance section
 * @throws as {@link evaluatePerformance}; `NOT_A_TABLE`, `PATH_OUTSIDE_TABLE` for the table of outcomes
 */
export async function watchPerformance(
  snapshot: LogSnapshot,
  definition: MonitorDefinition,
  { versions, recent = mostRecent }: WatchedVersions,
  options: SideTableOptions = {},
): Promise<PerformanceReport[]> {
  const { performance, name } = definition;
  if (performance === undefined) return [];
  const outcomes =
    performance.outcomes === undefined
      ? undefined
      : await outcomesTable(snapshot, performance.outcomes.table);
  const selection = { monitor: name, performanceHash: performanceHash(definition) };
  const known = await readPerformance(snapshot, selection, options);
  const wanted = wantedVersions(known, { versions, recent }, outcomes?.version ?? null);
  if (wanted.length === 0) return [];
  const bins = await recordedBins(snapshot, definition, options);
  const work = { snapshot, definition, options, bins, commits: new ReadCommits() };
  const about: PerformanceWork = { work, performance, outcomes };
  const compared = await comparedVersions(about, wanted);
  const before = new Map(known.map((report) => [report.version, report]));
  const newest = newestOfWindows(known);
  const reports: PerformanceReport[] = [];
  for (const report of compared) {
    throwIfCancelled(options.signal, `evaluating version ${report.as_of_version}`);
    const evaluated = before.get(report.current.version ?? report.as_of_version);
    const late = await lateParts(about, { evaluated, compared: report, newest });
    if (late === "none") continue;
    const windows = late === "all" ? undefined : late;
    const found = await evaluatePerformance(about, { compared: report, windows });
    if (found.isRecorded) reports.push(found.report);
  }
  return reports;
}

/** The newest version that each window was evaluated for: what earlier ones said of it, it took the place of. */
function newestOfWindows(known: readonly PerformanceReport[]): ReadonlyMap<string, number> {
  const newest = new Map<string, number>();
  for (const { version, parts } of known)
    for (const { window } of parts)
      if (window !== null && version !== null) newest.set(window, Math.max(version, newest.get(window) ?? 0));
  return newest;
}

/** Versions that are not evaluated yet by these outcomes, and may be otherwise by them. */
function wantedVersions(
  known: readonly PerformanceReport[],
  { versions, recent }: { readonly versions: readonly number[]; readonly recent: number },
  outcomeVersion: number | null,
): number[] {
  const byVersion = new Map(known.map((report) => [report.version, report]));
  const isOpen = (version: number) => {
    const before = byVersion.get(version);
    if (before === undefined) return true;
    const isSettled =
      before.state === "evaluated" &&
      before.labelled === before.rows &&
      before.parts.every(({ window, state }) => window === null || state === "evaluated");
    return !isSettled && before.outcome_version !== outcomeVersion;
  };
  const late = recent === 0 ? [] : known.slice(-recent).flatMap(({ version }) => version ?? []);
  return [...new Set([...versions, ...late])].filter(isOpen).sort((a, b) => a - b);
}

/** The newest comparison of each version that has rows. */
async function comparedVersions(
  { work }: PerformanceWork,
  versions: readonly number[],
): Promise<MonitorReport[]> {
  const { snapshot, definition, options, bins } = work;
  // They are in ascending order.
  const range = { from: versions[0], to: versions.at(-1) };
  const selection = { ...range, monitor: definition.name, definitionHash: definitionHash(definition) };
  const wanted = new Set(versions);
  const found = new Map<number, MonitorReport>();
  for (const report of await readResults(snapshot, selection, options)) {
    const version = report.current.version ?? report.as_of_version;
    if (report.state === "evaluated" && report.bins_id === bins?.bins.id && wanted.has(version))
      found.set(version, report);
  }
  return [...found.values()];
}
