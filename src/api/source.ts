import type { LogSnapshot } from "../log/contract.ts";
import type { SqlWriteSource, WriteSource } from "../write/write-source.ts";
import { TableVersion } from "./table-version.ts";

/** A table that is open: its newest seen version is read. */
interface OpenedTable {
  snapshot(): TableVersion;
}

/**
 * Where rows come from: arrays, iterables and async iterables of row objects, Arrow data, a table or one of its versions, or a wrapper that
 * names files (`{ csv }`, `{ ndjson }`, `{ parquet }`, `{ arrow }`; several, or patterns with `*`) or SQL over tables and files.
 */
export type Source = Exclude<WriteSource, LogSnapshot | SqlWriteSource> | OpenedTable | TableVersion | SqlSource;

/** One SELECT over named versions of tables and named files. */
export interface SqlSource {
  readonly sql: string;
  readonly tables?: Readonly<Record<string, OpenedTable | TableVersion>> | undefined;
  /** By extension: csv, tsv, json, ndjson, jsonl, parquet. */
  readonly files?: Readonly<Record<string, string | readonly string[]>> | undefined;
}

/** A caller's source in the words of the verbs. */
export function toWriteSource(source: Source): WriteSource {
  if (source instanceof TableVersion || isOpened(source)) return logOf(source);
  if (typeof source === "object" && source !== null && "sql" in source && typeof source.sql === "string") {
    const { tables, ...rest } = source as SqlSource;
    return { ...rest, tables: tables === undefined ? undefined : toSnapshots(tables) };
  }
  return source as WriteSource;
}

/** Tables and versions by name as the verbs take them. */
export function toSnapshots(tables: Readonly<Record<string, OpenedTable | TableVersion>>): Readonly<Record<string, LogSnapshot>> {
  return Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, logOf(table)]));
}

function isOpened(source: unknown): source is OpenedTable {
  return typeof source === "object" && source !== null && "snapshot" in source && typeof source.snapshot === "function";
}

function logOf(table: OpenedTable | TableVersion): LogSnapshot {
  return table instanceof TableVersion ? table.log : table.snapshot().log;
}
