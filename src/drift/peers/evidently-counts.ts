import { binCount, countsIn, equalEdges } from "../../statistics/bin-edges.ts";
import { chiSquareAbove } from "../../statistics/distributions.ts";
import { legacyGenerator } from "../../statistics/mersenne-twister.ts";
import { sortedSample } from "../../statistics/samples.ts";
import { sumOf } from "../../util/sum.ts";
import { type BinCounts, type BinShares, rowsOf, sharesOf } from "../figures/bin-counts.ts";
import { distancesOf, hellingerOf } from "../figures/distances.ts";
import { filledShares, klOf, psiOf } from "../figures/filled-shares.ts";
import { type Category, countsOf, differentCategories, type PeerType } from "./peer-column.ts";

/** A column without the values that Evidently leaves out. */
export interface EvidentlySides {
  readonly type: PeerType;
  readonly baseline: readonly Category[];
  readonly current: readonly Category[];
}

/** A baseline with more different numbers is cut into bins. */
const mostValues = 20;

/** In natural logarithms, so that the largest distance is √ln 2. */
export function evidentlyJensenShannon(sides: EvidentlySides): number {
  return (distancesOf(binsOf(sides))?.js ?? Number.NaN) * Math.sqrt(Math.LN2);
}

export function evidentlyPsi(sides: EvidentlySides): number {
  return psiOf(filledShares(allShares(binsOf(sides)), fillOf));
}

/** Of the baseline from the current side; shares are scaled to 1 again after zeros were filled. */
export function evidentlyKl(sides: EvidentlySides): number {
  const filled = filledShares(allShares(binsOf(sides)), fillOf);
  const [p, q] = [sumOf(filled, (share) => share.baseline), sumOf(filled, (share) => share.current)];
  return klOf(
    filled.map(({ bin, baseline, current }) => ({ bin, baseline: baseline / p, current: current / q })),
    "baseline",
  );
}

/** Numbers always have bins here, whose number follows from the different values. */
export function evidentlyHellinger({ type, baseline, current }: EvidentlySides): number {
  const different = differentCategories(baseline, current);
  if (type !== "numeric") return hellingerOf(sharesOf(counted(different, baseline, current)));
  const edges = sturgesEdges(different.map(Number));
  const [low = 0, high = 0] = [edges[0], edges.at(-1)];
  const width = (high - low) / (edges.length - 1);
  const shares = allShares(countedIn(edges, baseline, current));
  // densities are over each bin's own width, which is not quite the mean one between close numbers
  const common = sumOf(shares, ({ bin, baseline: p, current: q }) => {
    const own = (edges[bin + 1] ?? 0) - (edges[bin] ?? 0);
    return (width / own) * Math.sqrt(p * q);
  });
  return Math.sqrt(1 - Math.min(1, common));
}

/**
 * Goodness of fit of the current side, as if the baseline were known exactly: a category that the baseline lacks
 * gives a p-value of 0. Likelihood-ratio counts are not scaled to the baseline's.
 */
export function evidentlyGoodnessOfFit(
  statistic: "pearson" | "likelihood",
): (sides: EvidentlySides) => number | string {
  return ({ baseline, current }) => {
    const different = differentCategories(baseline, current);
    if (different.length < 2) return "one category";
    const counts = counted(different, baseline, current);
    const scale = current.length / baseline.length;
    if (statistic === "likelihood" && scale !== 1) return "the sides have different numbers of rows";
    let sum = 0;
    for (const [bin, count] of counts.baseline.entries()) {
      const [expected, observed] = [count * scale, counts.current[bin] ?? 0];
      if (statistic === "pearson") sum += (observed - expected) ** 2 / expected;
      else sum += observed === 0 ? 0 : 2 * observed * Math.log(observed / expected);
    }
    return chiSquareAbove(sum, different.length - 1);
  };
}

const permutations = 1_000;

/**
 * The share of permutations whose total variation is at least as large: a p-value, in spite of the test's name. Equal
 * ones may fall on either side by rounding, as they do there.
 */
export function evidentlyVariation({ baseline, current }: EvidentlySides): number {
  const different = differentCategories(baseline, current);
  const index = new Map(different.map((category, position) => [category, position]));
  const rows = [...baseline, ...current].map((category) => index.get(category) ?? 0);
  const observed = variationOf(rows, different.length, baseline.length);
  const generator = legacyGenerator(0);
  let atLeast = 0;
  for (let run = 0; run < permutations; run++) {
    const order = generator.permutation(rows.length).map((position) => rows[position] ?? 0);
    if (variationOf(order, different.length, baseline.length) >= observed) atLeast += 1;
  }
  return atLeast / permutations;
}

/** Total variation of the first rows and the others, each row being the number of its category. */
function variationOf(rows: readonly number[], different: number, first: number): number {
  const [before, after] = [new Array<number>(different).fill(0), new Array<number>(different).fill(0)];
  for (const [position, bin] of rows.entries()) {
    const side = position < first ? before : after;
    side[bin] = (side[bin] ?? 0) + 1;
  }
  const gaps = before.map((count, bin) =>
    Math.abs(count / first - (after[bin] ?? 0) / (rows.length - first)),
  );
  return sumOf(gaps, (gap) => gap) / 2;
}

/** Zeros become 0.0001, or a millionth of the smallest share where that is no larger. */
function fillOf(shares: readonly number[]): number {
  const smallest = shares.reduce((least, share) => (share !== 0 && share < least ? share : least), 1);
  return smallest <= 0.0001 ? smallest / 10 ** 6 : 0.0001;
}

/** Bins in which neither side has a row are filled too. */
function allShares({ baseline, current }: BinCounts): BinShares[] {
  const rows = rowsOf({ baseline, current });
  return baseline.map((count, bin) => ({
    bin,
    baseline: count / rows.baseline,
    current: (current[bin] ?? 0) / rows.current,
  }));
}

function binsOf({ type, baseline, current }: EvidentlySides): BinCounts {
  if (type === "numeric" && new Set(baseline).size > mostValues)
    return countedIn(sturgesEdges([...baseline, ...current].map(Number)), baseline, current);
  return counted(differentCategories(baseline, current), baseline, current);
}

/** Edges of equally wide bins, by Sturges' rule over the given values. */
function sturgesEdges(values: readonly number[]): number[] {
  const sample = sortedSample(values);
  return equalEdges(sample, binCount(sample, "sturges"));
}

function countedIn(
  edges: readonly number[],
  baseline: readonly Category[],
  current: readonly Category[],
): BinCounts {
  const count = (side: readonly Category[]) => countsIn(edges, Float64Array.from(side, Number));
  return { baseline: count(baseline), current: count(current) };
}

function counted(
  different: readonly Category[],
  baseline: readonly Category[],
  current: readonly Category[],
): BinCounts {
  return { baseline: countsOf(baseline, different), current: countsOf(current, different) };
}
