import type { Session } from "../../engine/core/contract.ts";
import { joinSql, type SqlExpression, type SqlName, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { type ValueRange, valueRanges } from "./score-ranges.ts";
import type { StagedRows } from "./staged-rows.ts";

/** The numbers of a regression whose order matters. */
const values = {
  target: sql`target`,
  prediction: sql`prediction`,
  off: sql`abs((prediction - target))`,
} as const;

type Ordered = keyof typeof values;

type OrderedRanges = Readonly<Record<Ordered, readonly ValueRange[]>>;

/** What follows from the order of the rows of one part. */
export interface OrderedSums {
  /** Correlation of the ranks, equal values in the middle of theirs; NaN without variance. */
  readonly spearman: number;
  /** The order statistics between which the median of the absolute errors lies with 95 %. */
  readonly medianLow: number;
  readonly medianHigh: number;
}

interface OpenSums {
  both: number;
  first: number;
  second: number;
  low: number;
  high: number;
}

const sizes = plainName("performance_sizes");
const ranks = plainName("performance_ranks");

async function rangesOfAll(session: Session, staged: StagedRows): Promise<OrderedRanges> {
  const rangesOf = (name: Ordered) => valueRanges(session, staged, values[name]);
  return {
    target: await rangesOf("target"),
    prediction: await rangesOf("prediction"),
    off: await rangesOf("off"),
  };
}

/**
 * What follows from the order of the rows of each part, by its number. One range of values is sorted after the other:
 * places within a range are counted from the rows below.
 *
 * @param rows the staged rows: the number of the part (`code`), `target` and `prediction`, both finite
 */
export async function orderedSums(
  session: Session,
  staged: StagedRows,
  rows: SqlSelect,
): Promise<ReadonlyMap<number, OrderedSums>> {
  const ranges = await rangesOfAll(session, staged);
  await countRows(session, rows, ranges);
  await rankTargets(session, rows, ranges.target);
  const parts = new Map<number, OpenSums>();
  await addRanks(session, ranges.prediction, parts);
  await addBounds(session, rows, { ranges: ranges.off, parts });
  for (const table of [ranks, sizes]) await session.execute(sql`DROP TABLE ${table}`);
  return new Map(
    [...parts].map(([code, { both, first, second, low, high }]) => [
      code,
      {
        spearman: Math.max(-1, Math.min(1, both / Math.sqrt(first * second))),
        medianLow: low,
        medianHigh: high,
      },
    ]),
  );
}

/** Rows of each part, and those below each range. */
async function countRows(session: Session, rows: SqlSelect, ranges: OrderedRanges): Promise<void> {
  const below = (Object.keys(values) as Ordered[]).flatMap((name) =>
    ranges[name].map(
      ({ isBelow }, index) => sql`count(*) FILTER (WHERE ${isBelow}) AS ${belowName(name, index)}`,
    ),
  );
  for (const table of [ranks, sizes]) await session.execute(sql`DROP TABLE IF EXISTS ${table}`);
  await session.execute(
    sql`CREATE TABLE ${sizes} AS SELECT ${[sql`code`, sql`count(*) AS size`, ...below]} FROM (${rows}) GROUP BY code`,
  );
}

function belowName(name: Ordered, index: number): SqlName {
  return plainName(`${name}_${index}`);
}

/** The place of a row among its part; of equal values, the middle of theirs. */
function placeOf(name: Ordered, index: number): SqlExpression {
  const order = sql`(PARTITION BY code ORDER BY ${values[name]})`;
  return sql`(${belowName(name, index)} + (rank() OVER ${order} + count(*) OVER ${order}) / 2.0)`;
}

async function rankTargets(session: Session, rows: SqlSelect, ranges: readonly ValueRange[]): Promise<void> {
  await session.execute(
    sql`CREATE TABLE ${ranks} AS SELECT code, prediction, CAST(0 AS DOUBLE) AS place FROM (${rows}) LIMIT 0`,
  );
  for (const [index, { inRange }] of ranges.entries())
    await session.execute(
      sql`INSERT INTO ${ranks} SELECT code, prediction, ${placeOf("target", index)} FROM (${rows}) JOIN ${sizes} USING (code) WHERE ${inRange}`,
    );
}

async function addRanks(
  session: Session,
  ranges: readonly ValueRange[],
  parts: Map<number, OpenSums>,
): Promise<void> {
  // The mean of all places.
  const middle = sql`(size + 1) / 2.0`;
  const sums = joinSql(
    [sql`fsum(a * b) AS both`, sql`fsum(a * a) AS first`, sql`fsum(b * b) AS second`],
    sql`, `,
  );
  for (const [index, { inRange }] of ranges.entries()) {
    const placed = sql`SELECT code, place - ${middle} AS a, ${placeOf("prediction", index)} - ${middle} AS b FROM ${ranks} JOIN ${sizes} USING (code) WHERE ${inRange}`;
    for (const row of await session.rows(sql`SELECT code, ${sums} FROM (${placed}) GROUP BY code`)) {
      const part = openPart(parts, Number(row["code"]));
      part.both += Number(row["both"]);
      part.first += Number(row["first"]);
      part.second += Number(row["second"]);
    }
  }
}

async function addBounds(
  session: Session,
  rows: SqlSelect,
  { ranges, parts }: { readonly ranges: readonly ValueRange[]; readonly parts: Map<number, OpenSums> },
): Promise<void> {
  const half = sql`0.98 * sqrt(size)`;
  for (const [index, { inRange }] of ranges.entries()) {
    const below = belowName("off", index);
    const placed = sql`SELECT code, size, ${values.off} AS off, ${below} + row_number() OVER (PARTITION BY code ORDER BY ${values.off}) AS place FROM (${rows}) JOIN ${sizes} USING (code) WHERE ${inRange}`;
    const found = await session.rows(
      sql`SELECT code, min(off) FILTER (WHERE place >= size / 2.0 - ${half}) AS low, max(off) FILTER (WHERE place <= size / 2.0 + ${half} + 1) AS high FROM (${placed}) GROUP BY code`,
    );
    for (const row of found) {
      const part = openPart(parts, Number(row["code"]));
      if (row["low"] !== null) part.low = Math.min(part.low, Number(row["low"]));
      if (row["high"] !== null) part.high = Math.max(part.high, Number(row["high"]));
    }
  }
}

function openPart(parts: Map<number, OpenSums>, code: number): OpenSums {
  const none = {
    both: 0,
    first: 0,
    second: 0,
    low: Number.POSITIVE_INFINITY,
    high: Number.NEGATIVE_INFINITY,
  };
  const part = parts.get(code) ?? none;
  parts.set(code, part);
  return part;
}
