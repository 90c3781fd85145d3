import type { PartitionColumn } from "../dialects/statements/syntax.ts";
import { isVarveError, VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { latestVersion } from "../log/snapshot/open-log.ts";
import type { AddAction } from "../protocol/actions.ts";
import { encodeLogPath } from "../schema/paths.ts";
import { foldName } from "../schema/schema-json.ts";
import type { StructType } from "../schema/types.ts";
import { type MaintenanceOutcome, maintainLog } from "../table/commit/log-maintenance.ts";
import { commitChange } from "../table/commit/table-change.ts";
import { outerFiles } from "../table/definition/outer-files.ts";
import { hasLog } from "../table/definition/refuse-existing.ts";
import { defineTable } from "../table/definition/table-definition.ts";
import { locateFiles } from "../table/scan/data-files.ts";
import { footerRows } from "../table/scan/file-groups.ts";
import { sumOf } from "../util/sum.ts";
import { mergedSchema } from "./convert/merged-schema.ts";
import { type ParquetFile, parquetFiles } from "./convert/parquet-files.ts";
import { scannedStatistics } from "./convert/scanned-statistics.ts";

/** Options of a conversion. */
export interface ConvertOptions {
  /** Read every file for statistics; default true. Without, only rows are counted, by the footers. */
  readonly statistics?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly userMetadata?: string | undefined;
  /** Called with the share of files whose statistics are known, 0 to 1. */
  readonly onProgress?: ((share: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is asked of a conversion. */
export interface ConvertRequest extends ConvertOptions {
  /** The columns that the folders partition the files by, in their order. */
  readonly partitionBy?: readonly PartitionColumn[] | undefined;
}

/** Result of a conversion. */
export interface ConvertResult {
  /** `unchanged`: the folder is a Delta table already. */
  readonly outcome: "committed" | "unchanged" | "dryRun";
  readonly uri: string;
  /** Version of the table; absent after a dry run. */
  readonly version?: number | undefined;
  readonly files: number;
  readonly bytes: number;
  readonly rows: number;
  /** Schema of the table as Delta's JSON; absent if nothing was done. */
  readonly schema?: string | undefined;
  readonly partitionColumns: readonly string[];
}

/** A {@link ConvertResult}, with the maintenance that follows. */
export interface ConvertOutcome extends ConvertResult {
  readonly maintenance?: Promise<MaintenanceOutcome> | undefined;
}

/**
 * Makes a folder of Parquet files a table, in one commit: the files stay as and where they are, and a log is written
 * beside them. A folder that is a table already is left alone.
 *
 * @throws `SOURCE_UNREADABLE` for a folder without files; `INVALID_ARGUMENT` for files of a table above it, for a table
 * below it, and for folders that are not those of the declared partition columns; `SCHEMA_MISMATCH` for partition values, names and types that do
 * not fit, naming the files; `DATA_FILE_CORRUPT` naming a file that cannot be read; `COMMIT_OUTCOME_UNKNOWN`,
 * `CANCELLED`
 */
export async function convertTable(
  context: TableContext,
  request: ConvertRequest = {},
): Promise<ConvertOutcome> {
  if (await hasLog(context)) return unchanged(context);
  const { partitionBy = [], statistics = true, signal } = request;
  const files = await parquetFiles(context.store, partitionBy, { signal });
  await refuseFilesOfTable(context, files, signal);
  const { schema, stats, rows } = await readFiles(context, files, request).catch((error: unknown) => {
    throw ofOtherFormat(error);
  });
  const { protocol, metadata } = defineTable(context.world, {
    schema,
    partitionBy: partitionBy.map(({ name }) => name),
  });
  const result: ConvertResult = {
    outcome: "dryRun",
    uri: context.store.uri,
    files: files.length,
    bytes: sumOf(files, ({ size }) => size),
    rows,
    schema: metadata.schemaString,
    partitionColumns: metadata.partitionColumns,
  };
  if (request.dryRun === true) return result;
  const adds = files.map((file, index) => addOf(file, stats[index]));
  try {
    const change = await commitChange(
      { context },
      {
        operation: "CONVERT",
        operationParameters: {
          numFiles: files.length,
          partitionedBy: metadata.partitionColumns,
          collectStats: statistics,
          sourceFormat: "parquet",
        },
        definition: [protocol, metadata],
        files: { adds, metrics: { numConvertedFiles: String(files.length) } },
        userMetadata: request.userMetadata,
        signal,
      },
    );
    const maintenance = change.outcome === "committed" ? maintainLog(context, change) : undefined;
    return { ...result, outcome: "committed", version: change.version, maintenance };
  } catch (error) {
    // Somebody else converted the folder meanwhile.
    if (isVarveError(error, "TABLE_EXISTS")) return unchanged(context);
    throw error;
  }
}

function addOf({ path, partitionValues, size, modified }: ParquetFile, stats: AddAction["stats"]): AddAction {
  return {
    kind: "add",
    path: encodeLogPath(path),
    partitionValues,
    size,
    modificationTime: modified,
    dataChange: true,
    stats,
  };
}

async function unchanged(context: TableContext): Promise<ConvertResult> {
  return {
    outcome: "unchanged",
    uri: context.store.uri,
    version: await latestVersion(context),
    files: 0,
    bytes: 0,
    rows: 0,
    partitionColumns: [],
  };
}

/** A file belongs to one table, whose vacuum knows who needs it. */
async function refuseFilesOfTable(
  context: TableContext,
  files: readonly ParquetFile[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const outer = await outerFiles(context, Number.NEGATIVE_INFINITY, signal);
  const file = outer === undefined ? undefined : files.find(({ path }) => outer.keys.has(path));
  if (outer === undefined || file === undefined) return;
  const { uri } = context.store;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Cannot convert ${uri}: its file ${file.path} belongs to the table ${outer.table}, in whose folder it lies. Nothing was written. Read that table, or clone it.`,
    { uri, location: outer.table, path: file.path },
  );
}

/** A file that cannot be read is not one of a table yet, so the advice for tables does not help. */
function ofOtherFormat(error: unknown): unknown {
  if (!isVarveError(error, "DATA_FILE_CORRUPT")) return error;
  const file = String(error.data["file"]);
  return new VarveError(
    "DATA_FILE_CORRUPT",
    `${file} is not a readable Parquet file, and convert makes tables of Parquet files only. Nothing was written. Move the file elsewhere, or create a table and append to it: varve create TABLE --from ${file}.`,
    error.data,
    error,
  );
}

/** The table's schema, and the statistics of each file. */
async function readFiles(
  context: TableContext,
  files: readonly ParquetFile[],
  { partitionBy = [], statistics = true, onProgress, signal }: ConvertRequest,
): Promise<{ readonly schema: StructType; readonly stats: readonly string[]; readonly rows: number }> {
  const local = await locateFiles(
    context,
    files.map(({ path }) => encodeLogPath(path)),
    signal,
  );
  await using session = await (await context.engine()).open({ signal });
  const found = await mergedSchema(session, local);
  // The log has the values of partition columns, whatever the files say.
  const partitions = new Set(partitionBy.map(({ name }) => foldName(name)));
  const schema: StructType = {
    type: "struct",
    fields: found.fields.filter(({ name }) => !partitions.has(foldName(name))),
  };
  const counts = await footerRows(session, local);
  const rowsOf = (file: string) => counts.get(file) ?? 0;
  const stats = statistics
    ? await scannedStatistics(session, { context, schema, files: local, onProgress, signal })
    : local.map((file) => `{"numRecords":${rowsOf(file)}}`);
  const declared = partitionBy.map(({ name, type }) => ({ name, type, nullable: true, metadata: {} }));
  return {
    schema: { type: "struct", fields: [...schema.fields, ...declared] },
    stats,
    rows: sumOf(local, rowsOf),
  };
}
