import type { DriftRecord, DriftReport, DriftVerdict } from "../comparison/drift-record.ts";
import { isFiring } from "./alerts-section.ts";
import type { PageAlert, PageRelease } from "./page-options.ts";

/** A column's comparison with one version or window. */
export interface DriftPoint {
  /** A version as `v39`, or a window as `2024-07`. */
  readonly label: string;
  readonly effect: number | null;
  readonly threshold: number;
  readonly verdict: DriftVerdict;
  /** Whether an alert began to fire here. */
  readonly fires?: boolean | undefined;
  /** Names of what was made of the table from here on, before the next point. */
  readonly releases?: readonly string[] | undefined;
}

/** All that a report says of a column, or of what is measured of it. */
export interface ColumnGroup {
  /** The record that ranks first, or that of all rows if its verdict is the same. */
  readonly record: DriftRecord;
  /** Records of other slices or windows, and `record` among them; one if there are none. */
  readonly records: readonly DriftRecord[];
  /** The column over versions or windows, oldest first; empty unless there are several. */
  readonly points: readonly DriftPoint[];
}

/** Points by column and part. */
export type DriftHistory = (column: string, part: DriftRecord["part"]) => readonly DriftPoint[];

/**
 * The history of columns over versions, from comparisons with the same baseline: those of all rows, or of windows
 * where there are windows. Of several of one version or window, the last counts.
 */
export function historyOf(
  reports: readonly DriftReport[],
  { alerts, releases }: { readonly alerts: readonly PageAlert[]; readonly releases: readonly PageRelease[] },
): DriftHistory {
  const firing = new Set(
    alerts.filter(isFiring).map(({ column, version }) => JSON.stringify([column, version])),
  );
  const versions = reports.flatMap(({ current }) => (current.version === null ? [] : [current.version]));
  const released = releasesByVersion(versions, releases);
  const points = new Map<string, Map<string, DriftPoint>>();
  for (const { current, columns } of [...reports].sort(byVersion))
    for (const { column, part, slice, window, effect, threshold, verdict } of columns) {
      if (slice !== null) continue;
      const key = JSON.stringify([column, part]);
      const known = points.get(key) ?? new Map<string, DriftPoint>();
      const label = window ?? (current.version === null ? current.source : `v${current.version}`);
      const fires = firing.has(JSON.stringify([column, current.version]));
      const names = window === null ? released.get(current.version ?? -1) : undefined;
      known.set(label, { label, effect, threshold, verdict, fires, releases: names });
      points.set(key, known);
    }
  const hasWindows = reports.some(({ columns }) => columns.some(({ window }) => window !== null));
  return (column, part) => {
    const all = [...(points.get(JSON.stringify([column, part]))?.values() ?? [])];
    return hasWindows ? all.sort(byLabel) : all;
  };
}

/** Releases by the last version that was compared and is not newer; those before the first have none. */
function releasesByVersion(
  versions: readonly number[],
  releases: readonly PageRelease[],
): ReadonlyMap<number, readonly string[]> {
  const names = new Map<number, string[]>();
  for (const { name, version } of releases) {
    const last = versions.reduce((most, other) => (other <= version ? Math.max(most, other) : most), -1);
    if (last >= 0) names.set(last, [...(names.get(last) ?? []), `${name} (v${version})`]);
  }
  return names;
}

function byLabel(a: DriftPoint, b: DriftPoint): number {
  return a.label < b.label ? -1 : 1;
}

function byVersion(a: DriftReport, b: DriftReport): number {
  return (a.current.version ?? 0) - (b.current.version ?? 0) || (a.at < b.at ? -1 : 1);
}

/** The records of a report by column and part, in the order of their first records. */
export function columnGroups(records: readonly DriftRecord[], history: DriftHistory): ColumnGroup[] {
  const groups = new Map<string, DriftRecord[]>();
  for (const record of records) {
    const key = JSON.stringify([record.column, record.part]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [record]);
    else group.push(record);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    // A slice may come first by a hair where all rows moved alike.
    const record =
      group.find(
        ({ slice, window, verdict }) => slice === null && window === null && verdict === first.verdict,
      ) ?? first;
    const points = history(record.column, record.part);
    return [{ record, records: group, points: points.length < 2 ? [] : points }];
  });
}

/** Since which version or window a column moves; undefined where the newest is quiet. */
export function sinceOf(points: readonly DriftPoint[]): DriftPoint | undefined {
  const quiet = points.findLastIndex(({ verdict }) => verdict === "none" || verdict === "not_applicable");
  return points.slice(quiet + 1).find(moves);
}

export function moves({ verdict }: Pick<DriftPoint, "verdict">): boolean {
  return verdict === "drift" || verdict === "broken";
}
