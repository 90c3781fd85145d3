/** What several columns together say. */
export type MultivariateMethod = "magnitude" | "reconstruction" | "correlations" | "mmd";

/** How well a classifier tells the two sides apart, by rows that it has not seen. */
export interface Magnitude {
  /** 2 · max(AUC, ½) − 1 as percent: 0 if the sides cannot be told apart, 100 if every row can. */
  readonly percent: number;
  readonly auc: number;
  /** 95 % interval (DeLong); an area below ½ is noise, so it reaches ½ at least. */
  readonly low: number;
  readonly high: number;
  /**
   * By how much the area falls when the values of a column are mixed, the largest first. Empty where the interval covers
   * ½: then nothing tells the sides apart.
   */
  readonly contributions: readonly { readonly column: string; readonly auc_drop: number }[];
}

/** How far rows are from what a few directions of the baseline say of them. */
export interface Reconstruction {
  /** Directions that hold 65 % of the baseline's variance. */
  readonly components: number;
  /** Mean distance of the rows of each side; columns in deviations of the baseline. */
  readonly baseline: number;
  readonly current: number;
  readonly difference: number;
  /** 95 % interval of the difference. */
  readonly low: number;
  readonly high: number;
}

/** How two columns of one side go together. */
export interface CorrelationChange {
  readonly columns: readonly [string, string];
  /** Pearson's coefficient of two columns of numbers; Cramér's V of two columns of categories. */
  readonly measure: "pearson" | "cramers_v";
  readonly baseline: number;
  readonly current: number;
  readonly difference: number;
  /** Of Fisher's z, adjusted (Benjamini and Hochberg) over all pairs of numbers; null for categories. */
  readonly p_adjusted: number | null;
}

/** Squared maximum mean discrepancy of the two sides. */
export interface Discrepancy {
  /** Unbiased, so it may be negative. */
  readonly mmd2: number;
  /** (1 + random splits with as large a discrepancy) / (1 + splits); never 0. */
  readonly p: number;
  readonly permutations: number;
  /** Rows of each side. */
  readonly rows: { readonly baseline: number; readonly current: number };
}

/** Several columns compared at once. It adds to the verdicts of the columns, and does not change them. */
export interface Multivariate {
  readonly columns: readonly string[];
  /** Columns beyond the first hundred. */
  readonly left_out: number;
  /** Rows of each side, chosen by hash. */
  readonly rows: { readonly baseline: number; readonly current: number };
  /** Null where a side has too few rows. */
  readonly magnitude?: Magnitude | null | undefined;
  readonly reconstruction?: Reconstruction | null | undefined;
  readonly correlations?: readonly CorrelationChange[] | undefined;
  readonly mmd?: Discrepancy | null | undefined;
  /** A sentence for each method. */
  readonly text: readonly string[];
}
