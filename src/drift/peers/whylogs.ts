import { countsIn } from "../../statistics/bin-edges.ts";
import { chiSquareAbove } from "../../statistics/distributions.ts";
import { ksTwoSampleLimit } from "../../statistics/kolmogorov.ts";
import { type SortedSample, sortedSample } from "../../statistics/samples.ts";
import { sharesOf } from "../figures/bin-counts.ts";
import { hellingerOf } from "../figures/distances.ts";
import { categories, countsOf, differentCategories, type PeerColumn, type PeerValue } from "./peer-column.ts";

/** Tests of whylogs; its sketches hold every value of small columns, which is what these compute. */
export type WhylogsMethod = "KS" | "Hellinger" | "ChiSquare";

export interface WhylogsAnswer {
  readonly statistic: number;
  /** Null for a distance. */
  readonly p: number | null;
  readonly category: "NO_DRIFT" | "POSSIBLE_DRIFT" | "DRIFT";
}

/** How its histograms are cut; whylogs' own choice by default. */
export interface WhylogsBins {
  /** 30 by default. */
  readonly most?: number | undefined;
  /** Rows of both sides for each bin; 4 by default. */
  readonly rows?: number | undefined;
}

/** What whylogs 1.6.4 answers, or why it has no answer. */
export function whylogsAnswer(
  { baseline, current }: PeerColumn,
  method: WhylogsMethod,
  bins: WhylogsBins = {},
): WhylogsAnswer | string {
  if (method === "ChiSquare") return goodnessOfFit(baseline, current);
  const [first, second] = [sortedSample(numbersOf(baseline)), sortedSample(numbersOf(current))];
  if (first.length === 0 || second.length === 0) return "no_values";
  if (method === "Hellinger") {
    const statistic = hellinger(first, second, bins);
    return statistic === null
      ? "not_finite"
      : { statistic, p: null, category: grade(statistic, [0.4, 0.15]) };
  }
  const statistic = distanceAtQuantiles(first, second);
  const p = ksTwoSampleLimit(statistic, first.length, second.length);
  return p === null ? "few_values" : { statistic, p, category: gradeOfP(p) };
}

/** Numbers and infinities, in row order. */
function numbersOf(values: readonly PeerValue[]): number[] {
  return values.filter((value) => typeof value === "number" && !Number.isNaN(value)).map(Number);
}

const quantiles = 100;

/** The largest difference of the shares below a value, looked for at a hundred quantiles of each side. */
function distanceAtQuantiles(first: SortedSample, second: SortedSample): number {
  let largest = 0;
  for (const sample of [first, second])
    for (let index = 0; index < quantiles; index++) {
      const place = index * (1 / (quantiles - 1)) * sample.length;
      const last = sample.length - 1;
      const value = sample[index === quantiles - 1 ? last : Math.min(last, Math.floor(place))] ?? 0;
      largest = Math.max(largest, Math.abs(shareBelow(first, value) - shareBelow(second, value)));
    }
  return largest;
}

function shareBelow(sample: SortedSample, value: number): number {
  let [low, high] = [0, sample.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sample[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low / sample.length;
}

/**
 * Current counts against those of the baseline, scaled by all rows, missing ones too, and rounded down as if they were
 * known exactly. Degrees of freedom are those of the current side's categories.
 */
function goodnessOfFit(
  baseline: readonly PeerValue[],
  current: readonly PeerValue[],
): WhylogsAnswer | string {
  if (baseline.length === 0 || current.length === 0) return "no_values";
  const [first, second] = [categories(baseline), categories(current)];
  const all = differentCategories(first, second);
  const observed = countsOf(second, all);
  let statistic = 0;
  for (const [bin, count] of countsOf(first, all).entries()) {
    const expected = Math.floor((count / baseline.length) * current.length);
    statistic += expected === 0 ? Infinity : ((observed[bin] ?? 0) - expected) ** 2 / expected;
  }
  const present = observed.filter((count) => count > 0).length;
  const p = chiSquareAbove(statistic, Math.max(1, present - 1));
  return { statistic, p, category: gradeOfP(p) };
}

/** The spacing of single-precision numbers at a magnitude, by its power of two. */
const mantissaBits = 23;

/**
 * Equal bins over both sides: one for four rows of both, from 2 to 30, and none narrower than single precision tells
 * apart. The last edge lies a little above the largest value. Null with infinite values, for which there are no bins.
 */
function hellinger(
  first: SortedSample,
  second: SortedSample,
  { most = 30, rows = 4 }: WhylogsBins,
): number | null {
  const low = Math.min(first[0] ?? 0, second[0] ?? 0);
  const largest = Math.max(first[first.length - 1] ?? 0, second[second.length - 1] ?? 0);
  const high = largest + (largest === 0 ? 1e-7 : Math.abs(largest) * 1e-7);
  if (!Number.isFinite(high - low)) return null;
  const wanted = Math.max(2, Math.min(Math.ceil((first.length + second.length) / rows), most));
  const narrowest = 2 ** (Math.floor(Math.log2(Math.max(Math.abs(low), Math.abs(high)))) - mantissaBits);
  const fits = (high - low) / wanted >= narrowest;
  const bins = fits ? wanted : Math.max(1, Math.floor((high - low) / narrowest));
  const width = (high - low) / bins;
  const edges = Array.from({ length: bins }, (_, index) => low + index * width);
  const counts = (sample: SortedSample) => countsIn([...edges, Infinity], sample);
  return hellingerOf(sharesOf({ baseline: counts(first), current: counts(second) }));
}

function grade(distance: number, [drift, possible]: readonly [number, number]): WhylogsAnswer["category"] {
  if (distance >= drift) return "DRIFT";
  return distance >= possible ? "POSSIBLE_DRIFT" : "NO_DRIFT";
}

function gradeOfP(p: number): WhylogsAnswer["category"] {
  if (p <= 0.05) return "DRIFT";
  return p <= 0.15 ? "POSSIBLE_DRIFT" : "NO_DRIFT";
}
