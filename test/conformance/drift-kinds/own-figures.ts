import { distancesOf } from "../../../src/drift/figures/distances.ts";
import { countsOf, differentCategories, finiteCategories } from "../../../src/drift/peers/peer-column.ts";
import { binCount, countsIn, equalEdges } from "../../../src/statistics/bin-edges.ts";
import { contingencyTest } from "../../../src/statistics/contingency.ts";
import { andersonDarling, cramerVonMises } from "../../../src/statistics/distribution-tests.ts";
import { fisherExact } from "../../../src/statistics/fisher.ts";
import { ksDistance, ksExact, ksTwoSampleLimit } from "../../../src/statistics/kolmogorov.ts";
import { cohensD, tTest } from "../../../src/statistics/location-scale.ts";
import { mannWhitney } from "../../../src/statistics/mann-whitney.ts";
import {
  cramerOf,
  momentsOf,
  quantileOf,
  type SortedSample,
  sortedSample,
  wassersteinOf,
} from "../../../src/statistics/samples.ts";
import type { SeriesValue } from "../drift-cases.ts";

/** Both sides of a column. */
export interface Sides {
  readonly baseline: readonly SeriesValue[];
  readonly current: readonly SeriesValue[];
}

/** Varve's own figures of a numeric column under the names that `right` has, for a peer's method. */
export function ownNumericFigures(method: string, sides: Sides): Readonly<Record<string, unknown>> {
  const [first, second] = [numbersOf(sides.baseline), numbersOf(sides.current)];
  switch (method) {
    case "ks":
    case "KS":
      return ksFigures(first, second);
    case "wasserstein":
      return wassersteinFigures(first, second);
    case "ed":
      return { distance: Math.sqrt(2 * cramerOf(first, second)) };
    case "anderson": {
      const test = andersonDarling(first, second);
      return test === null
        ? { error: "ValueError", message: "anderson_ksamp needs more than one distinct observation" }
        : { statistic: test.statistic, p_value_clipped: test.p };
    }
    case "cramer_von_mises": {
      const test = cramerVonMises(first, second);
      return { statistic: test?.statistic, p_value: test?.p };
    }
    case "mannw": {
      const { uFirst, uSecond, p, probability } = mannWhitney(first, second);
      return {
        u_reference: uFirst,
        u_current: uSecond,
        // equal values leave nothing to test, and every arrangement as likely
        p_value_two_sided: p ?? 1,
        probability_current_greater: probability,
      };
    }
    case "t_test":
      return meanFigures(first, second);
    default:
      return histogramFigures(first, second);
  }
}

/** Varve's own figures of the categories of a column. */
export function ownCategoryFigures({ baseline, current }: Sides): Readonly<Record<string, unknown>> {
  const [first, second] = [finiteCategories(baseline), finiteCategories(current)];
  const values = differentCategories(first, second);
  const [reference, now] = [countsOf(first, values), countsOf(second, values)];
  const test = contingencyTest([now, reference]);
  const figures = distancesOf({ baseline: reference, current: now });
  const expected = test?.expected.flat() ?? [];
  return {
    values,
    reference_counts: reference,
    current_counts: now,
    total_variation: figures?.moved,
    l_infinity: figures?.lInfinity.value,
    jensen_shannon_base2: figures?.js,
    jensen_shannon_ln: (figures?.js ?? Number.NaN) * Math.sqrt(Math.LN2),
    hellinger: figures?.hellinger,
    chi2: test?.statistic ?? null,
    chi2_df: test?.df ?? null,
    chi2_p_value: test?.p ?? null,
    cramers_v: test?.v ?? null,
    smallest_expected: Math.min(...expected),
    ...(values.length === 2 ? fisherFigures(reference, now) : {}),
  };
}

function fisherFigures([a = 0, b = 0]: readonly number[], [c = 0, d = 0]: readonly number[]) {
  return {
    fisher_odds_ratio: (a * d) / (b * c),
    fisher_p_value: fisherExact([
      [a, b],
      [c, d],
    ]).twoSided,
  };
}

function numbersOf(values: readonly SeriesValue[]): SortedSample {
  return sortedSample(values.filter((value) => Number.isFinite(value)));
}

function ksFigures(first: SortedSample, second: SortedSample) {
  const distance = ksDistance(first, second);
  const [n, m] = [first.length, second.length];
  return {
    statistic: distance.statistic,
    p_value: Math.max(n, m) <= 10_000 ? ksExact(distance, n, m) : ksTwoSampleLimit(distance.statistic, n, m),
    p_value_asymptotic: ksTwoSampleLimit(distance.statistic, n, m),
    location: distance.location,
    sign: distance.sign,
  };
}

function wassersteinFigures(first: SortedSample, second: SortedSample) {
  const { sd, populationSd } = momentsOf(first);
  return {
    distance: wassersteinOf(first, second),
    std_population_reference: populationSd,
    std_sample_reference: sd,
    iqr_reference: quantileOf(first, 0.75) - quantileOf(first, 0.25),
  };
}

function meanFigures(first: SortedSample, second: SortedSample) {
  const [student, welch] = [tTest(first, second, { welch: false }), tTest(first, second, { welch: true })];
  return {
    t_student: student?.statistic ?? null,
    p_student: student?.p ?? null,
    t_welch: welch?.statistic ?? null,
    // scipy puts 1 where the degrees of freedom are undefined
    df_welch: varies(first) || varies(second) ? welch?.df : 1,
    p_welch: welch?.p ?? null,
    cohens_d: cohensD(first, second),
  };
}

function varies(sample: SortedSample): boolean {
  return sample[0] !== sample[sample.length - 1];
}

function histogramFigures(first: SortedSample, second: SortedSample) {
  const pooled = sortedSample([...Array.from(first), ...Array.from(second)]);
  const edges = equalEdges(pooled, binCount(pooled, "sturges"));
  const [baseline, current] = [countsIn(edges, first), countsIn(edges, second)];
  const figures = distancesOf({ baseline, current });
  return {
    edges,
    reference_counts: baseline,
    current_counts: current,
    jensen_shannon_base2: figures?.js,
    jensen_shannon_ln: (figures?.js ?? Number.NaN) * Math.sqrt(Math.LN2),
    hellinger: figures?.hellinger,
  };
}
