/** Rows of the baseline and of the current side in the same bins; both lists are equally long. */
export interface BinCounts {
  readonly baseline: readonly number[];
  readonly current: readonly number[];
}

/** A bin in which a side has rows, with the shares of both sides. */
export interface BinShares {
  /** Position in the lists of counts. */
  readonly bin: number;
  readonly baseline: number;
  readonly current: number;
}

/** Numbers of rows of both sides. */
export interface RowCounts {
  readonly baseline: number;
  readonly current: number;
}

export function rowsOf({ baseline, current }: BinCounts): RowCounts {
  return { baseline: total(baseline), current: total(current) };
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The bins that are not empty on both sides; none where a side has no rows. */
export function sharesOf(counts: BinCounts): BinShares[] {
  const rows = rowsOf(counts);
  if (rows.baseline === 0 || rows.current === 0) return [];
  return counts.baseline.flatMap((baseline, bin) => {
    const current = counts.current[bin] ?? 0;
    if (baseline === 0 && current === 0) return [];
    return [{ bin, baseline: baseline / rows.baseline, current: current / rows.current }];
  });
}
