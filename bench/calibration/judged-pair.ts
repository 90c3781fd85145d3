import type { DriftRule } from "../../src/drift/comparison/compare.ts";
import { compareCounts } from "../../src/drift/comparison/compare.ts";
import type { DriftRecord } from "../../src/drift/comparison/drift-record.ts";
import { judge } from "../../src/drift/comparison/judge.ts";
import type { Subject } from "../../src/drift/comparison/subject.ts";
import { drawn, type SampledColumn } from "./columns.ts";
import { type CountedMeasure, countedColumn } from "./counted-columns.ts";

/** The default rule of `drift`. */
const defaultRule: DriftRule = { threshold: 0.1, alpha: 0.01, correction: "bh", minRows: 30 };

/** Rows of both sides of a pair. */
export interface PairSize {
  readonly baseline: number;
  readonly current: number;
}

/** Values of both sides of a column. */
export interface SampledPair {
  readonly column: SampledColumn;
  readonly baseline: Float64Array;
  readonly current: Float64Array;
}

/** The records of pairs of samples, one for each column of a run, by the functions that `drift` judges with. */
export function judgedPair(
  pairs: readonly SampledPair[],
  rows: PairSize,
  threshold = defaultRule.threshold,
): DriftRecord[] {
  const subjects = pairs.flatMap(({ column, baseline, current }) =>
    countedColumn(column, baseline, current).map((counted) => subjectOf(counted, rows, threshold)),
  );
  return judge(subjects, { ...defaultRule, threshold });
}

/** The records of a pair of equal samples. */
export function equalPair(
  columns: readonly SampledColumn[],
  rows: PairSize,
  random: () => number,
): DriftRecord[] {
  const pairs = columns.map((column) => ({
    column,
    baseline: drawn(column, rows.baseline, random),
    current: drawn(column, rows.current, random),
  }));
  return judgedPair(pairs, rows);
}

function subjectOf(
  { measure, baseline, current }: CountedMeasure,
  rows: PairSize,
  threshold: number,
): Subject {
  return {
    leaf: measure.leaf,
    measure,
    comparison: compareCounts(measure, { baseline, current }, threshold),
    unmatched: null,
    slice: null,
    window: null,
    rows,
    role: "feature",
    weight: 1,
    threshold,
    thresholdSource: "default",
    isSequence: false,
    distinct: null,
    spans: [],
  };
}
