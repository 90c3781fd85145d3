import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Session } from "../engine/core/contract.ts";
import { isVarveError, type VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { foldName } from "../schema/schema-json.ts";
import type { StructType } from "../schema/types.ts";
import type { SqlSelect } from "../sql/sql.ts";
import type { ReadSet } from "../table/commit/commit-request.ts";
import { commitOrWithdraw, publishData, withdrawData } from "../table/data-files/publish-data-files.ts";
import { stageData } from "../table/data-files/write-data-files.ts";
import type { AppTransaction } from "../table/idempotence/app-transaction.ts";
import { type BatchTarget, dataTarget, existingTarget } from "../write/plan/batch-target.ts";
import { addedFiles, addedRows } from "../write/plan/plan-rows.ts";
import type { WriteOutcome } from "../write/plan/write-options.ts";
import type { WriteSource } from "../write/plan/write-source.ts";
import { runPlan } from "../write/write-pipeline.ts";
import { tableColumnsSql, withOwnColumns } from "./own-columns.ts";
import {
  ensureSideTable,
  naming,
  type SideTable,
  type SideTableOptions,
  type SideWriteOptions,
} from "./side-table.ts";

/** Rows for a side table. */
export interface SideRows {
  readonly source: WriteSource;
  /** Rows with the same application id and version land at most once. */
  readonly txn?: AppTransaction | undefined;
}

/** Result of adding rows to a side table. */
export interface SideCommit {
  /** `alreadyApplied`: an earlier write committed the rows of this transaction, and nothing was written. */
  readonly outcome: WriteOutcome["outcome"];
  readonly version: number;
}

/** How often a write of a side table starts again because another writer was faster. */
const tries = 10;

/**
 * Runs a write again on the table's newest version as long as other writers commit first, or delete the files
 * of the version that it is based on.
 */
export async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const isOutrun = isVarveError(error) && (error.code.startsWith("CONFLICT_") || isFileGone(error));
      if (attempt >= tries || !isOutrun) throw error;
    }
  }
}

/**
 * Adds rows to a side table in one commit, which creates the table if necessary and adds columns that it
 * lacks.
 *
 * @param rowsFor returns the rows to add to a version, and is called again for a newer one if another writer
 * commits first; `undefined` if there is nothing to add
 * @throws as `openSideTable` and `runPlan`
 */
export function appendToSideTable(
  side: SideTable,
  rowsFor: (snapshot: LogSnapshot) => Promise<SideRows | undefined>,
  options: SideWriteOptions = {},
): Promise<SideCommit> {
  return retrying(async () => {
    const snapshot = await ensureSideTable(side, options);
    const rows = await rowsFor(snapshot);
    if (rows === undefined) return { outcome: "alreadyApplied", version: snapshot.version };
    return naming(side, async () => {
      const target = withOwnColumns(await existingTarget(snapshot), options.schema ?? side.columns);
      return settled(await runPlan(addedRows(target, rows, rows), options));
    });
  });
}

/** Whether a data file was not there any more when it was read. */
function isFileGone(error: VarveError): boolean {
  return error.code === "DATA_FILE_MISSING";
}

/** Rows selected by a session that is at work on another table. */
export interface SelectedRows {
  readonly session: Session;
  /** Folder that the session may write to. */
  readonly staging: string;
  /** The columns that the rows have. */
  readonly schema: StructType;
  /** SELECT of the rows, for the columns that the side table will have. */
  readonly sql: (table: StructType) => SqlSelect;
  /** Checks the files that the rows were written to, before they are committed. */
  readonly check: (files: readonly string[]) => Promise<void>;
  readonly txn?: AppTransaction | undefined;
  /** What of the table the rows were chosen by. */
  readonly reads?: ReadSet | undefined;
}

/**
 * Like {@link appendToSideTable}, for rows that exist only in a session. They are written once, unless other
 * writers require more of the table's rows than their types.
 */
export function appendSelected(
  side: SideTable,
  rows: SelectedRows,
  options: SideTableOptions = {},
): Promise<SideCommit> {
  return retrying(async () => {
    const snapshot = await ensureSideTable(side, { ...options, schema: rows.schema });
    return naming(side, async () => {
      return appendRows(withOwnColumns(await existingTarget(snapshot), rows.schema), rows, options);
    });
  });
}

/** Adds selected rows to a table at the version of the target, once. @throws as `runPlan` */
export function appendRows(
  target: BatchTarget,
  rows: SelectedRows,
  options: SideTableOptions = {},
): Promise<SideCommit> {
  return takesFiles(target, rows.schema)
    ? appendWritten(target, rows, options)
    : appendAgain(target, rows, options);
}

/**
 * Writes selected rows to Parquet files with the rows' own columns, which any write can use as its source.
 */
export async function writeSelected(
  { session, staging, sql, check }: SelectedRows,
  { context, schema }: Pick<BatchTarget, "context" | "schema">,
): Promise<string[]> {
  const folder = join(staging, context.world.uuid());
  await mkdir(folder);
  const written = await session.writeParquet(sql(schema), { folder });
  const files = written.map(({ file }) => file);
  await check(files);
  return files;
}

/**
 * Whether files of rows with the right columns may be committed as they are, because the table requires
 * nothing else of them.
 */
function takesFiles({ requirements, metadata }: BatchTarget, schema: StructType): boolean {
  const { conditions, generated, defaults, identity, notNull, columnMapping } = requirements;
  const filled = new Set(schema.fields.filter(({ nullable }) => !nullable).map(({ name }) => foldName(name)));
  return (
    columnMapping === "none" &&
    metadata.partitionColumns.length === 0 &&
    [conditions, generated, defaults, identity].every((list) => list.length === 0) &&
    notNull.every(({ path: [name, ...inner] }) => inner.length === 0 && filled.has(foldName(name ?? "")))
  );
}

async function appendWritten(
  target: BatchTarget,
  { session, staging, schema, sql, check, txn, reads }: SelectedRows,
  { signal }: SideTableOptions,
): Promise<SideCommit> {
  const { context } = target;
  const select = tableColumnsSql(schema, target.schema, sql(target.schema));
  const staged = await stageData(session, dataTarget(target), select, staging, { signal });
  await check(staged.files.map(({ written }) => written.file));
  const files = await publishData(context, staged, signal);
  const plan = addedFiles({ target, files, rows: staged.rows, reads }, txn);
  const outcome = await commitOrWithdraw(context, staged, () => runPlan(plan, { signal }));
  if (outcome.outcome === "alreadyApplied") await withdrawData(context, staged);
  return settled(outcome);
}

async function appendAgain(
  target: BatchTarget,
  rows: SelectedRows,
  options: SideTableOptions,
): Promise<SideCommit> {
  const source = { parquet: await writeSelected(rows, target) };
  return settled(await runPlan({ ...addedRows(target, { source }, rows), reads: rows.reads }, options));
}

/** Waits for the maintenance of the table's log, because nothing else does. */
export async function settled({ outcome, version, maintenance }: WriteOutcome): Promise<SideCommit> {
  await maintenance;
  return { outcome, version };
}
