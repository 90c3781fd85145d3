import { fewestRuns, isBetter, isWorse, levelOf, type MetricLevel } from "./metric-level.ts";
import type { RunMetric } from "./metric-series.ts";
import type { RunChange } from "./run-differences.ts";

/** `insufficient`: too few earlier runs to say. */
export type MetricVerdict = "none" | "regressed" | "improved" | "insufficient";

/** An earlier run, and how the judged one differs from it. */
export interface EarlierRun extends RunMetric {
  /** Value of the judged run less this one's; `null` if it is not a finite number. */
  readonly change: number | null;
  /** The same as a share of this run's value; `null`, too, if that is 0. */
  readonly relative: number | null;
}

/** Whether a metric of a run got worse than in the runs before it. */
export interface MetricRegression {
  readonly metric: string;
  readonly better: "higher" | "lower";
  readonly verdict: MetricVerdict;
  readonly run: RunMetric;
  /** The run before it, and the best one; `null` if there is none. */
  readonly last: EarlierRun | null;
  readonly best: EarlierRun | null;
  /** Earlier runs with a value that it was compared with. */
  readonly earlier: number;
  /** What is normal after `runs` of them; `null` with too few. */
  readonly range: { readonly lower: number; readonly upper: number; readonly runs: number } | null;
  /** Of `insufficient`: how many more runs are needed. */
  readonly runsNeeded: number | null;
  readonly maxChange: number | null;
  readonly against: "last" | "best";
  /** The first of the runs, up to the judged one, that are all outside of what was normal before. */
  readonly regressedSince: RunMetric | null;
  /** What the judged run was given differently than an earlier one; `null` without an earlier run. */
  readonly differences: { readonly from: string; readonly changes: readonly RunChange[] } | null;
  /** Complete runs that were left out: without a finite number, and those that claim to have started in the future. */
  readonly leftOut: { readonly missing: number; readonly notFinite: number; readonly future: number };
  /** All of it in one sentence. */
  readonly text: string;
}

/** The runs before the judged one that have a value. */
interface EarlierRuns {
  /** The newest, newest first. */
  readonly earlier: readonly RunMetric[];
  readonly best: RunMetric | undefined;
}

interface VerdictRule {
  readonly better: "higher" | "lower";
  readonly maxChange: number | undefined;
  readonly against: "last" | "best";
}

interface Decision {
  readonly verdict: MetricVerdict;
  readonly runsNeeded: number | null;
  readonly regressedSince: RunMetric | null;
  /** The run whose differences from the judged one may explain the verdict. */
  readonly reference: RunMetric | undefined;
}

/** The verdict with its figures. */
interface Judgement extends Decision {
  readonly last: EarlierRun | null;
  readonly best: EarlierRun | null;
  readonly range: { readonly lower: number; readonly upper: number; readonly runs: number } | null;
}

/**
 * Judges a run by those before it. A value that is no finite number has regressed. With `maxChange`, the change against
 * the last or best run decides; without it, what is normal after the earlier runs.
 */
export function verdictOf(runs: EarlierRuns, judged: RunMetric, rule: VerdictRule): Judgement {
  const { earlier, best } = runs;
  const oldestFirst = [...earlier].reverse();
  const level = levelOf(
    oldestFirst.flatMap(({ value }) => value ?? []),
    rule.better,
  );
  const decision =
    rule.maxChange === undefined
      ? byLevel(oldestFirst, level, { judged, better: rule.better })
      : byChange(rule.against === "best" ? best : earlier[0], judged, { ...rule, maxChange: rule.maxChange });
  return {
    ...decision,
    last: comparedWith(earlier[0], judged),
    best: comparedWith(best, judged),
    range: level.range ?? level.before ?? null,
  };
}

interface Judged {
  readonly judged: RunMetric;
  readonly better: "higher" | "lower";
}

function byLevel(
  oldestFirst: readonly RunMetric[],
  { range, before, runs, regressedFrom: from }: MetricLevel,
  { judged, better }: Judged,
): Decision {
  const { value } = judged;
  const last = oldestFirst.at(-1);
  if (value === null || isWorse(value, range ?? before, better))
    return {
      verdict: "regressed",
      runsNeeded: null,
      regressedSince: (from === undefined ? undefined : oldestFirst[from]) ?? judged,
      // The run before all that regressed: what changed since explains more than what changed since another bad one.
      reference: (from === undefined ? undefined : oldestFirst[from - 1]) ?? last,
    };
  const verdict = range === undefined ? "insufficient" : isBetter(value, range, better) ? "improved" : "none";
  const runsNeeded = verdict === "insufficient" ? fewestRuns - runs : null;
  return { verdict, runsNeeded, regressedSince: null, reference: last };
}

function byChange(
  reference: RunMetric | undefined,
  { value }: RunMetric,
  { better, maxChange }: VerdictRule & { readonly maxChange: number },
): Decision {
  const decided = { runsNeeded: null, regressedSince: null, reference };
  if (value === null) return { ...decided, verdict: "regressed" };
  const before = reference?.value ?? null;
  if (before === null) return { ...decided, verdict: "insufficient", runsNeeded: 1 };
  // In units of the larger one, so that no difference overflows. 0.9 − 0.882 is more than 2 % of 0.9 in binary.
  const unit = Math.max(Math.abs(value), Math.abs(before)) || 1;
  const gain = (better === "higher" ? 1 : -1) * (value / unit - before / unit);
  const allowed = (maxChange + 1e-12) * Math.abs(before / unit);
  return { ...decided, verdict: gain < -allowed ? "regressed" : gain > allowed ? "improved" : "none" };
}

function comparedWith(run: RunMetric | undefined, { value }: RunMetric): EarlierRun | null {
  if (run === undefined) return null;
  const before = run.value;
  if (before === null || value === null) return { ...run, change: null, relative: null };
  const change = value - before;
  // The difference of two large numbers may be none.
  const relative = Number.isFinite(change)
    ? change / Math.abs(before)
    : value / Math.abs(before) - Math.sign(before);
  return { ...run, change: finite(change), relative: finite(relative) };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
