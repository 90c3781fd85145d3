import type { ValueMatrix } from "../metrics/confusion.ts";

/** What a model predicts. */
export type Problem = "binary" | "multiclass" | "regression" | "ranking";

/** A class as the data has it. */
export type Label = string | number | boolean;

/** Windows of rows: of a time column (`every` as `P1D`, `P1W`, `P1M`, `P1Y`), of each value of a column, or of rows. */
export type EvaluationWindow =
  | { readonly column: string; readonly every?: string | undefined }
  | { readonly rows: number };

/** Columns and conventions of an evaluation. */
export interface EvaluationRequest {
  readonly problem: Problem;
  /** Column with the outcome; null and NaN are outcomes that are not known. */
  readonly target: string;
  /** Column with the predicted class or number. */
  readonly prediction?: string | undefined;
  /** Column with the probability of the positive class, or with what ranks items. */
  readonly score?: string | undefined;
  /** Columns with the probability of each class, by class. */
  readonly scores?: Readonly<Record<string, string>> | undefined;
  /** The positive class; default: true or 1. */
  readonly positive?: Label | undefined;
  /** Scores from here on are predicted positive where there is no prediction; default: 0.5. */
  readonly cutoff?: number | undefined;
  /** Columns whose values each get metrics of their own: the 20 most frequent, and `other`. */
  readonly by?: readonly string[] | undefined;
  /** Slices of fewer labelled rows are left out of the fairness figures; default: 30. */
  readonly minRows?: number | undefined;
  readonly window?: EvaluationWindow | undefined;
  /** Value of a row: `[[tn, fp], [fn, tp]]`. */
  readonly value?: ValueMatrix | undefined;
  /** Points of the ROC and precision-recall curve; default: no curve. */
  readonly curvePoints?: number | undefined;
  /** Shares of the rows for gain and lift; default: 5, 10, 20, 30, 50 and 100 percent. */
  readonly shares?: readonly number[] | undefined;
  /** Ranks of top-k accuracy and of ranking; default: 1, 3, 5 and 10 (ranking), 2 (multiclass). */
  readonly k?: readonly number[] | undefined;
  /** Column of the user or query that items are ranked for. */
  readonly user?: string | undefined;
  /** What an item of relevance r gives: r, or 2^r - 1; default: `linear`. */
  readonly gain?: "linear" | "exponential" | undefined;
  /** Equal scores share their ranks, or are ranked in the order of the rows; default: `average`. */
  readonly ties?: "average" | "row" | undefined;
}
