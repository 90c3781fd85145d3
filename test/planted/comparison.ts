import type { Mistake } from "./mistake.ts";

const comparison = "performance/compare-models.test.ts";
const paired = "statistics/paired.test.ts";

/** Mistakes in comparisons of two models. */
export const comparisonMistakes: readonly Mistake[] = [
  {
    what: "McNemar's exact test counts one tail.",
    file: "statistics/paired/paired-proportions.ts",
    find: "Math.min(1, 2 * tail)",
    replace: "Math.min(1, tail)",
    test: paired,
    name: "that of statsmodels",
  },
  {
    what: "McNemar's test of many pairs leaves out the correction.",
    file: "statistics/paired/paired-proportions.ts",
    find: "Math.abs(first - second) - 1",
    replace: "Math.abs(first - second)",
    test: paired,
    name: "that of statsmodels",
  },
  {
    what: "Paired shares are taken for independent ones.",
    file: "statistics/paired/paired-proportions.ts",
    find: "one ** 2 - 2 * phi * one * other",
    replace: "one ** 2 - 0 * phi * one * other",
    test: paired,
    name: "example in his paper",
  },
  {
    what: "The error of two areas leaves out the negatives.",
    file: "statistics/paired/paired-auc.ts",
    find: "spread(negatives) / (2 * positives.rows) ** 2 / negatives.rows",
    replace: "(0 * spread(negatives)) / (2 * positives.rows) ** 2 / negatives.rows",
    test: paired,
    name: "as numpy has them",
  },
  {
    what: "A positive is ranked right with negatives of equal score.",
    file: "compare/paired-aucs.ts",
    find: "(sum(n) ${upTo}) - n AS BIGINT",
    replace: "(sum(n) ${upTo}) AS BIGINT",
    test: comparison,
    name: "that evaluate gives it alone",
  },
  {
    what: "Each model is drawn from rows of its own.",
    file: "compare/paired-bootstrap.ts",
    find: "const difference = metric.value(total, 1) - metric.value(total, 0);",
    replace:
      "const difference = metric.value(sums.total(draws[names.length + index + 1]), 1) - metric.value(total, 0);",
    test: comparison,
    name: "what theory says of a mean difference",
  },
  {
    what: "Of losses, the gain has the wrong sign.",
    file: "compare/paired-parts.ts",
    find: "gain: champion - challenger, low: 0 - high, high: 0 - low",
    replace: "gain: challenger - champion, low, high",
    test: comparison,
    name: "what theory says of a mean difference",
  },
  {
    what: "A challenger passes by its gain alone.",
    file: "compare/gate.ts",
    find: "if (low >= limit) return",
    replace: "if (gain >= limit) return",
    test: comparison,
    name: "is undecided where chance may explain it",
  },
  {
    what: "A slice that gets worse does not matter.",
    file: "compare/gate.ts",
    find: "(comparison?.high ?? 0) < 0 - most",
    replace: "(comparison?.high ?? 0) < -1 - most",
    test: comparison,
    name: "one slice that gets worse",
  },
  {
    what: "Rows without a prediction of one model are left out.",
    file: "compare/paired-rows.ts",
    find: "await requireEachKey(session, side, request.on);",
    replace: "",
    test: comparison,
    name: "rows that one model says nothing about",
  },
  {
    what: "A model may leave out the rows that it finds hard.",
    file: "compare/paired-parts.ts",
    find: "if (count(side) > 0)",
    replace: "if (count(side) < 0)",
    test: comparison,
    name: "rows that one model says nothing about",
  },
  {
    what: "No input of a run counts as training rows.",
    file: "retraining/training-of-run.ts",
    find: "if (on.every((name) => columns.has(foldName(name)))) logs.push(log);",
    replace: "if (on.length > 9) logs.push(log);",
    test: comparison,
    name: "from the record of the run",
  },
];
