import type { AddAction } from "../../protocol/actions.ts";
import { recordsOf } from "../../protocol/record-count.ts";
import { sumOf } from "../../util/sum.ts";

/** Sizes by which files are chosen and put together, in bytes. */
export interface BinSizes {
  /** Size of a new file. */
  readonly target: number;
  /** Files of fewer bytes are written together. */
  readonly below: number;
}

/** Files of one partition that are written again together. */
export type Bin = readonly AddAction[];

/** Share of deleted rows above which a file of any size is written again. */
const deletedShare = 0.05;

/**
 * Small files, and files of which many rows are deleted, in bins of at least two that make a new file each; a file
 * that stays alone stays as it is.
 */
export function compactionBins(files: readonly AddAction[], { target, below }: BinSizes): Bin[] {
  const chosen = files.filter((file) => file.size < below || isSparse(file));
  return partitionsOf(chosen).flatMap((group) =>
    filledBins(bySize(group), target).filter((bin) => bin.length > 1),
  );
}

/** Files in bins that make a new file each, also of one file. */
export function purgeBins(files: readonly AddAction[], { target }: Pick<BinSizes, "target">): Bin[] {
  return partitionsOf(files).flatMap((group) => filledBins(bySize(group), target));
}

/** Files of each partition, in the order of their first one. */
export function partitionsOf(files: readonly AddAction[]): Bin[] {
  const partitions = new Map<string, AddAction[]>();
  for (const file of files) {
    const key = JSON.stringify(Object.entries(file.partitionValues).sort(([a], [b]) => (a < b ? -1 : 1)));
    const group = partitions.get(key);
    if (group === undefined) partitions.set(key, [file]);
    else group.push(file);
  }
  return [...partitions.values()];
}

/** Files in their order, put together until the next one would exceed a size. */
export function filledBins(files: readonly AddAction[], size: number): Bin[] {
  const bins: AddAction[][] = [];
  let [bin, bytes]: [AddAction[], number] = [[], 0];
  for (const file of files) {
    if (bin.length > 0 && bytes + file.size > size) {
      bins.push(bin);
      [bin, bytes] = [[], 0];
    }
    bin.push(file);
    bytes += file.size;
  }
  if (bin.length > 0) bins.push(bin);
  return bins;
}

/** Whether many rows of a file are deleted, or it is not known how many. */
export function isSparse({ deletionVector, stats }: AddAction): boolean {
  if (deletionVector === undefined) return false;
  const records = recordsOf(stats);
  return records === undefined || deletionVector.cardinality > records * deletedShare;
}

/** Bytes of files. */
export function sizeOf(files: readonly AddAction[]): number {
  return sumOf(files, ({ size }) => size);
}

function bySize(files: readonly AddAction[]): readonly AddAction[] {
  return [...files].sort((a, b) => a.size - b.size);
}
