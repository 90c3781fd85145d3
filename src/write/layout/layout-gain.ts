import type { Comparable } from "../../log/pruning/comparable.ts";
import { type ColumnStatistics, FileStatistics } from "../../log/pruning/file-statistics.ts";
import type { AddAction } from "../../protocol/actions.ts";
import { recordsOf } from "../../protocol/record-count.ts";
import { pathText } from "../../schema/type-names.ts";
import { indexedColumns } from "../../table/data-files/file-statistics.ts";
import { logicalPath } from "../../table/definition/cluster-by.ts";
import { sumOf } from "../../util/sum.ts";
import { type BatchTarget, dataTarget } from "../plan/batch-target.ts";
import type { Bin } from "./file-bins.ts";

/** What an optimization would gain, by the statistics of the files. */
export interface LayoutGain {
  /** Number of files that are smaller than the target size. */
  readonly smallFiles: number;
  /** Share of the rows that deletion vectors mark, 0 to 1; of files whose number of rows is known. */
  readonly deletedShare: number;
  /** The columns that files are laid out by; else all that have statistics. */
  readonly columns: readonly ColumnGain[];
}

/** How many files a condition `column = value` skips, for a value that the column has. */
export interface ColumnGain {
  readonly column: string;
  /** Share of the files that it skips today, 0 to 1, as far as their bounds overlap. */
  readonly skippedShare: number;
  /** Share that it would skip then, if the column has many values; absent if rows are not laid out by it. */
  readonly expectedShare?: number | undefined;
}

/** An optimization that is not carried out yet. */
export interface PlannedLayout {
  readonly target: BatchTarget;
  /** All files that were looked at. */
  readonly files: readonly AddAction[];
  readonly bins: readonly Bin[];
  /** Logical paths of the columns of the order; empty without one. */
  readonly columns: readonly (readonly string[])[];
  readonly targetFileBytes: number;
  /** Expected number of new files of a bin. */
  readonly newFiles: (bin: Bin) => number;
}

/** Files of which the bounds are compared: the share of many files is that of some of them. */
const mostCompared = 10_000;

/** Says what an optimization would gain. */
export function layoutGain(planned: PlannedLayout): LayoutGain {
  const { files, targetFileBytes } = planned;
  const marked = files.flatMap(({ stats, deletionVector }) => {
    const rows = recordsOf(stats);
    return rows === undefined ? [] : [{ rows, deleted: deletionVector?.cardinality ?? 0 }];
  });
  const rows = sumOf(marked, (file) => file.rows);
  return {
    smallFiles: files.filter(({ size }) => size < targetFileBytes).length,
    deletedShare: rows === 0 ? 0 : sumOf(marked, (file) => file.deleted) / rows,
    columns: columnGains(planned),
  };
}

function columnGains({ target, files, bins, columns, newFiles }: PlannedLayout): ColumnGain[] {
  const source = dataTarget(target);
  const wanted = new Set(columns.map(pathText));
  const measured = indexedColumns(source)
    .map(({ path, type }) => ({ path, type, name: pathText(logicalPath(target.schema, path, source.mode)) }))
    .filter(({ name }) => wanted.size === 0 || wanted.has(name));
  const moved = new Set(bins.flat());
  const statistics = boundsOf(files, measured);
  const kept = boundsOf(
    files.filter((file) => !moved.has(file)),
    measured,
  );
  const keptFiles = files.length - moved.size;
  const after = bins.map(newFiles);
  // A condition on one of k columns reads about m^(1 - 1/k) of m files along a curve (spec/optimize.md).
  const readOfNew = sumOf(after, (count) => count ** (1 - 1 / wanted.size));
  return measured.flatMap(({ name }, index) => {
    const read = readShare(statistics[index] ?? []);
    if (read === undefined) return [];
    const readOfKept = (readShare(kept[index] ?? []) ?? 1) * keptFiles;
    const all = keptFiles + sumOf(after, (count) => count);
    const expectedShare = wanted.size === 0 ? undefined : 1 - (readOfNew + readOfKept) / all;
    return [{ column: name, skippedShare: 1 - read, expectedShare }];
  });
}

type MeasuredColumn = Pick<ReturnType<typeof indexedColumns>[number], "path" | "type">;

/** The statistics of each column, in a part of the files if there are many. */
function boundsOf(files: readonly AddAction[], columns: readonly MeasuredColumn[]): ColumnStatistics[][] {
  const step = Math.max(1, Math.ceil(files.length / mostCompared));
  const bounds = columns.map((): ColumnStatistics[] => []);
  for (const file of files.filter((_, index) => index % step === 0)) {
    const statistics = new FileStatistics(file);
    columns.forEach(({ path, type }, index) => {
      bounds[index]?.push(statistics.of({ source: "statistics", path, type, wasFloat: false }));
    });
  }
  return bounds;
}

/** Places between the bounds of a file of which it is counted how many files reach there. */
const places = [0.25, 0.5, 0.75];

/** The share of files that may hold a value of a file, on average; `undefined` if no file has bounds. */
function readShare(files: readonly ColumnStatistics[]): number | undefined {
  const bounds = files.flatMap(({ lower, upper }) =>
    lower === undefined || upper === undefined ? [] : [{ lower, upper }],
  );
  if (bounds.length === 0) return undefined;
  const unknown = files.filter(({ nulls }) => nulls !== "all").length - bounds.length;
  const prefix = commonPrefix(bounds.flatMap(({ lower, upper }) => [lower, upper]));
  const lowers = Float64Array.from(bounds, ({ lower }) => numberOf(lower, prefix));
  const uppers = Float64Array.from(bounds, ({ upper }) => numberOf(upper, prefix));
  const values = places.flatMap((place) =>
    Array.from(lowers, (lower, index) => lower + ((uppers[index] ?? lower) - lower) * place),
  );
  const [begins, ends] = [lowers.sort(), uppers.sort()];
  const read = sumOf(values, (value) => {
    const begun = firstIndex(begins, (bound) => bound > value);
    const ended = firstIndex(ends, (bound) => bound >= value);
    return unknown + begun - ended;
  });
  return read / values.length / files.length;
}

/** Stands for infinity, so that the distance of any two numbers is finite. */
const largest = Number.MAX_VALUE / 4;

/** The beginning that all texts share. */
function commonPrefix(values: readonly Comparable[]): string {
  const texts = values.flatMap((value) => (value.kind === "text" ? [value.value] : []));
  let prefix = texts[0] ?? "";
  for (const text of texts) while (!text.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix;
}

/** About the place of a value among others of its kind; of a text by what follows the prefix that all share. */
function numberOf(value: Comparable, prefix: string): number {
  switch (value.kind) {
    case "exact":
      return Number(value.digits) / 10 ** value.scale;
    case "float":
      return Math.min(Math.max(value.value, -largest), largest);
    case "moment":
      return Number(value.micros);
    case "boolean":
      return value.value ? 1 : 0;
    case "text":
      return [0, 1, 2].reduce((sum, index) => {
        const unit = value.value.charCodeAt(prefix.length + index);
        return sum * 65_536 + (Number.isNaN(unit) ? 0 : unit);
      }, 0);
  }
}

/** The first place of a sorted list at which a test holds, which then holds to the end. */
function firstIndex(values: Float64Array, holds: (value: number) => boolean): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(values[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}
