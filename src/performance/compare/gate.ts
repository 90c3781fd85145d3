import { betterOf } from "../metrics/direction.ts";
import type { Metrics } from "../metrics/metric.ts";
import { sumLayouts } from "./paired-metrics.ts";
import type { ComparedPart, MetricComparison } from "./paired-parts.ts";
import type { ComparedProblem, ComparisonRules } from "./request.ts";

/**
 * `promote`: the challenger meets every rule. `keep`: it fails one. `undecided`: it fails none, and too few rows leave
 * one open.
 */
export type ComparisonVerdict = "promote" | "keep" | "undecided";

/** One rule, its numbers, and whether the challenger meets it. */
export interface RuleResult {
  readonly rule: "drop" | "gain" | "slices" | "calibration" | "dummy";
  readonly metric: string;
  readonly state: "pass" | "fail" | "open";
  /** The gain that is judged; of `calibration`, how much larger the error is; of `dummy`, the gain over the dummy. */
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** What `value` or a bound of it must reach, or, of `calibration`, must not exceed. */
  readonly limit: number;
  /** Rows that would probably decide an open rule; null where no number of rows would. */
  readonly rowsNeeded?: number | null | undefined;
  /** Of `slices`: how many were judged, and those that fail. */
  readonly judged?: number | undefined;
  readonly failing?: readonly string[] | undefined;
  readonly text: string;
}

/** Both models, and what the rules need besides the differences. */
export interface GateInput {
  readonly problem: ComparedProblem;
  readonly parts: readonly ComparedPart[];
  readonly rules: ComparisonRules;
  /** Calibration errors, where both models have scores. */
  readonly calibration?: MetricComparison | undefined;
  /** Metrics of the challenger alone. */
  readonly challenger: Metrics;
  /** What a constant prediction reaches. */
  readonly dummy: Metrics;
}

/** The verdict and every rule behind it. */
export interface Gate {
  readonly verdict: ComparisonVerdict;
  readonly rules: readonly RuleResult[];
  /** Rows that would probably decide all open rules; null where no number would, or nothing is open. */
  readonly rowsNeeded: number | null;
}

/** Judges a challenger by the rules of spec/model-performance.md. */
export function judgeChallenger(input: GateInput): Gate {
  const [whole, ...slices] = input.parts;
  const { rules } = input;
  const judged: RuleResult[] = [];
  for (const [index, comparison] of (whole?.metrics ?? []).entries()) {
    const rows = whole?.rows ?? 0;
    judged.push(dropRule(comparison, ruleOf(rules.maxDrop, comparison.metric) ?? 0, rows));
    if (index === 0) judged.push(gainRule(comparison, rules.minGain ?? 0, rows));
    if (slices.length > 0) judged.push(slicesRule(comparison, slices, input));
  }
  const results = [...judged, ...calibrationRule(input), ...dummyRule(input, whole?.metrics ?? [])];
  const open = results.filter(({ state }) => state === "open");
  const verdict = results.some(({ state }) => state === "fail")
    ? "keep"
    : open.length > 0
      ? "undecided"
      : "promote";
  const needed = open.map(({ rowsNeeded }) => rowsNeeded ?? null);
  const known = needed.filter((rows) => rows !== null);
  return {
    verdict,
    rules: results,
    rowsNeeded:
      verdict === "undecided" && known.length === needed.length
        ? known.reduce((most, rows) => Math.max(most, rows), 0)
        : null,
  };
}

function ruleOf(
  rule: number | Readonly<Record<string, number>> | undefined,
  metric: string,
): number | undefined {
  return typeof rule === "object" ? rule[metric] : rule;
}

/** Rows at which a bound that is `distance` from the gain would lie no farther than `room` from it. */
function rowsFor(rows: number, distance: number, room: number): number | null {
  const needed = Math.ceil(rows * (distance / room) ** 2);
  return room > 0 && Number.isSafeInteger(needed) ? needed : null;
}

/** The lower bound must reach minus the largest drop; the challenger is worse for sure if the upper one does not. */
function dropRule({ metric, gain, low, high }: MetricComparison, most: number, rows: number): RuleResult {
  const limit = 0 - most;
  const base = { rule: "drop", metric, value: gain, low, high, limit } as const;
  const what = `${metric}: gain ${figure(gain)} ${interval(low, high)}`;
  const worse = most === 0 ? "worse" : `more than ${figure(most)} worse`;
  if (gain === null || low === null || high === null)
    return { ...base, state: "open", rowsNeeded: null, text: undefinedText(metric, gain) };
  if (low >= limit) return { ...base, state: "pass", text: `${what}, surely not ${worse}` };
  if (high < limit) return { ...base, state: "fail", text: `${what}, surely ${worse}` };
  const rowsNeeded =
    gain > limit ? rowsFor(rows, gain - low, gain - limit) : rowsFor(rows, high - gain, limit - gain);
  return { ...base, state: "open", rowsNeeded, text: `${what}, maybe ${worse}${rowsText(rowsNeeded)}` };
}

function undefinedText(metric: string, gain: number | null): string {
  return gain === null
    ? `${metric} is not defined on these rows`
    : `${metric}: gain ${figure(gain)}, of too few rows to judge`;
}

/** The gain itself must reach the least one. */
function gainRule({ metric, gain, low, high }: MetricComparison, least: number, rows: number): RuleResult {
  const base = { rule: "gain", metric, value: gain, low, high, limit: least } as const;
  const what = `${metric}: gain ${figure(gain)} ${interval(low, high)}`;
  if (gain === null || high === null)
    return { ...base, state: "open", rowsNeeded: null, text: undefinedText(metric, gain) };
  if (gain >= least) return { ...base, state: "pass", text: `${what}, at least ${figure(least)}` };
  if (high < least) return { ...base, state: "fail", text: `${what}, surely less than ${figure(least)}` };
  const rowsNeeded = rowsFor(rows, high - gain, least - gain);
  return {
    ...base,
    state: "open",
    rowsNeeded,
    text: `${what}, less than ${figure(least)}, which may be chance${rowsText(rowsNeeded)}`,
  };
}

/** No slice of enough rows may be worse for sure. */
function slicesRule(
  { metric, champion }: MetricComparison,
  slices: readonly ComparedPart[],
  { rules, problem }: GateInput,
): RuleResult {
  const most = ruleOf(rules.maxSliceDrop, metric) ?? usualSliceDrop(problem, metric, champion);
  const minRows = rules.minRows ?? 30;
  const judged = slices
    .filter(({ rows }) => rows >= minRows)
    .map((slice) => ({
      name: `${slice.column} ${slice.name}`,
      comparison: slice.metrics.find((other) => other.metric === metric),
    }));
  const failing = judged.filter(({ comparison }) => (comparison?.high ?? 0) < 0 - most);
  const [worst] = judged
    .filter(({ comparison }) => comparison?.gain !== null)
    .sort((a, b) => (a.comparison?.gain ?? 0) - (b.comparison?.gain ?? 0));
  const { gain = null, low = null, high = null } = worst?.comparison ?? {};
  const base = {
    rule: "slices",
    metric,
    value: gain,
    low,
    high,
    limit: 0 - most,
    judged: judged.length,
  } as const;
  const names = failing.map(({ name }) => name);
  const lowest =
    worst === undefined
      ? ""
      : `; the lowest gain is that of ${worst.name}, ${figure(gain)} ${interval(low, high)}`;
  return names.length > 0
    ? {
        ...base,
        state: "fail",
        failing: names,
        text: `${metric}: surely more than ${figure(most)} worse in ${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}${lowest}`,
      }
    : {
        ...base,
        state: "pass",
        text: `${metric}: none of ${judged.length} slices is surely more than ${figure(most)} worse${lowest}`,
      };
}

function usualSliceDrop(problem: GateInput["problem"], metric: string, champion: number | null): number {
  const scale = sumLayouts[problem].metrics[metric]?.scale ?? "share";
  return scale === "share" ? 0.02 : 0.02 * Math.abs(champion ?? 0);
}

/** The calibration error must not grow by more than the limit; whether it does may be open. */
function calibrationRule({ calibration, parts, rules }: GateInput): readonly RuleResult[] {
  if (calibration?.champion === undefined || calibration.champion === null) return [];
  const { champion, challenger, gain, low, high } = calibration;
  if (gain === null || low === null || high === null) return [];
  const limit = rules.maxCalibrationDrop ?? 0.02;
  const base = {
    rule: "calibration",
    metric: "ece",
    value: 0 - gain,
    low: 0 - high,
    high: 0 - low,
    limit,
  } as const;
  const text = `calibration: error ${figure(challenger)} against ${figure(champion)}`;
  if (base.value <= limit)
    return [{ ...base, state: "pass", text: `${text}, not more than ${figure(limit)} worse` }];
  if (base.low > limit)
    return [{ ...base, state: "fail", text: `${text}, more than ${figure(limit)} worse` }];
  const rowsNeeded = rowsFor(parts[0]?.rows ?? 0, base.value - base.low, base.value - limit);
  return [
    {
      ...base,
      state: "open",
      rowsNeeded,
      text: `${text}, more than ${figure(limit)} worse, which may be chance${rowsText(rowsNeeded)}`,
    },
  ];
}

/** The challenger must beat what a constant prediction reaches, by the first metric that has such a floor. */
function dummyRule(
  { challenger, dummy }: GateInput,
  compared: readonly MetricComparison[],
): readonly RuleResult[] {
  const names = [...compared.map(({ metric }) => metric), ...Object.keys(dummy)];
  for (const metric of names) {
    const [own, floor] = [challenger[metric]?.value, dummy[metric]?.value];
    if (own === null || own === undefined || floor === null || floor === undefined) continue;
    const lower = betterOf(metric) === "lower";
    const value = lower ? floor - own : own - floor;
    const state = value > 0 ? "pass" : "fail";
    const text = `${metric}: ${figure(own)}, ${state === "pass" ? "better" : "no better"} than a constant prediction (${figure(floor)})`;
    return [{ rule: "dummy", metric, state, value, low: null, high: null, limit: 0, text }];
  }
  return [];
}

function rowsText(rows: number | null): string {
  return rows === null ? "" : `; about ${rows.toLocaleString("en-US")} rows would decide`;
}

function interval(low: number | null, high: number | null): string {
  return low === null || high === null ? "" : `[${figure(low)}, ${figure(high)}]`;
}

/** Three significant digits. */
function figure(value: number | null): string {
  if (value === null) return "-";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}
