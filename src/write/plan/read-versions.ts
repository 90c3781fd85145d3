import type { LogSnapshot } from "../../log/contract.ts";
import { isSnapshot, type WriteSource } from "./write-source.ts";

/**
 * Whether a source reads the rows of the table as they are in a version, or in a later one, so that what is
 * written depends on them. An older version is what it is, whatever is committed meanwhile.
 */
export function readsVersion(source: WriteSource, { context, version }: LogSnapshot): boolean {
  return versionsRead(source).some(
    (read) => read.context.store.uri === context.store.uri && read.version >= version,
  );
}

/** The versions of tables that a source reads. */
function versionsRead(source: WriteSource): readonly LogSnapshot[] {
  if (typeof source !== "object" || source === null) return [];
  if (isSnapshot(source)) return [source];
  if ("assigned" in source)
    return "tables" in source.assigned ? versionsRead({ sql: "", tables: source.assigned.tables }) : [];
  if (!("sql" in source) || typeof source.sql !== "string") return [];
  return Object.values(source.tables ?? {}).map((table) => (isSnapshot(table) ? table : table.snapshot));
}
