import type { DriftReport } from "../comparison/drift-record.ts";

/** What a page shows besides a comparison. */
export interface DriftPageOptions {
  /**
   * Comparisons of other versions by the same rule, such as the results of a monitor, in any order; they give each
   * column its chart over versions.
   */
  readonly history?: readonly DriftReport[] | undefined;
  /** Alerts of a monitor; those that fire stand above all else. */
  readonly alerts?: readonly PageAlert[] | undefined;
  /** How well a model did meanwhile, a chart for each metric. */
  readonly model?: readonly ModelSeries[] | undefined;
  /** Versions that something was made of, such as the pins of training runs: marks in the charts over versions. */
  readonly releases?: readonly PageRelease[] | undefined;
}

/** A version that something was made of. */
export interface PageRelease {
  /** Of the pin, the run or the model. */
  readonly name: string;
  readonly version: number;
}

/** An alert as a page shows it. */
export interface PageAlert {
  /** The column, or the metric of a model. */
  readonly column: string;
  readonly severity: string;
  readonly status: string;
  /** The version of its last change. */
  readonly version: number;
  /** The first version of what it is about. */
  readonly since: number;
  readonly text: string;
  /** Who muted or acknowledged it and why, if anybody. */
  readonly muted?: unknown;
  readonly acknowledged?: unknown;
}

/** A metric of a model over windows or versions. */
export interface ModelSeries {
  readonly metric: string;
  /** Its value on the baseline. */
  readonly baseline: number | null;
  /** What to know besides the numbers, such as what an estimate cannot see. */
  readonly note?: string | undefined;
  /** Oldest first. */
  readonly points: readonly ModelPoint[];
}

/** A metric of a model in a window or version. */
export interface ModelPoint {
  readonly label: string;
  /** By outcomes that are known. */
  readonly realised?: ModelFigure | undefined;
  /** Without outcomes. */
  readonly estimated?: ModelFigure | undefined;
  /** Share of the rows whose outcome is known. */
  readonly labelledShare?: number | null | undefined;
}

/** A figure with its 95 % interval; null where it is not defined. */
export interface ModelFigure {
  readonly value: number | null;
  readonly low?: number | null | undefined;
  readonly high?: number | null | undefined;
}
