import { contingencyTest, occupiedColumns } from "../../statistics/contingency.ts";
import { andersonDarling, cramerVonMises, eppsSingleton } from "../../statistics/distribution-tests.ts";
import { ksDistance, ksExact, ksTwoSampleLimit } from "../../statistics/kolmogorov.ts";
import { leveneTest, tTest } from "../../statistics/location-scale.ts";
import { mannWhitney } from "../../statistics/mann-whitney.ts";
import { twoProportions } from "../../statistics/proportions.ts";
import { cramerOf, type SortedSample, sortedSample, wassersteinOf } from "../../statistics/samples.ts";
import { type AlibiMethod, alibiColumn } from "./alibi.ts";
import { type EvidentlyMethod, evidentlyAnswer } from "./evidently.ts";
import type { DriftMethod } from "./method-names.ts";
import { type NannymlMethod, nannymlDrift } from "./nannyml-univariate.ts";
import { categories, countsOf, differentCategories, finiteNumbers, type PeerColumn } from "./peer-column.ts";
import { type WhylogsMethod, whylogsAnswer } from "./whylogs.ts";

/** What a method says of a column. */
export interface MethodAnswer {
  /** The statistic, the distance, or the p-value where a library reports nothing else. */
  readonly value: number | null;
  readonly p: number | null;
  readonly threshold: number | null;
  /** The method's own verdict; null where it has none. */
  readonly drift: boolean | null;
  /** Why there is no value. */
  readonly reason?: string | undefined;
}

/** What a method says; varve's own tests call p-values below alpha drift. */
export function methodAnswer(method: DriftMethod, column: PeerColumn, alpha: number): MethodAnswer {
  const [library = "", name = ""] = method.split(".");
  const isEmpty = [column.baseline, column.current].some(
    (side) => (column.type === "numeric" ? finiteNumbers(side) : categories(side)).length === 0,
  );
  if (isEmpty) return undefinedAnswer("no_values");
  switch (library) {
    case "evidently":
      return ofEvidently(column, name as EvidentlyMethod);
    case "nannyml":
      return ofNannyml(column, name as NannymlMethod);
    case "alibi":
      return ofAlibi(column, name as AlibiMethod);
    case "whylogs":
      return ofWhylogs(column, name as WhylogsMethod);
    default:
      return ownAnswer(library as OwnMethod, column, alpha);
  }
}

function undefinedAnswer(reason: string): MethodAnswer {
  return { value: null, p: null, threshold: null, drift: null, reason };
}

/** JSON has no infinities, so they are null with a reason; the verdict stays. */
function finite(answer: MethodAnswer): MethodAnswer {
  if (answer.value === null || Number.isFinite(answer.value)) return answer;
  return { ...answer, value: null, reason: "not_finite" };
}

/** Distances of Evidently; all of its other tests of columns answer p-values. */
const evidentlyDistances: ReadonlySet<EvidentlyMethod> = new Set([
  "wasserstein",
  "jensenshannon",
  "psi",
  "kl_div",
  "hellinger",
  "ed",
  "perc_text_content_drift",
  "abs_text_content_drift",
]);

function ofEvidently(column: PeerColumn, method: EvidentlyMethod): MethodAnswer {
  const { score, threshold, drifted, reason } = evidentlyAnswer(column, method);
  if (score === null) return undefinedAnswer(reason ?? "undefined");
  return finite({
    value: score,
    p: evidentlyDistances.has(method) ? null : score,
    threshold,
    drift: drifted,
  });
}

/** What NannyML cuts each side into where nothing else is asked for. */
const chunks = 10;

/** The largest of the current side's chunks, and whether any of them alerts. */
function ofNannyml(column: PeerColumn, method: NannymlMethod): MethodAnswer {
  const report = nannymlDrift(column, method, { number: chunks });
  if (typeof report === "string") return undefinedAnswer(report);
  const known = report.current.value.filter((value) => value !== null);
  if (known.length === 0) return undefinedAnswer("no_values");
  return finite({
    value: known.reduce((largest, value) => Math.max(largest, value), -Infinity),
    p: null,
    threshold: Number.isFinite(report.thresholds.upper) ? report.thresholds.upper : null,
    drift: report.current.alert.some(Boolean),
  });
}

const peerLevel = 0.05;

function ofAlibi(column: PeerColumn, method: AlibiMethod): MethodAnswer {
  const { p, distance } = alibiColumn(column, method);
  if (p === null) return undefinedAnswer(method === "fet" ? "not_zero_or_one" : "one_value");
  return finite({ value: distance, p, threshold: peerLevel, drift: p < peerLevel });
}

function ofWhylogs(column: PeerColumn, method: WhylogsMethod): MethodAnswer {
  const answer = whylogsAnswer(column, method);
  if (typeof answer === "string") return undefinedAnswer(answer);
  const { statistic, p, category } = answer;
  const threshold = method === "Hellinger" ? 0.4 : peerLevel;
  return finite({ value: statistic, p, threshold, drift: category === "DRIFT" });
}

/** The methods that are named after no library. */
type OwnMethod = Exclude<DriftMethod, `${string}.${string}`>;

interface Statistic {
  readonly statistic: number;
  readonly p: number | null;
}

type OwnTest = (column: PeerColumn) => Statistic | string;

const ownTests: Readonly<Record<OwnMethod, OwnTest>> = {
  ks: ofNumbers(ksTest),
  wasserstein: ofNumbers((a, b) => ({ statistic: wassersteinOf(a, b), p: null })),
  energy: ofNumbers((a, b) => ({ statistic: Math.sqrt(2 * cramerOf(a, b)), p: null })),
  cramer_von_mises: ofNumbers((a, b) => cramerVonMises(a, b) ?? "few_values"),
  anderson_darling: ofNumbers((a, b) => andersonDarling(a, b) ?? "one_value"),
  mann_whitney: ofNumbers((a, b) => {
    const { uFirst, p } = mannWhitney(a, b);
    return p === null ? "one_value" : { statistic: uFirst, p };
  }),
  t_welch: ofNumbers((a, b) => tTest(a, b, { welch: true }) ?? "constant"),
  levene: ofNumbers((a, b) => leveneTest([a, b], { center: "median" }) ?? "constant"),
  epps_singleton: ofNumbers((a, b) => eppsSingleton(a, b) ?? "few_values"),
  chi2: (column) => {
    const { counts } = tableOf(column);
    return contingencyTest(occupiedColumns(counts)) ?? "one_value";
  },
  z: (column) => {
    const { values, counts } = tableOf(column);
    if (values.length > 2) return "more_than_two_values";
    const [first, second] = counts.map((side) => ({
      count: side[values.length - 1] ?? 0,
      of: side.reduce((sum, count) => sum + count, 0),
    }));
    const result = first === undefined || second === undefined ? null : twoProportions(first, second);
    return result === null ? "one_value" : { statistic: result.z, p: result.p };
  },
};

function ownAnswer(method: OwnMethod, column: PeerColumn, alpha: number): MethodAnswer {
  const result = ownTests[method](column);
  if (typeof result === "string") return undefinedAnswer(result);
  const { statistic, p } = result;
  const verdict = p === null ? { threshold: null, drift: null } : { threshold: alpha, drift: p < alpha };
  return finite({ value: statistic, p, ...verdict });
}

/** Over finite values in ascending order. */
function ofNumbers(test: (first: SortedSample, second: SortedSample) => Statistic | string): OwnTest {
  return ({ baseline, current }) =>
    test(sortedSample(finiteNumbers(baseline)), sortedSample(finiteNumbers(current)));
}

/** Beyond so many rows of a side the exact p-value would take too long; scipy changes there, too. */
const mostExact = 10_000;

function ksTest(first: SortedSample, second: SortedSample): Statistic {
  const distance = ksDistance(first, second);
  const [n, m] = [first.length, second.length];
  const p =
    Math.max(n, m) <= mostExact ? ksExact(distance, n, m) : ksTwoSampleLimit(distance.statistic, n, m);
  return { statistic: distance.statistic, p };
}

function tableOf({ baseline, current }: PeerColumn) {
  const [first, second] = [categories(baseline), categories(current)];
  const values = differentCategories(first, second);
  return { values, counts: [countsOf(first, values), countsOf(second, values)] };
}
