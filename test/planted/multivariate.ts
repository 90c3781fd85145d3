import type { Mistake } from "./mistake.ts";

const multivariate = "drift/multivariate.test.ts";

/** Mistakes in the figures of several columns at once. */
export const multivariateMistakes: readonly Mistake[] = [
  {
    what: "Rows are judged by trees that have seen them.",
    file: "multivariate/magnitude.ts",
    find: "all.filter((row) => part[row] !== own),",
    replace: "all.filter((row) => part[row] !== own || true),",
    test: multivariate,
    name: "covers a half for samples",
  },
  {
    what: "Rows that are alike are chosen all or none.",
    file: "multivariate/encoded-rows.ts",
    find: "hash(row_hash, unnest(range(1, n + 1)))",
    replace: "hash(row_hash, 0 * unnest(range(1, n + 1)))",
    test: multivariate,
    name: "rows that are alike",
  },
  {
    what: "The first rows are chosen, whatever their hash.",
    file: "multivariate/encoded-rows.ts",
    find: "hash(${names}) AS row_hash",
    replace: "hash(row_number() OVER ()) AS row_hash",
    test: multivariate,
    name: "in any order of the rows",
  },
  {
    what: "Another column's values are mixed.",
    file: "multivariate/magnitude.ts",
    find: "other === column ? mixedOrder",
    replace: "other === column - 1 ? mixedOrder",
    test: multivariate,
    name: "names the column",
  },
  {
    what: "All texts are one value.",
    file: "multivariate/encoded-rows.ts",
    find: "list_position(${list}, CAST(${value} AS VARCHAR))",
    replace: "CAST(NULL AS INTEGER)",
    test: multivariate,
    name: "counts nulls",
  },
  {
    what: "Correlations are tested without their rows.",
    file: "multivariate/correlations.ts",
    find: "Math.sqrt(1 / (before.rows - 3) + 1 / (after.rows - 3))",
    replace: "Math.sqrt(1 / 9 + 1 / 9)",
    test: multivariate,
    name: "two that no longer go together",
  },
  {
    what: "A permutation test answers 0.",
    file: "multivariate/discrepancy.ts",
    find: "(1 + above) / (1 + permutations)",
    replace: "above / permutations",
    test: multivariate,
    name: "two that no longer go together",
  },
  {
    what: "Rows that made the components are compared with rows that did not.",
    file: "multivariate/reconstruction.ts",
    find: "folds.map((part) => (part > 0 ? 1 : 0))",
    replace: "folds.map((part) => (part > 9 ? 1 : 0))",
    test: multivariate,
    name: "two that no longer go together",
  },
];
