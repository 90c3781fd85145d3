import type { EngineRow, EngineValue, Session } from "../../engine/core/contract.ts";
import { type SqlExpression, sql } from "../../sql/sql.ts";
import { doubleLiteral, plainName, quoteText } from "../../sql/sql-text.ts";
import { boundariesOf, type NumericBins, type NumericCounts } from "./bins.ts";
import {
  type Counted,
  type Indexed,
  listOf,
  meanAndDeviation,
  numberOf,
  type RowSource,
  sliceOf,
  valueName,
} from "./counted.ts";

/**
 * Counts columns of numbers in one pass, and once more where NaN or infinities spoil the sums. Of a small side, exact
 * quantiles are computed, too.
 */
export async function numericCounts(
  session: Session,
  source: RowSource,
  binnings: readonly Indexed<NumericBins>[],
): Promise<Counted<NumericCounts>[]> {
  if (binnings.length === 0) return [];
  const aggregates = binnings.flatMap((binning) => [
    ...histogramOf(binning),
    ...momentsOf(binning, false),
    ...(source.isSmall ? [quantilesOf(binning)] : []),
  ]);
  const answers = await aggregated(session, source, { binnings, aggregates });
  // Tests of every value are made only where the sums show NaN or infinities.
  const spoiled = binnings.filter(
    ({ isFloat, index }) => isFloat && answers.some((row) => !isSound(row, index)),
  );
  const finite = new Map<string, EngineRow>();
  if (spoiled.length > 0) {
    const again = spoiled.flatMap((binning) => momentsOf(binning, true));
    for (const row of await aggregated(session, source, { binnings: spoiled, aggregates: again }))
      finite.set(sliceOf(row), row);
  }
  return answers.flatMap((row) =>
    binnings.map((binning) => {
      const name = sliceOf(row);
      const moments = spoiled.includes(binning) ? (finite.get(name) ?? row) : row;
      return { index: binning.index, name, count: numericCount(binning, row, moments) };
    }),
  );
}

/** A row of aggregates for each slice. */
function aggregated(
  session: Session,
  source: RowSource,
  {
    binnings,
    aggregates,
  }: { readonly binnings: readonly Indexed<NumericBins>[]; readonly aggregates: readonly SqlExpression[] },
): Promise<EngineRow[]> {
  const rows = source.columns(binnings);
  return session.rows(
    source.isSliced
      ? sql`SELECT slice, ${aggregates} FROM (${rows}) GROUP BY slice`
      : sql`SELECT ${aggregates} FROM (${rows})`,
  );
}

function nameOf(letter: string, index: number) {
  return plainName(`${letter}${index}`);
}

function histogramOf({ bins, index }: Indexed<NumericBins>): SqlExpression[] {
  const boundaries = boundariesOf(bins);
  if (boundaries.length === 0) return [];
  // The engine's bins are closed above, and these below: so both change their sign.
  const turned = boundaries.toReversed().map((boundary) => (boundary === 0 ? 0 : -boundary));
  // One text is read much faster than hundreds of literals.
  const list = sql`CAST(${quoteText(JSON.stringify(turned))} AS DOUBLE[])`;
  return [sql`map_values(histogram(-${valueName(index)}, ${list})) AS ${nameOf("h", index)}`];
}

/** Sums around the baseline's median, so that squares of large numbers do not lose their digits. */
function momentsOf({ bins, index }: Indexed<NumericBins>, isSpoiled: boolean): SqlExpression[] {
  const value = valueName(index);
  const off = sql`(${value} - ${doubleLiteral(centreOf(bins))})`;
  const finite = isSpoiled ? sql`FILTER (WHERE isfinite(${value}))` : sql``;
  const known = isSpoiled ? sql`FILTER (WHERE NOT isnan(${value}))` : sql``;
  return [
    sql`count(${value}) AS ${nameOf("n", index)}`,
    sql`sum(${off}) ${finite} AS ${nameOf("s", index)}`,
    sql`sum(${off} * ${off}) ${finite} AS ${nameOf("q", index)}`,
    sql`min(${value}) ${known} AS ${nameOf("lo", index)}`,
    sql`max(${value}) ${known} AS ${nameOf("hi", index)}`,
    ...(isSpoiled
      ? [
          sql`count(${value}) ${finite} AS ${nameOf("f", index)}`,
          sql`count(${value}) ${known} AS ${nameOf("k", index)}`,
        ]
      : []),
  ];
}

function quantilesOf({ index, isFloat }: Indexed<NumericBins>): SqlExpression {
  const value = valueName(index);
  const finite = isFloat ? sql`FILTER (WHERE isfinite(${value}))` : sql``;
  return sql`quantile_cont(${value}, [0.05, 0.25, 0.5, 0.75, 0.95]) ${finite} AS ${nameOf("p", index)}`;
}

function centreOf({ quantiles, points }: NumericBins): number {
  return quantiles[quantiles.length >> 1] ?? points[0] ?? 0;
}

/** Whether sums and extremes show neither NaN nor infinities. */
function isSound(row: EngineRow, index: number): boolean {
  const isKnown = (value: EngineValue | undefined) => typeof value === "number" && Number.isFinite(value);
  return row[`s${index}`] === null || ["s", "lo", "hi"].every((letter) => isKnown(row[`${letter}${index}`]));
}

/** Counts of a slice by a row of the first query, and the moments by one of the first or second. */
function numericCount(
  { bins, index }: Indexed<NumericBins>,
  row: EngineRow,
  moments: EngineRow,
): NumericCounts {
  const all = numberOf(row[`n${index}`]);
  const known = numberOf(moments[`k${index}`] ?? all);
  const nans = all - known;
  const length = boundariesOf(bins).length + 1;
  const turned = listOf(row[`h${index}`]).map(numberOf);
  // The engine leaves out the last bin, for values below the first boundary, where it is empty.
  const cells = Array.from({ length }, (_, cell) => turned[length - 1 - cell] ?? 0);
  if (length === 1) cells[0] = all;
  // NaN compares as false with every boundary, and so falls into the engine's first bin.
  cells[length - 1] = (cells[length - 1] ?? 0) - nans;
  const quantiles = row[`p${index}`];
  return {
    form: "numeric",
    rows: all,
    nulls: 0,
    nans,
    cells,
    min: known > 0 ? numberOf(moments[`lo${index}`]) : null,
    max: known > 0 ? numberOf(moments[`hi${index}`]) : null,
    ...meanAndDeviation({
      count: numberOf(moments[`f${index}`] ?? all),
      sum: moments[`s${index}`] ?? null,
      squares: moments[`q${index}`] ?? null,
      centre: centreOf(bins),
    }),
    quantiles: Array.isArray(quantiles) ? quantiles.map(numberOf) : null,
  };
}
