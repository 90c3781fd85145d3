import { contingencyTest } from "../../../src/statistics/contingency.ts";
import { fisherExact, type TwoByTwo } from "../../../src/statistics/fisher.ts";
import {
  type KsAlternative,
  ksDistance,
  ksExact,
  ksOneSample,
  ksOneSidedLimit,
} from "../../../src/statistics/kolmogorov.ts";
import { leveneTest } from "../../../src/statistics/location-scale.ts";
import { mannWhitney } from "../../../src/statistics/mann-whitney.ts";
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
import { sortedSample } from "../../../src/statistics/samples.ts";
import type { CompareCase, DriftCase, SeriesByName } from "../drift-cases.ts";
import { expectClose } from "../drift-close.ts";

/** Kind `exact_test`: p-values and intervals of scipy and statsmodels. */
export const exactTestKinds: Readonly<Record<string, CompareCase>> = {
  exact_test: (item, series) => {
    const answer = answers[item.method];
    if (answer === undefined) throw new Error(`no test for ${item.method}`);
    expectClose(answer(item, series), item.expected, item.tolerance);
  },
};

const answers: Readonly<Record<string, (item: DriftCase, series: SeriesByName) => unknown>> = {
  ks_2samp: answerKs,
  mannwhitneyu: ({ inputs, params }, series) => {
    const { uFirst, p } = mannWhitney(
      sortedSample(series(inputs["reference"])),
      sortedSample(series(inputs["current"])),
      { exact: params["method"] === "exact" },
    );
    return { u_reference: uFirst, p_value: p };
  },
  levene: ({ inputs, params }, series) => {
    const samples = [inputs["reference"], inputs["current"]].map((name) => sortedSample(series(name)));
    const test = leveneTest(samples, { center: params["center"] === "mean" ? "mean" : "median" });
    return { statistic: test?.statistic ?? null, p_value: test?.p ?? null };
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

function answerKs({ inputs, params }: DriftCase, series: SeriesByName): unknown {
  const alternative = params["alternative"] as KsAlternative;
  const [first, second] = [
    sortedSample(series(inputs["reference"])),
    sortedSample(series(inputs["current"])),
  ];
  const distance = ksDistance(first, second, alternative);
  const [n, m] = [first.length, second.length];
  const limit = () =>
    alternative === "two-sided"
      ? ksOneSample(distance.statistic, Math.round((n * m) / (n + m)))
      : ksOneSidedLimit(distance.statistic, n, m);
  const p = params["method"] === "asymp" ? limit() : ksExact(distance, n, m, alternative);
  return { statistic: distance.statistic, p_value: p };
}

function answerContingency({ inputs, params }: DriftCase): unknown {
  const table = inputs["table"] as number[][];
  const test = contingencyTest(table, { yates: params["yates"] === true });
  if (test === null) throw new Error("the table has an empty row or column");
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
