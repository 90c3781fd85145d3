import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { joinSql, type SqlSelect, type SqlText, sql } from "../../sql/sql.ts";
import { plainName, quoteFile, quoteName, quoteText } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import type { EngineRow, FieldIds, ParquetWriteOptions, RowSort, WrittenFile } from "../core/contract.ts";
import { assertNotAborted, type EngineCore } from "../core/core.ts";
import { followProgress } from "../core/follow-progress.ts";
import { plainConverter } from "../core/plain-values.ts";
import { withNan } from "./file-nan.ts";
import { minusZeroLost, noDictionary, variantSetting } from "./minus-zero.ts";
import { dictionaryLimitSetting, engineRowGroup, rowGroupSetting } from "./row-groups.ts";
import { partitionNumber, textOrNull, type WrittenRelation, writtenFile } from "./written-file.ts";

/** Bytes that one value takes in a file, on the safe side for all but long texts. */
const bytesOfCell = 8;
/**
 * Takes as long as snappy for files a good third smaller; the engine's own 3 takes a third longer for an
 * eighth less.
 */
const zstdLevel = 1;
/**
 * Above this many partitions rows are sorted first, or the engine would close and reopen files and leave many
 * small ones.
 */
const unsortedPartitions = 50;

/**
 * Writes the rows of `select` to Parquet files below `options.folder`; see {@link Session.writeParquet}. Files
 * without rows are not kept.
 */
export function writeParquet(
  core: EngineCore,
  select: SqlSelect,
  options: ParquetWriteOptions,
): Promise<WrittenFile[]> {
  // A connection of its own for what counts its progress only, because making it takes as long as writing a
  // small file.
  const run =
    options.onProgress === undefined
      ? core.onMainConnection.bind(core)
      : core.onMeasuredConnection.bind(core);
  return run(options.signal, async (connection) => {
    const stopProgress = followProgress(connection, options.onProgress);
    try {
      const { sort } = options;
      const all = await core.typedColumns(select);
      const columns = all.filter(({ name }) => name !== sort?.key && name !== sort?.file);
      const writer: Writer = { core, connection, options, columns };
      const partitionBy = options.partitionBy ?? [];
      return partitionBy.length === 0
        ? await copyPlain(writer, select, options.folder, [])
        : await copyPartitioned(writer, select, partitionBy);
    } finally {
      stopProgress();
    }
  });
}

interface Writer extends WrittenRelation {
  readonly connection: DuckDBConnection;
  readonly options: ParquetWriteOptions;
}

/**
 * Writes rows that have no partitions: in their order where they surely make one file, because the engine
 * rotates files without regard to it.
 */
async function copyPlain(
  writer: Writer,
  select: SqlSelect,
  folder: string,
  partitionValues: readonly (string | null)[],
): Promise<WrittenFile[]> {
  const { sort } = writer.options;
  if (sort !== undefined) return copySorted(writer, select, { folder, partitionValues, sort });
  const target = writer.options.targetFileBytes;
  const split = target !== undefined && !(await fitsOneFile(writer, select, target));
  const files = await copyFiles(writer, select, folder, partitionValues, split);
  return split ? files : splitLarge(writer, files);
}

async function copyFiles(
  writer: Writer,
  select: SqlSelect,
  folder: string,
  partitionValues: readonly (string | null)[],
  split: boolean,
): Promise<WrittenFile[]> {
  const { options } = writer;
  const prefix = options.namePrefix ?? "part-";
  const target = split ? folder : join(folder, `${prefix}0.parquet`);
  const layout = split
    ? [
        sql`FILE_SIZE_BYTES ${Math.max(1, Math.floor(options.targetFileBytes ?? 1))}`,
        sql`FILENAME_PATTERN ${quoteText(`${prefix}{i}`)}`,
        sql`OVERWRITE_OR_IGNORE`,
      ]
    : [];
  const rows = await copy(writer, select, target, layout);
  return withNan(writer, await keepFilled(rows.map((row) => writtenFile(writer, row, partitionValues))));
}

/**
 * Writes rows in the order of a key, each file a range of it. The engine splits the sorted rows by the number of
 * their file; it holds the rows of a row group or so for each of its threads.
 */
async function copySorted(
  writer: Writer,
  select: SqlSelect,
  {
    folder,
    partitionValues,
    sort,
  }: {
    readonly folder: string;
    readonly partitionValues: readonly (string | null)[];
    readonly sort: RowSort;
  },
): Promise<WrittenFile[]> {
  const { options, connection } = writer;
  const key = quoteName(sort.key);
  const sorted = sql`SELECT * EXCLUDE (${key}) FROM (${select}) ORDER BY ${key} NULLS FIRST`;
  const layout = [
    sql`PARTITION_BY (${quoteName(sort.file)})`,
    sql`FILENAME_PATTERN ${quoteText(`${options.namePrefix ?? "part-"}{i}`)}`,
    sql`OVERWRITE_OR_IGNORE`,
  ];
  await connection.run(
    sql`SET partitioned_write_flush_threshold = ${options.rowGroupRows ?? engineRowGroup}`,
  );
  try {
    const rows = await copy(writer, select, folder, layout, sorted);
    return await withNan(
      writer,
      await keepFilled(rows.map((row) => writtenFile(writer, row, partitionValues))),
    );
  } finally {
    await connection.run(sql`RESET partitioned_write_flush_threshold`);
  }
}

async function fitsOneFile(writer: Writer, select: SqlSelect, targetFileBytes: number): Promise<boolean> {
  const fits = (count: number) => count * writer.columns.length * bytesOfCell <= targetFileBytes;
  const { rows, rowsAtMost } = writer.options;
  if (rows !== undefined) return fits(rows);
  if (rowsAtMost !== undefined && fits(rowsAtMost)) return true;
  // Counted on the main connection, so that this is no part of the progress told; it must be stopped there.
  return writer.core.onMainConnection(writer.options.signal, async (connection) => {
    const counted = await connection.run(sql`SELECT count(*) AS n FROM (${select})`);
    const [row] = await counted.getRowObjects();
    return fits(Number(row?.["n"] ?? 0));
  });
}

/**
 * Splits rows by partition: each distinct tuple of values gets a number, and the engine partitions by that
 * number.
 *
 * Folder names made of the values themselves would fail for long texts and binary values.
 */
async function copyPartitioned(
  writer: Writer,
  select: SqlSelect,
  partitionBy: readonly string[],
): Promise<WrittenFile[]> {
  const { core, options } = writer;
  const keys = core.freshName("partitions");
  const names = partitionBy.map(quoteName);
  const partition = plainName(`${freePrefix(writer.columns.map(({ name }) => name))}partition`);
  const kept = sql`* EXCLUDE (${names})`;
  await core.run(sql`CREATE TABLE ${keys} AS SELECT ${names}, row_number() OVER () AS ${partition}
    FROM (SELECT DISTINCT ${names} FROM (${select}))`);
  try {
    const texts = names.map((name, index) => sql`CAST(${name} AS VARCHAR) AS ${plainName(`v${index}`)}`);
    const tuples = await core.rows(sql`SELECT ${texts} FROM ${keys} ORDER BY ${partition}`);
    const values = tuples.map((tuple) => partitionBy.map((_, index) => textOrNull(tuple[`v${index}`])));
    const only = values[0];
    if (only === undefined) return [];
    if (values.length === 1)
      return await copyPlain(writer, sql`SELECT ${kept} FROM (${select})`, options.folder, only);
    const matching = joinSql(
      names.map((name) => sql`r.${name} IS NOT DISTINCT FROM k.${name}`),
      sql` AND `,
    );
    const order = values.length > unsortedPartitions ? sql`ORDER BY ${partition}` : sql``;
    const numbered = sql`SELECT r.${kept},
      coalesce(k.${partition}, error('partition values changed while they were written')) AS ${partition}
      FROM (${select}) AS r LEFT JOIN ${keys} AS k ON ${matching} ${order}`;
    const prefix = options.namePrefix ?? "part-";
    const layout = [
      sql`PARTITION_BY (${partition})`,
      sql`FILENAME_PATTERN ${quoteText(`${prefix}{i}`)}`,
      sql`OVERWRITE_OR_IGNORE`,
    ];
    const rows = await copy(writer, numbered, options.folder, layout);
    const files = rows.map((row) => writtenFile(writer, row, values[partitionNumber(row) - 1] ?? []));
    return await splitLarge(writer, await withNan(writer, await keepFilled(files)));
  } finally {
    await core.run(sql`DROP TABLE IF EXISTS ${keys}`);
  }
}

/**
 * The engine cannot limit file sizes while it partitions, so files far above the target are cut afterwards.
 */
async function splitLarge(writer: Writer, files: readonly WrittenFile[]): Promise<WrittenFile[]> {
  const target = writer.options.targetFileBytes;
  if (target === undefined) return [...files];
  const result: WrittenFile[] = [];
  for (const file of files) {
    if (file.bytes <= target * 1.5) {
      result.push(file);
      continue;
    }
    const whole = `${file.file}.whole`;
    await rename(file.file, whole);
    const folder = `${file.file}.parts`;
    await mkdir(folder);
    const rows = sql`SELECT * FROM read_parquet(${quoteFile(whole)})`;
    appendAll(result, await copyFiles(writer, rows, folder, file.partitionValues, true));
    await rm(whole);
  }
  return result;
}

/** @param sorted the rows of `select` in the order in which they are written, which looking at them does not need */
async function copy(
  writer: Writer,
  select: SqlSelect,
  target: string,
  layout: readonly SqlText[],
  sorted: SqlSelect = select,
): Promise<EngineRow[]> {
  const { options } = writer;
  const shared = [
    sql`FORMAT parquet`,
    sql`RETURN_STATS`,
    sql`COMPRESSION ${plainName(options.compression ?? "snappy")}`,
    ...(options.compression === "zstd" ? [sql`COMPRESSION_LEVEL ${zstdLevel}`] : []),
    ...rowGroupSetting(writer.core, options.rowGroupRows),
    ...(options.fieldIds === undefined || Object.keys(options.fieldIds).length === 0
      ? []
      : [sql`FIELD_IDS ${fieldIdsSql(options.fieldIds)}`]),
    ...layout,
  ];
  const variants = variantSetting(writer.core.driver, writer.columns);
  const dictionaries = variants.length > 0 ? variants : dictionaryLimitSetting(writer.core, options);
  const settings = [...shared, ...dictionaries];
  const rows = await runCopy(writer, sorted, target, settings);
  const files = rows.map((row) => writtenFile(writer, row, []));
  const { superset } = options;
  if (superset !== undefined && !(await minusZeroLost(writer, writer.connection, superset, files)))
    return rows;
  if (!(await minusZeroLost(writer, writer.connection, select, files))) return rows;
  for (const { file } of files) await rm(file);
  return await runCopy(writer, sorted, target, [...shared, noDictionary]);
}

async function runCopy(
  { core, connection, options }: Writer,
  select: SqlSelect,
  target: string,
  settings: readonly SqlText[],
): Promise<EngineRow[]> {
  // An interruption hits what runs at its moment, and this has not begun.
  assertNotAborted(options.signal);
  const result = await connection.run(sql`COPY (${select}) TO ${quoteText(target)} (${settings})`);
  return (await result.convertRowObjects(plainConverter(core.driver))) as EngineRow[];
}

function fieldIdsSql(ids: FieldIds): SqlText {
  return sql`{${fieldIdEntries(ids)}}`;
}

function fieldIdEntries(ids: FieldIds): SqlText[] {
  return Object.entries(ids).map(([name, id]) => {
    if (typeof id === "number") return sql`${quoteName(name)}: ${id}`;
    const own = id.id === undefined ? [] : [sql`__duckdb_field_id: ${id.id}`];
    return sql`${quoteName(name)}: {${[...own, ...fieldIdEntries(id.children)]}}`;
  });
}

async function keepFilled(files: readonly WrittenFile[]): Promise<WrittenFile[]> {
  for (const file of files) if (file.rows === 0) await rm(file.file);
  return files.filter((file) => file.rows > 0);
}
