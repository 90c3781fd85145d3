import type { DriftSide } from "../../drift/comparison/drift-record.ts";
import type { Bins, Counts, DriftKind } from "../../drift/profile/bins.ts";
import type { Leaf, Part, ValueClass } from "../../drift/profile/leaves.ts";

/** What is measured of a column, as it is kept: without the SQL of a relation. */
export interface RecordedMeasure {
  readonly leaf: Omit<Leaf, "value">;
  readonly part: Part;
  readonly kind: DriftKind;
  readonly bins: Bins;
}

/** The values of a column whose rows are slices each; those of conditions follow from the definition. */
export interface RecordedSlicing {
  readonly key: string;
  readonly values: readonly string[];
}

/** Bins of a monitor's baseline: made once, and again when the baseline is renewed. */
export interface RecordedBins {
  readonly id: string;
  /** Counts the baselines of the monitor from 1. */
  readonly generation: number;
  /** Of the parts of the definition that bins depend on. */
  readonly hash: string;
  /** The rows that the bins were made of. */
  readonly baseline: DriftSide;
  readonly measures: readonly RecordedMeasure[];
  /** Columns of the baseline that are not measured. */
  readonly excluded: readonly string[];
  readonly slicings: readonly RecordedSlicing[];
}

/** A leaf of profiled rows. */
export interface ProfiledLeaf {
  readonly name: string;
  readonly class: ValueClass;
  /** All its values are null. Only known where its class is not that of the bins. */
  readonly isEmpty: boolean;
}

/** What of a measure was counted. */
export interface ProfiledMeasure {
  readonly counts: Counts;
  /** Share of different values, of identifiers, and of whole numbers in another range than the baseline's. */
  readonly distinctShare: number | null;
  /** First and last moment in microseconds, of times. */
  readonly span: readonly [number | null, number | null] | null;
}

/** Rows of one slice or window; without either, of all rows. */
export interface ProfiledPart {
  readonly slice: { readonly key: string; readonly value: string | null } | null;
  readonly window: string | null;
  readonly rows: number;
  /** In the order of the bins' measures; undefined where the rows lack the column or it has another class. */
  readonly measures: readonly (ProfiledMeasure | undefined)[];
}

/** Counts of some rows in the bins of a monitor. */
export interface Profile {
  readonly leaves: readonly ProfiledLeaf[];
  /** All rows come first. */
  readonly parts: readonly ProfiledPart[];
}
