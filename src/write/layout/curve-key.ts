import type { RowSort, Session } from "../../engine/core/contract.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName } from "../../sql/sql-text.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import type { LayoutColumn } from "./layout-columns.ts";
import { type HilbertSteps, hilbertSteps, spreadBits } from "./space-curve.ts";

/** The order of cells along which rows are laid out. */
export type Curve = "zorder" | "hilbert";

/** Columns by which rows are laid out, and the curve through their values. */
export interface Layout {
  readonly columns: readonly LayoutColumn[];
  readonly curve: Curve;
}

/** Rows with the further columns by which they are sorted into files. */
export interface KeyedRows {
  readonly sql: SqlSelect;
  readonly sort: RowSort;
}

/** Rows that are to be laid out. */
export interface RowsToKey {
  readonly sql: SqlSelect;
  /** Names of their columns. */
  readonly names: readonly string[];
  /** Number of files to write. */
  readonly files: number;
}

/** Bits of the number of a range: 1,024 ranges of each column, where Spark has 1,000. */
const rangeBits = 10;
/** Rows from which the borders of ranges and files are taken: about 64 a range. */
const sampleRows = 65_536;
/** The same rows are sampled each time. */
const sampleSeed = 16;
/** What the engine looks up for each row: one row of lists. */
const lookup = plainName("varve_curve");
const sample = plainName("varve_sample");

/**
 * Gives rows a key to be sorted by, which is their place on a curve through the ranges of some columns, and the
 * number of their file. Each column is cut into ranges that hold about the same number of rows, as a sample of the
 * rows shows; nulls are in the first one. By one column, the key is its value.
 */
export async function keyedRows(session: Session, rows: RowsToKey, layout: Layout): Promise<KeyedRows> {
  const { columns, curve } = layout;
  const bits = Math.min(rangeBits, Math.floor(62 / columns.length));
  const scope: KeyScope = {
    dimensions: columns.length,
    prefix: freePrefix(rows.names),
    bits,
    steps: curve === "hilbert" && columns.length > 1 ? hilbertSteps(columns.length, bits) : undefined,
  };
  await sampleValues(session, rows.sql, columns);
  await makeLookup(session, scope);
  const borders = await fileBorders(session, scope, rows.files);
  const keyed = keySql(
    rows.sql,
    columns.map(({ value }) => value),
    scope,
  );
  const [key, file] = [`${scope.prefix}key`, `${scope.prefix}file`];
  const numbered = searched(keyed, Math.ceil(Math.log2(borders + 1)), [
    { value: plainName(key), found: plainName(file), borders: plainName(`${scope.prefix}files`) },
  ]);
  return { sql: numbered, sort: { key, file } };
}

interface KeyScope {
  readonly dimensions: number;
  /** No column of the rows begins with it. */
  readonly prefix: string;
  readonly bits: number;
  readonly steps: HilbertSteps | undefined;
}

const sampled = (index: number) => plainName(`c${index}`);

async function sampleValues(
  session: Session,
  rows: SqlSelect,
  columns: readonly LayoutColumn[],
): Promise<void> {
  const values = columns.map(({ value }, index) => sql`${value} AS ${sampled(index)}`);
  await session.execute(sql`CREATE OR REPLACE TABLE ${sample} AS
    SELECT * FROM (SELECT ${values} FROM (${rows})) USING SAMPLE reservoir(${sampleRows} ROWS) REPEATABLE (${sampleSeed})`);
}

/** Makes the lists that are looked up: the borders of each column's ranges, and the tables of the curve. */
async function makeLookup(session: Session, { dimensions, prefix, bits, steps }: KeyScope): Promise<void> {
  const ranges = dimensions === 1 ? 1 : 2 ** bits;
  const shares = Array.from({ length: ranges - 1 }, (_, index) => (index + 1) / ranges);
  const borders = Array.from({ length: dimensions }, (_, index) => {
    const list = shares.length === 0 ? sql`[]` : sql`quantile_disc(${sampled(index)}, [${shares}])`;
    return sql`${list} AS ${plainName(`${prefix}borders_${index}`)}`;
  });
  const spread = sql`${listOf(sql`$1`)} AS ${plainName(`${prefix}spread`)}`;
  const table = sql`${listOf(sql`$2`)} AS ${plainName(`${prefix}steps`)}`;
  await session.execute(
    sql`CREATE OR REPLACE TABLE ${lookup} AS SELECT ${[...borders, spread, table]}, count(*) AS ${plainName(`${prefix}count`)} FROM ${sample}`,
    [`[${spreadBits(dimensions, bits).join()}]`, JSON.stringify(steps?.table ?? [])],
  );
}

/** A parameter that is a JSON list of whole numbers. */
function listOf(parameter: SqlExpression): SqlExpression {
  return sql`CAST(from_json(${parameter}, '["BIGINT"]') AS BIGINT[])`;
}

/** The key of rows with these values. */
function keySql(rows: SqlSelect, values: readonly SqlExpression[], scope: KeyScope): SqlSelect {
  const { prefix, bits, steps } = scope;
  const [only] = values;
  if (values.length === 1 && only !== undefined)
    return sql`SELECT *, ${only} AS ${plainName(`${prefix}key`)} FROM (${rows}), ${lookup}`;
  const searches = values.map((value, index) => ({
    value,
    found: plainName(`${prefix}range_${index}`),
    borders: plainName(`${prefix}borders_${index}`),
  }));
  const ranges = searched(sql`SELECT * FROM (${rows}), ${lookup}`, bits, searches);
  const code = mortonCode(ranges, scope);
  return steps === undefined ? code : hilbertIndex(code, scope, steps);
}

/** A value, and where to put the number of the borders that are not above it; 0 for null. */
interface Search {
  readonly value: SqlExpression;
  readonly found: SqlExpression;
  /** A sorted list. */
  readonly borders: SqlExpression;
}

/** Binary searches in lists of fewer than `2 ** bits` borders, a step of all at once. */
function searched(rows: SqlSelect, bits: number, searches: readonly Search[]): SqlSelect {
  const first = searches.map(({ found }) => sql`CAST(0 AS BIGINT) AS ${found}`);
  let select = sql`SELECT *, ${first} FROM (${rows})`;
  for (let bit = bits - 1; bit >= 0; bit--) {
    const step = 2 ** bit;
    const next = searches.map(
      ({ value, found, borders }) =>
        sql`${found} + CASE WHEN ${value} >= list_extract(${borders}, ${found} + ${step}) THEN ${step} ELSE 0 END AS ${found}`,
    );
    select = sql`SELECT * REPLACE (${next}) FROM (${select})`;
  }
  return select;
}

/** The bits of the ranges interleaved, which is the place on a Z-order curve. */
function mortonCode(rows: SqlSelect, { dimensions, prefix }: KeyScope): SqlSelect {
  const spread = plainName(`${prefix}spread`);
  const parts = Array.from({ length: dimensions }, (_, index) => {
    const range = plainName(`${prefix}range_${index}`);
    return sql`list_extract(${spread}, ${range} + 1) * ${2 ** (dimensions - 1 - index)}`;
  });
  return sql`SELECT *, ${joinSql(parts, sql` + `)} AS ${plainName(`${prefix}key`)} FROM (${rows})`;
}

/** The place on a Hilbert curve of a Morton code, a few levels at a time. */
function hilbertIndex(rows: SqlSelect, { dimensions, prefix }: KeyScope, steps: HilbertSteps): SqlSelect {
  const own = (part: string) => plainName(`${prefix}${part}`);
  const [key, code, state, index, table] = [
    own("key"),
    own("code"),
    own("state"),
    own("index"),
    own("steps"),
  ];
  const width = steps.levels * dimensions;
  const cells = 2 ** width;
  const zero = sql`CAST(0 AS BIGINT)`;
  let select = sql`SELECT * RENAME (${key} AS ${code}), ${zero} AS ${state}, ${zero} AS ${index} FROM (${rows})`;
  for (let level = steps.bits / steps.levels - 1; level >= 0; level--) {
    const part = sql`((${code} >> ${level * width}) & ${cells - 1})`;
    // The state is what was looked up last: the table's entry, whose lower bits are the index.
    const entry = sql`list_extract(${table}, (${state} >> ${width}) * ${cells} + ${part} + 1)`;
    const found = sql`SELECT * REPLACE (${entry} AS ${state}) FROM (${select})`;
    const next = sql`${index} * ${cells} + (${state} & ${cells - 1}) AS ${index}`;
    select = sql`SELECT * REPLACE (${next}) FROM (${found})`;
  }
  return sql`SELECT * RENAME (${index} AS ${key}) FROM (${select})`;
}

/**
 * Adds to what is looked up the least key of each file but the first. By one column, these cut the rows in equal
 * parts; along a curve they are moved by up to a quarter of a file to the borders of large cells, because a file that
 * ends in the middle of one spans wide ranges of all columns.
 *
 * @returns their number
 */
async function fileBorders(session: Session, scope: KeyScope, files: number): Promise<number> {
  const { dimensions, prefix } = scope;
  const name = plainName(`${prefix}files`);
  if (files > 1 && dimensions === 1) {
    const shares = Array.from({ length: files - 1 }, (_, index) => (index + 1) / files);
    const cuts = sql`SELECT quantile_disc(${sampled(0)}, [${shares}]) AS ${name} FROM ${sample}`;
    await session.execute(sql`CREATE OR REPLACE TABLE ${lookup} AS SELECT * FROM ${lookup}, (${cuts})`);
    return files - 1;
  }
  const values = Array.from({ length: dimensions }, (_, index) => sampled(index));
  const place = plainName(`${prefix}key`);
  const keyed = keySql(sql`SELECT * FROM ${sample}`, values, scope);
  const keys =
    files === 1 ? [] : await session.rows(sql`SELECT ${place} AS key FROM (${keyed}) ORDER BY key`);
  const borders = cellBorders(
    keys.map(({ key }) => BigInt(key as bigint)),
    files,
  );
  await session.execute(
    sql`CREATE OR REPLACE TABLE ${lookup} AS SELECT *, ${listOf(sql`$1`)} AS ${name} FROM ${lookup}`,
    [`[${borders.join()}]`],
  );
  return borders.length;
}

/** The borders of files by a sample of keys, in their order: each the roundest number near where a file would end. */
function cellBorders(keys: readonly bigint[], files: number): bigint[] {
  const borders: bigint[] = [];
  for (let file = 1; file < files; file++) {
    const [low, high] = [file - 0.25, file + 0.25].map(
      (end) => keys[Math.min(keys.length - 1, Math.floor((end * keys.length) / files))] ?? 0n,
    ) as [bigint, bigint];
    const border = low === high ? low : roundest(low, high);
    if (border > (borders.at(-1) ?? -1n)) borders.push(border);
  }
  return borders;
}

/** The number above `low` and up to `high` that ends in the most zero bits. */
function roundest(low: bigint, high: bigint): bigint {
  const zeros = BigInt((low ^ high).toString(2).length - 1);
  return (high >> zeros) << zeros;
}
