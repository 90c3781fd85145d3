import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import type { Predicate } from "../protocol/predicate.ts";
import { sideTableRows } from "../sidetables/read-rows.ts";
import { openSideTable } from "../sidetables/side-table.ts";
import { joinSql, type SqlExpression, sql } from "../sql/sql.ts";
import { quoteText } from "../sql/sql-text.ts";
import type { RunRecord, RunStatus } from "./run-record.ts";
import { noRunsTable, runOfRow, runsOf } from "./runs-table.ts";

/** Which runs to read; default: all. */
export interface RunSelection {
  readonly status?: RunStatus | undefined;
  readonly name?: string | undefined;
  /** Runs that read a version of the table with this id, and of that version only. */
  readonly tableId?: string | undefined;
  readonly version?: number | undefined;
  /** Runs whose model has this digest. */
  readonly modelHash?: string | undefined;
  /** Only so many, the newest. */
  readonly limit?: number | undefined;
}

/** A run and the digest of what the caller said of it. */
export interface StoredRun {
  readonly run: RunRecord;
  readonly digest: string;
}

interface ReadRunsOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads runs, newest first; none if there is no runs table yet.
 *
 * @throws `DATA_FILE_CORRUPT`, `SCHEMA_MISMATCH`, errors of a damaged log
 */
export async function readRuns(
  context: TableContext,
  { status, name, tableId, version, modelHash, limit }: RunSelection = {},
  options: ReadRunsOptions = {},
): Promise<RunRecord[]> {
  const snapshot = await openSideTable(runsOf(context), options);
  if (snapshot === undefined) return [];
  const conditions = [sql`true`];
  if (status !== undefined) conditions.push(sql`status = ${quoteText(status)}`);
  if (name !== undefined) conditions.push(sql`name = ${quoteText(name)}`);
  if (modelHash !== undefined) conditions.push(sql`model_hash = ${quoteText(modelHash)}`);
  // The JSON is looked at in the engine first, so that other runs are not read; the parsed inputs decide.
  if (tableId !== undefined) conditions.push(sql`contains(inputs, ${quoteText(JSON.stringify(tableId))})`);
  const isFiltered = tableId !== undefined || version !== undefined;
  const stored = await storedRuns(snapshot, { conditions, limit: isFiltered ? undefined : limit }, options);
  const runs = stored.map(({ run }) => run);
  if (!isFiltered) return runs;
  const reads = ({ inputs }: RunRecord) =>
    inputs.some(
      (input) =>
        (tableId === undefined || input.tableId === tableId) &&
        (version === undefined || input.version === version),
    );
  return runs.filter(reads).slice(0, limit);
}

/** Reads one run; `undefined` if there is none with the id. @throws as {@link readRuns} */
export async function storedRun(
  snapshot: LogSnapshot,
  runId: string,
  options: ReadRunsOptions = {},
): Promise<StoredRun | undefined> {
  const conditions = [sql`run_id = ${quoteText(runId)}`];
  const [stored] = await storedRuns(snapshot, { conditions, predicate: runPredicate(runId) }, options);
  return stored;
}

/** The condition that a row is that of a run. */
export function runPredicate(runId: string): Predicate {
  return { op: "eq", column: ["run_id"], value: { type: "string", value: runId } };
}

/** Reads one run. @throws `RUN_NOT_FOUND`, and as {@link readRuns} */
export async function findRun(
  context: TableContext,
  runId: string,
  options: ReadRunsOptions = {},
): Promise<RunRecord> {
  const snapshot = await openSideTable(runsOf(context), options);
  const stored = snapshot === undefined ? undefined : await storedRun(snapshot, runId, options);
  if (stored !== undefined) return stored.run;
  if (snapshot === undefined) throw noRunsTable(context, { runId });
  const { uri } = context.store;
  throw new VarveError(
    "RUN_NOT_FOUND",
    `The runs table at ${uri} has no run ${JSON.stringify(runId)} (version ${snapshot.version}). Check the id: it is compared letter by letter.`,
    { runId, uri },
  );
}

interface RowSelection {
  readonly conditions: readonly SqlExpression[];
  readonly predicate?: Predicate | undefined;
  readonly limit?: number | undefined;
}

async function storedRuns(
  snapshot: LogSnapshot,
  { conditions, predicate, limit }: RowSelection,
  { signal }: ReadRunsOptions,
): Promise<StoredRun[]> {
  const { context } = snapshot;
  await using session = await (await context.engine()).open({ signal });
  const { sql: rows } = await sideTableRows(runsOf(context), session, snapshot, { predicate, signal });
  const where = joinSql(conditions, sql` AND `);
  const times = sql`epoch_ms(started_at) AS started_at, epoch_ms(ended_at) AS ended_at`;
  const most = limit === undefined ? sql`` : sql` LIMIT ${limit}`;
  const stored: StoredRun[] = [];
  for await (const row of session.rowStream(
    sql`SELECT * REPLACE (${times}) FROM (${rows}) WHERE ${where} ORDER BY started_at DESC, run_id DESC${most}`,
  ))
    stored.push({ run: runOfRow(row, context), digest: String(row["digest"]) });
  return stored;
}
