import type { EvaluationRequest } from "../evaluation/request.ts";

/** What models predict that can be compared. */
export type ComparedProblem = "binary" | "multiclass" | "regression";

/** What decides whether the challenger replaces the champion. */
export interface ComparisonRules {
  /**
   * Largest drop of a metric that may be left open: the lower bound of the gain must reach minus this. One number, or
   * by metric; default: 0.
   */
  readonly maxDrop?: number | Readonly<Record<string, number>> | undefined;
  /** Least gain of the first metric; default: 0. */
  readonly minGain?: number | undefined;
  /**
   * A slice whose gain lies below minus this for sure stops the challenger. One number, or by metric; default: 0.02 of
   * shares, and 2 % of the champion's value of other losses.
   */
  readonly maxSliceDrop?: number | Readonly<Record<string, number>> | undefined;
  /** Slices of fewer labelled rows are not judged; default: 30. */
  readonly minRows?: number | undefined;
  /** How much larger the challenger's calibration error (ece) may be; default: 0.02. */
  readonly maxCalibrationDrop?: number | undefined;
}

/** Columns of one model's predictions. */
export interface ModelColumns extends Pick<EvaluationRequest, "score" | "scores" | "prediction" | "cutoff"> {
  readonly name: string;
}

/** What two models are compared by. */
export interface ComparisonRequest extends Pick<EvaluationRequest, "target" | "positive" | "by"> {
  readonly problem: ComparedProblem;
  readonly on: readonly string[];
  readonly champion: ModelColumns;
  readonly challenger: ModelColumns;
  /** The first one decides, the others must not drop; default: the problem's first metric. */
  readonly metrics?: readonly string[] | undefined;
  readonly rules?: ComparisonRules | undefined;
  /** Compare also on rows that a model was trained on. */
  readonly allowOverlap?: boolean | undefined;
}
