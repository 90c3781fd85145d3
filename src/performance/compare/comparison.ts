import type { Metrics } from "../metrics/metric.ts";
import type { ComparisonVerdict, RuleResult } from "./gate.ts";
import type { ComparedPart, MetricComparison } from "./paired-parts.ts";
import type { ComparedProblem } from "./request.ts";

/** One model alone. */
export interface ComparedModel {
  readonly name: string;
  readonly metrics: Metrics;
  /** Predictions of keys that the data do not have. */
  readonly extra: number;
  /** Rows that the model was trained on; null where these are not known. */
  readonly trainedRows: number | null;
}

/** Champion and challenger on the same rows, and whether the challenger takes over. */
export interface ModelComparison {
  readonly verdict: ComparisonVerdict;
  readonly problem: ComparedProblem;
  /** Rows of the data, those with an outcome, and of these those that neither model says anything about. */
  readonly rows: number;
  readonly labelled: number;
  readonly unscored: number;
  readonly champion: ComparedModel;
  readonly challenger: ComparedModel;
  /** What a constant prediction reaches. */
  readonly dummy: Metrics;
  readonly metrics: readonly MetricComparison[];
  readonly slices: readonly ComparedPart[];
  readonly rules: readonly RuleResult[];
  /** Rows that would probably decide; null where nothing is open, or no number of rows would. */
  readonly rowsNeeded: number | null;
  /** The verdict and why, in one sentence. */
  readonly text: string;
}
