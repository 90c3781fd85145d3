import type { EngineRow, Session } from "../../engine/core/contract.ts";
import { joinSql, type SqlSelect, sql } from "../../sql/sql.ts";
import { doubleLiteral, quoteText } from "../../sql/sql-text.ts";
import type { CategoryBins, CategoryCounts } from "./bins.ts";
import { type Counted, type Indexed, listOf, meanAndDeviation, numberOf, valueName } from "./counted.ts";

/** Counts categories, a query for each column, put together. */
export async function categoryCounts(
  session: Session,
  from: SqlSelect,
  binnings: readonly Indexed<CategoryBins>[],
): Promise<Counted<CategoryCounts>[]> {
  if (binnings.length === 0) return [];
  const queries = binnings.map(({ bins, index }) =>
    categoryQuery(sql`SELECT slice, ${valueName(index)} AS v FROM (${from})`, bins, index),
  );
  const answers = await session.rows(joinSql(queries, sql` UNION ALL `));
  const found = new Map<string, Counted<CategoryCounts>>();
  for (const row of answers) {
    const binning = binnings.find(({ index }) => index === numberOf(row["c"]));
    if (binning === undefined) continue;
    const name = String(row["slice"]);
    const key = `${binning.index}:${name}`;
    found.set(key, { index: binning.index, name, count: categoryCount(binning.bins, row) });
  }
  return [...found.values()];
}

/** One row for each slice: the numbers of rows by bin, as lists of bins and numbers. */
function categoryQuery(from: SqlSelect, bins: CategoryBins, index: number): SqlSelect {
  const { values, known, singles, isNumber } = bins;
  const named = values.map((value, bin) => [value, bin] as const);
  const others = [
    ...(known ?? []).map((value) => [value, rareBin] as const),
    ...singles.map((value) => [value, singleBin] as const),
  ];
  const all = [...named, ...others];
  const literal = (value: string | number) =>
    typeof value === "number" ? doubleLiteral(value) : quoteText(value);
  const type = isNumber ? sql`DOUBLE` : sql`VARCHAR`;
  const names = sql`SELECT unnest(CAST([${all.map(([value]) => literal(value))}] AS ${type}[])) AS v, unnest(CAST([${all.map(([, bin]) => bin)}] AS INTEGER[])) AS bin`;
  const groups = sql`SELECT slice, v, count(*) AS n FROM (${from}) WHERE v IS NOT NULL GROUP BY ALL`;
  const nan = isNumber ? sql`CASE WHEN isnan(g.v) THEN ${nanBin} ELSE ${unseenBin} END` : sql`${unseenBin}`;
  const finite = isNumber ? sql`FILTER (WHERE isfinite(g.v))` : sql``;
  const moments = isNumber
    ? sql`sum(g.n) ${finite} AS f, sum(g.n * g.v) ${finite} AS s, sum(g.n * g.v * g.v) ${finite} AS q`
    : sql`NULL AS f, NULL AS s, NULL AS q`;
  const binned = sql`SELECT g.slice, coalesce(m.bin, ${nan}) AS bin, sum(g.n) AS n, ${moments} FROM (${groups}) g LEFT JOIN (${names}) m ON g.v = m.v GROUP BY ALL`;
  return sql`SELECT ${index} AS c, slice, list(bin) AS bins, list(CAST(n AS BIGINT)) AS ns, CAST(sum(f) AS DOUBLE) AS f, CAST(sum(s) AS DOUBLE) AS s, CAST(sum(q) AS DOUBLE) AS q FROM (${binned}) GROUP BY slice`;
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
    ...meanAndDeviation({ count: numberOf(row["f"] ?? 0), sum, squares, centre: 0 }),
  };
}
