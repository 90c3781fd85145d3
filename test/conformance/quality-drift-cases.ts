import { expect } from "vitest";
import { sharesOf } from "../../src/drift/figures/bin-counts.ts";
import { distancesOf } from "../../src/drift/figures/distances.ts";
import { psiOf } from "../../src/drift/figures/filled-shares.ts";
import { alibiColumn, alibiDecision } from "../../src/drift/peers/alibi.ts";
import { type EvidentlyMethod, evidentlyAnswer, evidentlyChoice } from "../../src/drift/peers/evidently.ts";
import { evidentlyPreset } from "../../src/drift/peers/evidently-preset.ts";
import { type NannymlMethod, nannymlDrift } from "../../src/drift/peers/nannyml-univariate.ts";
import {
  categories,
  countsOf,
  differentCategories,
  type PeerColumn,
  type PeerType,
  type PeerValue,
} from "../../src/drift/peers/peer-column.ts";
import { binCount } from "../../src/statistics/bin-edges.ts";
import { andersonDarling, cramerVonMises, eppsSingleton } from "../../src/statistics/distribution-tests.ts";
import { fisherExact } from "../../src/statistics/fisher.ts";
import { ksDistance, ksExact, ksTwoSampleLimit } from "../../src/statistics/kolmogorov.ts";
import { leveneTest, tTest } from "../../src/statistics/location-scale.ts";
import { mannWhitney } from "../../src/statistics/mann-whitney.ts";
import { gaussianKernel, medianVariance, mmdTest, squaredDistances } from "../../src/statistics/mmd.ts";
import { twoProportions } from "../../src/statistics/proportions.ts";
import { sortedSample, wassersteinOf } from "../../src/statistics/samples.ts";
import { isJsonObject, type JsonValue } from "../../src/util/json.ts";
import { expectClose } from "./drift-close.ts";
import { ownCategoryFigures } from "./drift-kinds/own-figures.ts";
import type { QualityCase } from "./quality-cases.ts";

/** Cases of drift that have no answer here, with why. */
export const otherDrift: Readonly<Record<string, string>> = {
  chisquare_regrouped:
    "Deequ's goodness of fit with its own regrouping; varve pools for a test of two samples",
  l_infinity_robust: "Deequ's distance less a bound of its own; varve has the noise floor of the effect",
  ks_statistic_robust: "Deequ's distance less a bound of its own; varve has the noise floor of the effect",
  ece_bin_edges: "a step inside NannyML's calibration error, whose answers other cases compare",
  "ev.z.nan_counts_as_other":
    "the test is called below the step that leaves missing values out, which reports never skip",
  "ev.fisher.err.null_both": "missing values are left out first, so Fisher's test is defined",
  "ev.fisher.err.null_ref": "missing values are left out first, so Fisher's test is defined",
};

/** Compares a case of kind `drift`, `drift_dataset` or `numeric` with varve's answer. */
export function compareDrift(item: QualityCase): void {
  const answer = answers[item.method];
  if (answer === undefined) throw new Error(`no answer to the method ${item.method}`);
  const { error, ...expected } = item.expected;
  const actual = answer(columnOf(item), item);
  if (error !== undefined) expect(actual, String(error)).toMatchObject({ score: null });
  else expectClose(actual, expected, item.tolerance);
}

type Answer = (column: PeerColumn, item: QualityCase) => unknown;

const answers: Readonly<Record<string, Answer>> = {
  auto: automatic,
  "auto:z_test_proportions": automatic,
  "auto:chisquare_gof_scaled": automatic,
  chisquare_gof_scaled: evidently("chisquare"),
  chisquare_gof_scaled_newcat: (column) => ({
    statistic: Number.POSITIVE_INFINITY,
    p_value: evidentlyAnswer(column, "chisquare").score,
  }),
  hellinger: evidently("hellinger"),
  hellinger_cat: evidently("hellinger"),
  hellinger_num: evidently("hellinger"),
  z_test_proportions: (column, item) =>
    item.params["threshold"] === undefined
      ? { p_value: proportionsOf(column) }
      : evidently("z")(column, item),
  g_test: evidently("g_test"),
  fisher_exact: fisherAnswer,
  fisher_contingency: ({ baseline, current }) => ({
    table: [current, baseline].map((side) => countsOf(categories(side), [1, 0])),
  }),
  mann_whitney_u: evidently("mannw"),
  energy_distance: evidently("ed"),
  t_test_equal_var: evidently("t_test"),
  psi_sturges: evidently("psi"),
  psi_cat: evidently("psi"),
  kl_sturges: evidently("kl_div"),
  kl_cat: evidently("kl_div"),
  jensenshannon_sturges: evidently("jensenshannon"),
  jensenshannon_cat: evidently("jensenshannon"),
  total_variation_distance: variation,
  tvd_cat: variation,
  union_of_nonnull_categories: ({ baseline, current }) => ({
    set: differentCategories(categories(baseline), categories(current)),
  }),
  anderson_ksamp: ofSamples((first, second) => {
    const test = andersonDarling(first, second);
    return { statistic: test?.statistic, p_value: test?.p };
  }),
  epps_singleton: ofSamples((first, second, item) => {
    const test = eppsSingleton(first, second);
    const level = Number(item.params["threshold"] ?? 0.05);
    return { statistic: test?.statistic, p_value: test?.p, drifted: (test?.p ?? 1) < level };
  }),
  cramer_von_mises_2samp: ofSamples((first, second) => {
    const test = cramerVonMises(first, second);
    return { statistic: test?.statistic, p_value: test?.p };
  }),
  ks_2samp: ofSamples((first, second) => {
    const distance = ksDistance(first, second);
    const [n, m] = [first.length, second.length];
    const exact = ksExact(distance, n, m);
    const limit = ksTwoSampleLimit(distance.statistic, n, m);
    return {
      statistic: distance.statistic,
      p_value_auto: exact,
      p_value_exact: exact,
      p_value_asymp: limit,
    };
  }),
  ks_statistic: ofSamples((first, second) => ({ distance: ksDistance(first, second).statistic })),
  wasserstein_normed: (column, item) =>
    ofSamples((first, second) => ({
      raw: wassersteinOf(first, second),
      distance: evidentlyAnswer(column, "wasserstein").score,
    }))(column, item),
  t_test: ofSamples((first, second) => {
    const [student, welch] = [tTest(first, second, { welch: false }), tTest(first, second, { welch: true })];
    // the file has the baseline's mean less the current one
    return {
      statistic: -(student?.statistic ?? Number.NaN),
      p_value: student?.p,
      welch_p_value: welch?.p,
    };
  }),
  mann_whitney: ofSamples((first, second) => {
    const { uFirst, p } = mannWhitney(first, second);
    return { U: uFirst, p_two_sided: p, p_less: mannWhitney(first, second, { alternative: "greater" }).p };
  }),
  levene: ofSamples((first, second) => {
    const test = leveneTest([first, second], { center: "median" });
    const aroundMean = leveneTest([first, second], { center: "mean" });
    return { statistic: test?.statistic, p_value: test?.p, p_mean_center: aroundMean?.p };
  }),
  mmd2_unbiased_rbf: discrepancy,
  sigma_median: (_, { params }) => {
    const values = Float64Array.from((params["dist_matrix"] as number[][]).flat());
    return { sigma: Math.sqrt(medianVariance({ size: Math.sqrt(values.length), values })) };
  },
  chi2_contingency: contingency,
  cramers_v_like_phi: (column) => ({ phi: ownCategoryFigures(column)["cramers_v"] }),
  l_infinity: (column, item) => ({ distance: largestDifference(column, item) }),
  nannyml_jensenshannon_doane_base2: nannyml("jensen_shannon"),
  nannyml_hellinger_doane: nannyml("hellinger"),
  psi_from_counts: (_, { reference, current }) => {
    const counts = { baseline: bucketsOf(reference), current: bucketsOf(current) };
    return { psi: psiOf(sharesOf(counts)) };
  },
  benjamini_hochberg_fdr: (_, { params }) => {
    const { constant, n } = params["p_values"] as { readonly constant: number; readonly n: number };
    const columns = Array.from({ length: n }, () => ({ p: constant, distance: null }));
    return { drift: alibiDecision(columns, { level: Number(params["q"]), correction: "fdr" }).drifted };
  },
  share_of_drifted_columns: preset,
};

/** An answer of Evidently under the names that cases have for its score. */
function evidently(method: EvidentlyMethod): Answer {
  return (column, { params }) => {
    const threshold = params["threshold"];
    const answer = evidentlyAnswer(column, method, {
      threshold: threshold === undefined ? undefined : Number(threshold),
    });
    const { score, drifted } = answer;
    return { score, drifted, p_value: score, distance: score, psi: score, kl: score, drift_score: score };
  };
}

function automatic(column: PeerColumn, item: QualityCase): unknown {
  return evidently(evidentlyChoice(column))(column, item);
}

function proportionsOf({ baseline, current }: PeerColumn): number | null {
  const share = (values: readonly PeerValue[]) => ({
    count: values.filter((value) => value === 1).length,
    of: values.length,
  });
  return twoProportions(share(baseline), share(current))?.p ?? null;
}

function fisherAnswer(column: PeerColumn, item: QualityCase): unknown {
  if (item.expected["odds_ratio"] === undefined) return evidently("fisher_exact")(column, item);
  const table = [column.current, column.baseline].map((side) => countsOf(categories(side), [1, 0]));
  const [[a = 0, b = 0] = [], [c = 0, d = 0] = []] = table;
  const { twoSided } = fisherExact([
    [a, b],
    [c, d],
  ]);
  return { odds_ratio: (a * d) / (b * c), p_value: twoSided };
}

function variation({ baseline, current }: PeerColumn): unknown {
  const [first, second] = [categories(baseline), categories(current)];
  const values = differentCategories(first, second);
  const figures = distancesOf({ baseline: countsOf(first, values), current: countsOf(second, values) });
  return { statistic: figures?.moved };
}

function ofSamples(
  answer: (first: Float64Array, second: Float64Array, item: QualityCase) => unknown,
): Answer {
  return ({ baseline, current }, item) => answer(sortedSample(baseline), sortedSample(current), item);
}

function discrepancy({ baseline, current }: PeerColumn): unknown {
  const points = (values: readonly PeerValue[]) => values.map((value) => [Number(value)]);
  const [first, second] = [points(baseline), points(current)];
  const variance = medianVariance(squaredDistances(first));
  const kernel = gaussianKernel(squaredDistances([...first, ...second]), variance);
  const { mmd2 } = mmdTest(kernel, first.length, { permutations: 0, permutation: () => [] });
  return { sigma: Math.sqrt(variance), mmd2 };
}

function contingency(column: PeerColumn, { params }: QualityCase): unknown {
  const { chi2, chi2_df: df, chi2_p_value: p } = ownCategoryFigures(column);
  const columns = Array.from({ length: Number(params["n_features"] ?? 1) }, () =>
    alibiColumn(column, "chi2"),
  );
  const level = Number(params["p_val"] ?? 0.05);
  const { drifted } = alibiDecision(columns, { level, correction: "bonferroni" });
  return { statistic: chi2, df, p_value: p, is_drift: drifted };
}

function largestDifference(column: PeerColumn, { id }: QualityCase): unknown {
  return id.startsWith("nm.")
    ? nannymlDistance(column, "l_infinity")
    : ownCategoryFigures(column)["l_infinity"];
}

function nannyml(method: NannymlMethod): Answer {
  return (column) => {
    const whole = sortedSample(column.baseline);
    return { distance: nannymlDistance(column, method), n_bins: binCount(whole, "doane") };
  };
}

/** The current side as one chunk. */
function nannymlDistance(column: PeerColumn, method: NannymlMethod): number | null | undefined {
  const report = nannymlDrift(column, method, { number: 1 });
  if (typeof report === "string") throw new Error(report);
  return report.current.value[0];
}

function preset(_: PeerColumn, { reference, current, params }: QualityCase): unknown {
  if (!isJsonObject(reference) || !isJsonObject(current)) throw new Error("the case has no tables");
  const columns = Object.entries(reference).map(([name, values]) => {
    const baseline = valuesOf(values);
    const type: PeerType = baseline.some((value) => typeof value === "string") ? "categorical" : "numeric";
    return [name, { type, baseline, current: valuesOf(current[name] ?? []) }] as const;
  });
  const answer = evidentlyPreset(Object.fromEntries(columns), {
    threshold: Number(params["stattest_threshold"]),
    driftShare: Number(params["drift_share"]),
  });
  return {
    number_of_drifted_columns: answer.driftedColumns,
    share: answer.driftedShare,
    dataset_drift: answer.drifted,
  };
}

/** Values are numbers unless the case says categories, or a side has texts. */
function columnOf({ reference, current, params }: QualityCase): PeerColumn {
  const [before, after] = [valuesOf(reference), valuesOf(current)];
  const isText = [...before, ...after].some((value) => typeof value === "string");
  const type = params["type"] === "cat" || isText ? "categorical" : "numeric";
  return { type, baseline: before, current: after };
}

function valuesOf(values: JsonValue): PeerValue[] {
  if (isJsonObject(values)) {
    const counts = isJsonObject(values["counts"]) ? values["counts"] : {};
    return Object.entries(counts).flatMap(([value, count]) =>
      Array.from({ length: Number(count) }, () => value),
    );
  }
  if (!Array.isArray(values)) return [];
  return values.map((value) =>
    /^-?Infinity$|^NaN$/.test(String(value)) ? Number(value) : (value as PeerValue),
  );
}

function bucketsOf(side: JsonValue): number[] {
  return isJsonObject(side) ? ((side["bucket_counts"] ?? []) as number[]) : [];
}
