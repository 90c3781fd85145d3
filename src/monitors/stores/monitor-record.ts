import type { DriftRecord, DriftReport } from "../../drift/comparison/drift-record.ts";

/**
 * What a monitor says of a version. `evaluated`: its rows were compared. `empty`: it brought none. `unreadable`: files
 * of it are gone, or its log.
 */
export type EvaluationState = "evaluated" | "empty" | "unreadable";

/** The comparison of one version by a monitor, as results keep it (spec/monitors.md). */
export interface MonitorReport extends DriftReport {
  readonly monitor: string;
  readonly table_id: string;
  readonly state: EvaluationState;
  /** The bins of the baseline, which change with it; null where nothing was compared with it. */
  readonly bins_id: string | null;
  /** When the version was committed; ISO 8601, UTC. Null if its log is gone. */
  readonly committed_at: string | null;
  /** The version of the table whose rows are counted: that of `current`, or a later one that brought late rows. */
  readonly as_of_version: number;
  /** By effect times weight, broken ones first. */
  readonly columns: readonly DriftRecord[];
}
