import { hash } from "node:crypto";
import type { EngineRow, EngineValue, Session } from "../../engine/core/contract.ts";
import { type ErrorCode, isVarveError, VarveError } from "../../errors.ts";
import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import { propertyKey } from "../../protocol/properties.ts";
import { emitProcessWarning } from "../../report/process-warning.ts";
import type { StructType } from "../../schema/types.ts";
import { contextBelow } from "../../sidetables/context-below.ts";
import {
  openSideTable,
  type SideTable,
  type SideTableOptions,
  type UpkeepFailure,
} from "../../sidetables/side-table.ts";
import { smallRows } from "../../sidetables/small-rows.ts";
import { type SqlExpression, type SqlSelect, sql } from "../../sql/sql.ts";
import { quoteText } from "../../sql/sql-text.ts";
import {
  queriedFields,
  queriedRows,
  queryPredicate,
  querySql,
  type StoreCondition,
  type StoreQuery,
  storedForms,
} from "./store-query.ts";
import type { PlainRow, PlainValue } from "./stored-row.ts";

/** Folder below a table that holds what its monitors know, each kind in a Delta table of its own. */
const driftFolder = "_drift";

/** Commits of a store after which its small files are written together. */
const tidiedEvery = 20;

/** A table with monitors, at any version. */
export type MonitoredTable = Pick<LogSnapshot, "context"> & {
  readonly metadata: Pick<LogSnapshot["metadata"], "id">;
};

/** One of the tables below `_drift`. */
export interface DriftStore {
  readonly folder: string;
  readonly description: string;
  readonly columns: StructType;
  /** Columns with statistics in the log, by which reads skip files. */
  readonly indexed: string;
  /** Whether its rows are many, and read by the engine; else the process reads files of it by itself. */
  readonly isBulky?: boolean | undefined;
}

/**
 * Order of rows with the newest bins first: their ids begin with the number of the generation, which a clock that was
 * set back cannot change.
 */
export const newestGeneration: SqlExpression = sql`TRY_CAST(split_part(bins_id, '-', 1) AS BIGINT) DESC NULLS LAST`;

/** The store of a table as a side table. */
export function sideTableOf(context: TableContext, store: DriftStore): SideTable {
  return {
    context: contextBelow(context, `${driftFolder}/${store.folder}`),
    name: `table of monitors' ${store.folder}`,
    description: store.description,
    columns: store.columns,
    properties: {
      [propertyKey("dataSkippingStatsColumns")]: store.indexed,
      ...(store.isBulky === true ? {} : { [propertyKey("parquet.compression.codec")]: "snappy" }),
    },
  };
}

/** What a damaged table below `_drift` says, which must not be taken for damage of the table above it. */
const damages: readonly ErrorCode[] = [
  "CHECKPOINT_CORRUPT",
  "DATA_FILE_CORRUPT",
  "DATA_FILE_MISSING",
  "DELETION_VECTOR_CORRUPT",
  "LOG_CORRUPT",
  "LOG_GAP",
  "SCHEMA_MISMATCH",
  "VERSION_NOT_FOUND",
];

/** Runs work on a store. @throws `MONITOR_STORE_DAMAGED` where the store is, with the remedy */
export async function inStore<T>(
  { store: { uri } }: TableContext,
  { folder }: DriftStore,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isVarveError(error) || !damages.includes(error.code)) throw error;
    const store = `${driftFolder}/${folder}`;
    const message = `${error.message} To begin it anew, remove the folder ${store} of ${uri}: all in it follows from the table again, but mutes and acknowledgements of alerts.`;
    throw new VarveError("MONITOR_STORE_DAMAGED", message, { uri, store }, error);
  }
}

/**
 * Adds rows that belong together once, however many processes do so at once: the first wins, and the rows of the
 * others are not written.
 *
 * @param key names what the rows are about; the same key never lands twice
 * @returns whether these rows landed
 * @throws `MONITOR_STORE_DAMAGED`
 */
export async function appendOnce(
  { context, metadata }: MonitoredTable,
  store: DriftStore,
  { key, rows }: { readonly key: readonly unknown[]; readonly rows: readonly object[] },
  options: SideTableOptions = {},
): Promise<boolean> {
  const digest = hash("sha256", JSON.stringify([metadata.id, ...key]), "hex");
  const txn = { appId: `varve.drift.${store.folder}.${digest}`, version: 1n };
  const source = rows.map((row) => ({ ...row, table_id: metadata.id }));
  const side = sideTableOf(context, store);
  // Those who read what is recorded start without what writes.
  const { appendToSideTable } = await import("../../sidetables/append-rows.ts");
  const { outcome, version } = await inStore(context, store, () =>
    appendToSideTable(side, async () => ({ source, txn }), options),
  );
  if (outcome !== "committed") return false;
  await tidied(context, store, version, options);
  return true;
}

/**
 * Writes the small files of a store together now and then, after a commit of it (`tidy-store.ts`). The rows have landed,
 * so a failure is told and fails nothing: the next time is soon enough.
 *
 * @throws `CANCELLED`
 */
export async function tidied(
  context: TableContext,
  store: DriftStore,
  version: number,
  options: SideTableOptions,
): Promise<void> {
  if (version === 0 || version % tidiedEvery !== 0) return;
  const { tidyStore } = await import("./tidy-store.ts");
  const side = sideTableOf(context, store);
  try {
    await inStore(context, store, () => tidyStore(side, version / tidiedEvery, options));
  } catch (cause) {
    if (isVarveError(cause, "CANCELLED")) throw cause;
    const { onUpkeepFailed = warnOfUpkeep } = options;
    onUpkeepFailed({ table: side.name, cause });
  }
}

function warnOfUpkeep(failure: UpkeepFailure): void {
  emitProcessWarning(upkeepText(failure));
}

/** A failed compaction in words. */
export function upkeepText({ table, cause }: UpkeepFailure): string {
  const why = cause instanceof Error ? cause.message : String(cause);
  return `The small files of the ${table} could not be written together, which a later run does again: ${why}`;
}

/** The newest version of a store; undefined if nothing was recorded. @throws `MONITOR_STORE_DAMAGED` */
export function openStore(
  { context }: MonitoredTable,
  store: DriftStore,
  options: SideTableOptions = {},
): Promise<LogSnapshot | undefined> {
  return inStore(context, store, () => openSideTable(sideTableOf(context, store), options));
}

/** Rows of a store that only SQL can say. */
export interface StoreSelect {
  readonly where: SqlExpression;
  readonly select: (rows: SqlSelect) => SqlSelect;
}

/** How to read a store: its newest version, unless it was opened. */
export interface StoreReadOptions extends SideTableOptions {
  readonly opened?: LogSnapshot | undefined;
}

/**
 * Reads rows of this table's monitors; those of another table, which was in the same place and was removed, are left
 * out. Empty if nothing was recorded.
 *
 * @throws `MONITOR_STORE_DAMAGED`
 */
export async function readStore(
  table: MonitoredTable,
  store: DriftStore,
  query: StoreQuery | StoreSelect,
  options: StoreReadOptions = {},
): Promise<PlainRow[]> {
  const [rows = []] = await readStoreOnce(table, store, [query], options);
  return rows;
}

/** Like {@link readStore}, with the answers of several queries of one version. */
export async function readStoreOnce(
  table: MonitoredTable,
  store: DriftStore,
  queries: readonly (StoreQuery | StoreSelect)[],
  { opened, ...options }: StoreReadOptions = {},
): Promise<PlainRow[][]> {
  const { context, metadata } = table;
  const snapshot = opened ?? (await openStore(table, store, options));
  if (snapshot === undefined) return [];
  const ofTable: StoreCondition = { column: "table_id", oneOf: [metadata.id] };
  const own = queries.map((query) =>
    "order" in query ? { ...query, where: [ofTable, ...query.where] } : query,
  );
  return inStore(context, store, async () => {
    const small = await smallAnswers(sideTableOf(context, store), snapshot, own, options);
    if (small !== undefined) return small;
    const read = async (session: Session, { sql: stored }: { readonly sql: SqlSelect }) => {
      const answers: PlainRow[][] = [];
      for (const query of own) {
        const select =
          "order" in query ? querySql(store.columns, query, stored) : selectSql(query, metadata.id, stored);
        answers.push((await session.rows(select)).map(plainRow));
      }
      return answers;
    };
    const { withSideRows } = await import("../../sidetables/read-rows.ts");
    return withSideRows(sideTableOf(context, store), snapshot, read, options);
  });
}

/** The answers without the engine, if all can be had so. */
async function smallAnswers(
  side: SideTable,
  snapshot: LogSnapshot,
  queries: readonly (StoreQuery | StoreSelect)[],
  options: SideTableOptions,
): Promise<PlainRow[][] | undefined> {
  const asData = queries.filter((query) => "order" in query);
  if (asData.length < queries.length) return undefined;
  const { columns } = side;
  const answers: PlainRow[][] = [];
  for (const query of asData) {
    const fields = queriedFields(columns, query);
    const read = { fields, predicate: queryPredicate(columns, query), forms: storedForms };
    const rows = await smallRows(side, snapshot, read, options);
    if (rows === undefined) return undefined;
    answers.push(queriedRows(query, rows));
  }
  return answers;
}

function selectSql({ where, select }: StoreSelect, tableId: string, rows: SqlSelect): SqlSelect {
  return select(sql`SELECT * FROM (${rows}) WHERE table_id = ${quoteText(tableId)} AND (${where})`);
}

function plainRow(row: EngineRow): PlainRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));
}

function plain(value: EngineValue): PlainValue {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return (value as readonly EngineValue[]).map(plain);
  return Object.fromEntries(
    Object.entries(value as Readonly<Record<string, EngineValue>>).map(([name, item]) => [name, plain(item)]),
  );
}
