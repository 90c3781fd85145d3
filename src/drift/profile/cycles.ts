import { type SqlExpression, sql } from "../../sql/sql.ts";
import type { CategoryBins } from "./bins.ts";
import type { Leaf, Part } from "./leaves.ts";

/** A cycle of a calendar, as categories. */
export interface Cycle {
  readonly part: Part;
  readonly value: SqlExpression;
  readonly bins: CategoryBins;
}

const microsecondsOfDay = 86_400_000_000;

/** Days of one round of each cycle. */
const daysOfCycle: ReadonlyMap<Part, number> = new Map([
  ["hour", 1],
  ["weekday", 7],
  ["month", 365.25],
]);

/** Rounds that both sides must cover before a cycle is compared: else the calendar would be the drift. */
const leastRounds = 3;

/** The cycles of a time: hour of the day, day of the week, and month. */
export function cyclesOf({ value, hasHour }: Leaf): Cycle[] {
  const moment = sql`make_timestamp(${value})`;
  const hour = sql`CAST(hour(${moment}) AS DOUBLE)`;
  const hours = Array.from({ length: 24 }, (_, index) => index);
  const hourLabels = hours.map((index) => `${String(index).padStart(2, "0")}h`);
  return [
    ...(hasHour ? [cycle("hour", hour, { first: 0, labels: hourLabels })] : []),
    cycle("weekday", sql`CAST(isodow(${moment}) AS DOUBLE)`, { first: 1, labels: weekdays }),
    cycle("month", sql`CAST(month(${moment}) AS DOUBLE)`, { first: 1, labels: months }),
  ];
}

const weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function cycle(
  part: Part,
  value: SqlExpression,
  { first, labels }: { readonly first: number; readonly labels: readonly string[] },
): Cycle {
  const values = labels.map((_, index) => first + index);
  return { part, value, bins: { form: "category", values, known: [], singles: [], isNumber: true, labels } };
}

/** Whether a span of time covers enough rounds of a cycle. */
export function coversCycle(part: Part, low: number | null, high: number | null): boolean {
  const days = daysOfCycle.get(part);
  if (days === undefined || low === null || high === null) return true;
  // The last day of a span counts in full.
  return (high - low) / microsecondsOfDay + 1 >= days * leastRounds;
}
