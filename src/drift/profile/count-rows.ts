import type { Session } from "../../engine/core/contract.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { type Bins, boundariesOf, type CategoryBins, type Counts, type NumericBins } from "./bins.ts";
import { inChunks } from "./chunks.ts";
import { categoryCounts } from "./count-categories.ts";
import { numericCounts } from "./count-numbers.ts";
import { type Binning, type Counted, type Indexed, numberOf, valueName } from "./counted.ts";

/** Rows to count, and by what they are split. */
export interface CountedRows {
  readonly select: SqlSelect;
  /** Names the slice of a row as text; without, all rows are the slice `""`. */
  readonly slice?: SqlExpression | undefined;
  /** At most so many rows are sorted for exact quantiles. */
  readonly rows: number;
}

/** The number of rows of each slice, and the counts of each measure in it. */
export type SliceCounts = ReadonlyMap<string, { readonly rows: number; readonly counts: readonly Counts[] }>;

/** Sides of at most so many rows are sorted for exact quantiles. */
export const mostSorted = 65_536;

/** Counts the rows of each slice in the bins of all measures, in few passes; {@link inChunks} bounds each. */
export async function countRows(
  session: Session,
  rows: CountedRows,
  binnings: readonly Binning[],
): Promise<SliceCounts> {
  const slice = rows.slice ?? sql`''`;
  const totals = await session.rows(
    sql`SELECT ${slice} AS slice, count(*) AS n FROM (${rows.select}) GROUP BY ALL ORDER BY n DESC`,
  );
  const slices = new Map(totals.map((row) => [String(row["slice"]), numberOf(row["n"])]));
  const counts = new Map<string, Counts>();
  const keyOf = (index: number, name: string) => `${index}:${name}`;
  const numbered = binnings.map((binning, index) => ({ ...binning, index }));
  for (const chunk of inChunks(numbered, chunkColumns))
    for (const { index, name, count } of await chunkCounts(session, { ...rows, slice }, chunk))
      counts.set(keyOf(index, name), count);
  return new Map(
    [...slices].map(([name, total]) => [
      name,
      {
        rows: total,
        counts: binnings.map(
          ({ bins }, index) => withRows(counts.get(keyOf(index, name)), total) ?? noCounts(bins, total),
        ),
      },
    ]),
  );
}

/** Columns that are counted together. */
const chunkColumns = 32;

/** Counts some columns, whose values are put into a table if there are few rows: a wide query takes long to bind. */
async function chunkCounts(
  session: Session,
  { select, slice, rows }: Required<CountedRows> & { readonly slice: SqlExpression },
  chunk: readonly Indexed<Bins>[],
): Promise<Counted<Counts>[]> {
  const values = chunk.map(({ value, index }) => sql`${value} AS ${valueName(index)}`);
  const selected = sql`SELECT ${slice} AS slice, ${values} FROM (${select})`;
  const isSmall = rows <= mostSorted;
  if (isSmall) await session.execute(sql`CREATE OR REPLACE TEMP TABLE varve_drift_rows AS ${selected}`);
  const from = isSmall ? sql`SELECT * FROM varve_drift_rows` : selected;
  return [
    ...(await numericCounts(session, { from, isSmall }, chunk.filter(isNumeric))),
    ...(await categoryCounts(session, from, chunk.filter(isCategory))),
  ];
}

function isNumeric(binning: Indexed<Bins>): binning is Indexed<NumericBins> {
  return binning.bins.form === "numeric";
}

function isCategory(binning: Indexed<Bins>): binning is Indexed<CategoryBins> {
  return binning.bins.form === "category";
}

/** The counts with the rows of the slice, and the nulls among them. */
function withRows(counts: Counts | undefined, rows: number): Counts | undefined {
  return counts === undefined ? undefined : { ...counts, nulls: rows - counts.rows, rows };
}

/** The counts of a slice none of whose rows has a value. */
export function noCounts(bins: Bins, rows: number): Counts {
  const none = { rows, nulls: rows, nans: 0, mean: null, sd: null };
  return bins.form === "numeric"
    ? {
        ...none,
        form: "numeric",
        cells: new Array<number>(boundariesOf(bins).length + 1).fill(0),
        min: null,
        max: null,
        quantiles: null,
      }
    : { ...none, form: "category", values: bins.values.map(() => 0), rare: 0, singles: 0, unseen: 0 };
}
