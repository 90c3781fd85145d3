import { andersonDarling, cramerVonMises, eppsSingleton } from "../../statistics/distribution-tests.ts";
import { normalQuantile, normalTwoSided } from "../../statistics/distributions.ts";
import { fisherExact } from "../../statistics/fisher.ts";
import { ksDistance, ksExact, ksTwoSampleLimit } from "../../statistics/kolmogorov.ts";
import { tTest } from "../../statistics/location-scale.ts";
import { mannWhitney } from "../../statistics/mann-whitney.ts";
import { twoProportions } from "../../statistics/proportions.ts";
import {
  cramerOf,
  momentsOf,
  type SortedSample,
  sortedSample,
  wassersteinOf,
} from "../../statistics/samples.ts";
import {
  type EvidentlySides,
  evidentlyGoodnessOfFit,
  evidentlyHellinger,
  evidentlyJensenShannon,
  evidentlyKl,
  evidentlyPsi,
  evidentlyVariation,
} from "./evidently-counts.ts";
import { evidentlyMmd } from "./evidently-mmd.ts";
import {
  countsOf,
  differentCategories,
  finiteCategories,
  finiteNumbers,
  type PeerAnswer,
  type PeerColumn,
} from "./peer-column.ts";
import { textAuc } from "./text-classifier.ts";

/** A test of Evidently: what it calls itself, its threshold, and which scores mean drift. */
interface EvidentlyTest {
  readonly name: string;
  readonly threshold: number;
  readonly drift: (score: number, threshold: number, sides: EvidentlySides) => boolean;
  readonly score: (sides: EvidentlySides) => number | null | string;
}

/** Names that `evidentlyAnswer` takes. */
export type EvidentlyMethod = keyof typeof tests;

const tests = {
  ks: test(
    "K-S p_value",
    0.05,
    atMost,
    numeric((a, b) => ksP(a, b)),
  ),
  wasserstein: test("Wasserstein distance (normed)", 0.1, atLeast, numeric(normedWasserstein)),
  jensenshannon: test("Jensen-Shannon distance", 0.1, atLeast, evidentlyJensenShannon),
  psi: test("PSI", 0.1, atLeast, evidentlyPsi),
  kl_div: test("Kullback-Leibler divergence", 0.1, atLeast, evidentlyKl),
  hellinger: test("Hellinger distance", 0.1, atLeast, evidentlyHellinger),
  ed: test(
    "Energy-distance",
    0.1,
    above,
    numeric((a, b) => Math.sqrt(2 * cramerOf(a, b))),
  ),
  anderson: test(
    "Anderson-Darling",
    0.1,
    below,
    numeric((a, b) => andersonDarling(a, b)?.p ?? "all values are equal"),
  ),
  cramer_von_mises: test(
    "Cramer-von Mises",
    0.1,
    atMost,
    numeric((a, b) => cramerVonMises(a, b, { shortSeries: true })?.p ?? "a side has fewer than two values"),
  ),
  // one-sided: only a current side with larger values is drift
  mannw: test(
    "Mann-Whitney U-rank test",
    0.05,
    below,
    numeric((a, b) => mannWhitney(a, b, { alternative: "greater" }).p ?? 1),
  ),
  t_test: test(
    "t_test",
    0.05,
    below,
    numeric((a, b) => tTest(a, b, { welch: false })?.p ?? "the values do not vary"),
  ),
  es: test(
    "Epps-Singleton",
    0.05,
    below,
    numeric((a, b) => eppsSingleton(a, b)?.p ?? "fewer than five values, or a middle half of equal values"),
  ),
  empirical_mmd: test("empirical_mmd", 0.1, below, ({ baseline, current }) =>
    evidentlyMmd(baseline.map(Number), current.map(Number)),
  ),
  chisquare: test("chi-square p_value", 0.05, below, evidentlyGoodnessOfFit("pearson")),
  g_test: test("g_test", 0.1, below, evidentlyGoodnessOfFit("likelihood")),
  z: test("Z-test p_value", 0.05, below, zTest),
  fisher_exact: test("Fisher's Exact test", 0.1, below, fisher),
  TVD: test("Total-Variation-Distance", 0.1, below, evidentlyVariation),
  perc_text_content_drift: test("Percentile text content drift", 0.95, aboveChance, text),
  abs_text_content_drift: test("Absolute text content drift", 0.55, above, text),
} as const;

export const evidentlyMethods = Object.keys(tests) as readonly EvidentlyMethod[];

/** What Evidently 0.7.23 answers for a column by one of its tests; missing and infinite values are left out. */
export function evidentlyAnswer(
  column: PeerColumn,
  method: EvidentlyMethod,
  options: { readonly threshold?: number | undefined } = {},
): PeerAnswer {
  const { name, drift, score, ...defaults }: EvidentlyTest = tests[method];
  const threshold = options.threshold ?? defaults.threshold;
  const sides = sidesOf(column);
  const empty = sides.baseline.length === 0 || sides.current.length === 0;
  const value = empty ? "a side has no values" : score(sides);
  if (value === null || typeof value === "string")
    return { test: name, score: null, threshold, drifted: false, reason: value ?? "undefined" };
  return { test: name, score: value, threshold, drifted: drift(value, threshold, sides) };
}

/** The test that Evidently chooses: by the rows of the baseline that are left, and by distinct values of both sides. */
export function evidentlyChoice(column: PeerColumn): EvidentlyMethod {
  const { type, baseline, current } = sidesOf(column);
  const small = baseline.length <= 1_000;
  if (type === "text") return small ? "perc_text_content_drift" : "abs_text_content_drift";
  const different = differentCategories(baseline, current).length;
  if (type === "numeric" && different > 5) return small ? "ks" : "wasserstein";
  if (!small) return "jensenshannon";
  return different > 2 ? "chisquare" : "z";
}

function test(
  name: string,
  threshold: number,
  drift: EvidentlyTest["drift"],
  score: EvidentlyTest["score"],
): EvidentlyTest {
  return { name, threshold, drift, score };
}

function below(score: number, threshold: number): boolean {
  return score < threshold;
}

function atMost(score: number, threshold: number): boolean {
  return score <= threshold;
}

function atLeast(score: number, threshold: number): boolean {
  return score >= threshold;
}

function above(score: number, threshold: number): boolean {
  return score > threshold;
}

/** Better than that share of classifiers that guess, on half of the rows. */
function aboveChance(score: number, share: number, { baseline, current }: EvidentlySides): boolean {
  const [n, m] = [baseline.length / 2, current.length / 2];
  return score > 0.5 + normalQuantile(share) * Math.sqrt((n + m + 1) / (12 * n * m));
}

function sidesOf({ type, baseline, current }: PeerColumn): EvidentlySides {
  const clean = type === "numeric" ? finiteNumbers : finiteCategories;
  return { type, baseline: clean(baseline), current: clean(current) };
}

function numbersOf(values: EvidentlySides["baseline"]): SortedSample {
  return sortedSample(values.map(Number));
}

function numeric(score: (a: SortedSample, b: SortedSample) => number | string): EvidentlyTest["score"] {
  return ({ baseline, current }) => score(numbersOf(baseline), numbersOf(current));
}

/** scipy's choice: exact up to 10,000 rows a side, else the limit of one sample of as many rows as weigh the same. */
function ksP(first: SortedSample, second: SortedSample): number {
  const distance = ksDistance(first, second);
  const [n, m] = [first.length, second.length];
  if (Math.max(n, m) <= 10_000) return ksExact(distance, n, m);
  return ksTwoSampleLimit(distance.statistic, n, m) ?? 1;
}

function normedWasserstein(first: SortedSample, second: SortedSample): number {
  return wassersteinOf(first, second) / Math.max(momentsOf(first).populationSd ?? 0, 0.001);
}

/** The first category in order against all others; p is 1 where both sides are the same constant. */
function zTest({ baseline, current }: EvidentlySides): number {
  const all = differentCategories(baseline, current);
  if (all.length === 1) return 1;
  const [first = 0, second = 0] = [baseline, current].map((side) => countsOf(side, all)[0] ?? 0);
  const result = twoProportions({ count: first, of: baseline.length }, { count: second, of: current.length });
  return result === null ? 1 : normalTwoSided(result.z);
}

function fisher({ baseline, current }: EvidentlySides): number | string {
  const all = differentCategories(baseline, current);
  if (all.length > 2) return "more than two categories";
  if (baseline.length !== current.length) return "the sides have different numbers of rows";
  const [[a = 0, b = 0], [c = 0, d = 0]] = [countsOf(baseline, all), countsOf(current, all)];
  return fisherExact([
    [a, b],
    [c, d],
  ]).twoSided;
}

/** How well a classifier tells the texts of both sides apart. */
function text({ baseline, current }: EvidentlySides): number | string {
  const answer = textAuc(baseline.map(String), current.map(String));
  return typeof answer === "string" ? answer : answer.auc;
}
