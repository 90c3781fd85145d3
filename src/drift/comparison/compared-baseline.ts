import type { Session } from "../../engine/core/contract.ts";
import { assertInternal } from "../../errors.ts";
import { foldName } from "../../schema/schema-json.ts";
import { type BaselineProfile, baselineBinning, type ProfiledMeasure } from "../profile/baseline-profile.ts";
import type { Counts } from "../profile/bins.ts";
import { type Measure, measuresOf } from "../profile/column-bins.ts";
import { countRows, type SliceCounts } from "../profile/count-rows.ts";
import { distinctShareOf } from "../profile/distinct-share.ts";
import type { Leaf } from "../profile/leaves.ts";
import type { SelectedRows } from "../profile/side-rows.ts";
import { type Span, timeSpans } from "../profile/time-spans.ts";
import type { Slicing } from "./slices.ts";

/** Rows of a side with their leaves. */
export interface SideOfRows extends SelectedRows {
  readonly leaves: readonly Leaf[];
  readonly rows: number;
}

/** What a comparison asks of its baseline: rows that are read, or what is stored of them. */
export interface ComparedBaseline {
  readonly rows: number;
  readonly leaves: readonly Leaf[];
  /** Folded names of columns that stored counts leave out: not a word is said of them. */
  readonly leftOut: ReadonlySet<string>;
  measures(leaves: readonly Leaf[]): Promise<readonly Measure[]>;
  /** All rows in the bins of measures. */
  counts(measures: readonly Measure[]): Promise<readonly Counts[] | undefined>;
  slices(measures: readonly Measure[], slicing: Slicing): Promise<SliceCounts>;
  spans(leaves: readonly Leaf[]): Promise<ReadonlyMap<Leaf, Span>>;
  distinctShare(measure: Measure): Promise<number>;
}

/** Both sides of a run, whose baseline may be counts without rows. */
export interface ComparedSides {
  readonly baseline: ComparedBaseline;
  readonly current: SideOfRows;
}

/** A baseline whose rows are at hand. */
export function baselineOfRows(session: Session, side: SideOfRows): ComparedBaseline {
  const count = (measures: readonly Measure[], slice?: Slicing) =>
    countRows(session, { ...side, slice: slice?.expressions.baseline }, measures.map(baselineBinning));
  return {
    rows: side.rows,
    leaves: side.leaves,
    leftOut: new Set(),
    measures: (leaves) => measuresOf(session, side, leaves),
    counts: async (measures) => (await count(measures)).get("")?.counts,
    slices: count,
    spans: (leaves) => timeSpans(session, side, leaves),
    distinctShare: ({ leaf }) => distinctShareOf(session, side, leaf),
  };
}

/** A baseline of which only counts are stored. It has no slices. */
export function baselineOfProfile({ rows, measures, leftOut = [] }: BaselineProfile): ComparedBaseline {
  const leaves = new Map<string, Leaf>();
  for (const { leaf } of measures) if (!leaves.has(leaf.name)) leaves.set(leaf.name, leaf);
  // All measures of a column have the same leaf, as those of rows have.
  const profiled = measures.map((measure) => ({
    ...measure,
    leaf: leaves.get(measure.leaf.name) ?? measure.leaf,
  }));
  const stored = new Map<Measure, ProfiledMeasure>(profiled.map((measure) => [measure, measure]));
  const ofMeasure = (measure: Measure): ProfiledMeasure => {
    const own = stored.get(measure);
    assertInternal(own !== undefined, "a measure of the stored baseline");
    return own;
  };
  return {
    rows,
    leaves: [...leaves.values()],
    leftOut: new Set(leftOut.map(foldName)),
    measures: async (chosen) => {
      const wanted = new Set(chosen);
      return profiled.filter(({ leaf }) => wanted.has(leaf));
    },
    counts: async (chosen) => chosen.map((measure) => ofMeasure(measure).counts),
    slices: async () => {
      assertInternal(false, "slices of a stored baseline are refused before");
    },
    spans: async () =>
      new Map(profiled.flatMap(({ leaf, span }) => (span === null ? [] : [[leaf, span] as const]))),
    distinctShare: async (measure) => ofMeasure(measure).distinctShare ?? 0,
  };
}
