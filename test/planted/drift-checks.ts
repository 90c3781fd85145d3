import type { Mistake } from "./mistake.ts";

const drift = "operations/drift-checks.test.ts";
const models = "operations/model-checks.test.ts";

/** Mistakes in the checks that compare a batch with a baseline. */
export const driftChecksMistakes: readonly Mistake[] = [
  {
    what: "A column that is broken passes, because it has no drift.",
    file: "checks/drift.ts",
    find: 'return verdict === "drift" || verdict === "broken";',
    replace: 'return verdict === "drift";',
    test: drift,
    name: "is found where nulls took the place of values",
  },
  {
    what: "The p-values of each check are a family of their own.",
    file: "gate-drift.ts",
    find: "groupedBy(subjects, ({ check: { plan } }) => `${plan.alpha} ${plan.minRows}`)",
    replace: "subjects.map((subject) => [subject])",
    test: drift,
    name: "are one family: many columns of noise raise no alarm",
  },
  {
    what: "The builder forgets by how much a metric may drop.",
    file: "model-builders.ts",
    find: "max_drop: maxDrop,",
    replace: "",
    test: models,
    name: "is made by the builder, too, and does what its JSON does",
  },
  {
    what: "A condition selects rows of the batch, and all rows of the baseline.",
    file: "table-baselines.ts",
    find: "where === undefined ? all : await filtered",
    replace: "true ? all : await filtered",
    test: drift,
    name: "may be another slice than the one that is tested",
  },
  {
    what: "A baseline is read again for each batch.",
    file: "baseline-cache.ts",
    find: "if (known !== undefined) {",
    replace: "if (known === null) {",
    test: drift,
    name: "is counted once: its rows are not read again",
  },
  {
    what: "A rise of an error counts as a gain.",
    file: "checks/model-metrics.ts",
    find: 'betterOf(metric) === "lower" ? -1 : 1',
    replace: "1",
    test: models,
    name: "knows that less of an error is better, and takes a value",
  },
  {
    what: "A drop that chance explains rejects the batch.",
    file: "checks/model-metrics.ts",
    find: "|| (low !== null && low <= 0)",
    replace: "",
    test: models,
    name: "compares with a pinned version, by both intervals",
  },
  {
    what: "A value that is an edge is counted below it in another engine.",
    file: "counts-sql.ts",
    find: "CASE WHEN ${value} < ${double(",
    replace: "CASE WHEN ${value} <= ${double(",
    test: "drift/stored-baseline.test.ts",
    name: "gives the verdicts and figures of its rows, through JSON",
  },
  {
    what: "Columns that a stored baseline leaves out are new.",
    file: "drift/comparison/matched-leaves.ts",
    find: "isWanted(leaf) && !unsaid.has(leaf)",
    replace: "isWanted(leaf)",
    test: "drift/stored-baseline.test.ts",
    name: "says nothing of columns that it leaves out",
  },
  {
    what: "Spans of times of a stored baseline are forgotten, so that a cycle that they do not cover is judged.",
    file: "drift/comparison/compared-baseline.ts",
    find: "span === null ? [] : [[leaf, span] as const]",
    replace: "[]",
    test: "drift/stored-baseline.test.ts",
    name: "takes the place of its rows in a comparison, with the same report",
  },
  {
    what: "A stored baseline may have bins of another kind of column.",
    file: "drift/profile/profile-rules.ts",
    find: "if (form !== formOf(bins))",
    replace: "if (false)",
    test: "drift/stored-baseline.test.ts",
    name: "is refused where its members do not belong together, with the place",
  },
  {
    what: "Options that choose columns are left unheard beside a stored baseline.",
    file: "models/drift.ts",
    find: "if (given === undefined) return stored;",
    replace: "if (given !== null) return stored;",
    test: "cli/drift.test.ts",
    name: "counts a baseline once, and compares with its bins",
  },
];
