import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { WriteSource } from "../../write/plan/write-source.ts";
import { knownOptions } from "./known-options.ts";
import { Snapshot } from "./snapshot.ts";
import {
  type CsvSource,
  csvSourceKeys,
  type OpenedTable,
  type Source,
  type SqlSource,
  sqlSourceKeys,
} from "./table-options.ts";

/**
 * Converts a caller's source for the verbs. @throws `INVALID_ARGUMENT` for unknown members of `{ csv }` and
 * `{ sql }`
 */
export function toWriteSource(source: Source): WriteSource {
  if (source instanceof Snapshot || isOpened(source)) return logOf(source);
  if (isWrapper(source, "sql")) {
    const { sql, tables, files } = knownOptions("a source { sql }", source as SqlSource, sqlSourceKeys);
    return { sql, tables: tables === undefined ? undefined : toSnapshots(tables), files };
  }
  if (isWrapper(source, "csv")) return knownOptions("a source { csv }", source as CsvSource, csvSourceKeys);
  return source as WriteSource;
}

/** Converts tables and versions by name for the verbs. */
export function toSnapshots(
  tables: Readonly<Record<string, OpenedTable | Snapshot>>,
): Readonly<Record<string, LogSnapshot>> {
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

function logOf(table: OpenedTable | Snapshot): LogSnapshot {
  if (table instanceof Snapshot) return table.log;
  if (isOpened(table)) return table.snapshot().log;
  throw new VarveError("INVALID_ARGUMENT", "Expected a table or a snapshot. Open the table first.", {});
}
