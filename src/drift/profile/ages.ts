import { type SqlExpression, sql } from "../../sql/sql.ts";
import type { Counts } from "./bins.ts";
import type { Leaf } from "./leaves.ts";
import type { Span } from "./time-spans.ts";

const millisecondsOfDay = 86_400_000;

/**
 * The age of a time in seconds, when the version of its rows was committed; of a date, in whole days. Null where the
 * rows are of no version.
 */
export function ageOf({ committedAt, hasHour }: Leaf, value: SqlExpression): SqlExpression {
  if (committedAt === undefined) return sql`CAST(NULL AS DOUBLE)`;
  const moment = hasHour ? committedAt : Math.floor(committedAt / millisecondsOfDay) * millisecondsOfDay;
  // As whole numbers, the difference of far moments overflows.
  return sql`(CAST(${moment * 1_000} AS DOUBLE) - CAST(${value} AS DOUBLE)) / 1e6`;
}

/** The times of a side: its first and last moment, and their ages. */
export interface AgedSide {
  readonly span: Span | null | undefined;
  readonly counts: Counts | undefined;
}

/**
 * Whether ages differ by the way the rows came, and not by delay: history is loaded faster than it was made, a table
 * that keeps its rows covers more and more, and a batch covers less than a table. A last moment that is to come for both
 * sides is no event: `9999-12-31` stands for none, and grows younger with each commit.
 */
export function areAgesByNature(before: AgedSide, after: AgedSide): boolean {
  const [a, b] = [momentsOf(before), momentsOf(after)];
  if (a === null || b === null) return false;
  const length = a.last - a.first;
  const moved = { first: b.first - a.first, last: b.last - a.last, committed: b.committed - a.committed };
  const isLoaded = moved.last - moved.committed > length / 10;
  const isOtherLength = Math.abs(moved.last - moved.first) > length / 4;
  const isGrown = moved.last > 0 && moved.first < moved.last / 2;
  const isFixed = moved.last === 0 && a.last > a.committed && b.last > b.committed;
  return isLoaded || isOtherLength || isGrown || isFixed;
}

/** In microseconds; null without any time. */
function momentsOf({ span, counts }: AgedSide) {
  const [first = null, last = null] = span ?? [];
  const youngest = counts?.form === "numeric" ? counts.min : null;
  if (first === null || last === null || youngest === null) return null;
  return { first, last, committed: last + youngest * 1e6 };
}
