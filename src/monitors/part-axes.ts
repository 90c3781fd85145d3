import {
  leafNamed,
  namesOfCondition,
  namesOfValues,
  sliceByValues,
  sliceOfCondition,
} from "../drift/comparison/slices.ts";
import { windowsOf } from "../drift/comparison/windows.ts";
import { leavesOf } from "../drift/profile/leaves.ts";
import type { FencedSession } from "../engine/core/contract.ts";
import { foldName } from "../schema/schema-json.ts";
import type { SqlExpression } from "../sql/sql.ts";
import { freePrefix } from "../util/free-prefix.ts";
import type { MonitorDefinition } from "./definition/definition.ts";
import type { ProfiledRows } from "./profiles/count-profile.ts";
import type { RecordedBins } from "./profiles/profile.ts";
import type { PerformancePart } from "./stores/performance-record.ts";

/** A way to split the predictions of a version into slices or windows. */
export interface PartAxis {
  /** The column that is added to the predictions, with the text of each row's part. */
  readonly column: string;
  readonly expression: SqlExpression;
  /** The part that a text stands for; undefined for rows that are in none. */
  readonly partOf: (text: string) => Pick<PerformancePart, "slice" | "window"> | undefined;
}

/**
 * The slices of a monitor's rows, by the values that its bins name, or their time windows. The rows of a baseline have
 * no windows: each window is compared with all of them.
 *
 * @throws `COLUMN_NOT_FOUND`, `INVALID_ARGUMENT`, `LIMIT_EXCEEDED`, `SQL_REFUSED`, `SQL_FAILED`
 */
export async function partAxes(
  session: FencedSession,
  rows: ProfiledRows,
  { window, slices }: MonitorDefinition,
  { bins, isBaseline }: { readonly bins: RecordedBins | undefined; readonly isBaseline: boolean },
): Promise<PartAxis[]> {
  const leaves = leavesOf(rows.columns);
  const prefix = freePrefix(rows.columns.map(({ name }) => name));
  if (window !== undefined && isBaseline) return [];
  if (window !== undefined) {
    const leaf = leafNamed(leaves, window.column);
    const { expression } = await windowsOf(session, { leaf, select: rows.select }, window);
    const partOf = (start: string) => (start === "" ? undefined : { slice: null, window: start });
    return [{ column: `${prefix}window`, expression, partOf }];
  }
  const axes: PartAxis[] = [];
  const add = (key: string, expression: SqlExpression, names: ReadonlyMap<string, string | null>) =>
    axes.push({
      column: `${prefix}slice_${axes.length}`,
      expression,
      partOf: (text) => {
        const value = names.get(text);
        return value === undefined ? undefined : { slice: { key, value }, window: null };
      },
    });
  for (const { key, values } of bins?.slicings ?? []) {
    const leaf = leaves.find(({ name }) => foldName(name) === foldName(key));
    // A column that this version does not have any more splits nothing.
    if (leaf !== undefined) add(key, sliceByValues(leaf, values), namesOfValues(values));
  }
  for (const { name, where } of slices)
    add(name, await sliceOfCondition(session, where, rows.columns), namesOfCondition);
  return axes;
}
