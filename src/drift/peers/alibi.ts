import { contingencyTest, occupiedColumns } from "../../statistics/contingency.ts";
import { cramerVonMises } from "../../statistics/distribution-tests.ts";
import { fisherExact } from "../../statistics/fisher.ts";
import {
  type KsAlternative,
  ksDistance,
  ksOneSidedLimit,
  ksTwoSampleLimit,
} from "../../statistics/kolmogorov.ts";
import { sortedSample } from "../../statistics/samples.ts";
import { categories, countsOf, differentCategories, finiteNumbers, type PeerColumn } from "./peer-column.ts";

/** Tests of single columns in alibi-detect. */
export type AlibiMethod = "ks" | "cvm" | "chi2" | "fet";

/** One column's answer; null where it is undefined. */
export interface AlibiColumn {
  readonly p: number | null;
  /** The statistic; for Fisher's test the odds ratio of the current side to the baseline. */
  readonly distance: number | null;
}

/** What alibi-detect says of columns together. */
export interface AlibiAnswer {
  readonly columns: readonly AlibiColumn[];
  readonly drifted: boolean;
  /** The bound that decided, or all bounds where none of the sorted p-values is below its own. */
  readonly threshold: number | readonly number[];
}

/** A column alone, as alibi-detect 0.13.0 answers; missing and infinite values are left out. */
export function alibiColumn(
  column: PeerColumn,
  method: AlibiMethod,
  alternative: KsAlternative = "two-sided",
): AlibiColumn {
  if (method === "chi2") return chiSquare(column);
  if (method === "fet") return fisher(column, alternative);
  const [first, second] = [
    sortedSample(finiteNumbers(column.baseline)),
    sortedSample(finiteNumbers(column.current)),
  ];
  if (first.length === 0 || second.length === 0) return { p: null, distance: null };
  if (method === "cvm") {
    const test = cramerVonMises(first, second, { shortSeries: true });
    return { p: test?.p ?? null, distance: test?.statistic ?? null };
  }
  const { statistic } = ksDistance(first, second, alternative);
  const [n, m] = [first.length, second.length];
  const p =
    alternative === "two-sided" ? ksTwoSampleLimit(statistic, n, m) : ksOneSidedLimit(statistic, n, m);
  return { p, distance: statistic };
}

/** Whether any of several columns drifted, by Bonferroni's bound or by the false discovery rate. */
export function alibiDecision(
  columns: readonly AlibiColumn[],
  options: { readonly level: number; readonly correction: "bonferroni" | "fdr" },
): AlibiAnswer {
  const count = columns.length;
  const values = columns.map(({ p }) => p ?? 1);
  if (options.correction === "bonferroni") {
    const threshold = options.level / count;
    return { columns, drifted: values.some((p) => p < threshold), threshold };
  }
  const bounds = values.map((_, rank) => (options.level * (rank + 1)) / count);
  const last = [...values].sort((a, b) => a - b).findLastIndex((p, rank) => p < (bounds[rank] ?? 0));
  return { columns, drifted: last >= 0, threshold: bounds[last] ?? bounds };
}

function chiSquare({ baseline, current }: PeerColumn): AlibiColumn {
  const [first, second] = [categories(baseline), categories(current)];
  const all = differentCategories(first, second);
  const table = occupiedColumns([countsOf(first, all), countsOf(second, all)]);
  const test = contingencyTest(table, { yates: true });
  return { p: test?.p ?? null, distance: test?.statistic ?? null };
}

/** The share of ones (or trues) on both sides; undefined where there are other values. */
function fisher({ baseline, current }: PeerColumn, alternative: KsAlternative): AlibiColumn {
  const known = categories([...baseline, ...current]);
  if (!known.every((value) => typeof value === "boolean" || value === 0 || value === 1))
    return { p: null, distance: null };
  const [[a, b], [c, d]] = [current, baseline].map((side) => {
    const ones = side.filter((value) => value === true || value === 1).length;
    return [ones, side.filter((value) => value === false || value === 0).length] as const;
  }) as [readonly [number, number], readonly [number, number]];
  const { twoSided, less, greater } = fisherExact([
    [a, b],
    [c, d],
  ]);
  const p = { "two-sided": twoSided, less, greater }[alternative];
  return { p, distance: (a * d) / (b * c) };
}
