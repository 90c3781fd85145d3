import type { Mistake } from "./mistake.ts";

/** Mistakes in the distances and tests that drift compares by. */
export const driftFiguresMistakes: readonly Mistake[] = [
  {
    what: "Bins that are empty on both sides raise the noise floor.",
    file: "drift/figures/bin-counts.ts",
    find: "if (baseline === 0 && current === 0) return [];",
    replace: "",
    test: "drift/figures.test.ts",
    name: "empty bins change nothing",
  },
  {
    what: "Small bins are not pooled before the test.",
    file: "same-distribution.ts",
    find: "if (smallest >= 1 && small <= 0.2 * left()) break;",
    replace: "break;",
    test: "drift/figures.test.ts",
    name: "bins that expect few rows are pooled",
  },
  {
    what: "A bracket of Wasserstein's distance takes the difference at the end of a cell for its largest.",
    file: "drift/figures/cells.ts",
    find: "high += Math.max(after[0] - before[1], after[1] - before[0]) * width;",
    replace: "high += Math.abs(after[0] - after[1]) * width;",
    test: "drift/figures.test.ts",
    name: "lie in their brackets",
  },
  {
    what: "The exact two-sample p-value counts paths that stay inside.",
    file: "statistics/kolmogorov.ts",
    find: "chance[0] = outside(i, 0) ? 1 : (chance[0] ?? 0);",
    replace: "chance[0] = outside(i, 0) ? 0 : (chance[0] ?? 0);",
    test: "statistics/distributions.test.ts",
    name: "counts paths",
  },
  {
    what: "The tail of a normal distribution is one less the rest, which has no digits far out.",
    file: "statistics/distributions.ts",
    find: "const tail = gammaAbove(0.5, z ** 2 / 2) / 2;",
    replace: "const tail = (1 - (1 - gammaAbove(0.5, z ** 2 / 2))) / 2;",
    test: "statistics/distributions.test.ts",
    name: "keep ten digits",
  },
  {
    what: "Ties of ranks count whole instead of half.",
    file: "mann-whitney.ts",
    find: "startFirst + (i - startFirst) / 2",
    replace: "startFirst + (i - startFirst)",
    test: "statistics/two-samples.test.ts",
    name: "do not vary have no test",
  },
  {
    what: "A threshold from history takes three median distances for three deviations.",
    file: "drift/history-threshold.ts",
    find: "+ k * deviationOfNormal * medianDeviation(sample)",
    replace: "+ k * medianDeviation(sample)",
    test: "drift/history-threshold.test.ts",
    name: "three deviations above the median",
  },
];
