import { expect } from "vitest";
import { rowsOf, sharesOf } from "../../../src/drift/figures/bin-counts.ts";
import { distancesOf } from "../../../src/drift/figures/distances.ts";
import { filledShares, klOf, psiOf } from "../../../src/drift/figures/filled-shares.ts";
import { sameDistribution } from "../../../src/drift/figures/same-distribution.ts";
import { finiteNumbers } from "../../../src/drift/peers/peer-column.ts";
import { type BinRule, binCount, equalEdges, quantileEdges } from "../../../src/statistics/bin-edges.ts";
import { contingencyTest, occupiedColumns } from "../../../src/statistics/contingency.ts";
import { mannWhitney } from "../../../src/statistics/mann-whitney.ts";
import {
  medianDeviation,
  momentsOf,
  quantileOf,
  type SortedSample,
  sortedSample,
  wassersteinOf,
} from "../../../src/statistics/samples.ts";
import { type CompareCase, type DriftCase, objectOf, type SeriesByName } from "../drift-cases.ts";
import { expectClose } from "../drift-close.ts";

/** Kinds that compare counts and describe samples. */
export const countKinds: Readonly<Record<string, CompareCase>> = {
  distance_of_counts: compareCounts,
  bins: compareBins,
  effect_size: compareEffects,
};

function compareCounts({ inputs, expected, tolerance }: DriftCase): void {
  const baseline = inputs["reference_counts"] as number[];
  const current = inputs["current_counts"] as number[];
  const figures = distancesOf({ baseline, current });
  if (figures === null) throw new Error("a side has no rows");
  const shares = sharesOf({ baseline, current });
  const test = contingencyTest(occupiedColumns([baseline, current]));
  const got = {
    kl_reference_current: klOf(shares, "baseline"),
    kl_current_reference: klOf(shares, "current"),
    jensen_shannon_base2: figures.js,
    jensen_shannon_ln: figures.js * Math.sqrt(Math.LN2),
    hellinger: figures.hellinger,
    total_variation: figures.moved,
    l_infinity: figures.lInfinity.value,
    psi_smoothed_half: figures.psi,
    "psi_fill_1e-4": psiOf(filledShares(shares, () => 1e-4)),
    psi_expected_under_no_drift: figures.psiExpected,
    psi_parts_smoothed_half: figures.psiParts,
    chi2_two_sample: test?.statistic ?? null,
  };
  expectClose(got, expected, tolerance);
  const large = shares.every(({ bin }) => {
    const { baseline: n, current: m } = rowsOf({ baseline, current });
    return (((baseline[bin] ?? 0) + (current[bin] ?? 0)) * Math.min(n, m)) / (n + m) >= 10;
  });
  if (large) expect(sameDistribution({ baseline, current }).statistic).toBeCloseTo(test?.statistic ?? 0, 9);
}

function compareBins({ inputs, expected, tolerance }: DriftCase, series: SeriesByName): void {
  const sample = sortedSample(finiteNumbers(series(inputs["values"])));
  const deciles = quantileEdges(sample, 10);
  const rules = Object.fromEntries(
    (["doane", "sturges", "fd", "scott", "auto"] satisfies BinRule[]).map((rule) => {
      const edges = equalEdges(sample, binCount(sample, rule));
      return [rule, { bins: edges.length - 1, first: edges[0], last: edges.at(-1) }];
    }),
  );
  const distinct = deciles.filter((edge, index) => edge !== deciles[index - 1]);
  expectClose({ ...rules, deciles_linear: deciles, deciles_linear_distinct: distinct }, expected, tolerance);
}

function compareEffects({ inputs, params, expected, tolerance }: DriftCase, series: SeriesByName): void {
  const [first, second] = [
    sortedSample(finiteNumbers(series(inputs["reference"]))),
    sortedSample(finiteNumbers(series(inputs["current"]))),
  ];
  const [a, b] = [summaryOf(first, params), summaryOf(second, params)];
  const shift = Number(b.mean) - Number(a.mean);
  const wasserstein = wassersteinOf(first, second);
  // one value has no deviation
  const [deviation, other] = [a.std_sample ?? Number.NaN, b.std_sample ?? Number.NaN];
  const got = {
    reference: a,
    current: b,
    mean_shift_in_sd: shift / deviation,
    median_shift_in_iqr: (b.median - a.median) / a.iqr,
    std_ratio: other / deviation,
    cliffs_delta: 2 * mannWhitney(first, second).probability - 1,
    wasserstein,
    wasserstein_over_std: wasserstein / deviation,
  };
  expectClose(got, objectOf(expected, "expected"), tolerance);
}

function summaryOf(sample: SortedSample, params: DriftCase["params"]) {
  const moments = momentsOf(sample);
  return {
    mean: moments.mean,
    std_sample: moments.sd,
    median: quantileOf(sample, 0.5),
    mad: medianDeviation(sample),
    iqr: quantileOf(sample, 0.75) - quantileOf(sample, 0.25),
    skew_sample: moments.skewness,
    kurtosis_excess_population: moments.kurtosis,
    q: (params["quantiles"] as number[]).map((share) => quantileOf(sample, share)),
  };
}
