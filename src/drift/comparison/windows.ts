import type { Session } from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import type { Leaf } from "../profile/leaves.ts";

/** The time windows of the current side. */
export interface WindowRequest {
  readonly column: string;
  /** ISO 8601: `PT1H`, `P1D`, `P1W`, `P1M` or `P1Y`. */
  readonly every: string;
}

/** Windows of the current side's rows, also those without any. */
export interface Windows {
  /** The start of a row's window as text. */
  readonly expression: SqlExpression;
  readonly starts: readonly string[];
}

/** Lengths of windows, in ISO 8601. */
export const windowLengths = ["PT1H", "P1D", "P1W", "P1M", "P1Y"] as const;

const units: ReadonlyMap<string, { readonly unit: string; readonly digits: number; readonly days: number }> =
  new Map([
    ["PT1H", { unit: "hour", digits: 13, days: 1 }],
    ["P1D", { unit: "day", digits: 10, days: 1 }],
    ["P1W", { unit: "week", digits: 10, days: 7 }],
    ["P1M", { unit: "month", digits: 7, days: 28 }],
    ["P1Y", { unit: "year", digits: 4, days: 365 }],
  ]);

const microsecondsOfDay = 86_400_000_000;

/** The first and the last day that a window covers at least, in microseconds from its first. */
export function windowSpan(every: string): readonly [number, number] {
  return [0, ((units.get(every)?.days ?? 1) - 1) * microsecondsOfDay];
}

const mostWindows = 1_000;

/** Microseconds since 1970 of the first and last times that belong to a window. */
const [firstMoment, lastMoment] = [-9_200_000_000_000_000_000n, 2n ** 63n - 2n];

/**
 * Windows from the first to the last time of the rows; rows without a time belong to none.
 *
 * @throws `INVALID_ARGUMENT` for another length, or a column that is no time; `LIMIT_EXCEEDED` for more than 1,000
 */
export async function windowsOf(
  session: Session,
  { leaf, select }: { readonly leaf: Leaf; readonly select: SqlSelect },
  { column, every }: WindowRequest,
): Promise<Windows> {
  const length = units.get(every);
  if (length === undefined)
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Unknown length of windows ${JSON.stringify(every)}. Choose one of ${[...units.keys()].join(", ")}.`,
      { option: "window.every", found: every },
    );
  if (leaf.class !== "time")
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Windows need a column of times; ${column} has the type ${leaf.type}. Name a date or a timestamp.`,
      { option: "window.column", column: [column] },
    );
  const unit = quoteText(length.unit);
  // null of an infinite time, and of the first centuries, in which a window begins before the engine's first moment
  const inReach = sql`CASE WHEN ${leaf.value} BETWEEN ${firstMoment} AND ${lastMoment} THEN ${leaf.value} END`;
  const start = sql`CAST(date_trunc(${unit}, make_timestamp(${inReach})) AS TIMESTAMP)`;
  const text = (moment: SqlExpression) => {
    const whole = sql`replace(CAST(${moment} AS VARCHAR), ' ', 'T')`;
    // other years have more digits, or an era
    return sql`CASE WHEN year(${moment}) BETWEEN 1 AND 9999 THEN left(${whole}, ${length.digits}) ELSE ${whole} END`;
  };
  const range = sql`SELECT min(${start}) AS a, max(${start}) AS b FROM (${select})`;
  const step = sql`to_${length.unit === "hour" ? sql`hours` : length.unit === "day" ? sql`days` : length.unit === "week" ? sql`weeks` : length.unit === "month" ? sql`months` : sql`years`}(1)`;
  // the engine makes the whole series before its limit
  const [found] = await session.rows(sql`SELECT date_diff(${unit}, a, b) AS n FROM (${range})`);
  const isTooMany = Number(found?.["n"] ?? 0) >= mostWindows;
  const all = sql`SELECT unnest(generate_series(a, b, ${step})) AS s FROM (${range}) WHERE a IS NOT NULL`;
  const rows = isTooMany ? [] : await session.rows(sql`SELECT ${text(sql`s`)} AS s FROM (${all}) ORDER BY s`);
  if (isTooMany)
    throw new VarveError(
      "LIMIT_EXCEEDED",
      `The current side has more than ${mostWindows} windows of ${every}. Choose longer windows, or fewer rows with where.`,
      { limit: mostWindows, column: [column] },
    );
  return {
    expression: sql`coalesce(${text(start)}, '')`,
    starts: rows.map(({ s }) => String(s)),
  };
}
