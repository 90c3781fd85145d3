import type { Mistake } from "./mistake.ts";

const evaluation = "performance/evaluate.test.ts";

/** Mistakes in how well models do. */
export const performanceMistakes: readonly Mistake[] = [
  {
    what: "Rows of equal score do not count as halves in the area under the curve.",
    file: "metrics/score-fold.ts",
    find: "this.#above.negatives + negatives / 2;",
    replace: "this.#above.negatives;",
    test: evaluation,
    name: "comparing all pairs gives",
  },
  {
    what: "A bootstrap that draws each row with mean 2 makes intervals of another width.",
    file: "metrics/score-cells.ts",
    find: "poissonDraw(state.counts[index] ?? 0, replicate",
    replace: "poissonDraw(2 * (state.counts[index] ?? 0), replicate",
    test: evaluation,
    name: "agree with what theory says",
  },
  {
    what: "A ratio of nothing is 0.",
    file: "metrics/metric.ts",
    find: "if (whole === 0) return undefinedMetric(reason);",
    replace: "if (whole === 0) return plainMetric(0);",
    test: evaluation,
    name: "of one class what is undefined",
  },
  {
    what: "Scores above 1 pass for probabilities.",
    file: "performance/evaluate-binary.ts",
    find: "${column} NOT BETWEEN 0 AND 1",
    replace: "${column} < 0",
    test: evaluation,
    name: "refuses scores that are no probabilities",
  },
  {
    what: "The cut among equal scores takes rows in any order.",
    file: "performance/evaluate-binary.ts",
    find: "ORDER BY rn LIMIT",
    replace: "ORDER BY rn DESC LIMIT",
    test: evaluation,
    name: "by the order of the rows",
  },
  {
    what: "The oldest outcome of a key counts.",
    file: "performance/outcomes.ts",
    find: "ORDER BY known_at DESC NULLS LAST, line DESC",
    replace: "ORDER BY known_at, line",
    test: evaluation,
    name: "newest outcome of a key",
  },
  {
    what: "Outcomes that were known before the prediction are used.",
    file: "performance/outcomes.ts",
    find: "WHERE performance_known_at < performance_made_at",
    replace: "WHERE performance_known_at < performance_made_at AND false",
    test: evaluation,
    name: "refuses outcomes that were known before",
  },
  {
    what: "Predictions that are too young for their outcomes count as mature.",
    file: "performance/outcomes.ts",
    find: "(reached ?? 1) >= 0.9",
    replace: "(reached ?? 1) >= 0",
    test: evaluation,
    name: "immature until",
  },
  {
    what: "Relative errors are divided by targets of 0.",
    file: "performance/evaluate-regression.ts",
    find: "nullif(abs(${target}), 0)",
    replace: "greatest(abs(${target}), 1e-15)",
    test: evaluation,
    name: "target of 0",
  },
  {
    what: "Users without a relevant item count as failures of the ranking.",
    file: "performance/evaluate-ranking.ts",
    find: "FILTER (WHERE relevant_items > 0)",
    replace: "FILTER (WHERE relevant_items >= 0)",
    test: evaluation,
    name: "leaves out those without",
  },
];
