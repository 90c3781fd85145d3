import type { ConvertOptions, ConvertRequest, ConvertResult } from "../operations/convert.ts";
import { knownOptions, type OptionKeys } from "./shared/known-options.ts";
import { openContext } from "./shared/lazy-log.ts";
import { contextKeys } from "./shared/option-keys.ts";
import type { ContextOptions } from "./shared/options.ts";
import { requireText } from "./shared/table-uri.ts";

/** Options of a conversion. */
export interface ConvertTableOptions extends ContextOptions, ConvertOptions {
  /**
   * The columns by which the folders partition the files (`d=2024-01-31/n=7/`), with their types, in their order:
   * `["d date", "n int"]`. Default: none.
   */
  readonly partitionBy?: readonly string[] | undefined;
}

const convertKeys = {
  ...contextKeys,
  partitionBy: true,
  statistics: true,
  dryRun: true,
  userMetadata: true,
  onProgress: true,
  signal: true,
} satisfies OptionKeys<ConvertTableOptions>;

/**
 * Makes a folder of Parquet files a table, in one commit: the files stay as and where they are, and a log is written
 * beside them. The schema is that of all files together; names that begin with `_` or `.` are left out. A folder that
 * is a table already is left alone (`outcome: "unchanged"`).
 *
 * @throws `SOURCE_UNREADABLE` for a folder without files; `INVALID_ARGUMENT` for files of a table above it, for a
 * table below it, and for folders that are not those of `partitionBy`; `SCHEMA_MISMATCH` for partition values and types that do not fit, naming the files;
 * `DATA_FILE_CORRUPT` naming a file that cannot be read; `SQL_FAILED` for types that cannot be read,
 * `COMMIT_OUTCOME_UNKNOWN`, `CANCELLED`
 *
 * @example
 * ```ts
 * import { mkdir } from "node:fs/promises";
 * import { convertTable, openTable } from "varve";
 *
 * await mkdir("exports/day=2024-06-01", { recursive: true });
 * const june = await orders.snapshot().select({ exportFolder: "exports/day=2024-06-01" });
 * await june.writeFile("parquet");
 *
 * const { files, rows } = await convertTable("./exports", { partitionBy: ["day date"] });
 * console.log(files, rows);
 * await using table = await openTable("./exports");
 * ```
 */
export async function convertTable(uri: string, options: ConvertTableOptions = {}): Promise<ConvertResult> {
  requireText(uri, "The folder or URI to convert", "uri");
  const known = knownOptions("convertTable", options, convertKeys);
  const { partitionBy, statistics, dryRun, userMetadata, onProgress, signal, ...open } = known;
  const [{ convertTable: convert }, { parsePartitionColumns }] = await Promise.all([
    import("../operations/convert.ts"),
    import("../dialects/statements/parse-maintenance.ts"),
  ]);
  const request: ConvertRequest = {
    partitionBy: partitionBy?.flatMap((column) => parsePartitionColumns(column)),
    statistics,
    dryRun,
    userMetadata,
    onProgress,
    signal,
  };
  const { maintenance, ...result } = await convert(await openContext(uri, open), request);
  await maintenance;
  return result;
}
