import type { DriftRecord, DriftVerdict } from "../comparison/drift-record.ts";

/** A column's comparison with one version or window. */
export interface DriftPoint {
  /** A version as `v39`, or a window as `2024-07`. */
  readonly label: string;
  readonly effect: number | null;
  readonly threshold: number;
  readonly verdict: DriftVerdict;
  /** Whether an alert began to fire here. */
  readonly fires?: boolean | undefined;
}

/** All that a report says of a column, or of what is measured of it. */
export interface ColumnGroup {
  /** The record that ranks first, or that of all rows if its verdict is the same. */
  readonly record: DriftRecord;
  /** Records of other slices or windows, and `record` among them; one if there are none. */
  readonly records: readonly DriftRecord[];
  /** The column over versions or windows, oldest first. */
  readonly points: readonly DriftPoint[];
}

/** Points by column and part. */
export type DriftHistory = (column: string, part: DriftRecord["part"]) => readonly DriftPoint[];

/** The records of a report by column and part, in the order of their first records. */
export function columnGroups(records: readonly DriftRecord[], history?: DriftHistory): ColumnGroup[] {
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
    const past = history?.(record.column, record.part) ?? [];
    return [{ record, records: group, points: past.length > 0 ? past : windowPoints(group) }];
  });
}

/** The windows of a report are its history. */
function windowPoints(records: readonly DriftRecord[]): readonly DriftPoint[] {
  return records
    .flatMap(({ window, effect, threshold, verdict }) =>
      window === null ? [] : [{ label: window, effect, threshold, verdict }],
    )
    .sort((a, b) => (a.label < b.label ? -1 : 1));
}

/** Since which version or window a column moves; undefined where the newest is quiet. */
export function sinceOf(points: readonly DriftPoint[]): DriftPoint | undefined {
  const quiet = points.findLastIndex(({ verdict }) => verdict === "none" || verdict === "not_applicable");
  return points.slice(quiet + 1).find(moves);
}

export function moves({ verdict }: Pick<DriftPoint, "verdict">): boolean {
  return verdict === "drift" || verdict === "broken";
}
