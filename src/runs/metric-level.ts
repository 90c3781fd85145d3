import { type NormalRange, normalValues, studentRange } from "../quality/measures/normal-range.ts";

/** Runs from which on the values before a run say what is normal. */
export const fewestRuns = 4;

/** How many deviations from the mean are normal, each side. */
const factors = { lower: 3, upper: 3 };

/** What the values of earlier runs say is normal for the next. */
export interface MetricLevel {
  /** The range of the next value, and how many values it comes from; absent with fewer than {@link fewestRuns}. */
  readonly range?: (NormalRange & { readonly runs: number }) | undefined;
  /** The range before an improvement, as long as too few runs came after it: a worse value has regressed anyway. */
  readonly before?: (NormalRange & { readonly runs: number }) | undefined;
  /** Runs on the level of the last ones: those since the last improvement that did not regress. */
  readonly runs: number;
  /** Index of the first of the values at the end that all regressed. */
  readonly regressedFrom?: number | undefined;
}

/**
 * The level of a metric after runs, oldest first. A value better than the range of those before it begins a new level,
 * because a model that got better is what later ones are held to. A worse one has regressed, and counts no more, so
 * that the next bad one is noticed, too.
 */
export function levelOf(values: readonly number[], better: "higher" | "lower"): MetricLevel {
  let level: number[] = [];
  let before: MetricLevel["before"];
  let regressedFrom: number | undefined;
  for (const [index, value] of values.entries()) {
    const range = rangeOf(level);
    if (isWorse(value, range ?? before, better)) {
      regressedFrom ??= index;
      continue;
    }
    regressedFrom = undefined;
    if (isBetter(value, range, better)) {
      before = range;
      level = [];
    }
    level.push(value);
  }
  const range = rangeOf(level);
  return { range, before: range === undefined ? before : undefined, runs: level.length, regressedFrom };
}

/** Whether a value lies on the bad side of a range. */
export function isWorse(value: number, range: NormalRange | undefined, better: "higher" | "lower"): boolean {
  if (range === undefined) return false;
  return better === "higher" ? value < range.lower : value > range.upper;
}

/** Whether a value lies on the good side of a range. */
export function isBetter(value: number, range: NormalRange | undefined, better: "higher" | "lower"): boolean {
  return isWorse(value, range, better === "higher" ? "lower" : "higher");
}

function rangeOf(level: readonly number[]): MetricLevel["range"] {
  if (level.length < fewestRuns) return undefined;
  const largest = level.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // Squares of such numbers are not finite, or 0.
  const unit = largest > 1e100 || (largest > 0 && largest < 1e-100) ? largest : 1;
  const normal = normalValues(
    level.map((value) => value / unit),
    factors,
  );
  const { lower, upper } = studentRange(normal, factors);
  return { lower: lower * unit, upper: upper * unit, runs: normal.length };
}
