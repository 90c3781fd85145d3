import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type {
  FieldIds,
  ParquetWriteOptions,
  RowSort,
  Session,
  WrittenFile,
} from "../../engine/core/contract.ts";
import { guardSql } from "../../engine/fence/row-guard.ts";
import { VarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import { propertyOf } from "../../protocol/properties.ts";
import {
  type ColumnMappingMode,
  columnMappingKeys,
  physicalFieldIds,
  physicalName,
} from "../../schema/column-mapping.ts";
import { holdsVariant, requireColumn } from "../../schema/fields.ts";
import { encodePartitionSql } from "../../schema/partition-values.ts";
import { hiveFolder } from "../../schema/paths.ts";
import { physicalSelectItems } from "../../schema/physical-sql.ts";
import { foldName } from "../../schema/schema-json.ts";
import { pathText } from "../../schema/type-names.ts";
import type { StructField, StructType } from "../../schema/types.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { plainName, quoteName } from "../../sql/sql-text.ts";
import { freePrefix } from "../../util/free-prefix.ts";
import { sumOf } from "../../util/sum.ts";
import { indexedColumns, statisticsJson } from "./file-statistics.ts";
import { shreddedColumns } from "./shredded-columns.ts";
import { checkWritable } from "./writable-schema.ts";

/** The table that files are written for, with the schema that the commit that adds them will leave. */
export interface DataTarget {
  readonly context: TableContext;
  readonly schema: StructType;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly mode: ColumnMappingMode;
  /** Whether to write partition columns to the files too. */
  readonly materializePartitionColumns?: boolean | undefined;
  /** Physical paths of columns that need statistics. */
  readonly clusteringColumns?: readonly (readonly string[])[] | undefined;
}

export interface DataWriteOptions extends Pick<ParquetWriteOptions, "dictionaryShare" | "superset"> {
  /** Split files near this many bytes; default: the table's `delta.targetFileSize`, else 256 MiB. */
  readonly targetFileBytes?: number | undefined;
  /** The number of rows, if it is known. */
  readonly rows?: number | undefined;
  /** Sort the rows over all files, by further columns of the query, which are not written. */
  readonly sort?: RowSort | undefined;
  /** Rows of a row group; default: what the engine and its memory limit allow for rows of up to 2 KiB. */
  readonly rowGroupRows?: number | undefined;
  /** Upper bound of the number of rows, if it is known. */
  readonly rowsAtMost?: number | undefined;
  /** Default: the table's `delta.parquet.compression.codec`, else zstd. */
  readonly compression?: "zstd" | "snappy" | "uncompressed" | undefined;
  /** Called with the share of rows written, 0 to 1. */
  readonly onProgress?: ((share: number) => void) | undefined;
  /**
   * Columns of the query that are written to the files under their own names, although the table does not
   * have them.
   */
  readonly hiddenColumns?: readonly string[] | undefined;
  /**
   * Conditions over the query's columns that no row may meet: the first row that does ends the write, see
   * {@link isGuardStop}. Only for tables without partition columns, whose rows are read once.
   */
  readonly guard?: readonly SqlExpression[] | undefined;
  /** Whether the files are change data files, which lie in a folder of their own. */
  readonly changeFiles?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Parquet files that are complete but not yet in the table's folder under their names. */
export interface StagedData {
  readonly files: readonly StagedDataFile[];
  readonly rows: number;
  readonly bytes: number;
  /** Removes what was staged and not published. */
  discard(): Promise<void>;
}

export interface StagedDataFile {
  readonly written: WrittenFile;
  /** Raw path relative to the table's root. */
  readonly path: string;
  /** By physical name, as in the log. */
  readonly partitionValues: Readonly<Record<string, string | null>>;
  readonly stats: string;
}

const defaultTargetBytes = 256 * 1024 * 1024;

/**
 * Writes the rows of a query, which returns the table's columns by their logical names, to Parquet files in a
 * staging folder.
 *
 * Nothing is visible to readers until `publishData` has moved the files and a commit names them.
 *
 * @throws `SCHEMA_INVALID` for a schema that cannot be written (a column of only void), `ENGINE_FAILED`,
 * `CANCELLED`
 */
export async function stageData(
  session: Session,
  target: DataTarget,
  rows: SqlSelect,
  folder: string,
  options: DataWriteOptions = {},
): Promise<StagedData> {
  checkWritable(target.schema);
  const partitions = target.partitionColumns.map((name) => requireColumn(target.schema, name));
  const data = dataFields(target, partitions);
  const hidden = options.hiddenColumns ?? [];
  const sortBy = options.sort === undefined ? [] : [options.sort.key, options.sort.file];
  const prefix = freePrefix([
    ...data.flatMap((field) => [field.name, physicalName(field, target.mode)]),
    ...hidden,
    ...sortBy,
  ]);
  const partitionKey = (index: number) => plainName(`${prefix}partition_value_${index}`);
  const keys = partitions.map(
    (field, index) => sql`${encodePartitionSql(field.type, quoteName(field.name))} AS ${partitionKey(index)}`,
  );
  if (holdsVariant(target.schema)) session.enableVariants();
  const output = join(folder, target.context.world.uuid());
  await mkdir(output);
  const compression = options.compression ?? codecOf(target.configuration);
  const shredded = await shreddedColumns(session, data, target.configuration, rows);
  const items = [
    ...physicalSelectItems(data, target.mode, shredded),
    ...[...hidden, ...sortBy].map(quoteName),
    ...keys,
  ];
  const guarded = options.guard === undefined ? sql`` : sql` WHERE ${guardSql(options.guard)}`;
  const { superset } = options;
  const files = await session.writeParquet(sql`SELECT ${items} FROM (${rows})${guarded}`, {
    folder: output,
    superset: superset === undefined ? undefined : sql`SELECT ${items} FROM (${superset})`,
    dictionaryShare: options.dictionaryShare,
    compression,
    targetFileBytes:
      options.targetFileBytes ?? propertyOf(target.configuration, "targetFileSize") ?? defaultTargetBytes,
    rows: options.rows,
    rowsAtMost: options.rowsAtMost,
    sort: options.sort,
    rowGroupRows: options.rowGroupRows,
    partitionBy: keys.length === 0 ? undefined : keys.map((_, index) => partitionKey(index)),
    fieldIds: fieldIdsOf(data, target.mode),
    onProgress: options.onProgress,
    signal: options.signal,
  });
  const naming = { compression, changes: options.changeFiles === true };
  return {
    files: stagedFiles(target, partitions, files, naming),
    rows: sumOf(files, ({ rows: count }) => count),
    bytes: sumOf(files, ({ bytes }) => bytes),
    discard: () => rm(output, { recursive: true, force: true }),
  };
}

/** The files with the paths and statistics that the log will give them. */
function stagedFiles(
  target: DataTarget,
  partitions: readonly StructField[],
  files: readonly WrittenFile[],
  naming: { readonly compression: string; readonly changes: boolean },
): StagedDataFile[] {
  const columns = indexedColumns(target);
  const names = partitions.map((field) => physicalName(field, target.mode));
  return files.map((written, number) => {
    const values = names.map((name, index) => [name, written.partitionValues[index] ?? null] as const);
    const empty = values.findIndex(([, value]) => value === "");
    if (empty >= 0) throw emptyPartition(target.partitionColumns[empty] ?? "");
    return {
      written,
      path: dataFilePath(target.context, values, { ...naming, number }),
      partitionValues: Object.fromEntries(values),
      stats: statisticsJson(written, columns),
    };
  });
}

/**
 * `part-00000-UUID.c000.zstd.parquet`, in the folder of its partition. PROTOCOL.md "Data Files": each data
 * file gets a name of its own, of a random UUID. "Change Data Files": these lie below `_change_data`.
 */
function dataFilePath(
  context: TableContext,
  partition: readonly (readonly [string, string | null])[],
  file: { readonly number: number; readonly compression: string; readonly changes: boolean },
): string {
  const codec = file.compression === "uncompressed" ? "" : `.${file.compression}`;
  const kind = file.changes ? "cdc" : "part";
  const name = `${kind}-${String(file.number).padStart(5, "0")}-${context.world.uuid()}.c000${codec}.parquet`;
  const path = partition.length === 0 ? name : `${hiveFolder(partition)}/${name}`;
  return file.changes ? `_change_data/${path}` : path;
}

function dataFields(target: DataTarget, partitions: readonly StructField[]): readonly StructField[] {
  if (target.materializePartitionColumns === true) return target.schema.fields;
  const left = new Set(partitions.map((field) => foldName(field.name)));
  return target.schema.fields.filter((field) => !left.has(foldName(field.name)));
}

function fieldIdsOf(fields: readonly StructField[], mode: ColumnMappingMode): FieldIds | undefined {
  if (fields.every((field) => field.metadata[columnMappingKeys.id] === undefined)) return undefined;
  return physicalFieldIds({ type: "struct", fields: fields.filter((field) => field.type !== "void") }, mode);
}

function codecOf(configuration: Readonly<Record<string, string>>): "zstd" | "snappy" | "uncompressed" {
  const codec = propertyOf(configuration, "parquet.compression.codec");
  if (codec === "snappy") return "snappy";
  return codec === "uncompressed" || codec === "none" ? "uncompressed" : "zstd";
}

/** For values that come from an expression of the table or a repair; those of a source are found before. */
function emptyPartition(column: string): VarveError {
  return new VarveError(
    "SCHEMA_MISMATCH",
    `Column ${pathText([column])} partitions the table, and the log reads an empty partition value as null, but a row has one. Nothing was written. Give it null or another value.`,
    { column: [column], expected: "a partition value that is not empty", found: "" },
  );
}
