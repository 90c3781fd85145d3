import type { Mistake } from "./mistake.ts";

const model = { test: "point-in-time-model.test.ts", name: "as a model in memory" };
const scenarios = "point-in-time.test.ts";

/** Mistakes in joins of entities with the features that were known. */
export const pointInTimeMistakes: readonly Mistake[] = [
  {
    what: "A feature that becomes true at the time of an entity is not joined.",
    file: "latest-rows.ts",
    find: "${entityTime} >= f.event_time;",
    replace: "${entityTime} > f.event_time;",
    ...model,
  },
  {
    what: "Rows of one key and time are all joined.",
    file: "latest-rows.ts",
    find: "=== expected) return rows;",
    replace: "!== -1n) return rows;",
    test: `point-in-time/${scenarios}`,
    name: "decides between rows",
  },
  {
    what: "Of rows of one key and time, the smallest is joined.",
    file: "latest-rows.ts",
    find: "DESC NULLS LAST",
    replace: "NULLS LAST",
    test: `point-in-time/${scenarios}`,
    name: "decides between rows",
  },
  {
    what: "That several rows share their keys and time is overlooked.",
    file: "latest-rows.ts",
    find: "LIMIT ${expected + 1n}",
    replace: "LIMIT ${expected}",
    test: `point-in-time/${scenarios}`,
    name: "decides between rows",
  },
  {
    what: "The columns that decide between rows are left out of the decision.",
    file: "latest-rows.ts",
    find: "[...feature.tieBreak, ...all]",
    replace: "[...all]",
    test: `point-in-time/${scenarios}`,
    name: "decides between rows",
  },
  {
    what: "A feature is not used at the very end of its time to live.",
    file: "latest-rows.ts",
    find: "WHEN ${age} <= ${ttl}",
    replace: "WHEN ${age} < ${ttl}",
    ...model,
  },
  {
    what: "Entities come in the order in which the engine joins them.",
    file: "join-at-time.ts",
    find: "ordered: sql`${rows} ORDER BY e.${entityNumber}`",
    replace: "ordered: sql`${rows} ORDER BY e.${entityNumber} DESC`",
    ...model,
  },
  {
    what: "Features that are too late for all but the first entity are skipped.",
    file: "latest-rows.ts",
    find: "max(${time}) AS last_time",
    replace: "min(${time}) AS last_time",
    ...model,
  },
  {
    what: "Times of different types are compared.",
    file: "feature-view.ts",
    find: "requireSame(columns[time], feature.eventTime, feature);",
    replace: "",
    test: `point-in-time/${scenarios}`,
    name: "refuses what it cannot join",
  },
  {
    what: "The time at which features were known is ignored.",
    file: "api/point-in-time.ts",
    find: "if (knownAt === undefined) return opened.snapshot().log;",
    replace: "if (knownAt !== 0) return opened.snapshot().log;",
    test: `point-in-time/${scenarios}`,
    name: "after a backfill",
  },
];
