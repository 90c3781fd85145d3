import type { Session } from "../../engine/core/contract.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, quoteText } from "../../sql/sql-text.ts";
import { type Bins, distinct, numberAfter } from "../profile/bins.ts";

/** A column of both sides: what is measured of it, and the bins of its baseline. */
export interface MeasuredColumn {
  readonly name: string;
  readonly bins: Bins;
  readonly value: { readonly baseline: SqlExpression; readonly current: SqlExpression };
}

/** A column of one side, row by row. */
interface EncodedSide {
  /** Numbers, or the bins of categories; NaN where the value is null or NaN. */
  readonly values: Float64Array;
  /** Numbers of bins: 0 for null and NaN. */
  readonly codes: Uint8Array;
}

/** A column of both sides, row by row. */
export interface EncodedColumn {
  readonly name: string;
  readonly isCategory: boolean;
  readonly baseline: EncodedSide;
  readonly current: EncodedSide;
}

/** Rows of one side as doubles. */
interface SideRows {
  readonly columns: readonly EncodedSide[];
  /** A fifth by hash. */
  readonly folds: Uint8Array;
}

/** Rows of both sides. */
export interface EncodedRows {
  readonly columns: readonly EncodedColumn[];
  readonly folds: { readonly baseline: Uint8Array; readonly current: Uint8Array };
}

/** Parts of the rows of which each is judged by a model of the others. */
export const folds = 5;

/** Bins of a column, with those of null, of other values, and beyond the ends. */
const mostColumnBins = 32;

/**
 * At most `limit` rows of each side, in an order by hash, as numbers and as numbers of the baseline's bins. Rows that
 * are alike are told apart by how many of them came before, so that the order of the rows does not matter.
 */
export async function encodedRows(
  session: Session,
  selects: { readonly baseline: SqlSelect; readonly current: SqlSelect },
  columns: readonly MeasuredColumn[],
  limit: number,
): Promise<EncodedRows> {
  const encoders = columns.map(({ bins }) => encoderOf(bins));
  const side = async (name: "baseline" | "current"): Promise<SideRows> => {
    const values = columns.map((column, index) => encoders[index]?.streamed(column.value[name]) ?? sql`0`);
    return await sideRows(session, selects[name], { values, encoders, limit });
  };
  const [baseline, current] = [await side("baseline"), await side("current")];
  const none = { values: new Float64Array(), codes: new Uint8Array() };
  return {
    columns: columns.map(({ name, bins }, index) => ({
      name,
      isCategory: bins.form === "category" && !bins.isNumber,
      baseline: baseline.columns[index] ?? none,
      current: current.columns[index] ?? none,
    })),
    folds: { baseline: baseline.folds, current: current.folds },
  };
}

/** How the values of a column become numbers and bins. */
interface Encoder {
  /** A double; NaN for null. */
  readonly streamed: (value: SqlExpression) => SqlExpression;
  readonly code: (value: number) => number;
}

function encoderOf(bins: Bins): Encoder {
  const nan = sql`CAST('NaN' AS DOUBLE)`;
  const number = (value: SqlExpression) => sql`coalesce(CAST(${value} AS DOUBLE), ${nan})`;
  if (bins.form === "numeric") {
    const edges = Float64Array.from(reducedEdges(bins.quantiles, bins.points));
    return { streamed: number, code: (value) => (Number.isNaN(value) ? 0 : 1 + placeIn(edges, value)) };
  }
  // The first ones are the most frequent.
  const named = bins.values.slice(0, mostColumnBins - 2);
  if (bins.isNumber) {
    const places = new Map(named.map((value, index) => [Number(value), index + 2]));
    return { streamed: number, code: (value) => (Number.isNaN(value) ? 0 : (places.get(value) ?? 1)) };
  }
  const list = sql`CAST([${named.map((value) => quoteText(String(value)))}] AS VARCHAR[])`;
  return {
    streamed: (value) =>
      sql`CAST(CASE WHEN ${value} IS NULL THEN ${nan} ELSE coalesce(list_position(${list}, CAST(${value} AS VARCHAR)), 0) + 1 END AS DOUBLE)`,
    code: (value) => (Number.isNaN(value) ? 0 : value),
  };
}

/** Bounds of about 20 bins, or fewer, so that the points, too, are bins of their own. */
function reducedEdges(quantiles: readonly number[], points: readonly number[]): number[] {
  const last = quantiles.at(-1);
  const ends = last === undefined ? [] : [numberAfter(last)];
  for (const step of [13, 20, 26, 52, 130]) {
    const edges = [...quantiles.filter((_, index) => index % step === 0), ...ends];
    for (const point of points) edges.push(point, numberAfter(point));
    const own = distinct(edges.sort((a, b) => a - b));
    if (own.length <= mostColumnBins - 2) return own;
  }
  return distinct([...points, ...ends].sort((a, b) => a - b)).slice(0, mostColumnBins - 2);
}

/** How many of the sorted edges are not above a value. */
function placeIn(edges: Float64Array, value: number): number {
  let [from, to] = [0, edges.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((edges[middle] ?? 0) <= value) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The rows that are chosen, by their hashes. */
const places = plainName("__varve_drift_places");

async function sideRows(
  session: Session,
  select: SqlSelect,
  {
    values,
    encoders,
    limit,
  }: {
    readonly values: readonly SqlExpression[];
    readonly encoders: readonly Encoder[];
    readonly limit: number;
  },
): Promise<SideRows> {
  const names = values.map((_, index) => plainName(`v${index}`));
  const measured = sql`SELECT ${values.map((value, index) => sql`${value} AS ${plainName(`v${index}`)}`)} FROM (${select})`;
  const hashed = sql`SELECT *, hash(${names}) AS row_hash FROM (${measured})`;
  // Places follow from hashes and numbers of rows, so that only the chosen rows are sorted and carry their values.
  const counted = sql`SELECT row_hash, count(*) AS n FROM (${hashed}) GROUP BY row_hash`;
  const placed = sql`SELECT row_hash, hash(row_hash, unnest(range(1, n + 1))) AS place FROM (${counted})`;
  await session.execute(
    sql`CREATE OR REPLACE TABLE ${places} AS SELECT * FROM (${placed}) ORDER BY place // ${folds}, place LIMIT ${limit}`,
  );
  const firsts = names.map((name) => sql`first(${name}) AS ${name}`);
  const chosen = sql`SELECT row_hash, ${firsts} FROM (${hashed}) WHERE row_hash IN (SELECT row_hash FROM ${places}) GROUP BY row_hash`;
  const columns = [sql`CAST(place % ${folds} AS DOUBLE) AS part`, ...names];
  const ordered = sql`SELECT ${columns} FROM ${places} JOIN (${chosen}) USING (row_hash) ORDER BY place // ${folds}, place`;
  const parts: number[] = [];
  const numbers = encoders.map((): number[] => []);
  for await (const {
    numbers: [part, ...own],
    rows,
  } of session.numberChunks(ordered))
    for (let row = 0; row < rows; row++) {
      parts.push(part?.values[row] ?? 0);
      for (let index = 0; index < numbers.length; index++)
        numbers[index]?.push((own[index]?.values[row] ?? 0) + 0);
    }
  return {
    columns: numbers.map((list, index) => ({
      values: Float64Array.from(list),
      codes: Uint8Array.from(list, (value) => encoders[index]?.code(value) ?? 0),
    })),
    folds: Uint8Array.from(parts),
  };
}
