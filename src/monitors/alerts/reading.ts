import type { DriftRecord } from "../../drift/comparison/drift-record.ts";
import { normalQuantile } from "../../statistics/distributions.ts";
import { type NamedRule, urgentEffect } from "./alert-rule.ts";

/**
 * What a rule makes of one result: `urgent` fires at once, `hit` counts towards firing, `quiet` towards clearing,
 * `between` neither. `blind` says nothing (too few rows, outcomes not known yet): it never fires and never clears.
 */
export type Sign = "urgent" | "hit" | "between" | "quiet" | "blind";

/** One result as a rule reads it. */
export interface Reading {
  /** The version of the table that the result is about. */
  readonly version: number;
  /** The window, of monitors with windows. */
  readonly window: string | null;
  /** The baseline's bins, of which a rebaseline makes new ones and so ends open alerts; null if none were needed. */
  readonly bins: string | null;
  readonly sign: Sign;
  /** Size of the change, by which alerts are ranked; null where it is not a number, as in a break. */
  readonly effect: number | null;
  readonly threshold: number | null;
  /** The result in a sentence. */
  readonly text: string;
}

/** The fields of a comparison that rules read. */
export type ComparedColumn = Pick<DriftRecord, "verdict" | "effect" | "threshold"> & {
  readonly test: Pick<NonNullable<DriftRecord["test"]>, "p_adjusted" | "alpha"> | null;
};

/**
 * The sign and the threshold of a comparison for a rule on drift, breaks or trends.
 *
 * @param breaksApart whether another rule fires on breaks, so that one break is one alert
 */
export function driftSign(
  rule: NamedRule,
  record: ComparedColumn,
  breaksApart: boolean,
): Pick<Reading, "sign" | "effect" | "threshold"> {
  const { verdict, effect } = record;
  const threshold = rule.effect ?? record.threshold;
  const sign = rule.when === "broken" ? breakSign(verdict) : effectSign(rule, record, threshold, breaksApart);
  // Noise is no creep, however often it comes.
  const size = rule.when === "trend" && isNoise(record) ? 0 : effect;
  return { sign, effect: isBlind(verdict) ? null : size, threshold };
}

function breakSign(verdict: DriftRecord["verdict"]): Sign {
  if (verdict === "broken") return "urgent";
  return isBlind(verdict) ? "blind" : "quiet";
}

function effectSign(rule: NamedRule, record: ComparedColumn, threshold: number, breaksApart: boolean): Sign {
  const { verdict, effect } = record;
  if (verdict === "broken") return breaksApart || rule.when === "trend" ? "blind" : "urgent";
  if (isBlind(verdict)) return "blind";
  const size = effect ?? 0;
  if (size >= threshold && !isNoise(record)) return size >= urgentEffect ? "urgent" : "hit";
  return size < rule.clearRatio * threshold ? "quiet" : "between";
}

function isNoise({ test }: ComparedColumn): boolean {
  return test === null || test.p_adjusted >= test.alpha;
}

/** Whether a verdict says nothing about the size of a change. */
function isBlind(verdict: DriftRecord["verdict"]): boolean {
  return verdict === "insufficient" || verdict === "not_applicable";
}

/** A metric of a model on rows with known outcomes, beside its value on the baseline. */
export interface MeasuredMetric {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly baseline: number | null;
  readonly higherIsBetter: boolean;
  /** Whether enough outcomes are known. */
  readonly mature: boolean;
  /** Number of slices that are looked at together: of many, some are beyond their interval by chance. Default: 1. */
  readonly family?: number | undefined;
}

/**
 * The sign of a metric for a rule on performance. The effect is the loss: how much worse than on the baseline.
 *
 * It clears when the loss is under `clearRatio` of the rule's `drop`.
 */
export function performanceSign(
  rule: NamedRule,
  { value, low, high, baseline, higherIsBetter, mature, family = 1 }: MeasuredMetric,
): Pick<Reading, "sign" | "effect" | "threshold"> {
  const drop = rule.drop ?? 0;
  if (value === null || baseline === null || !mature) return { sign: "blind", effect: null, threshold: drop };
  const loss = higherIsBetter ? baseline - value : value - baseline;
  const side = higherIsBetter ? high : low;
  const best = side === null ? null : value + (side - value) * widening(family);
  const isSure = best !== null && (higherIsBetter ? best < baseline : best > baseline);
  const isHit = loss > 0 && loss >= drop && (isSure || !rule.ci);
  const isQuiet = loss <= 0 || loss < rule.clearRatio * drop;
  return { sign: isHit ? "hit" : isQuiet ? "quiet" : "between", effect: loss, threshold: drop };
}

/** By how much a 95 % interval grows so that all of a family hold together with 95 % (Bonferroni). */
function widening(family: number): number {
  return family <= 1 ? 1 : normalQuantile(1 - 0.025 / family) / normalQuantile(1 - 0.025);
}
