import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { quoteFile, quoteName, quoteText } from "../../sql/sql-text.ts";
import { appendAll } from "../../util/append-all.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import type { EngineRow, FieldIds, ParquetWriteOptions, WrittenFile } from "../core/contract.ts";
import { assertNotAborted, type EngineCore } from "../core/core.ts";
import { plainConverter } from "../core/plain-values.ts";
import { withNan } from "./file-nan.ts";
import { rowGroupSetting } from "./row-groups.ts";
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
    ...rowGroupSetting(writer.core, options.rowGroupRows),
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
