import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection, DuckDBType } from "@duckdb/node-api";
import { assertInternal } from "../../errors.ts";
import { quoteFile, quoteName, quoteText } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import type {
  EngineRow,
  EngineValue,
  FieldIds,
  ParquetWriteOptions,
  WrittenColumn,
  WrittenFile,
} from "../core/contract.ts";
import { assertNotAborted, type EngineCore, type TypedColumn } from "../core/core.ts";
import { threadsOf } from "../core/instance-pool.ts";
import { plainConverter } from "../core/plain-values.ts";

/** DuckDB cuts longer text statistics to this many bytes without saying so, and rounds a cut maximum up. */
const statisticsBytes = 256;
/** Bytes that one value takes in a file, on the safe side for all but long texts. */
const bytesOfCell = 8;
/** Rows of a row group that the engine writes by itself. */
const engineRowGroup = 122_880;
/** Rows that a row group holds at least, where it is not the last. */
const engineVector = 2048;
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
 * Writes the rows of `sql` to Parquet files below `options.folder`; see {@link Session.writeParquet}. Files
 * without rows are not kept.
 */
export function writeParquet(
  core: EngineCore,
  sql: string,
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
      const columns = await core.typedColumns(sql);
      const writer: Writer = { core, connection, options, columns };
      const partitionBy = options.partitionBy ?? [];
      return partitionBy.length === 0
        ? await copyPlain(writer, sql, options.folder, [])
        : await copyPartitioned(writer, sql, partitionBy);
    } finally {
      stopProgress();
    }
  });
}

interface Writer {
  readonly core: EngineCore;
  readonly connection: DuckDBConnection;
  readonly options: ParquetWriteOptions;
  readonly columns: readonly TypedColumn[];
}

/**
 * Writes rows that have no partitions: in their order where they surely make one file, because the engine
 * rotates files without regard to it.
 */
async function copyPlain(
  writer: Writer,
  sql: string,
  folder: string,
  partitionValues: readonly (string | null)[],
): Promise<WrittenFile[]> {
  const target = writer.options.targetFileBytes;
  const split = target !== undefined && !(await fitsOneFile(writer, sql, target));
  const files = await copyFiles(writer, sql, folder, partitionValues, split);
  return split ? files : splitLarge(writer, files);
}

async function copyFiles(
  writer: Writer,
  sql: string,
  folder: string,
  partitionValues: readonly (string | null)[],
  split: boolean,
): Promise<WrittenFile[]> {
  const { options } = writer;
  const prefix = options.namePrefix ?? "part-";
  const target = split ? folder : join(folder, `${prefix}0.parquet`);
  const layout = split
    ? [
        `FILE_SIZE_BYTES ${Math.max(1, Math.floor(options.targetFileBytes ?? 1))}`,
        `FILENAME_PATTERN ${quoteText(`${prefix}{i}`)}`,
        "OVERWRITE_OR_IGNORE",
      ]
    : [];
  const rows = await copy(writer, sql, target, layout);
  return withNan(writer, await keepFilled(rows.map((row) => writtenFile(writer, row, partitionValues))));
}

async function fitsOneFile(writer: Writer, sql: string, targetFileBytes: number): Promise<boolean> {
  const fits = (count: number) => count * writer.columns.length * bytesOfCell <= targetFileBytes;
  const { rows, rowsAtMost } = writer.options;
  if (rows !== undefined) return fits(rows);
  if (rowsAtMost !== undefined && fits(rowsAtMost)) return true;
  // Counted on the main connection, so that this is no part of the progress told; it must be stopped there.
  return writer.core.onMainConnection(writer.options.signal, async (connection) => {
    const counted = await connection.run(`SELECT count(*) AS n FROM (${sql})`);
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
  sql: string,
  partitionBy: readonly string[],
): Promise<WrittenFile[]> {
  const { core, options } = writer;
  const keys = core.freshName("partitions");
  const names = partitionBy.map(quoteName);
  const partition = `${freePrefix(writer.columns.map(({ name }) => name))}partition`;
  const kept = `* EXCLUDE (${names.join(", ")})`;
  await core.run(`CREATE TABLE ${keys} AS SELECT ${names.join(", ")}, row_number() OVER () AS ${partition}
    FROM (SELECT DISTINCT ${names.join(", ")} FROM (${sql}))`);
  try {
    const texts = names.map((name, at) => `CAST(${name} AS VARCHAR) AS v${at}`).join(", ");
    const tuples = await core.rows(`SELECT ${texts} FROM ${keys} ORDER BY ${partition}`);
    const values = tuples.map((tuple) => partitionBy.map((_, at) => textOrNull(tuple[`v${at}`])));
    const only = values[0];
    if (only === undefined) return [];
    if (values.length === 1)
      return await copyPlain(writer, `SELECT ${kept} FROM (${sql})`, options.folder, only);
    const matching = names.map((name) => `r.${name} IS NOT DISTINCT FROM k.${name}`).join(" AND ");
    const numbered = `SELECT r.${kept},
      coalesce(k.${partition}, error('partition values changed while they were written')) AS ${partition}
      FROM (${sql}) AS r LEFT JOIN ${keys} AS k ON ${matching} ${values.length > unsortedPartitions ? `ORDER BY ${partition}` : ""}`;
    const prefix = options.namePrefix ?? "part-";
    const layout = [
      `PARTITION_BY (${partition})`,
      `FILENAME_PATTERN ${quoteText(`${prefix}{i}`)}`,
      "OVERWRITE_OR_IGNORE",
    ];
    const rows = await copy(writer, numbered, options.folder, layout);
    const files = rows.map((row) => writtenFile(writer, row, values[partitionNumber(row) - 1] ?? []));
    return await splitLarge(writer, await withNan(writer, await keepFilled(files)));
  } finally {
    await core.run(`DROP TABLE IF EXISTS ${keys}`);
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
    const sql = `SELECT * FROM read_parquet(${quoteFile(whole)})`;
    appendAll(result, await copyFiles(writer, sql, folder, file.partitionValues, true));
    await rm(whole);
  }
  return result;
}

async function copy(
  writer: Writer,
  sql: string,
  target: string,
  layout: readonly string[],
): Promise<EngineRow[]> {
  const { options } = writer;
  const settings = [
    "FORMAT parquet",
    "RETURN_STATS",
    `COMPRESSION ${options.compression ?? "snappy"}`,
    ...(options.compression === "zstd" ? [`COMPRESSION_LEVEL ${zstdLevel}`] : []),
    ...rowGroupSetting(writer),
    ...(options.fieldIds === undefined || Object.keys(options.fieldIds).length === 0
      ? []
      : [`FIELD_IDS ${fieldIdsText(options.fieldIds)}`]),
    ...layout,
  ];
  // An interruption hits what runs at its moment, and this has not begun.
  assertNotAborted(options.signal);
  const result = await writer.connection.run(
    `COPY (${sql}) TO ${quoteText(target)} (${settings.join(", ")})`,
  );
  return (await result.convertRowObjects(plainConverter(writer.core.driver))) as EngineRow[];
}

/**
 * The engine says of a file's last row group alone whether it holds NaN. A row group with NaN has no bounds
 * in the file's footer; columns with such a row group are looked through.
 */
async function withNan(writer: Writer, files: readonly WrittenFile[]): Promise<WrittenFile[]> {
  const found: WrittenFile[] = [];
  for (const file of files) {
    const unsure = file.columns.filter(({ hasNan }) => hasNan === false);
    const bounded =
      file.rows <= engineVector || unsure.length === 0 ? undefined : await boundedColumns(writer, file);
    if (bounded === undefined) {
      found.push(file);
      continue;
    }
    const asked = unsure.filter(({ path }) => !bounded.has(path.join(pathMark)) && !isNested(writer, path));
    const items = asked.map(({ path }, at) => `bool_or(isnan(${path.map(quoteName).join(".")})) AS n${at}`);
    const [row] =
      items.length === 0
        ? []
        : await writer.core.rows(`SELECT ${items.join(", ")} FROM read_parquet(${quoteFile(file.file)})`);
    const columns = file.columns.map((column) => {
      if (column.hasNan !== false || bounded.has(column.path.join(pathMark))) return column;
      const { hasNan, ...others } = column;
      const at = asked.indexOf(column);
      return at < 0 ? others : { ...column, hasNan: row?.[`n${at}`] === true };
    });
    found.push({ ...file, columns });
  }
  return found;
}

/** What the engine puts between the names of a path. */
const pathMark = ", ";

/**
 * Paths of columns that have bounds, or no value, in every row group; `undefined` for a file of one row
 * group.
 */
async function boundedColumns(
  { core }: Writer,
  { file }: WrittenFile,
): Promise<ReadonlySet<string> | undefined> {
  const rows = await core.rows(
    `SELECT path_in_schema AS path, count(*) AS groups,
      count_if(stats_max_value IS NULL AND stats_null_count IS DISTINCT FROM num_values) AS unbounded
      FROM parquet_metadata(${quoteFile(file)}) GROUP BY ALL`,
  );
  if (rows.every((row) => Number(row["groups"]) <= 1)) return undefined;
  return new Set(rows.flatMap((row) => (Number(row["unbounded"]) === 0 ? [String(row["path"])] : [])));
}

/** Whether a value lies in a list or map, so that a row has any number of them. */
function isNested({ core: { driver }, columns }: Writer, path: readonly string[]): boolean {
  let type = columns.find(({ name }) => name === path[0])?.type;
  for (const name of path.slice(1)) {
    if (!(type instanceof driver.api.DuckDBStructType)) return true;
    type = type.entryTypes[type.entryNames.indexOf(name)];
  }
  return false;
}

/**
 * Rows of a row group: as asked for, else the engine's own number, less where the memory limit is small,
 * because a group is held in memory whole. A row is taken for 2 KiB, or for twice what rows took that were
 * staged here: a quarantine holds their values and their text.
 */
function rowGroupSetting({ core, options }: Writer): string[] {
  if (options.rowGroupRows !== undefined) return [`ROW_GROUP_SIZE ${options.rowGroupRows}`];
  const { memoryLimit } = core.options;
  const bytesOfRow = Math.max(2048, 2 * core.widest.bytesOfRow);
  const threads = Math.max(4, threadsOf(core.options));
  const fitting =
    memoryLimit === undefined ? engineRowGroup : Math.floor(memoryLimit / (threads + 1) / bytesOfRow);
  return fitting >= engineRowGroup
    ? []
    : [`ROW_GROUP_SIZE ${Math.max(engineVector, fitting - (fitting % engineVector))}`];
}

function fieldIdsText(ids: FieldIds): string {
  const entries = Object.entries(ids).map(([name, id]) => {
    if (typeof id === "number") return `${quoteName(name)}: ${id}`;
    const own = id.id === undefined ? "" : `__duckdb_field_id: ${id.id}, `;
    return `${quoteName(name)}: {${own}${fieldIdsText(id.children).slice(1)}`;
  });
  return `{${entries.join(", ")}}`;
}

async function keepFilled(files: readonly WrittenFile[]): Promise<WrittenFile[]> {
  for (const file of files) if (file.rows === 0) await rm(file.file);
  return files.filter((file) => file.rows > 0);
}

function writtenFile(
  { core, columns }: Writer,
  row: EngineRow,
  partitionValues: readonly (string | null)[],
): WrittenFile {
  const statistics = pairs(row["column_statistics"]);
  const types = new Map(columns.map((column) => [column.name, column.type]));
  return {
    file: String(row["filename"]),
    rows: Number(row["count"]),
    bytes: Number(row["file_size_bytes"]),
    partitionValues,
    columns: statistics.map(([name, facts]) =>
      writtenColumn(core, splitPath(name), new Map(pairs(facts)), types),
    ),
  };
}

function writtenColumn(
  core: EngineCore,
  path: readonly string[],
  facts: ReadonlyMap<string, EngineValue>,
  types: ReadonlyMap<string, DuckDBType>,
): WrittenColumn {
  const type = leafType(core, types.get(path[0] ?? ""), path.slice(1));
  const nulls = textOrNull(facts.get("null_count"));
  const nan = facts.get("has_nan");
  return {
    path,
    ...bounds(core, type, textOrNull(facts.get("min")), textOrNull(facts.get("max"))),
    nullCount: nulls === null ? undefined : Number(nulls),
    hasNan: nan === undefined || nan === null ? undefined : String(nan) === "true",
  };
}

function leafType(
  { driver: { api } }: EngineCore,
  top: DuckDBType | undefined,
  path: readonly string[],
): DuckDBType | undefined {
  let type = top;
  for (const name of path) {
    if (type instanceof api.DuckDBStructType) type = type.entryTypes[type.entryNames.indexOf(name)];
    else if (type instanceof api.DuckDBListType || type instanceof api.DuckDBArrayType) type = type.valueType;
    else if (type instanceof api.DuckDBMapType) type = name === "key" ? type.keyType : type.valueType;
  }
  return type;
}

function bounds(
  { driver: { api } }: EngineCore,
  type: DuckDBType | undefined,
  min: string | null,
  max: string | null,
): Pick<WrittenColumn, "min" | "max" | "maxPrefix"> {
  if (min === null || max === null || type === api.BLOB) return {};
  if (type === api.BOOLEAN)
    return { min: min === "1" ? "true" : "false", max: max === "1" ? "true" : "false" };
  const isCut = Buffer.byteLength(max) >= statisticsBytes;
  return isCut ? { min, maxPrefix: max } : { min, max };
}

/** Takes apart `"st"."a ""b"""` into `st`, `a "b"`. */
function splitPath(quoted: string): string[] {
  return [...quoted.matchAll(/"((?:[^"]|"")*)"/g)].map((match) => (match[1] ?? "").replaceAll('""', '"'));
}

function partitionNumber(row: EngineRow): number {
  const keys = pairs(row["partition_keys"]);
  const number = Number(keys[0]?.[1]);
  assertInternal(Number.isSafeInteger(number) && number > 0, "a partitioned file without its number");
  return number;
}

function pairs(value: EngineValue | undefined): [string, EngineValue][] {
  if (!Array.isArray(value)) return [];
  return value.map((pair): [string, EngineValue] =>
    Array.isArray(pair) ? [String(pair[0]), pair[1]] : ["", null],
  );
}

function textOrNull(value: EngineValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

/** Reports a measured connection's progress until the returned function is called. */
function followProgress(
  connection: DuckDBConnection,
  onProgress: ParquetWriteOptions["onProgress"],
): () => void {
  if (onProgress === undefined) return () => undefined;
  const timer = setInterval(() => {
    const { percentage } = connection.progress;
    if (percentage >= 0) onProgress(Math.min(1, percentage / 100));
  }, 200);
  return () => clearInterval(timer);
}
