import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { AddAction } from "../protocol/actions.ts";
import type { Predicate } from "../protocol/predicate.ts";
import { type SqlExpression, type SqlSelect, sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import type { AppTransaction } from "../table/idempotence/app-transaction.ts";
import { predicateFromSql } from "../table/scan/predicate-from-sql.ts";
import { type BatchTarget, existingTarget } from "../write/plan/batch-target.ts";
import { addedRows } from "../write/plan/plan-rows.ts";
import type { RowsPlan } from "../write/plan/write-plan.ts";
import { runPlan } from "../write/write-pipeline.ts";
import { retrying, type SideCommit, settled } from "./append-rows.ts";
import { ownColumnsSql, withOwnColumns } from "./own-columns.ts";
import {
  naming,
  openSideTable,
  type SideTable,
  type SideTableOptions,
  type SideWriteOptions,
} from "./side-table.ts";

/** A change of rows of a side table. */
export interface SideRewrite {
  /** SQL condition that every changed or removed row meets; other rows may meet it too. */
  readonly where: SqlExpression;
  /**
   * SELECT over `q` that returns the rows that replace `q`, where `q` holds the rows, in the table's columns,
   * of all files that may contain a row that meets `where`.
   */
  readonly select: SqlSelect;
  /** Parquet files by the names that the SELECTs use. */
  readonly files?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** SELECT of rows to add in the same commit. */
  readonly added?: SqlSelect | undefined;
  readonly txn?: AppTransaction | undefined;
}

/** The change that removes the rows that meet a condition. */
export function removedRows(where: SqlExpression): SideRewrite {
  return { where, select: sql`SELECT q.* FROM q WHERE (${where}) IS NOT TRUE` };
}

/** New values of columns, by name: SQL over `q`. */
type ColumnChanges = Readonly<Record<string, SqlExpression>>;

/** The change of columns of the rows that meet a condition. */
export function changedRows(condition: SqlExpression, changes: ColumnChanges): SideRewrite {
  return { where: condition, select: changedRowsSql(condition, changes) };
}

/** A SELECT over `q` that changes columns of the rows that meet a condition. */
export function changedRowsSql(
  condition: SqlExpression,
  changes: ColumnChanges,
  from: SqlExpression = sql`q`,
): SqlSelect {
  const items = Object.entries(changes).map(
    ([name, value]) =>
      sql`CASE WHEN ${condition} THEN ${value} ELSE q.${quoteName(name)} END AS ${quoteName(name)}`,
  );
  return sql`SELECT q.* REPLACE (${items}) FROM ${from}`;
}

/**
 * Changes rows of a side table in one commit, on its newest version. Only the files that may hold such rows
 * are read and rewritten. If another writer commits first, the change is made again.
 *
 * @param rewriteFor returns the change for a version, and is called again for a newer one; `undefined` if
 * there is nothing to change
 * @returns the version with the change; `undefined` if there is no such table
 * @throws `TABLE_APPEND_ONLY`, and as `openSideTable` and `runPlan`
 */
export function rewriteSideTable(
  side: SideTable,
  rewriteFor: (snapshot: LogSnapshot) => Promise<SideRewrite | undefined>,
  options: SideWriteOptions = {},
): Promise<SideCommit | undefined> {
  return retrying(async () => {
    const snapshot = await openSideTable(side, options);
    if (snapshot === undefined) return undefined;
    const rewrite = await rewriteFor(snapshot);
    if (rewrite === undefined) return { outcome: "alreadyApplied", version: snapshot.version };
    return naming(side, () => rewriteVersion(side, snapshot, rewrite, options));
  });
}

async function rewriteVersion(
  side: SideTable,
  snapshot: LogSnapshot,
  rewrite: SideRewrite,
  options: SideWriteOptions,
): Promise<SideCommit> {
  const target = await existingTarget(snapshot);
  const { predicate, files } = await matchingFiles(snapshot, rewrite.where, options);
  if (files.length > 0 && target.requirements.appendOnly) throw appendOnly(side);
  if (files.length === 0 && rewrite.added === undefined)
    return { outcome: "committed", version: snapshot.version };
  const { select, added } = rewrite;
  const q = ownColumnsSql(side.columns, snapshot.schema, sql`stored`);
  const source = {
    sql: sql`WITH q AS (${q}) ${select}${added === undefined ? sql`` : sql` UNION ALL BY NAME ${added}`}`,
    tables: { stored: { snapshot, files } },
    files: rewrite.files,
  };
  const plan = rewritePlan(withOwnColumns(target, options.schema ?? side.columns), source, rewrite.txn);
  const reads = { predicates: [predicate], files: files.map(({ path }) => path) };
  return settled(await runPlan({ ...plan, removes: { kind: "files", files, reads } }, options));
}

function rewritePlan(
  target: BatchTarget,
  source: Parameters<typeof addedRows>[1]["source"],
  txn: AppTransaction | undefined,
): RowsPlan {
  const plan = addedRows(target, { source }, { txn });
  return { ...plan, operation: { name: "WRITE", parameters: { mode: "Overwrite" } } };
}

/** The files that may hold rows that meet a condition. */
async function matchingFiles(
  snapshot: LogSnapshot,
  where: string,
  { signal }: SideTableOptions,
): Promise<{ readonly predicate: Predicate; readonly files: readonly AddAction[] }> {
  await using session = await (await snapshot.context.engine()).open({ signal });
  const predicate = await predicateFromSql(session, where, snapshot.schema, "q");
  const { files } = await (await snapshot.files()).prune(predicate);
  return { predicate, files };
}

function appendOnly({ name, context }: SideTable): VarveError {
  const { uri } = context.store;
  return new VarveError(
    "TABLE_APPEND_ONLY",
    `The ${name} at ${uri} is append-only (delta.appendOnly is true), so its rows cannot be changed. Set the property to false first.`,
    { uri },
  );
}
