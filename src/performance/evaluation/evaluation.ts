import type { Confusion } from "../metrics/confusion.ts";
import type { IsotonicStep } from "../metrics/isotonic.ts";
import type { Metrics } from "../metrics/metric.ts";
import type { CurvePoint, ReliabilityBin } from "../metrics/score-fold.ts";

/** Rows of a part: those with an outcome, and of these those that the model said nothing about. */
export interface Counts {
  rows: number;
  labelled: number;
  unscored: number;
}

export function emptyCounts(): Counts {
  return { rows: 0, labelled: 0, unscored: 0 };
}

/** How well the model did on a part of the rows. */
export interface PartEvaluation {
  readonly kind: "whole" | "slice" | "window";
  /** Column of the slice or window; empty for the whole and for windows of rows. */
  readonly column: string;
  readonly name: string;
  readonly rows: number;
  readonly labelled: number;
  /** Labelled rows without a score or prediction, which no metric counts. */
  readonly unscored: number;
  readonly metrics: Metrics;
  /** What costs nothing: the prior, the larger class, the mean or the median. */
  readonly dummy: Metrics;
  readonly confusion?:
    | Confusion
    | { readonly classes: readonly string[]; readonly matrix: readonly (readonly number[])[] };
  /** Metrics of each class against the rest. */
  readonly classes?: Readonly<Record<string, Metrics>> | undefined;
  /** Rows whose score is exactly 0 or 1, clipped for the log loss. */
  readonly clipped?: number | undefined;
  readonly calibration?:
    | {
        readonly equalWidth: readonly ReliabilityBin[];
        readonly equalCount: readonly ReliabilityBin[];
        readonly isotonic: readonly IsotonicStep[];
      }
    | undefined;
  readonly curve?: readonly CurvePoint[] | undefined;
  /** Number of different scores, each of which is a threshold of the full curve. */
  readonly thresholds?: number | undefined;
  readonly gains?: readonly Gain[] | undefined;
  /** Targets of 0, which the relative error leaves out. */
  readonly zeroTargets?: number | undefined;
  /** Users that are ranked, those without a relevant item, and those with equal scores. */
  readonly users?:
    | { readonly ranked: number; readonly withoutRelevant: number; readonly tied: number }
    | undefined;
}

/** A part with a sentence about it. */
export interface ToldPart extends PartEvaluation {
  readonly text: string;
}

/** What is found at the top of the rows by score. */
export interface Gain {
  /** Share of the rows, and their number: rounded half to even, at least 1. */
  readonly share: number;
  readonly rows: number;
  readonly positives: number;
  readonly precision: number;
  /** Share of all positives; null without any. */
  readonly gain: number | null;
  /** Precision over prevalence; null without any positive. */
  readonly lift: number | null;
  /** Rows with the last score, if the cut is among them; else 0. */
  readonly tied: number;
}
