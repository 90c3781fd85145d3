import type { DriftRule } from "../../src/drift/comparison/compare.ts";
import { compareCounts } from "../../src/drift/comparison/compare.ts";
import type { DriftRecord } from "../../src/drift/comparison/drift-record.ts";
import { judge, type Subject } from "../../src/drift/comparison/judge.ts";
import { drawn, type SampledColumn } from "./columns.ts";
import { type CountedMeasure, countedColumn } from "./counted-columns.ts";

/** The default rule of `drift`. */
const defaultRule: DriftRule = { threshold: 0.1, alpha: 0.01, correction: "bh", minRows: 30 };

/** Rows of both sides of a pair. */
export interface PairSize {
  readonly baseline: number;
  readonly current: number;
}

/** The records of a pair of samples, by the functions that `drift` judges with. */
export function judgedPair(
  columns: readonly SampledColumn[],
  sides: (column: SampledColumn) => { readonly baseline: Float64Array; readonly current: Float64Array },
  rows: PairSize,
): DriftRecord[] {
  const subjects = columns.flatMap((column) => {
    const { baseline, current } = sides(column);
    return countedColumn(column, baseline, current).map((counted) => subjectOf(counted, rows));
  });
  return judge(subjects, defaultRule);
}

/** The records of a pair of equal samples. */
export function equalPair(
  columns: readonly SampledColumn[],
  rows: PairSize,
  random: () => number,
): DriftRecord[] {
  const sides = (column: SampledColumn) => ({
    baseline: drawn(column, rows.baseline, random),
    current: drawn(column, rows.current, random),
  });
  return judgedPair(columns, sides, rows);
}

function subjectOf({ measure, baseline, current }: CountedMeasure, rows: PairSize): Subject {
  return {
    leaf: measure.leaf,
    measure,
    comparison: compareCounts(measure, { baseline, current }, defaultRule.threshold),
    unmatched: null,
    slice: null,
    window: null,
    rows,
    role: "feature",
    weight: 1,
    threshold: defaultRule.threshold,
    thresholdSource: "default",
    isSequence: false,
    distinct: null,
    spans: [],
  };
}
