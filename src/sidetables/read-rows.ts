import type { OpenSession, Session } from "../engine/core/contract.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { Predicate } from "../protocol/predicate.ts";
import { sql } from "../sql/sql.ts";
import { planScan, type ScanRelation } from "../table/scan/scan.ts";
import { ownColumnsSql } from "./own-columns.ts";
import { naming, openSideTable, type SideTable, type SideTableOptions } from "./side-table.ts";

/**
 * Runs work over the rows of a side table's newest version; returns `undefined` if there is no such table
 * yet.
 *
 * @throws as `openSideTable`, errors of damaged data files, and what `work` throws
 */
export async function withSideTable<T>(
  side: SideTable,
  work: (session: OpenSession, rows: ScanRelation, snapshot: LogSnapshot) => Promise<T>,
  options: SideTableOptions = {},
): Promise<T | undefined> {
  const snapshot = await openSideTable(side, options);
  return snapshot === undefined ? undefined : withSideRows(side, snapshot, work, options);
}

/** Runs work over the rows of a version of a side table. @throws errors of damaged data files, and what `work` throws */
export async function withSideRows<T>(
  side: SideTable,
  snapshot: LogSnapshot,
  work: (session: OpenSession, rows: ScanRelation, snapshot: LogSnapshot) => Promise<T>,
  options: SideTableOptions = {},
): Promise<T> {
  await using session = await (await side.context.engine()).open({ signal: options.signal });
  return await work(session, await sideTableRows(side, session, snapshot, options), snapshot);
}

interface SideReadOptions extends SideTableOptions {
  /** Files that are proved to hold no matching row are left out; rows are not filtered. */
  readonly predicate?: Predicate | undefined;
}

/**
 * The rows of a version of a side table as a relation of a session: first varve's own columns, then those
 * that others added.
 */
export async function sideTableRows(
  side: SideTable,
  session: Session,
  snapshot: LogSnapshot,
  { predicate, signal }: SideReadOptions = {},
): Promise<ScanRelation> {
  const scan = await naming(side, () => planScan(session, snapshot, { predicate, signal }));
  return { ...scan, sql: ownColumnsSql(side.columns, snapshot.schema, sql`(${scan.sql})`) };
}
