import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { addressOfUrl } from "../../sources/address.ts";
import type { WriteSource } from "../../write/plan/write-source.ts";
import { knownOptions } from "./known-options.ts";
import { Snapshot } from "./snapshot.ts";
import {
  type CsvSource,
  csvSourceKeys,
  type OpenedTable,
  type Source,
  type SourceFile,
  type SqlSource,
  sqlSourceKeys,
} from "./table-options.ts";
import { requireOptions, requireText } from "./table-uri.ts";

/**
 * Converts a caller's source for the verbs. @throws `INVALID_ARGUMENT` for unknown members of `{ csv }` and
 * `{ sql }`, `INVALID_URI`
 */
export function toWriteSource(source: Source): WriteSource {
  if (source instanceof Snapshot || isOpened(source)) return logOf(source);
  if (isWrapper(source, "sql")) {
    const { sql, tables, files } = knownOptions("a source { sql }", source as SqlSource, sqlSourceKeys);
    requireText(sql, "The SQL of a source", "sql");
    return {
      sql,
      tables: tables === undefined ? undefined : toSnapshots(tables),
      files: files === undefined ? undefined : toPathsByName(files),
    };
  }
  if (isWrapper(source, "csv")) {
    const { csv, options } = knownOptions("a source { csv }", source as CsvSource, csvSourceKeys);
    return { csv: toPaths(csv), options };
  }
  if (isWrapper(source, "ndjson")) return { ndjson: toPaths((source as NdjsonSource).ndjson) };
  if (isWrapper(source, "parquet")) return { parquet: toPaths((source as ParquetSource).parquet) };
  if (isWrapper(source, "arrow")) {
    const { arrow } = source as ArrowSource;
    if (typeof arrow !== "string" && (typeof arrow !== "object" || arrow === null))
      requireText(arrow, "The Arrow file of a source", "arrow");
    return { arrow: isUrl(arrow) ? addressOfUrl(arrow.href) : arrow };
  }
  return source as WriteSource;
}

type NdjsonSource = Extract<Source, { readonly ndjson: unknown }>;
type ParquetSource = Extract<Source, { readonly parquet: unknown }>;
type ArrowSource = Exclude<Extract<Source, { readonly arrow: unknown }>, Snapshot>;

/** The text of each path. @throws `INVALID_ARGUMENT` for values of other types */
function toPaths(paths: SourceFile | readonly SourceFile[]): string | readonly string[] {
  return Array.isArray(paths) ? paths.map(toPath) : toPath(paths as SourceFile);
}

function toPathsByName(files: NonNullable<SqlSource["files"]>): Record<string, string | readonly string[]> {
  requireOptions(files, "a source's files");
  return Object.fromEntries(Object.entries(files).map(([name, paths]) => [name, toPaths(paths)]));
}

function toPath(path: SourceFile): string {
  if (isUrl(path)) return addressOfUrl(path.href);
  requireText(path, "The path of a source file", "path");
  return path;
}

/** A `URL`, also of another realm. */
function isUrl(value: unknown): value is { readonly href: string } {
  return typeof value === "object" && value !== null && "href" in value && typeof value.href === "string";
}

/** Converts tables and versions by name for the verbs. */
export function toSnapshots(
  tables: Readonly<Record<string, OpenedTable | Snapshot>>,
): Readonly<Record<string, LogSnapshot>> {
  requireOptions(tables, "tables by name");
  return Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, logOf(table)]));
}

function isWrapper(source: unknown, key: string): boolean {
  return (
    typeof source === "object" &&
    source !== null &&
    key in source &&
    !(Symbol.iterator in source) &&
    !(Symbol.asyncIterator in source)
  );
}

function isOpened(source: unknown): source is OpenedTable {
  return (
    typeof source === "object" &&
    source !== null &&
    "snapshot" in source &&
    typeof source.snapshot === "function"
  );
}

/** Converts a table or a version for the verbs. */
export function logOf(table: OpenedTable | Snapshot): LogSnapshot {
  if (table instanceof Snapshot) return table.log;
  if (isOpened(table)) return table.snapshot().log;
  throw new VarveError("INVALID_ARGUMENT", "Expected a table or a snapshot. Open the table first.", {});
}
