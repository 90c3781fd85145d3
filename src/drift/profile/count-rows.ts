import type { Session } from "../../engine/core/contract.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { appendAll } from "../../util/append-all.ts";
import { type Bins, boundariesOf, type CategoryBins, type Counts, type NumericBins } from "./bins.ts";
import { inChunks } from "./chunks.ts";
import { categoryCounts } from "./count-categories.ts";
import { numericCounts } from "./count-numbers.ts";
import { hasShortcut, shortenedCounts } from "./count-shortcuts.ts";
import { type Binning, type Counted, type Indexed, numberOf, type RowSource, valueName } from "./counted.ts";
import { rowsWith, type SelectedRows } from "./side-rows.ts";
import type { Span } from "./time-spans.ts";

/** Rows to count, and by what they are split. */
export interface CountedRows extends SelectedRows {
  /** Names the slice of a row as text; without, all rows are the slice `""`. */
  readonly slice?: SqlExpression | undefined;
  /** At most so many rows are sorted for exact quantiles. */
  readonly rows: number;
}

/** The number of rows of each slice, and the counts of each measure in it. */
export type SliceCounts = ReadonlyMap<
  string,
  {
    readonly rows: number;
    readonly counts: readonly Counts[];
    /** First and last moment, by the measures whose counting has told them. */
    readonly spans: ReadonlyMap<number, Span>;
  }
>;

/** Sides of at most so many rows are sorted for exact quantiles. */
export const mostSorted = 65_536;

/** The categories of so few rows are counted in one query for many columns. */
export const mostStacked = 4_096;

/** Counts the rows of each slice in the bins of all measures, in few passes; {@link inChunks} bounds each. */
export async function countRows(
  session: Session,
  rows: CountedRows,
  binnings: readonly Binning[],
): Promise<SliceCounts> {
  const { slice = sql`''` } = rows;
  const counted = rows.slice === undefined ? rowsWith(rows, []) : rows.select;
  const totals = await session.rows(
    sql`SELECT ${slice} AS slice, count(*) AS n FROM (${counted}) GROUP BY ALL ORDER BY n DESC`,
  );
  const slices = new Map(totals.map((row) => [String(row["slice"]), numberOf(row["n"])]));
  const counts = new Map<string, Counts>();
  const keyOf = (index: number, name: string) => `${index}:${name}`;
  const numbered: Indexed<Bins>[] = [];
  for (const [index, binning] of binnings.entries()) {
    // Of few rows, a second grouping takes longer to plan than it saves.
    const integer = rows.rows > mostSorted ? binning.integer : undefined;
    if (rows.slice === undefined && binning.counted !== undefined)
      counts.set(keyOf(index, ""), binning.counted);
    else numbered.push({ ...binning, integer, index });
  }
  const spans = new Map<string, Map<number, Span>>();
  for (const { index, name, count, span } of await countedMeasures(session, rows, numbered)) {
    counts.set(keyOf(index, name), count);
    if (span !== undefined) spans.set(name, (spans.get(name) ?? new Map<number, Span>()).set(index, span));
  }
  return new Map(
    [...slices].map(([name, total]) => [
      name,
      {
        rows: total,
        counts: binnings.map(
          ({ bins }, index) => withRows(counts.get(keyOf(index, name)), total) ?? noCounts(bins, total),
        ),
        spans: spans.get(name) ?? new Map(),
      },
    ]),
  );
}

async function countedMeasures(
  session: Session,
  rows: CountedRows,
  measures: readonly Indexed<Bins>[],
): Promise<Counted<Counts>[]> {
  // Others are counted in tables of their values, from which nothing is gained.
  const isDirect = rows.rows > mostSorted && measures.length <= mostBound;
  const shortened = isDirect ? measures.filter(hasShortcut) : [];
  const select = rowsOfMeasures(rows, shortened);
  const counted: Counted<Counts>[] = await shortenedCounts(session, { ...rows, select }, shortened);
  const others = shortened.length === 0 ? measures : measures.filter((measure) => !hasShortcut(measure));
  for await (const { source, chunk } of countedChunks(session, rows, others)) {
    const [numbers, categories] = [chunk.filter(isNumeric), chunk.filter(isCategory)];
    appendAll(counted, await numericCounts(session, source, numbers));
    for (const some of inChunks(categories, source.isTiny ? mostBound : chunkCategories))
      appendAll(counted, await categoryCounts(session, source, some));
  }
  return counted;
}

/** Columns of categories that are counted together. */
const chunkCategories = 32;
/** Queries of a relation of more columns take so long to bind that its categories are put into tables. */
export const mostBound = 256;
/** Columns of files that are put into a table at once: the engine keeps memory for each, and reads more no faster. */
const narrowColumns = 128;
/** Values of a table of rows. */
const tableValues = 8_000_000;

/**
 * How many columns a table of so many rows has: few of many rows, so that it stays small. Where each is read through
 * all columns, the time of that makes them wider.
 */
export function tableColumns({
  rows,
  narrow,
}: { readonly rows: number } & Pick<SelectedRows, "narrow">): number {
  const most = narrow === undefined ? 4 * mostBound : narrowColumns;
  return Math.max(chunkCategories, Math.min(most, Math.floor(tableValues / Math.max(1, rows))));
}

/** How many columns of numbers of so many rows are read at once; the values of a small side are kept. */
export function numberColumns(rows: number): number {
  return Math.max(chunkCategories, Math.min(mostBound, Math.floor(tableValues / 4 / Math.max(1, rows))));
}

/** The rows with at least the columns of measures; a slice may be named by any column. */
function rowsOfMeasures(
  { select, narrow, slice }: CountedRows,
  measures: readonly Pick<Binning, "column">[],
): SqlSelect {
  if (narrow === undefined || slice !== undefined) return select;
  return narrow(new Set(measures.map(({ column }) => column)));
}

/** The measures in chunks, with their rows: from a table of their values where that is faster. */
async function* countedChunks(
  session: Session,
  counted: CountedRows,
  measures: readonly Indexed<Bins>[],
): AsyncGenerator<{ readonly source: RowSource; readonly chunk: readonly Indexed<Bins>[] }> {
  const { narrow, slice, rows } = counted;
  const facts = {
    rows,
    isSliced: slice !== undefined,
    isSmall: rows <= mostSorted,
    isTiny: rows <= mostStacked,
  };
  const sliced = slice === undefined ? [] : [sql`${slice} AS slice`];
  const valuesOf = (chunk: readonly Indexed<Bins>[]): SqlSelect => {
    const values = chunk.map(({ value, integer, index }) => sql`${integer ?? value} AS ${valueName(index)}`);
    return sql`SELECT ${[...sliced, ...values]} FROM (${rowsOfMeasures(counted, chunk)})`;
  };
  const direct: RowSource = { ...facts, columns: valuesOf };
  if (!facts.isSmall)
    for (const chunk of inChunks(measures.filter(isNumeric), mostBound)) yield { source: direct, chunk };
  const others = facts.isSmall ? measures : measures.filter(isCategory);
  if (!facts.isSmall && measures.length <= mostBound) {
    yield { source: direct, chunk: others };
    return;
  }
  const names = slice === undefined ? [] : [sql`slice`];
  const source: RowSource = {
    ...facts,
    columns: (chunk) =>
      sql`SELECT ${[...names, ...chunk.map(({ index }) => valueName(index))]} FROM __varve_drift_rows`,
  };
  for (const group of inChunks(
    others,
    tableColumns({ rows, narrow: slice === undefined ? narrow : undefined }),
  )) {
    await session.execute(sql`CREATE OR REPLACE TABLE __varve_drift_rows AS ${valuesOf(group)}`);
    for (const chunk of inChunks(group, numberColumns(rows))) yield { source, chunk };
  }
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
    : {
        ...none,
        form: "category",
        values: bins.values.map(() => 0),
        rare: 0,
        singles: 0,
        unseen: 0,
        distinct: 0,
      };
}
