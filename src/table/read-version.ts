import type { RecordBatch } from "apache-arrow";
import type { EngineRow, Relation, Session } from "../engine/contract.ts";
import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import { requireColumn } from "../schema/fields.ts";
import { quoteName } from "../util/sql-text.ts";
import { predicateFromSql } from "./predicate-from-sql.ts";
import { planScan, type ScanReport } from "./scan.ts";

/** Which rows of a version to read. */
export interface ReadOptions {
  /** Names of top-level columns in the wanted order; default: all. */
  readonly columns?: readonly string[];
  /** A SQL condition over the table's columns, as its author wrote it; also used to leave files out. */
  readonly where?: string;
  /** At most so many rows. */
  readonly limit?: number;
  /** Adds a column `_metadata`, a struct of the stable `row_id` and `row_commit_version`. */
  readonly rowTracking?: boolean;
  readonly signal?: AbortSignal;
}

/** Rows of a version, ready to be computed in an engine session of their own. */
export interface VersionRead {
  readonly session: Session;
  readonly relation: Relation;
  readonly report: ScanReport;
}

/**
 * Prepares a read in `session`, which is fenced to the files of the scan when the caller gives a condition.
 *
 * @throws what {@link planScan} throws; `SQL_FAILED` or `SQL_REFUSED` for a condition that is none
 */
export async function prepareRead(session: Session, snapshot: LogSnapshot, options: ReadOptions = {}): Promise<VersionRead> {
  const { columns, where, limit, rowTracking, signal } = options;
  const wanted = columns?.map((name) => requireColumn(snapshot.schema, name).name) ?? snapshot.schema.fields.map((field) => field.name);
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0)) {
    throw new VarveError("INVALID_ARGUMENT", `${limit} is no number of rows: the limit is a whole number from 0 on.`, { limit });
  }
  const predicate = where === undefined ? undefined : await predicateFromSql(session, where, snapshot.schema);
  const scan = await planScan(session, snapshot, {
    // A condition may name columns that are not wanted; the engine drops what neither needs.
    ...(where === undefined ? { columns: wanted } : {}),
    ...(predicate === undefined ? {} : { predicate }),
    ...(rowTracking === undefined ? {} : { rowTracking }),
    ...(signal === undefined ? {} : { signal }),
  });
  const kept = scan.columns.filter((column) => wanted.includes(column.name) || (rowTracking === true && column.name === "_metadata"));
  if (where === undefined) return { session, report: scan.report, relation: limited(scan, limit) };
  await session.fence({ files: scan.files });
  const condition = await session.callerExpression(where, scan.columns);
  const order = rowTracking === true ? [...wanted, "_metadata"] : wanted;
  const names = order.map(quoteName).join(", ");
  const sql = `SELECT ${names === "" ? "0" : names} FROM (${scan.sql}) AS t WHERE (${condition})`;
  const sorted = order.flatMap((name) => kept.filter((column) => column.name === name));
  return { session, report: scan.report, relation: limited({ sql, columns: sorted }, limit) };
}

/** The rows of a version as plain objects, streamed: int64 as `bigint`, decimals, temporal values and variants (JSON) as text. */
export async function* readRows(snapshot: LogSnapshot, options: ReadOptions = {}): AsyncGenerator<EngineRow> {
  const session = await openSession(snapshot);
  try {
    const { relation } = await prepareRead(session, snapshot, options);
    // A relation without columns yields one that only counts rows.
    const bare = relation.columns.length === 0;
    for await (const row of session.rowStream(relation.sql, signalOf(options))) yield bare ? {} : row;
  } finally {
    await session.close();
  }
}

/** The rows of a version as Arrow batches, streamed; memory stays bounded while they are consumed one by one. */
export async function* readBatches(
  snapshot: LogSnapshot,
  options: ReadOptions & { readonly batchRows?: number } = {},
): AsyncGenerator<RecordBatch> {
  const session = await openSession(snapshot);
  try {
    const { relation } = await prepareRead(session, snapshot, options);
    const { batchRows } = options;
    yield* session.arrow(relation.sql, { ...signalOf(options), ...(batchRows === undefined ? {} : { batchRows }) });
  } finally {
    await session.close();
  }
}

/** How many rows a version has, or how many satisfy a SQL condition. */
export async function countRows(snapshot: LogSnapshot, options: Pick<ReadOptions, "where" | "signal"> = {}): Promise<bigint> {
  const session = await openSession(snapshot);
  try {
    const { relation } = await prepareRead(session, snapshot, options);
    const [row] = await session.rows(`SELECT count(*) AS n FROM (${relation.sql})`);
    return BigInt(String(row?.["n"] ?? 0));
  } finally {
    await session.close();
  }
}

async function openSession(snapshot: LogSnapshot): Promise<Session> {
  const engine = await snapshot.context.engine();
  return engine.open();
}

function limited(relation: Relation, limit: number | undefined): Relation {
  return limit === undefined ? relation : { ...relation, sql: `SELECT * FROM (${relation.sql}) LIMIT ${limit}` };
}

function signalOf({ signal }: ReadOptions): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
