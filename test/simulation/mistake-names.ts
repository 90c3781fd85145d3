/** Mistakes that a run may plant, one at a time, to see that the invariants catch them. */
export const mistakeNames = [
  "repeat-after-unknown",
  "repeat-after-conflict",
  "forget-reads",
  "trust-unknown",
  "put-overwrites",
  "checkpoint-drops-a-file",
  "clean-what-is-young",
  "own-metadata-wins",
  "forget-progress",
  "trust-old-snapshots",
  "withdraw-after-unknown",
  "commit-across-a-gap",
  "compaction-counts-as-commits",
  "cleanup-without-grace",
  "cleanup-takes-checkpoints-first",
  "cleanup-takes-newest-first",
  "hint-before-checkpoint",
  "checkpoint-of-a-lost-version",
  "versions-in-32-bits",
  "file-times-as-text",
  "batch-not-looked-up-after-conflict",
  "suite-ignored-on-rebase",
  "marks-not-united",
  "rows-read-forgotten",
  "vacuum-without-retention",
] as const;

/** One of {@link mistakeNames}. */
export type Mistake = (typeof mistakeNames)[number];
