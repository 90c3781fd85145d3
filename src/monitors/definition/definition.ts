import type { DriftRole } from "../../drift/comparison/drift-record.ts";
import type { SliceCondition } from "../../drift/comparison/slices.ts";
import type { WindowRequest } from "../../drift/comparison/windows.ts";
import type { DriftKind } from "../../drift/profile/bins.ts";
import type { Problem } from "../../performance/evaluation/request.ts";
import type { Correction } from "../../statistics/correction.ts";

/** What a monitor compares each version with. */
export type MonitorBaseline =
  /** All rows of a version, or of a pin. */
  | { readonly kind: "version"; readonly version: number }
  | { readonly kind: "pin"; readonly pin: string }
  /** The rows that these versions brought, both included. */
  | { readonly kind: "versions"; readonly first: number; readonly last: number }
  /** The version that a run read: it is pinned for the run. */
  | { readonly kind: "runs"; readonly id: string }
  /** The `count` versions with rows before the current one, together. */
  | { readonly kind: "previous"; readonly count: number }
  /** The version with rows that lies `lag` such versions back: the same weekday, for daily versions and 7. */
  | { readonly kind: "lag"; readonly lag: number };

/** A threshold that follows from the effects of quiet versions: median + k · 1.4826 · MAD of at least `min` of them. */
export interface HistoryThreshold {
  readonly min: number;
  readonly k: number;
}

/** The threshold of some columns; absent parts are those of the monitor. */
export interface OwnThreshold {
  readonly effect?: number | undefined;
  readonly history?: HistoryThreshold | undefined;
}

/** When a comparison is drift. A column's own threshold comes before its role's, its kind's, and the monitor's. */
export interface MonitorThresholds {
  readonly effect: number;
  readonly isDefaultEffect: boolean;
  readonly history?: HistoryThreshold | undefined;
  readonly alpha: number;
  readonly correction: Correction;
  readonly minRows: number;
  readonly column: Readonly<Record<string, OwnThreshold>>;
  readonly role: Readonly<Partial<Record<DriftRole, OwnThreshold>>>;
  readonly kind: Readonly<Partial<Record<DriftKind, OwnThreshold>>>;
}

/** Outcomes that come later than the predictions, in a table. */
export interface MonitorOutcomes {
  /** URI, or path relative to the monitored table. */
  readonly table: string;
  /** Columns that are equal, by column of the monitored table. */
  readonly on: Readonly<Record<string, string>>;
  readonly time?: string | undefined;
  readonly predictedAt?: string | undefined;
  readonly minLabelled: number;
}

/** How well the model does whose predictions the table holds. */
export interface MonitorPerformance {
  readonly problem: Problem;
  readonly target: string;
  readonly score?: string | undefined;
  readonly scores?: Readonly<Record<string, string>> | undefined;
  readonly prediction?: string | undefined;
  readonly positive?: string | number | boolean | undefined;
  readonly cutoff?: number | undefined;
  readonly user?: string | undefined;
  readonly metrics: readonly string[];
  readonly outcomes?: MonitorOutcomes | undefined;
  /** How performance is estimated where outcomes are missing. */
  readonly estimate?: "cbpe" | "dle" | undefined;
}

export type AlertSeverity = "info" | "warning" | "critical";

/** After how many versions an alert fires (k of the last n), and when it clears. */
export interface AlertPersistence {
  readonly for: readonly [number, number];
  /** Clears under `ratio` of the threshold for so many versions. */
  readonly clear: { readonly ratio: number; readonly for: number };
}

interface AlertRuleHead {
  readonly severity: AlertSeverity;
}

/** When a monitor raises an alert. */
export type AlertRule =
  | (AlertRuleHead &
      AlertPersistence & {
        readonly when: "drift";
        /** Names or patterns such as `*`. */
        readonly columns: readonly string[];
        /** Default: the threshold of the result. */
        readonly effect?: number | undefined;
      })
  | (AlertRuleHead & { readonly when: "broken"; readonly columns: readonly string[] })
  /** A slow creep: the sum of what effects exceed half of the threshold by. */
  | (AlertRuleHead & { readonly when: "trend"; readonly columns: readonly string[] })
  | (AlertRuleHead &
      AlertPersistence & {
        /** `estimate`: as it is expected while outcomes are not there yet. */
        readonly when: "performance" | "estimate";
        readonly metric: string;
        /** Loss against the baseline, in units of the metric; default: any. */
        readonly drop?: number | undefined;
        /** Fires only where the interval lies on the bad side as a whole. */
        readonly ci: boolean;
      });

/** Where alerts are sent. */
export type NotifyTarget =
  /** An `https:` address, a loopback address, or `env:NAME` for one in a variable of the environment. */
  | { readonly kind: "webhook"; readonly webhook: string }
  /** JSON lines are added to it. */
  | { readonly kind: "file"; readonly file: string }
  /** A program and its arguments, which get JSON on standard input; no shell. */
  | { readonly kind: "command"; readonly command: readonly string[] };

/** A monitor over the versions of a table, with defaults filled in (spec/monitors.md). */
export interface MonitorDefinition {
  readonly name: string;
  readonly baseline: MonitorBaseline;
  /** `batch`: the rows that a version brought; `table`: all its rows. */
  readonly scope: "batch" | "table";
  readonly columns: {
    /** Names or patterns. */
    readonly include: readonly string[];
    readonly exclude: readonly string[];
    readonly roles: Readonly<Record<string, DriftRole>>;
    readonly weights: Readonly<Record<string, number>>;
  };
  readonly window?: WindowRequest | undefined;
  readonly by: readonly string[];
  readonly slices: readonly SliceCondition[];
  /** Only rows that meet this condition. */
  readonly where?: string | undefined;
  readonly thresholds: MonitorThresholds;
  readonly performance?: MonitorPerformance | undefined;
  readonly alerts: readonly AlertRule[];
  readonly notify: readonly NotifyTarget[];
  /** `commit`: after each commit by varve. `run`: by hand. */
  readonly on: "commit" | "run";
}
