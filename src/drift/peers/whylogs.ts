import { countsIn } from "../../statistics/bin-edges.ts";
import { chiSquareAbove } from "../../statistics/distributions.ts";
import { ksDistance, ksTwoSampleLimit } from "../../statistics/kolmogorov.ts";
import { type SortedSample, sortedSample } from "../../statistics/samples.ts";
import { sharesOf } from "../figures/bin-counts.ts";
import { hellingerOf } from "../figures/distances.ts";
import { categories, countsOf, differentCategories, finiteNumbers, type PeerColumn } from "./peer-column.ts";

/** Tests of whylogs; its sketches hold every value of small columns, which is what these compute. */
export type WhylogsMethod = "KS" | "Hellinger" | "ChiSquare";

export interface WhylogsAnswer {
  readonly statistic: number;
  /** Null for a distance. */
  readonly p: number | null;
  readonly category: "NO_DRIFT" | "POSSIBLE_DRIFT" | "DRIFT";
}

/** What whylogs 1.6.4 answers; null where a side has no values. */
export function whylogsAnswer(
  { baseline, current }: PeerColumn,
  method: WhylogsMethod,
): WhylogsAnswer | null {
  if (method === "ChiSquare") return goodnessOfFit(categories(baseline), categories(current));
  const [first, second] = [sortedSample(finiteNumbers(baseline)), sortedSample(finiteNumbers(current))];
  if (first.length === 0 || second.length === 0) return null;
  if (method === "Hellinger") {
    const statistic = hellinger(first, second);
    return { statistic, p: null, category: grade(statistic, [0.4, 0.15]) };
  }
  const { statistic } = ksDistance(first, second);
  const p = ksTwoSampleLimit(statistic, first.length, second.length);
  return { statistic, p, category: gradeOfP(p ?? 1) };
}

/** Current counts against those of the baseline, scaled and rounded down as if they were known exactly. */
function goodnessOfFit(
  baseline: ReturnType<typeof categories>,
  current: ReturnType<typeof categories>,
): WhylogsAnswer | null {
  if (baseline.length === 0 || current.length === 0) return null;
  const all = differentCategories(baseline, current);
  const observed = countsOf(current, all);
  let statistic = 0;
  for (const [bin, count] of countsOf(baseline, all).entries()) {
    const expected = Math.floor((count * current.length) / baseline.length);
    const difference = (observed[bin] ?? 0) - expected;
    if (difference !== 0) statistic += difference ** 2 / expected;
  }
  const p = chiSquareAbove(statistic, all.length - 1);
  return { statistic, p, category: gradeOfP(p) };
}

/** Equal bins over both sides: one for four rows of the baseline, from 2 to 30. */
function hellinger(first: SortedSample, second: SortedSample): number {
  const low = Math.min(first[0] ?? 0, second[0] ?? 0);
  const high = Math.max(first[first.length - 1] ?? 0, second[second.length - 1] ?? 0);
  if (low === high) return 0;
  const bins = Math.min(30, Math.max(2, Math.ceil(first.length / 4)));
  const edges = Array.from({ length: bins + 1 }, (_, index) =>
    index === bins ? high : low + ((high - low) * index) / bins,
  );
  return hellingerOf(sharesOf({ baseline: countsIn(edges, first), current: countsIn(edges, second) }));
}

function grade(distance: number, [drift, possible]: readonly [number, number]): WhylogsAnswer["category"] {
  if (distance >= drift) return "DRIFT";
  return distance >= possible ? "POSSIBLE_DRIFT" : "NO_DRIFT";
}

function gradeOfP(p: number): WhylogsAnswer["category"] {
  if (p < 0.05) return "DRIFT";
  return p < 0.15 ? "POSSIBLE_DRIFT" : "NO_DRIFT";
}
