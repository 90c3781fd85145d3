import type { Mistake } from "./mistake.ts";

/** Mistakes in the fields of drift's records. */
export const driftFieldsMistakes: readonly Mistake[] = [
  {
    what: "Only spaces part the words of a text.",
    file: "drift/profile/column-bins.ts",
    find: "sql`CASE WHEN ${isPlain} THEN",
    replace: "sql`CASE WHEN true OR ${isPlain} THEN",
    test: "drift/record-fields.test.ts",
    name: "measured by its words",
  },
  {
    what: "An identifier that is repeated is not told from one that is not.",
    file: "drift/comparison/sentence.ts",
    find: "(share.low <= 0 && share.high >= 0)",
    replace: "share.high <= 0",
    test: "drift/record-fields.test.ts",
    name: "are counted of identifiers",
  },
  {
    what: "A comparison chooses among the values that are most frequent in the baseline.",
    file: "drift/profile/column-bins.ts",
    find: "(_: unknown, index: number) => (counts[index]",
    replace: "(_: unknown, index: number) => index < 20 && (counts[index]",
    test: "drift/record-fields.test.ts",
    name: "are compared by those that most rows of both sides have",
  },
  {
    what: "The rows of a table drift by their age, because it keeps them.",
    file: "drift/profile/ages.ts",
    find: "return isLoaded || isOtherLength || isGrown;",
    replace: "return isLoaded || (isOtherLength && isGrown);",
    test: "drift/record-fields.test.ts",
    name: "is compared where times and commits",
  },
  {
    what: "A monitor measures the age of rows against the newest version of the table.",
    file: "monitors/evaluate-version.ts",
    find: "const committedAt = measuresAges(definition) ? log.timestamp : undefined;",
    replace: "const committedAt = measuresAges(definition) ? snapshot.timestamp : undefined;",
    test: "drift/record-fields.test.ts",
    name: "drifts where a version brings rows later",
  },
  {
    what: "An effect that chance explains is not told from one that is small.",
    file: "drift/comparison/sentence.ts",
    find: "effect !== null && effect >= threshold;",
    replace: "effect !== null && effect > 1;",
    test: "drift/compare-versions.test.ts",
    name: "may be chance",
  },
  {
    what: "The bin of rare values is told by its name, which a value may have, too.",
    file: "profile/binned.ts",
    find: "withoutFewUnseen(counts, { sides, rare, unseen })",
    replace:
      'withoutFewUnseen(counts, { sides, rare: labels.findIndex(({ label }) => label === "rare"), unseen })',
    test: "drift/record-fields.test.ts",
    name: "may be called rare like any other",
  },
  {
    what: "The bin of a value that is called rare looks like that of rare values.",
    file: "profile/binned.ts",
    find: "|| ownLabels.test(value)",
    replace: '|| ownLabels.test("")',
    test: "drift/record-fields.test.ts",
    name: "may be called rare like any other",
  },
];
