import type { EngineRow, Session } from "../../engine/core/contract.ts";
import { joinSql, type SqlSelect, sql } from "../../sql/sql.ts";
import { type CategoryBins, type CategoryCounts, centreOf } from "./bins.ts";
import {
  type Counted,
  groupedValues,
  type Indexed,
  listOf,
  meanAndDeviation,
  numberOf,
  type RowSource,
  sliceOf,
  stacked,
  valueName,
} from "./counted.ts";

/** Counts categories, a query for each column, put together; the texts of few rows in one for all columns. */
export async function categoryCounts(
  session: Session,
  source: RowSource,
  binnings: readonly Indexed<CategoryBins>[],
): Promise<Counted<CategoryCounts>[]> {
  if (binnings.length === 0) return [];
  await nameBins(session, binnings);
  const texts = source.isTiny ? binnings.filter(({ bins }) => !bins.isNumber) : [];
  const others = source.isTiny ? binnings.filter(({ bins }) => bins.isNumber) : binnings;
  const queries = others.map((binning) => categoryQuery(source, binning));
  if (texts.length > 0) queries.push(textsQuery(source, texts));
  const answers = await session.rows(joinSql(queries, sql` UNION ALL `));
  const byIndex = new Map(binnings.map((binning) => [binning.index, binning]));
  return answers.flatMap((row) => {
    const binning = byIndex.get(numberOf(row["c"]));
    if (binning === undefined) return [];
    return [{ index: binning.index, name: sliceOf(row), count: categoryCount(binning.bins, row) }];
  });
}

/** Makes a table of the values that have a bin, by measure: as parameters they need not be parsed. */
async function nameBins(session: Session, binnings: readonly Indexed<CategoryBins>[]): Promise<void> {
  const [measures, values, bins]: [string[], string[], string[]] = [[], [], []];
  const add = (index: number, value: string | number, bin: number) => {
    measures.push(String(index));
    values.push(String(value));
    bins.push(String(bin));
  };
  for (const { index, bins: named } of binnings) {
    for (const [bin, value] of named.values.entries()) add(index, value, bin);
    for (const value of named.known ?? []) add(index, value, rareBin);
    for (const value of named.singles) add(index, value, singleBin);
  }
  await session.execute(
    sql`CREATE OR REPLACE TEMP TABLE varve_drift_bins AS SELECT CAST(unnest($1::VARCHAR[]) AS INTEGER) AS c, unnest($2::VARCHAR[]) AS v, CAST(unnest($3::VARCHAR[]) AS INTEGER) AS bin`,
    [measures, values, bins],
  );
}

/** One row for each slice: the numbers of rows by bin, as lists of bins and numbers. */
function categoryQuery(source: RowSource, binning: Indexed<CategoryBins>): SqlSelect {
  const { bins, index, integer } = binning;
  const { isNumber } = bins;
  const slice = source.isSliced ? sql`slice, ` : sql``;
  const from = sql`SELECT ${slice}${valueName(index)} AS v FROM (${source.columns([binning])})`;
  // Other columns have names that are no numbers.
  const name = isNumber ? sql`try_cast(v AS DOUBLE)` : sql`v`;
  const names = sql`SELECT ${name} AS v, bin FROM varve_drift_bins WHERE c = ${index}`;
  const groups = groupedValues(from, { isInteger: integer !== undefined, kept: slice });
  const nan = isNumber ? sql`CASE WHEN isnan(g.v) THEN ${nanBin} ELSE ${unseenBin} END` : sql`${unseenBin}`;
  const finite = isNumber ? sql`FILTER (WHERE isfinite(g.v))` : sql``;
  const off = sql`(g.v - CAST(${centreOf(bins)} AS DOUBLE))`;
  const moments = isNumber
    ? sql`sum(g.n) ${finite} AS f, sum(g.n * ${off}) ${finite} AS s, sum(g.n * ${off} * ${off}) ${finite} AS q`
    : sql`NULL AS f, NULL AS s, NULL AS q`;
  const binned = sql`SELECT ${slice}coalesce(m.bin, ${nan}) AS bin, sum(g.n) AS n, count(*) AS d, ${moments} FROM (${groups}) g LEFT JOIN (${names}) m ON g.v = m.v GROUP BY ALL`;
  const by = source.isSliced ? sql` GROUP BY slice` : sql``;
  return sql`SELECT ${index} AS c, ${slice}list(bin) AS bins, list(CAST(n AS BIGINT)) AS ns, CAST(sum(d) FILTER (WHERE bin <> ${nanBin}) AS BIGINT) AS d, CAST(sum(f) AS DOUBLE) AS f, CAST(sum(s) AS DOUBLE) AS s, CAST(sum(q) AS DOUBLE) AS q FROM (${binned})${by}`;
}

/** Like {@link categoryQuery}, of several columns of texts. */
function textsQuery(source: RowSource, binnings: readonly Indexed<CategoryBins>[]): SqlSelect {
  const slice = source.isSliced ? sql`slice, ` : sql``;
  const indexes = binnings.map(({ index }) => index);
  const values = stacked(source.columns(binnings), indexes, source.isSliced ? [sql`slice`] : []);
  const groups = sql`SELECT ${slice}c, v, count(*) AS n FROM (${values}) WHERE v IS NOT NULL GROUP BY ${slice}c, v`;
  const binned = sql`SELECT g.c, ${slice}coalesce(m.bin, ${unseenBin}) AS bin, sum(g.n) AS n, count(*) AS d FROM (${groups}) g LEFT JOIN varve_drift_bins m ON g.c = m.c AND g.v = m.v GROUP BY ALL`;
  return sql`SELECT c, ${slice}list(bin) AS bins, list(CAST(n AS BIGINT)) AS ns, CAST(sum(d) AS BIGINT) AS d, CAST(NULL AS DOUBLE) AS f, CAST(NULL AS DOUBLE) AS s, CAST(NULL AS DOUBLE) AS q FROM (${binned}) GROUP BY ${slice}c`;
}

const [rareBin, singleBin, unseenBin, nanBin] = [-1, -2, -3, -4];

function categoryCount(bins: CategoryBins, row: EngineRow): CategoryCounts {
  const ns = listOf(row["ns"]).map(numberOf);
  const byBin = new Map(listOf(row["bins"]).map((bin, position) => [numberOf(bin), ns[position] ?? 0]));
  const [sum, squares] = [row["s"] ?? null, row["q"] ?? null];
  return {
    form: "category",
    rows: ns.reduce((total, n) => total + n, 0),
    nulls: 0,
    nans: byBin.get(nanBin) ?? 0,
    values: bins.values.map((_, index) => byBin.get(index) ?? 0),
    rare: byBin.get(rareBin) ?? 0,
    singles: byBin.get(singleBin) ?? 0,
    unseen: byBin.get(unseenBin) ?? 0,
    distinct: numberOf(row["d"]),
    ...meanAndDeviation({ count: numberOf(row["f"] ?? 0), sum, squares, centre: centreOf(bins) }),
  };
}
