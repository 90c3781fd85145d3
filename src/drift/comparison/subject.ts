import type { Measure } from "../profile/column-bins.ts";
import type { Leaf } from "../profile/leaves.ts";
import type { Comparison } from "./compare.ts";
import type { DriftReason, DriftRecord, DriftRole, ShareChange } from "./drift-record.ts";

/** What became of a column that is on one side only, or has another type on the other. */
export type Unmatched = Extract<DriftReason, "missing_column" | "new_column" | "type_changed" | "excluded">;

/** A column to judge: either its figures, or why there are none. */
export interface Subject {
  readonly leaf: Leaf;
  readonly measure: Measure | null;
  readonly comparison: Comparison | null;
  readonly unmatched: Unmatched | null;
  readonly slice: DriftRecord["slice"];
  readonly window: string | null;
  readonly rows: { readonly baseline: number; readonly current: number };
  readonly role: DriftRole;
  readonly weight: number;
  readonly threshold: number;
  readonly thresholdSource: DriftRecord["threshold_source"];
  /** Whole numbers whose ranges do not overlap, nearly all different; or ages that differ by the way rows came. */
  readonly isSequence: boolean;
  /** Shares of different values of both sides, where they are known. */
  readonly distinct: ShareChange | null;
  /** First and last moment of both sides, in microseconds; only for times. */
  readonly spans: readonly (readonly [number | null, number | null])[];
}
