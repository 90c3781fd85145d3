import type { EngineRow, Session } from "../../engine/core/contract.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import { sumOf } from "../../util/sum.ts";
import { type Bins, type CategoryBins, type CategoryCounts, centreOf } from "./bins.ts";
import {
  type CalendarPart,
  type Counted,
  type Indexed,
  meanAndDeviation,
  numberOf,
  type Shortcut,
  sliceOf,
} from "./counted.ts";

/** Rows to count: all are the slice `""`, unless each has its own. */
interface SlicedRows {
  readonly select: SqlSelect;
  readonly slice?: SqlExpression | undefined;
}

type Shortened<S extends Shortcut = Shortcut> = Indexed<CategoryBins> & { readonly shortcut: S };
type Present = Shortened<Exclude<Shortcut, { readonly by: "moment" }>>;
type Moment = Shortened<Extract<Shortcut, { readonly by: "moment" }>>;

/** Whether the rows of a measure are counted faster than by its value. */
export function hasShortcut(measure: Indexed<Bins>): measure is Shortened {
  return measure.shortcut !== undefined && measure.bins.form === "category";
}

/**
 * Counts rows by the shortcuts of measures: values that are there by the statistics of the files, where they tell, and
 * moments by hours, once for all parts of the calendar.
 */
export async function shortenedCounts(
  session: Session,
  rows: SlicedRows,
  measures: readonly Shortened[],
): Promise<Counted<CategoryCounts>[]> {
  const isMoment = (measure: Shortened): measure is Moment => measure.shortcut.by === "moment";
  const counted: Counted<CategoryCounts>[] = [];
  // Apart, because the statistics do not say how many values are true.
  for (const by of ["presence", "truth"] as const) {
    const isPresent = (measure: Shortened): measure is Present => measure.shortcut.by === by;
    appendAll(counted, await presentCounts(session, rows, measures.filter(isPresent)));
  }
  const moments = new Map<SqlExpression, Moment[]>();
  for (const measure of measures.filter(isMoment)) {
    const { value } = measure.shortcut;
    moments.set(value, [...(moments.get(value) ?? []), measure]);
  }
  for (const [moment, parts] of moments)
    appendAll(counted, await calendarCounts(session, rows, { moment, parts }));
  return counted;
}

async function presentCounts(
  session: Session,
  { select, slice }: SlicedRows,
  measures: readonly Present[],
): Promise<Counted<CategoryCounts>[]> {
  if (measures.length === 0) return [];
  const counts = measures.flatMap(({ index, shortcut: { by, value } }) => {
    const present = sql`count(${value}) AS ${plainName(`n${index}`)}`;
    return by === "truth" ? [present, sql`count_if(${value}) AS ${plainName(`t${index}`)}`] : [present];
  });
  const answers = await session.rows(
    slice === undefined
      ? sql`SELECT ${counts} FROM (${select})`
      : sql`SELECT ${slice} AS slice, ${counts} FROM (${select}) GROUP BY 1`,
  );
  return answers.flatMap((row) =>
    measures.map(({ index, bins, shortcut }) => {
      const [present, yes] = [numberOf(row[`n${index}`]), numberOf(row[`t${index}`])];
      const values = shortcut.by === "truth" ? [present - yes, yes] : [present];
      return { index, name: sliceOf(row), count: countsOf(bins, values) };
    }),
  );
}

const microsecondsOfHour = 3_600_000_000;

/** What the engine says of a moment. */
const calendar: Readonly<Record<CalendarPart, (moment: SqlExpression) => SqlExpression>> = {
  hour: (moment) => sql`hour(${moment})`,
  weekday: (moment) => sql`isodow(${moment})`,
  month: (moment) => sql`month(${moment})`,
};

async function calendarCounts(
  session: Session,
  { select, slice }: SlicedRows,
  { moment, parts }: { readonly moment: SqlExpression; readonly parts: readonly Moment[] },
): Promise<Counted<CategoryCounts>[]> {
  const values = sql`SELECT ${slice ?? sql`''`} AS slice, ${moment} AS us FROM (${select})`;
  // Division rounds towards zero: before 1970, an hour begins one earlier.
  const hour = sql`us // ${microsecondsOfHour} - CAST(us % ${microsecondsOfHour} < 0 AS BIGINT)`;
  const hours = sql`SELECT slice, ${hour} AS h, count(*) AS n, min(us) AS first, max(us) AS last FROM (${values}) WHERE us IS NOT NULL GROUP BY slice, h`;
  // Any moment of an hour tells its parts; the beginning of the first hour of all is not a moment.
  const moments = sql`make_timestamp(first)`;
  const queries = parts.map(
    ({ index, shortcut }) =>
      sql`SELECT ${index} AS c, slice, ${calendar[shortcut.part](moments)} AS v, sum(n) AS n, min(first) AS first, max(last) AS last FROM hours GROUP BY slice, v`,
  );
  const answers = await session.rows(
    sql`WITH hours AS MATERIALIZED (${hours}) ${joinSql(queries, sql` UNION ALL `)}`,
  );
  const byPart = new Map(
    parts.map((part) => [part.index, { ...part, slices: new Map<string, EngineRow[]>() }]),
  );
  for (const row of answers) {
    const slices = byPart.get(numberOf(row["c"]))?.slices;
    slices?.set(sliceOf(row), [...(slices.get(sliceOf(row)) ?? []), row]);
  }
  return [...byPart.values()].flatMap(({ index, bins, slices }) =>
    [...slices].map(([name, found]) => {
      const byValue = new Map(found.map((row) => [numberOf(row["v"]), numberOf(row["n"])]));
      const values = bins.values.map((value) => byValue.get(Number(value)) ?? 0);
      let [first, last] = [Infinity, -Infinity];
      for (const row of found) {
        first = Math.min(first, numberOf(row["first"]));
        last = Math.max(last, numberOf(row["last"]));
      }
      return { index, name, count: countsOf(bins, values), span: [first, last] };
    }),
  );
}

/** Rows that are all in bins. */
function countsOf(bins: CategoryBins, values: readonly number[]): CategoryCounts {
  const rows = sumOf(values, (count) => count);
  return {
    form: "category",
    rows,
    nulls: 0,
    nans: 0,
    values,
    rare: 0,
    singles: 0,
    unseen: 0,
    distinct: values.filter((count) => count > 0).length,
    ...(bins.isNumber ? momentsOf(bins, values, rows) : { mean: null, sd: null }),
  };
}

function momentsOf(bins: CategoryBins, counts: readonly number[], rows: number) {
  const centre = centreOf(bins);
  const cells = bins.values.map((value, bin) => ({ off: Number(value) - centre, count: counts[bin] ?? 0 }));
  const sum = sumOf(cells, ({ off, count }) => count * off);
  const squares = sumOf(cells, ({ off, count }) => count * off ** 2);
  return meanAndDeviation({ count: rows, sum, squares, centre });
}
