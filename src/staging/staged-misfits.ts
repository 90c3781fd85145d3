import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { assertInternal, isVarveError, VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import type { CheckResult } from "../quality/gate/verdict.ts";
import type { Suite } from "../quality/model/suite.ts";
import { keepSuite } from "../quarantine/intake/kept-suites.ts";
import {
  quarantineColumns,
  quarantineNames,
  quarantineOf,
  quarantineSchema,
} from "../quarantine/intake/quarantine-table.ts";
import { quarantineSql, requireAside } from "../quarantine/intake/quarantined-rows.ts";
import { appendToSideTable } from "../sidetables/append-rows.ts";
import { changedRows, rewriteSideTable } from "../sidetables/rewrite-rows.ts";
import { asStep } from "../sidetables/side-table.ts";
import { sql } from "../sql/sql.ts";
import { quoteName, quoteText } from "../sql/sql-text.ts";
import type { AppTransaction } from "../table/idempotence/app-transaction.ts";
import { misfitsTransaction, transactionName } from "../table/idempotence/application-ids.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../util/json.ts";
import type { QuarantinePlace } from "../write/plan/write-options.ts";
import type { WrittenBatch } from "../write/stages/batch-stages.ts";
import { misfitResult, misfitSuite } from "../write/stages/misfits.ts";

/**
 * Rows of a staged batch that do not fit the table. No data file can hold them, so they wait as quarantined
 * rows in a file of their own.
 */
export interface StagedMisfits {
  /** Relative to the table's root. */
  readonly path: string;
  readonly rows: number;
  /** What does not fit, with row counts. */
  readonly checks: readonly CheckResult[];
}

/**
 * Writes the rows that staging set aside to `path`, under the id of the batch that will be published; returns
 * `undefined` if every row fits.
 */
export async function keepMisfits(batch: WrittenBatch, path: string): Promise<StagedMisfits | undefined> {
  const { verdict, target, room } = batch;
  const { session, staging } = room;
  if (verdict === undefined || verdict.quarantineSql === null) return undefined;
  const misfits = quarantineSql(batch, verdict.quarantineSql, quarantineSchema(target.schema));
  const folder = join(staging, "misfits");
  await mkdir(folder);
  // their typed values are null until they enter the quarantine, which computes them; rows that fit are
  // numbered again when they are published, so one of those may have the same place
  const { id, values, writerSuite } = quarantineNames;
  const [written] = await session.writeParquet(
    sql`SELECT * EXCLUDE (${values}, ${writerSuite}) REPLACE (sha256(${id}) AS ${id}) FROM (${misfits})`,
    { folder },
  );
  assertInternal(written !== undefined, "rows that were set aside were written to no file");
  await requireAside(session, verdict.aside, [written.file]);
  await target.context.store.putFile(path, written.file);
  return { path, rows: verdict.quarantined, checks: verdict.checks };
}

/** The tests under which a batch's non-conforming rows enter the quarantine. */
interface MisfitTests {
  /** All tests of the batch. */
  readonly suite: Suite | undefined;
  /** Those of the tests that are not the table's own. */
  readonly writer: Suite | undefined;
  /** The transaction of the batch. */
  readonly txn: AppTransaction;
  readonly signal: AbortSignal | undefined;
}

/**
 * Commits a batch's non-conforming rows to the table's quarantine, for this version and these tests; they are
 * committed once, however often this is repeated.
 *
 * @throws `DATA_FILE_MISSING` if their file is gone
 */
export async function quarantineMisfits(
  now: LogSnapshot,
  { path, rows }: StagedMisfits,
  { suite, writer, txn, signal }: MisfitTests,
): Promise<QuarantinePlace> {
  const quarantine = quarantineOf(now.context);
  await keepSuite(quarantine, writer, signal);
  const quarantinedAt = new Date(now.context.world.now()).toISOString();
  const changes = [
    sql`CAST(${now.version} AS BIGINT) AS ${quarantineNames.baseVersion}`,
    sql`TIMESTAMPTZ ${quoteText(quarantinedAt)} AS ${quarantineNames.quarantinedAt}`,
    sql`${quoteText(suite?.name ?? "")} AS ${quarantineNames.suite}`,
    sql`${quoteText(suite?.fingerprint ?? "")} AS ${quarantineNames.suiteFingerprint}`,
  ];
  const source = {
    sql: sql`SELECT * REPLACE (${changes}), ${quoteText(writer?.fingerprint ?? "")} AS ${quarantineNames.writerSuite} FROM m`,
    files: { m: await localFile(now.context, path) },
  };
  const misfits = { source, txn: misfitsTransaction(txn) };
  const options = { schema: quarantineSchema(now.schema), signal };
  const committed = await asStep(quarantine, () =>
    appendToSideTable(quarantine, async () => misfits, options),
  );
  return { uri: quarantine.context.store.uri, version: committed.version, rows };
}

/**
 * Discards, with a note, the open rows that a publication put into the quarantine before its batch was
 * discarded.
 */
export async function discardSetAside(
  { context, metadata }: LogSnapshot,
  txn: AppTransaction,
): Promise<void> {
  const quarantine = quarantineOf(context);
  const { status, batch, table, resolvedAt, note } = quarantineColumns;
  const condition = sql`(${quoteName(status)} = 'open' AND ${quoteName(batch)} = ${quoteText(transactionName(txn))} AND ${quoteName(table)} = ${quoteText(metadata.id)})`;
  const changes = {
    [status]: sql`'discarded'`,
    [resolvedAt]: sql`TIMESTAMPTZ ${quoteText(new Date(context.world.now()).toISOString())}`,
    [note]: quoteText("its staged batch was discarded while it was being published"),
  };
  await asStep(quarantine, () => rewriteSideTable(quarantine, async () => changedRows(condition, changes)));
}

async function localFile(context: TableContext, path: string): Promise<string> {
  try {
    if ((await context.store.head(path)) !== undefined) return await context.localFile(path);
  } catch (error) {
    if (!isVarveError(error, "OBJECT_NOT_FOUND")) throw error;
  }
  throw new VarveError(
    "DATA_FILE_MISSING",
    `The file ${path} of a staged batch is gone. Stage the rows again.`,
    { path },
  );
}

/** Non-conforming rows as JSON for the batch's record. */
export function misfitsJson({ path, rows, checks }: StagedMisfits): JsonObject {
  return {
    path,
    rows,
    checks: checks.map(({ id, message, columns, considered, unexpected }) => ({
      id,
      message,
      columns,
      considered,
      unexpected,
    })),
  };
}

/** Non-conforming rows from a batch's record. @throws TypeError for invalid content */
export function misfitsOf(json: JsonValue | undefined): StagedMisfits | undefined {
  if (json === undefined) return undefined;
  const { path, rows, checks } = isJsonObject(json) ? json : {};
  if (typeof path !== "string" || typeof rows !== "number" || !Array.isArray(checks))
    throw new TypeError("misfits must have path, rows and checks");
  return {
    path,
    rows,
    checks: (checks as readonly JsonValue[])
      .filter(isJsonObject)
      .map(({ id, message, columns, considered, unexpected }) =>
        misfitResult({
          id: String(id),
          message: String(message),
          columns: Array.isArray(columns) ? columns.map(String) : [],
          considered: Number(considered),
          unexpected: Number(unexpected),
        }),
      ),
  };
}

/**
 * The tests of a batch while it is staged: only those of the table itself; non-conforming rows are set aside
 * if the suites say so.
 */
export function stagingSuite(tests: Suite | undefined): Suite | undefined {
  return tests?.onMisfit === "quarantine" ? misfitSuite(tests.name) : undefined;
}
