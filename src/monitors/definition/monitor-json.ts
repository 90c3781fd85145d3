import type { DriftRole } from "../../drift/comparison/drift-record.ts";
import type { DriftKind } from "../../drift/profile/bins.ts";
import type { Problem } from "../../performance/evaluation/request.ts";
import type { Correction } from "../../statistics/correction.ts";
import type { AlertSeverity } from "./definition.ts";

/** A threshold by the effects of quiet versions; `min` of them (default 8), `k` deviations (default 3). */
export interface HistoryThresholdJson {
  readonly min?: number | undefined;
  readonly k?: number | undefined;
}

/** The threshold of some columns. */
export interface OwnThresholdJson {
  readonly effect?: number | undefined;
  readonly history?: HistoryThresholdJson | undefined;
}

/** A monitor as JSON: what a table's property `varve.monitors` and files hold (spec/monitors.md). */
export interface MonitorJson {
  readonly name: string;
  /** What each version is compared with. */
  readonly baseline:
    | { readonly version: number }
    | { readonly pin: string }
    | { readonly versions: readonly [number, number] }
    | { readonly runs: string }
    | { readonly lag: number }
    | "previous"
    | `previous:${number}`;
  /** `batch` (default): the rows that a version brought; `table`: all its rows. */
  readonly scope?: "batch" | "table" | undefined;
  readonly columns?:
    | {
        /** Names, or patterns such as `*`. */
        readonly include?: readonly string[] | undefined;
        readonly exclude?: readonly string[] | undefined;
        readonly roles?: Readonly<Record<string, DriftRole>> | undefined;
        readonly weights?: Readonly<Record<string, number>> | undefined;
      }
    | undefined;
  readonly window?: { readonly column: string; readonly every: string } | undefined;
  readonly slices?:
    | readonly (
        | { readonly by: string | readonly string[] }
        | { readonly name: string; readonly where: string }
      )[]
    | undefined;
  /** SQL condition: only such rows. */
  readonly where?: string | undefined;
  readonly thresholds?: MonitorThresholdsJson | undefined;
  readonly performance?: MonitorPerformanceJson | undefined;
  readonly alerts?: readonly MonitorAlertJson[] | undefined;
  readonly notify?:
    | readonly (
        | { readonly webhook: string }
        | { readonly file: string }
        | { readonly command: readonly string[] }
      )[]
    | undefined;
  /** `commit`: after each commit by varve; `run` (default): by hand. */
  readonly on?: "commit" | "run" | undefined;
}

/** When a comparison of a monitor is drift. */
export interface MonitorThresholdsJson extends OwnThresholdJson {
  readonly alpha?: number | undefined;
  readonly correction?: Correction | undefined;
  readonly minRows?: number | undefined;
  /** Of single columns; before those of roles and kinds. */
  readonly column?: Readonly<Record<string, OwnThresholdJson>> | undefined;
  readonly role?: Readonly<Partial<Record<DriftRole, OwnThresholdJson>>> | undefined;
  readonly kind?: Readonly<Partial<Record<DriftKind, OwnThresholdJson>>> | undefined;
}

/** How well the model does whose predictions the table holds. */
export interface MonitorPerformanceJson {
  readonly problem: Problem;
  readonly target: string;
  readonly score?: string | undefined;
  readonly scores?: Readonly<Record<string, string>> | undefined;
  readonly prediction?: string | undefined;
  readonly positive?: string | number | boolean | undefined;
  readonly cutoff?: number | undefined;
  readonly user?: string | undefined;
  readonly metrics: readonly string[];
  readonly outcomes?:
    | {
        readonly table: string;
        readonly on: readonly string[] | Readonly<Record<string, string>>;
        readonly time?: string | undefined;
        readonly predictedAt?: string | undefined;
        readonly minLabelled?: number | undefined;
      }
    | undefined;
  readonly estimate?: "cbpe" | "dle" | undefined;
}

/** When a monitor raises an alert. */
export interface MonitorAlertJson {
  readonly when: "drift" | "broken" | "trend" | "performance" | "estimate";
  readonly columns?: readonly string[] | undefined;
  readonly effect?: number | undefined;
  /** k of the last n versions; default [2, 3], for performance and estimate [1, 1]. */
  readonly for?: readonly [number, number] | undefined;
  readonly clear?: { readonly ratio?: number | undefined; readonly for?: number | undefined } | undefined;
  readonly severity?: AlertSeverity | undefined;
  readonly metric?: string | undefined;
  readonly drop?: number | undefined;
  readonly ci?: boolean | undefined;
}
