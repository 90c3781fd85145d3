import type { Session } from "../../engine/core/contract.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { doubleLiteral, lambda, plainName } from "../../sql/sql-text.ts";
import { fineSteps, type NumericBins } from "./bins.ts";
import { inChunks } from "./chunks.ts";
import { listOf, numberOf } from "./counted.ts";
import type { Sample } from "./sample-facts.ts";

/** A column of numbers in the sample. */
export interface NumberColumn {
  readonly index: number;
  /** Over the sample's columns. */
  readonly value: SqlExpression;
}

/** The bins of columns of numbers by the sample: points, and quantiles of the other finite values. */
export async function numericBins(
  session: Session,
  sample: Sample,
  columns: readonly NumberColumn[],
): Promise<ReadonlyMap<number, NumericBins>> {
  const bins = new Map<number, NumericBins>();
  const edges = sample.isWhole ? "exact" : "sampled";
  for (const chunk of inChunks(columns, 32)) {
    const noPoints = chunk.map(({ index }) => [index, []] as const);
    const quantiles = await quantilesOf(session, sample, chunk, new Map(noPoints));
    const points = await pointsOf(session, sample, chunk, quantiles);
    const pointed = chunk.filter(({ index }) => (points.get(index) ?? []).length > 0);
    const others = pointed.length === 0 ? quantiles : await quantilesOf(session, sample, pointed, points);
    for (const { index } of chunk)
      bins.set(index, {
        form: "numeric",
        quantiles: others.get(index) ?? quantiles.get(index) ?? [],
        points: points.get(index) ?? [],
        edges,
      });
  }
  return bins;
}

type NumbersByColumn = ReadonlyMap<number, readonly number[]>;

/** Quantiles (type 7) at all steps, of the finite values that are no points. */
async function quantilesOf(
  session: Session,
  { table }: Sample,
  columns: readonly NumberColumn[],
  points: NumbersByColumn,
): Promise<NumbersByColumn> {
  const lists = columns.map(({ index, value }) => {
    const excluded = points.get(index) ?? [];
    const others = excluded.length === 0 ? sql`` : sql` AND ${value} NOT IN (${excluded.map(doubleLiteral)})`;
    return sql`list_sort(list(${value}) FILTER (WHERE isfinite(${value})${others})) AS ${plainName(`l${index}`)}`;
  });
  const counted = columns.map(
    ({ index }) =>
      sql`${plainName(`l${index}`)}, len(${plainName(`l${index}`)}) AS ${plainName(`n${index}`)}`,
  );
  const picked = columns.flatMap(({ index }) => {
    const [list, count] = [plainName(`l${index}`), plainName(`n${index}`)];
    const at = (step: SqlExpression) =>
      sql`CAST(floor((${step} / ${fineSteps}) * (${count} - 1)) AS BIGINT) + 1`;
    const low = lambda("step", at);
    const high = lambda("step", (step) => sql`least(${at(step)} + 1, ${count})`);
    const steps = sql`range(0, ${fineSteps + 1})`;
    return [
      sql`${count}`,
      sql`list_select(${list}, list_transform(${steps}, ${low})) AS ${plainName(`a${index}`)}`,
      sql`list_select(${list}, list_transform(${steps}, ${high})) AS ${plainName(`b${index}`)}`,
    ];
  });
  const [row = {}] = await session.rows(
    sql`SELECT ${picked} FROM (SELECT ${counted} FROM (SELECT ${lists} FROM ${table}))`,
  );
  return new Map(
    columns.map(({ index }) => {
      const [lows, highs] = [listOf(row[`a${index}`]).map(numberOf), listOf(row[`b${index}`]).map(numberOf)];
      const most = numberOf(row[`n${index}`]) - 1;
      return [index, lows.map((low, step) => between(low, highs[step] ?? low, (step / fineSteps) * most))];
    }),
  );
}

/** Linear between two neighbours, at a position whose fraction is the weight of the higher one. */
function between(low: number, high: number, position: number): number {
  return low === high ? low : low + (position - Math.floor(position)) * (high - low);
}

/** The values that at least a twentieth of the non-null rows have: they are often among the quantiles. */
async function pointsOf(
  session: Session,
  { table }: Sample,
  columns: readonly NumberColumn[],
  quantiles: NumbersByColumn,
): Promise<NumbersByColumn> {
  const candidates = columns.flatMap(({ index, value }) =>
    repeated(quantiles.get(index) ?? []).map((point) => ({ index, value, point })),
  );
  const points = new Map<number, number[]>();
  if (candidates.length === 0) return points;
  const counts = candidates.map(
    ({ value, point }, position) =>
      sql`count_if(${value} = ${doubleLiteral(point)}) >= count(${value}) / 20 AS ${plainName(`p${position}`)}`,
  );
  const [row = {}] = await session.rows(sql`SELECT ${counts} FROM ${table}`);
  for (const [position, { index, point }] of candidates.entries())
    if (row[`p${position}`] === true) points.set(index, [...(points.get(index) ?? []), point]);
  return points;
}

/** Values that are repeated as often as a point's: a twentieth of the steps, less one at each end. */
function repeated(quantiles: readonly number[]): number[] {
  const counts = new Map<number, number>();
  for (const value of quantiles) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].filter(([, count]) => count >= fineSteps / 20 - 2).map(([value]) => value);
}
