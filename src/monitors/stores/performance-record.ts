import type { DriftCauseName } from "../../performance/drift-cause.ts";

/** A metric of a model on the rows of a version, beside its value on the baseline. */
export interface MonitoredMetric {
  readonly metric: string;
  readonly value: number | null;
  /** The 95 % interval; null where there is none. */
  readonly low: number | null;
  readonly high: number | null;
  /** Why there is no value. */
  readonly reason: string | null;
  readonly baseline: number | null;
  readonly baseline_low: number | null;
  readonly baseline_high: number | null;
  /** The value that is expected without outcomes, ± 1.96 sampling errors; null where it was not estimated. */
  readonly estimated: number | null;
  readonly estimated_low: number | null;
  readonly estimated_high: number | null;
  /** Null where neither more nor less is better. */
  readonly better: "higher" | "lower" | null;
}

/**
 * What is known of a model on the rows of a version. `immature`: too few of the outcomes are known. `refused`: outcomes
 * were known before the prediction, or a score is none. `unreadable`: files of the version are gone.
 */
export type PerformanceState = "evaluated" | "immature" | "refused" | "unreadable";

/** How the metrics of a version were estimated, and what the estimate cannot see. */
export interface MonitoredEstimate {
  readonly method: "cbpe" | "dle";
  /** Share of the rows that the baseline covers; null where nothing was estimated. */
  readonly coverage: number | null;
  /** Why the estimate should not be relied on. */
  readonly unreliable: readonly string[];
  readonly cannot_see: string;
  /** Why nothing was estimated; null where something was. */
  readonly reason: string | null;
}

/** How well a model did on a slice or a time window of the rows. */
export interface PerformancePart {
  readonly slice: { readonly key: string; readonly value: string | null } | null;
  /** The start of the window as text. */
  readonly window: string | null;
  readonly state: Extract<PerformanceState, "evaluated" | "immature">;
  readonly rows: number;
  readonly labelled: number;
  /** Expected share of the window's final outcomes that are known; null without times, and for slices. */
  readonly reached: number | null;
  /** What made data or performance of the part move; null unless evaluated. */
  readonly cause: DriftCauseName | null;
  readonly because: string | null;
  readonly text: string;
  readonly metrics: readonly MonitoredMetric[];
}

/** How well a model did on the rows of a version, by the outcomes that one version of their table has. */
export interface PerformanceReport {
  readonly monitor: string;
  readonly run_id: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Changes with the performance section, and with what the monitor's comparisons depend on. */
  readonly performance_hash: string;
  /** The version of varve that evaluated. */
  readonly code_version: string;
  /** The bins of the baseline at the time; null where there are none. */
  readonly bins_id: string | null;
  /** The version of the monitored table; null: the rows of the baseline. */
  readonly version: number | null;
  /** URI and version of the table of outcomes; null where the monitored table has the outcomes itself. */
  readonly outcome_table: string | null;
  readonly outcome_version: number | null;
  readonly state: PerformanceState;
  readonly rows: number;
  readonly labelled: number;
  /** Expected share of the final outcomes that are known; null without times. */
  readonly reached: number | null;
  /** Keys with several outcomes, of which the newest counts. */
  readonly repeated: number;
  /** What made data or performance move; null unless evaluated. */
  readonly cause: DriftCauseName | null;
  /** The cause in a sentence; null where nothing moved. */
  readonly because: string | null;
  /** The whole in a sentence. */
  readonly text: string;
  /** Empty where the monitor has time windows: its parts have metrics of their own. */
  readonly metrics: readonly MonitoredMetric[];
  /** Null where the monitor estimates nothing. */
  readonly estimate: MonitoredEstimate | null;
  /** Slices, or time windows, where the monitor has them: the newest evaluation of each. */
  readonly parts: readonly PerformancePart[];
}
