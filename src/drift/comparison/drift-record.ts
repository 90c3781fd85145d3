import type { Correction } from "../../statistics/correction.ts";
import type { Bracket } from "../figures/cells.ts";
import type { DriftMethod } from "../peers/method-names.ts";
import type { DriftKind } from "../profile/bins.ts";
import type { Multivariate } from "./multivariate-record.ts";

/** What a comparison of a column says. `broken` is a fact about the data, the others are statistics. */
export type DriftVerdict = "none" | "drift" | "insufficient" | "not_applicable" | "broken";

/** Why a verdict is not a matter of the two keys. */
export type DriftReason =
  | "identifier"
  | "sequence"
  | "all_null"
  | "type_changed"
  | "missing_column"
  | "new_column"
  | "nested"
  | "excluded"
  | "few_rows"
  | "nulls"
  | "unseen";

/** How the values moved. */
export type DriftDirection = "higher" | "lower" | "wider" | "narrower" | "shape";

/** What a column means to a model: its line in a report. */
export type DriftRole = "feature" | "prediction" | "score" | "target" | "time" | "id" | "key" | "ignore";

/** Shares of both sides, and the 95 % interval of their difference (Newcombe). */
export interface ShareChange {
  readonly baseline: number;
  readonly current: number;
  readonly low: number;
  readonly high: number;
}

/** Moments and quantiles of a side; null where they are not defined. */
export interface SideSummary {
  readonly mean: number | null;
  readonly sd: number | null;
  readonly median: number | null;
  readonly iqr: number | null;
  readonly q05: number | null;
  readonly q95: number | null;
}

/** Shares of both sides in a bin, and its part in `js` squared. */
export interface DriftBin {
  readonly label: string;
  readonly low: number | null;
  readonly high: number | null;
  readonly baseline: number;
  readonly current: number;
  readonly part: number;
}

/** What another test or library says of a column, beside the verdict. */
export interface DriftMethodAnswer {
  readonly name: DriftMethod;
  /** The statistic, the distance, or the p-value where a library reports nothing else. */
  readonly value: number | null;
  readonly p: number | null;
  readonly threshold: number | null;
  /** The method's own verdict; null where it has none. */
  readonly drift: boolean | null;
}

/** The test behind a verdict. */
export interface DriftTest {
  /** Pearson's chi-square, the likelihood-ratio (G) test, Fisher's exact test, or that of the rows beyond the extremes. */
  readonly name: "chi2" | "g" | "fisher" | "tails";
  readonly statistic: number | null;
  readonly df: number | null;
  readonly p: number;
  readonly p_adjusted: number;
  readonly correction: Correction;
  /** What `p_adjusted` must be below: half of the rule's alpha, unless a column of the run is below that half. */
  readonly alpha: number;
  readonly pooled_bins: number;
}

/**
 * The comparison of one column, in one slice or window. The names are those of the JSON and of the `_drift` tables
 * (spec/drift.md). A figure that is not defined is null, and `undefined_because` says why.
 */
export interface DriftRecord {
  readonly column: string;
  /** What is measured of the column; null is its value. */
  readonly part: "hour" | "weekday" | "month" | "length" | "tokens" | "age" | null;
  readonly role: DriftRole;
  readonly kind: DriftKind | null;
  readonly slice: { readonly key: string; readonly value: string | null } | null;
  readonly window: string | null;
  readonly rows: { readonly baseline: number; readonly current: number };
  readonly verdict: DriftVerdict;
  readonly level: "moderate" | "large" | null;
  readonly reason: DriftReason | null;
  readonly direction: DriftDirection | null;
  /** Rows that each side needs, where there are too few. */
  readonly rows_needed: number | null;
  readonly effect: number | null;
  readonly threshold: number;
  /** `history`: of a monitor, by the effects of quiet versions. */
  readonly threshold_source: "default" | "run" | "column" | "role" | "kind" | "history";
  readonly js: number | null;
  readonly floor: number | null;
  readonly moved: number | null;
  readonly psi: number | null;
  readonly psi_expected: number | null;
  readonly hellinger: number | null;
  readonly l_infinity: { readonly value: number; readonly bin: string } | null;
  readonly ks: (Bracket & { readonly at: number | null }) | null;
  readonly wasserstein: Bracket | null;
  readonly wasserstein_scaled: Bracket | null;
  readonly test: DriftTest | null;
  readonly null_share: ShareChange | null;
  readonly nan_share: ShareChange | null;
  /**
   * Different values among all values of a side: of categories, booleans, numbers with few values, and identifiers. It
   * changes no verdict.
   */
  readonly distinct_share: ShareChange | null;
  /** Rows whose values are compared as one, because the 50 most frequent have a bin each. */
  readonly rare_share: ShareChange | null;
  readonly unseen_share: ShareChange | null;
  readonly below_share: ShareChange | null;
  readonly above_share: ShareChange | null;
  readonly summary: { readonly baseline: SideSummary; readonly current: SideSummary } | null;
  /** The 20 bins with the largest parts; the last one is the sum of any others. */
  readonly bins: readonly DriftBin[];
  readonly weight: number;
  /** Part of the column in the squared effects of all compared columns. */
  readonly contribution: number | null;
  /** What the method that was asked for says of all rows; it changes no verdict. */
  readonly method?: DriftMethodAnswer | undefined;
  /** Figures of the caller's own metrics by name, if there are any. */
  readonly metrics?: Readonly<Record<string, number | null>> | undefined;
  readonly undefined_because: Readonly<Record<string, string>>;
  readonly text: string;
  readonly conventions: {
    readonly log: 2;
    readonly ddof: 1;
    readonly quantile: 7;
    readonly edges: "exact" | "sampled";
  };
}

/** A side of a comparison. */
export interface DriftSide {
  /** The source in words: a table's version, or files. */
  readonly source: string;
  /** Of the table, or the one that the pin keeps. */
  readonly version: number | null;
  readonly pin: string | null;
  /** Of the version's state (`snapshot.fingerprint()`); null for files, and for the rows that versions brought. */
  readonly fingerprint: string | null;
  /** `batch`: the rows that the version brought; `table`: all its rows. */
  readonly scope: "batch" | "table";
  readonly window: string | null;
  readonly rows: number;
}

/** The comparison of two sides: a verdict for all columns together, and a record for each. */
export interface DriftReport {
  readonly monitor: string | null;
  readonly run_id: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly table_id: string | null;
  readonly definition_hash: string;
  /** The version of varve that compared. */
  readonly code_version: string;
  readonly baseline: DriftSide;
  readonly current: DriftSide;
  /** `broken` before `drift` before `none`; `insufficient` if no column could be compared. */
  readonly verdict: "none" | "drift" | "broken" | "insufficient";
  /** Numbers of records by what became of them; `tested` are those with a p-value. */
  readonly counts: {
    readonly tested: number;
    readonly drifted: number;
    readonly broken: number;
    readonly insufficient: number;
    readonly not_applicable: number;
  };
  readonly text: string;
  /** By effect times weight, broken ones first. */
  readonly columns: readonly DriftRecord[];
  /** What several columns together say, if it was asked for. */
  readonly multivariate?: Multivariate | undefined;
}
