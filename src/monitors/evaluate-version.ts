import type { DriftRecord, DriftSide } from "../drift/comparison/drift-record.ts";
import { summarized } from "../drift/comparison/report-summary.ts";
import { leafNamed } from "../drift/comparison/slices.ts";
import { windowsOf } from "../drift/comparison/windows.ts";
import { historyThreshold } from "../drift/history-threshold.ts";
import { leavesOf } from "../drift/profile/leaves.ts";
import type { Session } from "../engine/core/contract.ts";
import { isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { SideTableOptions } from "../sidetables/side-table.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { packageVersion } from "../util/package-version.ts";
import { type BaselineRows, isFixed } from "./baseline-side.ts";
import type { MonitorDefinition } from "./definition/definition.ts";
import { definitionHash } from "./definition/parse-definition.ts";
import { ensureBins, type MonitorBins, measuresAges, recordedBins, renewBins } from "./monitor-bins.ts";
import { versionOf, withOwnRows } from "./opened-rows.ts";
import { type ChosenThreshold, compareProfiles, type ThresholdPlace } from "./profiles/compare-profiles.ts";
import { countProfile, inWindows, type ProfiledRows } from "./profiles/count-profile.ts";
import { mergeProfiles } from "./profiles/merge-profiles.ts";
import type { Profile } from "./profiles/profile.ts";
import type { MonitorReport } from "./stores/monitor-record.ts";
import { readProfiles, writeProfile } from "./stores/profiles-store.ts";
import { readResults, writeResults } from "./stores/results-store.ts";
import type { ReadCommits, VersionRows } from "./version-rows.ts";

/**
 * What became of a version. `recorded`: it was compared, or found empty or unreadable. `known`: it had been before.
 * `no_rows`: it brought none, so there is nothing to compare. `no_baseline`: no version with readable rows comes before it.
 */
export type VersionOutcome =
  | { readonly outcome: "recorded" | "known"; readonly version: number; readonly report: MonitorReport }
  | { readonly outcome: "no_rows" | "no_baseline"; readonly version: number };

/** A monitor at work on a table, with what it has read of its bins. */
export interface MonitorWork {
  /** The newest version of the table. */
  readonly snapshot: LogSnapshot;
  readonly definition: MonitorDefinition;
  readonly options: SideTableOptions;
  readonly commits: ReadCommits;
  /** A version that is so new that nothing is recorded of it, or only just now. */
  readonly newVersion?: number | undefined;
  /** Undefined until they are read or made. */
  bins: MonitorBins | undefined;
}

/**
 * Compares a version with the baseline of a monitor, and records the result. Rows are read only of versions that have
 * no profile yet.
 *
 * @throws `BASELINE_UNREADABLE`, `BASELINE_IS_CURRENT`, `BINS_CHANGED`, `COLUMN_NOT_FOUND`, `SQL_REFUSED`, `SQL_FAILED`,
 * `CANCELLED`
 */
export async function evaluateVersion(work: MonitorWork, version: number): Promise<VersionOutcome> {
  const { snapshot, definition, options, commits } = work;
  throwIfCancelled(options.signal, `comparing version ${version}`);
  refuseBaseline(work, version);
  const rows = await commits.rowsOf(snapshot.context, version);
  if (rows.kind === "none" || (rows.kind === "changed" && definition.scope === "batch"))
    return { outcome: "no_rows", version };
  const before = isFixed(definition.baseline) ? [] : await versionsBefore(work, version);
  if (!isFixed(definition.baseline) && before.length === 0) return { outcome: "no_baseline", version };
  const report =
    rows.kind === "gone"
      ? unreadableReport(work, version)
      : await unlessGone(
          () => compared(work, version, rows, before),
          () => unreadableReport(work, version),
        );
  if (report === undefined) return { outcome: "no_baseline", version };
  const isRecorded = await writeResults(snapshot, report, options);
  return { outcome: isRecorded ? "recorded" : "known", version, report };
}

function refuseBaseline({ snapshot, definition }: MonitorWork, version: number): void {
  const { baseline, scope, name } = definition;
  if (scope !== "table" || baseline.kind !== "version" || baseline.version !== version) return;
  const { uri } = snapshot.context.store;
  throw new VarveError(
    "BASELINE_IS_CURRENT",
    `Version ${version} of ${uri} is the baseline of the monitor ${name}, and would be compared with itself. Choose another version.`,
    { uri, version },
  );
}

async function unlessGone<T>(work: () => Promise<T>, otherwise: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // An unreadable baseline has another code.
    if (isVarveError(error, "DATA_FILE_MISSING", "VERSION_NOT_FOUND", "LOG_GAP")) return otherwise();
    throw error;
  }
}

/** Commits without a change of rows, such as compactions, over which counts are carried on. */
const mostUnchanged = 100;

/** Commits that a moving baseline is looked for in. */
const mostCommits = 10_000;

/** The versions with rows that a moving baseline takes, newest first. */
export async function versionsBefore(
  { snapshot, definition, commits }: MonitorWork,
  version: number,
): Promise<number[]> {
  const { baseline, scope } = definition;
  const wanted = baseline.kind === "previous" ? baseline.count : baseline.kind === "lag" ? baseline.lag : 0;
  const found: number[] = [];
  for (let before = version - 1; before >= 0 && version - before <= mostCommits; before--) {
    const rows = await commits.rowsOf(snapshot.context, before);
    if (rows.kind === "gone") break;
    if (rows.kind === "batch" || (rows.kind === "changed" && scope === "table")) found.push(before);
    if (found.length === wanted) break;
  }
  // All rows of a version hold those of the ones before.
  const isOne = baseline.kind === "lag" || scope === "table";
  if (!isOne) return found;
  return found.length === wanted ? found.slice(-1) : [];
}

async function compared(
  work: MonitorWork,
  version: number,
  rows: VersionRows,
  before: readonly number[],
): Promise<MonitorReport | undefined> {
  const { definition, options, snapshot } = work;
  const log = await versionOf(snapshot, version);
  const bins = await binsFor(work, before);
  if (bins === undefined) return undefined;
  const profile = await profileOf(work, log, rows);
  const [whole] = profile.parts;
  const against = await baselineProfile(work, bins, before);
  if (against === undefined) return undefined;
  const { side, profile: baseline } = against;
  const head = headOf(work, version, {
    committed: new Date(log.timestamp),
    baseline: side,
    rows: whole?.rows ?? 0,
  });
  if ((whole?.rows ?? 0) === 0) {
    const text = `Version ${version} brought no rows that the monitor looks at.`;
    return { ...emptyReport(head, text), bins_id: bins.bins.id, state: "empty" };
  }
  const historyOf = await thresholdsFromHistory(work, bins, version, options);
  const pair = { bins: bins.bins, baseline, current: profile };
  const records = compareProfiles(definition, pair, historyOf);
  return {
    ...summarized(records, head),
    ...head,
    bins_id: bins.bins.id,
    state: "evaluated",
  };
}

/** The bins to count in: those that are recorded, else new ones of the baseline; undefined if that moves and is gone. */
async function binsFor(work: MonitorWork, before: readonly number[]): Promise<MonitorBins | undefined> {
  const { snapshot, definition, options } = work;
  work.bins ??= isFixed(definition.baseline)
    ? await ensureBins(snapshot, definition, options)
    : ((await recordedBins(snapshot, definition, options)) ?? (await movingBins(work, before)));
  return work.bins;
}

async function movingBins(work: MonitorWork, before: readonly number[]): Promise<MonitorBins | undefined> {
  const { snapshot, definition, options } = work;
  try {
    return await renewBins(snapshot, definition, await movingRows(work, before), options);
  } catch (error) {
    // A later version has another baseline, which may be there.
    if (!isVarveError(error, "BASELINE_UNREADABLE", "VERSION_NOT_FOUND", "LOG_GAP")) throw error;
    return undefined;
  }
}

/** The rows of the versions of a moving baseline, of which its bins are made. */
export async function movingRows(
  { snapshot, definition, commits }: MonitorWork,
  before: readonly number[],
): Promise<BaselineRows> {
  const newest = before[0] ?? 0;
  const log = await versionOf(snapshot, newest);
  const adds = [];
  for (const version of before) {
    const rows = await commits.rowsOf(snapshot.context, version);
    if (rows.kind === "batch") for (const add of rows.adds) adds.push(add);
  }
  const isBatch = definition.scope === "batch";
  return {
    wanted: isBatch ? { snapshot: log, adds, committedAt: log.timestamp } : { snapshot: log },
    side: movingSide(before, definition.scope),
  };
}

function movingSide(before: readonly number[], scope: "batch" | "table"): Omit<DriftSide, "rows"> {
  const [newest = 0, oldest = newest] = [before[0], before.at(-1)];
  const source = newest === oldest ? `version ${newest}` : `versions ${oldest} to ${newest}`;
  return { source, version: newest, pin: null, fingerprint: null, scope, window: null };
}

async function baselineProfile(
  work: MonitorWork,
  { bins, baseline }: MonitorBins,
  before: readonly number[],
): Promise<{ readonly side: DriftSide; readonly profile: Profile } | undefined> {
  if (isFixed(work.definition.baseline)) return { side: bins.baseline, profile: baseline };
  const found: { readonly version: number; readonly profile: Profile }[] = [];
  for (const version of before) {
    const profile = await unlessGone(
      () => recentProfile(work, version),
      () => undefined,
    );
    if (profile !== undefined) found.push({ version, profile });
  }
  if (found.length === 0) return undefined;
  const profile = found.map((one) => one.profile).reduce(mergeProfiles);
  const versions = found.map(({ version }) => version);
  return {
    profile,
    side: { ...movingSide(versions, work.definition.scope), rows: profile.parts[0]?.rows ?? 0 },
  };
}

async function recentProfile(work: MonitorWork, version: number): Promise<Profile | undefined> {
  const rows = await work.commits.rowsOf(work.snapshot.context, version);
  return profileOf(work, await versionOf(work.snapshot, version), rows);
}

/** The profile of a version: as recorded, else counted and recorded. */
async function profileOf(work: MonitorWork, log: LogSnapshot, rows: VersionRows): Promise<Profile> {
  const { snapshot, definition, options, bins } = work;
  if (bins === undefined)
    throw new Error("varve internal error: rows are counted without bins. Please report this.");
  const key = { monitor: definition.name, version: log.version, scope: definition.scope } as const;
  if (log.version !== work.newVersion) {
    const recorded = await readProfiles(snapshot, key, bins.bins, [log.version], options);
    const known = recorded.get(log.version);
    if (known !== undefined) return known;
  }
  const profile = await countedProfile(work, bins, log, rows);
  await writeProfile(snapshot, key, bins.bins, profile, options);
  return profile;
}

async function countedProfile(
  work: MonitorWork,
  { bins, baseline }: MonitorBins,
  log: LogSnapshot,
  rows: VersionRows,
): Promise<Profile> {
  const { definition, options, snapshot } = work;
  const { scope, window, where } = definition;
  const adds = rows.kind === "batch" ? rows.adds : [];
  if (scope === "table" && window === undefined && rows.kind === "batch" && rows.isAppend) {
    const key = { monitor: definition.name, scope } as const;
    const last = await lastChanged(work, log.version);
    const before = (await readProfiles(snapshot, key, bins, [last], options)).get(last);
    if (before !== undefined) {
      const batch = await counted([{ snapshot: log, adds }]);
      return mergeProfiles(before, batch);
    }
  }
  const committedAt = measuresAges(definition) ? log.timestamp : undefined;
  const wanted = scope === "table" ? [{ snapshot: log }] : [{ snapshot: log, adds, committedAt }];
  return counted(window === undefined || scope === "table" ? wanted : [...wanted, { snapshot: log }]);

  function counted(opened: Parameters<typeof withOwnRows>[0]): Promise<Profile> {
    return withOwnRows(
      opened,
      where,
      async (rowsSession, [own, all]) => {
        if (own === undefined) return { leaves: [], parts: [] };
        const chosen =
          all === undefined || window === undefined
            ? own
            : await lateRows(rowsSession.session, own, all, window);
        // Versions that a moving baseline will take need what is otherwise only known of the bins' rows.
        const against = isFixed(definition.baseline) ? baseline : undefined;
        return countProfile(rowsSession, chosen, bins, definition, against);
      },
      options,
    );
  }
}

/** The last version before one that changed rows: what is counted of it holds until then. */
async function lastChanged({ snapshot, commits }: MonitorWork, version: number): Promise<number> {
  let before = version - 1;
  while (
    version - before <= mostUnchanged &&
    (await commits.rowsOf(snapshot.context, before)).kind === "none"
  )
    before--;
  return before;
}

/** All rows of the table in the windows that a batch brings rows for: late rows make a window be compared again. */
export async function lateRows(
  session: Session,
  batch: ProfiledRows,
  all: ProfiledRows,
  window: NonNullable<MonitorDefinition["window"]>,
): Promise<ProfiledRows> {
  const leaf = leafNamed(leavesOf(batch.columns), window.column);
  const { expression, starts } = await windowsOf(session, { leaf, select: batch.select }, window);
  return inWindows(all, expression, starts);
}

interface HeadFacts {
  readonly committed: Date | null;
  readonly baseline: DriftSide;
  readonly rows: number;
}

function headOf({ snapshot, definition }: MonitorWork, version: number, facts: HeadFacts) {
  const { world, store } = snapshot.context;
  const current: DriftSide = {
    source: `${store.uri}@v${version}`,
    version,
    pin: null,
    fingerprint: null,
    scope: definition.scope,
    window: null,
    rows: facts.rows,
  };
  return {
    monitor: definition.name,
    run_id: world.uuid(),
    at: new Date(world.now()).toISOString(),
    table_id: snapshot.metadata.id,
    definition_hash: definitionHash(definition),
    code_version: packageVersion(),
    committed_at: facts.committed?.toISOString() ?? null,
    as_of_version: version,
    baseline: facts.baseline,
    current,
  };
}

function emptyReport(head: ReturnType<typeof headOf>, text: string) {
  const counts = { tested: 0, drifted: 0, broken: 0, insufficient: 0, not_applicable: 0 };
  return { ...head, verdict: "insufficient", counts, text, columns: [] } as const;
}

/** A version whose files or log are gone; it is no error, and is not looked at again. */
function unreadableReport(work: MonitorWork, version: number): MonitorReport {
  const side: DriftSide = work.bins?.bins.baseline ?? {
    ...movingSide([], "table"),
    version: null,
    source: "",
    rows: 0,
  };
  const head = headOf(work, version, { committed: null, baseline: side, rows: 0 });
  const text = `Version ${version} cannot be read: its files or its log are gone.`;
  return { ...emptyReport(head, text), bins_id: work.bins?.bins.id ?? null, state: "unreadable" };
}

/** Thresholds by the effects of quiet versions before, which are read only if the monitor has such thresholds. */
async function thresholdsFromHistory(
  { snapshot, definition }: MonitorWork,
  { bins }: MonitorBins,
  version: number,
  options: SideTableOptions,
): Promise<(place: ThresholdPlace) => ChosenThreshold> {
  const past = usesHistory(definition)
    ? await readResults(
        snapshot,
        { monitor: definition.name, to: version - 1, definitionHash: definitionHash(definition) },
        options,
      )
    : [];
  const effects = new Map<string, (number | null)[]>();
  for (const report of past) {
    if (report.bins_id !== bins.id) continue;
    for (const record of report.columns) {
      if (record.verdict !== "none") continue;
      const key = placeKey(record);
      effects.set(key, [...(effects.get(key) ?? []), record.effect]);
    }
  }
  return (place) => {
    const { threshold, source } = historyThreshold(effects.get(placeKey(place)) ?? [], place.rule);
    return { threshold, source };
  };
}

function placeKey({ column, part, slice }: Pick<DriftRecord, "column" | "part" | "slice">): string {
  return JSON.stringify([column, part, slice?.key ?? null, slice?.value ?? null]);
}

/** Whether results depend on those of earlier versions, so that these must come first. */
export function usesHistory({ thresholds }: MonitorDefinition): boolean {
  const { history, column, role, kind } = thresholds;
  const own = [...Object.values(column), ...Object.values(role), ...Object.values(kind)];
  return history !== undefined || own.some((threshold) => threshold?.history !== undefined);
}
