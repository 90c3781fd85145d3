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
  /** Null where neither more nor less is better. */
  readonly better: "higher" | "lower" | null;
}

/**
 * What is known of a model on the rows of a version. `immature`: too few of the outcomes are known. `refused`: outcomes
 * were known before the prediction, or a score is none. `unreadable`: files of the version are gone.
 */
export type PerformanceState = "evaluated" | "immature" | "refused" | "unreadable";

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
  readonly metrics: readonly MonitoredMetric[];
}
