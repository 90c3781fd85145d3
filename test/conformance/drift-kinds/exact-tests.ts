import { expect } from "vitest";
import { finiteNumbers } from "../../../src/drift/peers/peer-column.ts";
import { contingencyTest } from "../../../src/statistics/contingency.ts";
import {
  andersonDarling,
  cramerVonMises,
  eppsSingleton,
} from "../../../src/statistics/distribution-tests.ts";
import { fisherExact, type TwoByTwo } from "../../../src/statistics/fisher.ts";
import {
  type KsAlternative,
  ksDistance,
  ksExact,
  ksOneSidedLimit,
  ksTwoSampleLimit,
} from "../../../src/statistics/kolmogorov.ts";
import { leveneTest, tTest } from "../../../src/statistics/location-scale.ts";
import { mannWhitney, type ShiftAlternative } from "../../../src/statistics/mann-whitney.ts";
import { mcnemarTest } from "../../../src/statistics/paired/paired-proportions.ts";
import { smallestEffect, tTestPower, zTestPower } from "../../../src/statistics/power.ts";
import {
  agrestiCoullInterval,
  type Bounds,
  exactInterval,
  newcombeInterval,
  normalInterval,
  scoreInterval,
  twoProportions,
} from "../../../src/statistics/proportions.ts";
import { cramerOf, type SortedSample, sortedSample, wassersteinOf } from "../../../src/statistics/samples.ts";
import { isJsonObject, type JsonValue } from "../../../src/util/json.ts";
import type { CompareCase, DriftCase, SeriesByName } from "../drift-cases.ts";
import { expectClose } from "../drift-close.ts";

/** Kind `exact_test`: p-values and intervals of scipy and statsmodels. */
export const exactTestKinds: Readonly<Record<string, CompareCase>> = {
  exact_test: (item, series) => {
    const answer = answers[item.method];
    if (answer === undefined) throw new Error(`no test for ${item.method}`);
    // statsmodels ends the search for an effect 1e-5 around it
    const tolerance =
      item.method === "power"
        ? { default: item.tolerance, smallest_effect_80: Math.max(1e-5, Number(item.tolerance)) }
        : item.tolerance;
    expectAnswer(answer(item, series), item.expected, tolerance);
  },
};

/** Where the peer raised, varve has no answer. */
function expectAnswer(actual: unknown, expected: JsonValue, tolerance: JsonValue): void {
  if (isJsonObject(expected) && expected["error"] !== undefined) {
    expect(actual, String(expected["message"])).toBeNull();
    return;
  }
  const isUndefined = isJsonObject(expected) && expected["p_value"] === "NaN";
  if (isUndefined && actual === null) return;
  expectClose(actual, expected, tolerance);
}

/** Both samples; values that are missing or infinite are left out, as of a column. */
function samplesOf({ inputs }: DriftCase, series: SeriesByName): readonly [SortedSample, SortedSample] {
  return [
    sortedSample(finiteNumbers(series(inputs["reference"]))),
    sortedSample(finiteNumbers(series(inputs["current"]))),
  ];
}

/** scipy asks about its first sample, varve about the second. */
function alternativeOf({ params }: DriftCase): ShiftAlternative {
  const { alternative } = params;
  return alternative === "less" ? "greater" : alternative === "greater" ? "less" : "two-sided";
}

const answers: Readonly<Record<string, (item: DriftCase, series: SeriesByName) => unknown>> = {
  ks_2samp: answerKs,
  mannwhitneyu: (item, series) => {
    const { params } = item;
    const { uFirst, p } = mannWhitney(...samplesOf(item, series), {
      exact: params["method"] === "auto" ? undefined : params["method"] === "exact",
      alternative: alternativeOf(item),
      continuity: params["continuity"] !== false,
    });
    // of equal values only, scipy's limit is −0.5 / 0 deviations away
    const ofEqual = params["continuity"] === false ? null : 1;
    return { u_reference: uFirst, p_value: p ?? ofEqual };
  },
  ttest_ind: (item, series) => {
    const welch = item.params["equal_var"] === false;
    const test = tTest(...samplesOf(item, series), { welch, alternative: alternativeOf(item) });
    // scipy takes the second mean from the first
    return test === null ? null : { statistic: -test.statistic, df: test.df, p_value: test.p };
  },
  levene: (item, series) => {
    const center = item.params["center"] === "mean" ? "mean" : "median";
    return withP(leveneTest(samplesOf(item, series), { center }));
  },
  cramervonmises_2samp: (item, series) => {
    const { method = "auto" } = item.params;
    const exact = method === "auto" ? undefined : method === "exact";
    return withP(cramerVonMises(...samplesOf(item, series), { exact, shortSeries: true }));
  },
  anderson_ksamp: (item, series) => withP(andersonDarling(...samplesOf(item, series))),
  epps_singleton_2samp: (item, series) => withP(eppsSingleton(...samplesOf(item, series))),
  energy_distance: (item, series) => {
    const distance = Math.sqrt(2 * cramerOf(...samplesOf(item, series)));
    return { distance, statistic: distance };
  },
  wasserstein_distance: (item, series) => {
    const distance = wassersteinOf(...samplesOf(item, series));
    return { distance, statistic: distance };
  },
  mcnemar: ({ inputs }) => {
    const [[, first], [second]] = twoByTwo(inputs["table"]);
    const { statistic, p } = mcnemarTest({ first, second });
    return { statistic, p_value: p };
  },
  chi2_contingency: answerContingency,
  fisher_exact: ({ inputs }) => {
    const table = twoByTwo(inputs["table"]);
    const { twoSided, less, greater } = fisherExact(table);
    const odds = (table[0][0] * table[1][1]) / (table[0][1] * table[1][0]);
    return { odds_ratio: odds, p_two_sided: twoSided, p_less: less, p_greater: greater };
  },
  two_proportions: ({ inputs }) => {
    const [[a, b], [c, d]] = twoByTwo(inputs["table"]);
    const [current, baseline] = [
      { count: a, of: a + b },
      { count: c, of: c + d },
    ];
    const test = twoProportions(baseline, current);
    if (baseline.of === 0 || current.of === 0) return null;
    const difference = a / (a + b) - c / (c + d);
    const newcombe = pair(newcombeInterval(baseline, current));
    return { z: test?.z ?? null, p_value: test?.p ?? null, difference, newcombe_95: newcombe };
  },
  proportion_interval: ({ inputs, params }) => {
    const share = { count: Number(inputs["count"]), of: Number(inputs["n"]) };
    const confidence = Number(params["confidence"]);
    return {
      wilson: pair(scoreInterval(share, confidence)),
      beta: pair(exactInterval(share, confidence)),
      agresti_coull: pair(agrestiCoullInterval(share, confidence)),
      normal: pair(normalInterval(share, confidence)),
    };
  },
  power: ({ inputs, params }) => {
    const sizes = { first: Number(inputs["n"]), second: Number(inputs["n"]) * Number(inputs["ratio"]) };
    const [effect, alpha] = [Number(inputs["effect"]), Number(params["alpha"])];
    return {
      t_test: tTestPower(effect, sizes, alpha),
      z: zTestPower(effect, sizes, alpha),
      smallest_effect_80: smallestEffect(sizes, alpha, 0.8),
    };
  },
};

function withP(test: { readonly statistic: number; readonly p: number } | null): unknown {
  return test === null ? null : { statistic: test.statistic, p_value: test.p };
}

function answerKs(item: DriftCase, series: SeriesByName): unknown {
  const { params } = item;
  const alternative = (params["alternative"] ?? "two-sided") as KsAlternative;
  const [first, second] = samplesOf(item, series);
  const distance = ksDistance(first, second, alternative);
  const [n, m] = [first.length, second.length];
  const limit = () =>
    alternative === "two-sided"
      ? ksTwoSampleLimit(distance.statistic, n, m)
      : ksOneSidedLimit(distance.statistic, n, m);
  const p = params["method"] === "asymp" ? limit() : ksExact(distance, n, m, alternative);
  return { statistic: distance.statistic, p_value: p };
}

function answerContingency({ inputs, params }: DriftCase): unknown {
  const table = inputs["table"] as number[][];
  const test = contingencyTest(table, { yates: params["yates"] === true });
  if (test === null) return null;
  return {
    statistic: test.statistic,
    df: test.df,
    p_value: test.p,
    expected: test.expected,
    g_statistic: test.gStatistic,
    g_p_value: test.gP,
    cramers_v: test.v,
  };
}

function twoByTwo(table: unknown): TwoByTwo {
  const [[a = 0, b = 0] = [], [c = 0, d = 0] = []] = table as number[][];
  return [
    [a, b],
    [c, d],
  ];
}

function pair({ low, high }: Bounds): readonly number[] {
  return [low, high];
}
