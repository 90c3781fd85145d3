import type { ScoreCalibration } from "./estimate-calibration.ts";
import type { EstimatedMetric } from "./estimated-metrics.ts";
import type { EvaluationRequest } from "./evaluation/request.ts";
import type { LossModel } from "./loss-models.ts";
import type { Threshold } from "./metrics/thresholds.ts";

/** How performance is estimated: varve's CBPE and DLE, or with NannyML's conventions. */
export type EstimateMethod = "cbpe" | "nannyml.cbpe" | "dle" | "nannyml.dle";

/** What is estimated, and by which conventions. */
export interface EstimateRequest
  extends Omit<
    EvaluationRequest,
    "problem" | "by" | "user" | "gain" | "ties" | "k" | "minRows" | "curvePoints" | "shares"
  > {
  /** What the model predicts; default: `binary`. */
  readonly problem?: "binary" | "multiclass" | "regression" | undefined;
  /**
   * `cbpe` for classes and `dle` for numbers, which are the defaults; `nannyml.cbpe` and `nannyml.dle` with the errors
   * and thresholds of NannyML.
   */
  readonly method?: EstimateMethod | undefined;
  /** Columns that tell rows of the baseline apart, for the calibration by fifths; default: all. */
  readonly key?: readonly string[] | undefined;
  /** Columns that the losses of a regression are learnt from, with the prediction; default: all that both sides have. */
  readonly features?: readonly string[] | undefined;
}

/** One metric of one window, estimated. */
export interface EstimatedValue {
  readonly value: number | null;
  /** Value ± 1.96 sampling errors (± 3 of NannyML's), cut at the metric's limits. */
  readonly low: number | null;
  readonly high: number | null;
  readonly samplingError: number | null;
  /** Spread of the estimate over calibrators that each lack a fifth of the baseline; null for NannyML's and for DLE. */
  readonly calibrationError: number | null;
  /** What was reached, where outcomes are there. */
  readonly realised?: number | null | undefined;
  /** Whether the estimate, or what was reached, lies outside of the thresholds. */
  readonly alert: boolean;
  readonly realisedAlert?: boolean | undefined;
}

/** Estimates of one window. */
export interface EstimatedWindow {
  readonly name: string;
  readonly rows: number;
  /** Share of the rows whose scores (or prediction and features) lie within the range of the baseline. */
  readonly coverage: number | null;
  readonly metrics: Readonly<Partial<Record<EstimatedMetric, EstimatedValue>>>;
  /** Rows that are expected of each class (first index) and predicted as each class, of several classes. */
  readonly confusion?:
    | { readonly classes: readonly string[]; readonly matrix: readonly (readonly number[])[] }
    | undefined;
}

/** Performance that is expected without outcomes. */
export interface Estimate {
  readonly problem: "binary" | "multiclass" | "regression";
  readonly method: EstimateMethod;
  readonly windows: readonly EstimatedWindow[];
  readonly baseline: { readonly rows: number; readonly windows: readonly EstimatedWindow[] };
  readonly thresholds: Readonly<Partial<Record<EstimatedMetric, Threshold>>>;
  /** How scores became probabilities, of a binary problem. */
  readonly calibration?: ScoreCalibration | undefined;
  /** The same of each class against the rest, of several classes. */
  readonly classes?: Readonly<Record<string, ScoreCalibration>> | undefined;
  /** Columns that the losses of a regression were learnt from. */
  readonly features?: readonly string[] | undefined;
  /** How well the losses of a regression were learnt. */
  readonly losses?: Readonly<Partial<Record<EstimatedMetric, LossModel>>> | undefined;
  /** Why the estimate should not be relied on: few rows that the baseline covers, or uncalibrated scores. */
  readonly unreliable: readonly ("coverage" | "calibration_slope")[];
  /** What no estimate without outcomes can see. */
  readonly cannotSee: string;
}

/** Fewer labelled rows of the baseline give no estimate. */
export const fewestRows = 300;
