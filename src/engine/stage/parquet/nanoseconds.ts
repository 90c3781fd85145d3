import { VarveError } from "../../../errors.ts";
import { joinSql, type SqlExpression, type SqlSelect, sql } from "../../../sql/sql.ts";
import { lambda, quoteFile, quoteName, quoteText } from "../../../sql/sql-text.ts";
import type { StagedRelation } from "../../core/contract.ts";
import type { EngineCore } from "../../core/core.ts";
import { badCellsType } from "../shared/bad-cells.ts";
import { positionNames } from "../shared/position.ts";
import { countsNanoseconds, elementOf, groupKind, isVariant } from "./file-types.ts";
import { type ParquetField, type ParquetSchema, unreadableParquet } from "./parquet-schema.ts";
import type { RawType } from "./patched-footer.ts";
import { withRawCopy } from "./raw-copy.ts";

/**
 * Makes sure that no timestamp of a file loses nanoseconds: of INT96 and of nanoseconds with a zone, the
 * engine gives microseconds and says nothing of the rest.
 *
 * The engine itself looks at the raw values, in a sparse copy of these columns under a footer that does not
 * say what they mean.
 *
 * @returns with `keeps`, the rows that would lose some, if there are any
 * @throws `SCHEMA_MISMATCH` naming file, row, column and value; with `keeps` only where a column hides which row
 * it is
 */
export async function cutNanoseconds(
  core: EngineCore,
  schema: ParquetSchema,
  { keeps, signal }: { readonly keeps: boolean; readonly signal: AbortSignal | undefined },
): Promise<CutRows | undefined> {
  const raw = new Map<number, RawType>();
  let ordinal = 0;
  const number = (field: ParquetField): void => {
    ordinal++;
    if (field.physical !== undefined && countsNanoseconds(field))
      raw.set(ordinal, field.physical === "INT96" ? "int96" : "int64");
    for (const child of field.children) number(child);
  };
  for (const field of schema.fields) number(field);
  if (raw.size === 0) return undefined;
  const columns = schema.fields.flatMap((field) => {
    const cut = cutOf(field, 0);
    return cut === undefined ? [] : [{ field, cut }];
  });
  const names = columns.map(({ field }) => field.name);
  return await withRawCopy(core, { file: schema.file, names, raw, signal }, async (copy) => {
    const cutColumns = columns.map(({ field, cut }) => ({ copy, field, cut }));
    if (keeps && !hidesRows(schema)) return await keepCut(core, schema, cutColumns, signal);
    for (const column of cutColumns) await refuseCut(core, schema, column);
    return undefined;
  });
}

/** Rows of a file that would lose nanoseconds. */
export interface CutRows {
  /** Names of the file's columns that are cut in some row. */
  readonly columns: readonly string[];
  /** The file, the row's ordinal in it and its bad cells, as `file`, `row` and `cells`. */
  readonly rows: SqlSelect;
}

function hidesRows({ fields }: ParquetSchema): boolean {
  return fields.some(({ name }) => name.toLowerCase() === "file_row_number");
}

async function keepCut(
  core: EngineCore,
  { file }: ParquetSchema,
  columns: readonly RawColumn[],
  signal: AbortSignal | undefined,
): Promise<CutRows | undefined> {
  const cells = columns.map((column) => {
    const { field, cut } = column;
    const cell = sql`{"column": ${quoteText(field.name)}, "text": ${shownRaw(field)}, "expected": 'timestamp of whole microseconds'}`;
    return sql`CASE WHEN ${cut(quoteName(field.name))} THEN ${cell} END`;
  });
  const list = sql`list_filter([${cells}], lambda cell: cell IS NOT NULL)`;
  const table = core.freshName("cut");
  const scan = sql`read_parquet(${quoteFile(columns[0]?.copy ?? "")}, hive_partitioning = false)`;
  const select = sql`SELECT ${quoteText(file)} AS file, file_row_number AS row, CAST(${list} AS ${badCellsType}) AS cells FROM ${scan} WHERE len(${list}) > 0`;
  await core.run(sql`CREATE TABLE ${table} AS ${select}`, [], signal).catch((error: unknown) => {
    throw unreadableParquet(file, error, columns[0]?.copy);
  });
  const [count] = await core.rows(sql`SELECT count(*) AS n FROM ${table}`);
  if (Number(count?.["n"]) === 0) return undefined;
  return { columns: columns.map(({ field }) => field.name), rows: sql`SELECT * FROM ${table}` };
}

/** A relation of files of which some rows would lose nanoseconds: these have bad cells. */
export function withCutRows(relation: StagedRelation, cuts: readonly CutRows[]): StagedRelation {
  const { file, row, badCells: own } = relation.positionColumns;
  const { badCells: free } = positionNames([...relation.columns.map(({ name }) => name), file, row]);
  const badCells = own ?? free;
  const cutNames = new Set(cuts.flatMap(({ columns }) => columns.map((name) => name.toLowerCase())));
  const selected = relation.columns.map(({ name }) => {
    const value = sql`staged.${quoteName(name)}`;
    if (!cutNames.has(name.toLowerCase())) return value;
    const isCut = sql`list_contains(list_transform(cut.cells, lambda cell: lower(cell."column")), ${quoteText(name.toLowerCase())})`;
    return sql`CASE WHEN NOT coalesce(${isCut}, false) THEN ${value} END AS ${quoteName(name)}`;
  });
  const before = own === undefined ? sql`NULL` : sql`staged.${quoteName(own)}`;
  const bad = sql`CASE WHEN cut.cells IS NULL THEN ${before} WHEN ${before} IS NULL THEN cut.cells ELSE list_concat(${before}, cut.cells) END`;
  const rows = joinSql(
    cuts.map((cut) => cut.rows),
    sql` UNION ALL `,
  );
  const places = sql`staged.${quoteName(file)}, staged.${quoteName(row)}, CAST(${bad} AS ${badCellsType}) AS ${quoteName(badCells)}`;
  const positionedSql = sql`SELECT ${selected}, ${places} FROM (${relation.positionedSql}) AS staged LEFT JOIN (${rows}) AS cut ON staged.${quoteName(file)} = cut.file AND staged.${quoteName(row)} = cut.row`;
  return {
    ...relation,
    sql: sql`SELECT ${relation.columns.map(({ name }) => quoteName(name))} FROM (${positionedSql})`,
    positionedSql,
    positionColumns: { file, row, badCells },
  };
}

type SqlOfValue = (value: SqlExpression) => SqlExpression;

/** SQL that is true for a raw value of the column that has more than microseconds; undefined if none can. */
function cutOf(field: ParquetField, depth: number): SqlOfValue | undefined {
  if (field.physical !== undefined) {
    if (!countsNanoseconds(field)) return undefined;
    return field.physical === "INT96" ? cutInt96 : (value) => sql`(${value} % 1000 <> 0)`;
  }
  if (isVariant(field)) return undefined;
  const some = (list: SqlOfValue, member: ParquetField | undefined): SqlOfValue[] => {
    const cut = member === undefined ? undefined : cutOf(member, depth + 1);
    if (cut === undefined) return [];
    return [(value) => sql`(len(list_filter(${list(value)}, ${lambda(`varve_${depth}`, cut)})) > 0)`];
  };
  const kind = groupKind(field);
  const [key, item] = field.children[0]?.children ?? [];
  const parts =
    kind === "list"
      ? some((value) => value, elementOf(field))
      : kind === "map"
        ? [...some((map) => sql`map_keys(${map})`, key), ...some((map) => sql`map_values(${map})`, item)]
        : field.children.flatMap((child) => {
            const cut = cutOf(child, depth);
            return cut === undefined
              ? []
              : [(value: SqlExpression) => cut(sql`struct_extract(${value}, ${quoteText(child.name)})`)];
          });
  if (parts.length === 0) return undefined;
  return (value) =>
    sql`(${joinSql(
      parts.map((part) => sql`coalesce(${part(value)}, false)`),
      sql` OR `,
    )})`;
}

/** Days since 1970 of microseconds that 64 bits hold. */
const mostDays = 106_751_990;
const julianDayOf1970 = 2_440_588;

/** An INT96 is the nanoseconds of a day, in 8 bytes, and its Julian day in 4, each from the lowest. */
function cutInt96(value: SqlExpression): SqlExpression {
  const remainder = bytesSum(sql`${value}[1:8]`, [1, 256, 536, 216, 296, 776, 656, 936]);
  return sql`(${remainder} % 1000 <> 0 OR ${julianDay(value)} > ${julianDayOf1970 + mostDays})`;
}

/**
 * The sum of bytes, each times its factor. The engine makes a number of their bits, the first byte as the
 * highest: its whole numbers of 128 bits are a hundred times slower. The lambda makes it do so once.
 */
function bytesSum(bytes: SqlExpression, factors: readonly number[]): SqlExpression {
  const sum = lambda("varve_bits", (bits) => {
    const parts = factors.map((factor, index) => {
      return sql`((${bits} >> ${8 * (factors.length - 1 - index)}) & 255) * ${factor}`;
    });
    return joinSql(parts, sql` + `);
  });
  return sql`list_transform([CAST(CAST(${bytes} AS BIT) AS UBIGINT)], ${sum})[1]`;
}

function julianDay(value: SqlExpression): SqlExpression {
  return bytesSum(sql`${value}[9:12]`, [1, 256, 65_536, 16_777_216]);
}

/** Nanoseconds since 1970 of an INT96. */
function int96Nanoseconds(value: SqlExpression): SqlExpression {
  const ofDay = sql`(${bytesSum(sql`${value}[1:4]`, [1, 256, 65_536, 16_777_216])}::HUGEINT + ${bytesSum(sql`${value}[5:8]`, [1, 256, 65_536, 16_777_216])}::HUGEINT * 4294967296)`;
  return sql`(${ofDay} + (${julianDay(value)}::HUGEINT - ${julianDayOf1970}) * 86400000000000)`;
}

interface RawColumn {
  readonly copy: string;
  readonly field: ParquetField;
  readonly cut: SqlOfValue;
}

/** SQL of a raw value as a moment with all its digits. */
function shownRaw(field: ParquetField): SqlExpression {
  const value = quoteName(field.name);
  if (field.physical === undefined) return sql`CAST(${value} AS VARCHAR)`;
  const nanoseconds = field.physical === "INT96" ? int96Nanoseconds(value) : value;
  return sql`coalesce(replace(CAST(make_timestamp_ns(TRY_CAST(${nanoseconds} AS BIGINT)) AS VARCHAR), ' ', 'T') || ${quoteText(field.physical === "INT96" ? "" : "Z")}, 'beyond the range')`;
}

async function refuseCut(
  core: EngineCore,
  schema: ParquetSchema,
  { copy, field, cut }: RawColumn,
): Promise<void> {
  const { file } = schema;
  const value = quoteName(field.name);
  const shown = shownRaw(field);
  const row = hidesRows(schema) ? sql`NULL` : sql`file_row_number`;
  const scan = sql`read_parquet(${quoteFile(copy)}, hive_partitioning = false)`;
  const select = sql`SELECT ${row} AS row, ${shown} AS "value" FROM ${scan} WHERE ${cut(value)} LIMIT 1`;
  const [bad] = await core.rows(select).catch((error: unknown) => {
    throw unreadableParquet(file, error, copy);
  });
  if (bad === undefined) return;
  const data = { column: [field.name], row: bad["row"] === null ? undefined : Number(bad["row"]), file };
  const where = data.row === undefined ? file : `row ${data.row} of ${file}`;
  const text = `Column ${field.name} has the value ${bad["value"]} (${where}), which a timestamp cannot hold without loss: it has microseconds. Nothing was written. Round it in the source.`;
  throw new VarveError("SCHEMA_MISMATCH", text, { ...data, expected: "timestamp", found: bad["value"] });
}
