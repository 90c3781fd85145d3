import type { Table as ArrowTable, RecordBatch } from "apache-arrow";
import { engineTypeName, nullsOf, parseEngineType, withNullTypes } from "../../dialects/engine-types.ts";
import type {
  CsvOptions,
  EngineColumn,
  EngineSource,
  OpenSession,
  Relation,
  SourceRow,
  StagedRelation,
  StageOptions,
} from "../../engine/core/contract.ts";
import { VarveError } from "../../errors.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import { findField } from "../../schema/fields.ts";
import { untypedAsVoid, untypedPaths } from "../../schema/untyped-columns.ts";
import { joinSql, sql } from "../../sql/sql.ts";
import { quoteName, quoteText } from "../../sql/sql-text.ts";
import { columnsInFiles } from "../../table/scan/columns-in-files.ts";
import { planFiles, planScan } from "../../table/scan/scan.ts";
import { appendAll } from "../../util/append-all.ts";
import { type Assign, assignRows, hasRows, NoRows } from "./assigned-rows.ts";
import { findFiles, localName } from "./local-files.ts";

/**
 * Where rows come from: row objects, Arrow data, a version of a table, or an object that names files or SQL.
 */
export type WriteSource =
  | Iterable<SourceRow>
  | AsyncIterable<SourceRow>
  | ArrowTable
  | LogSnapshot
  | { readonly csv: string | readonly string[]; readonly options?: CsvOptions | undefined }
  | { readonly ndjson: string | readonly string[] }
  | { readonly parquet: string | readonly string[] }
  | {
      readonly arrow:
        | string
        | Uint8Array
        | AsyncIterable<Uint8Array>
        | Iterable<RecordBatch>
        | AsyncIterable<RecordBatch>;
    }
  | SqlWriteSource
  | AssignedSource;

/** Rows whose columns become the table's by rules of assignment, as those of INSERT do. */
export interface AssignedSource {
  /** A SELECT, or varve's own SQL for constants. */
  readonly assigned: SqlWriteSource | Relation;
  readonly assign: Assign;
  /** Fail with {@link NoRows} if there are no rows. */
  readonly needsRows: boolean;
}

/**
 * One SELECT over named versions of tables and named files (by their extension: csv, tsv, json, ndjson,
 * jsonl, parquet).
 */
export interface SqlWriteSource {
  readonly sql: string;
  readonly tables?: Readonly<Record<string, LogSnapshot | SomeFiles>> | undefined;
  readonly files?: Readonly<Record<string, string | readonly string[]>> | undefined;
}

/** The rows of some of a version's live files. */
export interface SomeFiles {
  readonly snapshot: LogSnapshot;
  readonly files: readonly AddAction[];
}

export interface StageSourceOptions {
  /**
   * The table's columns: text and row objects are read with these types; the types of other columns are
   * inferred.
   */
  readonly columns?: readonly EngineColumn[] | undefined;
  /** What to do with CSV cells that do not have their column's type; default `refuse`. */
  readonly badCells?: "refuse" | "keep" | undefined;
  /** Whether rows of a table need a place too, because a gate may name them. */
  readonly positions?: boolean | undefined;
  /** Name of a further column with the place of each row, for a version of a table; others have none. */
  readonly place?: string | undefined;
  /** Names of files in the places of rows, by the local files that they were fetched to. */
  readonly fileNames?: ReadonlyMap<string, string> | undefined;
  /** Called now and then while rows are staged. */
  readonly onProgress?: StageOptions["onProgress"];
  readonly signal?: AbortSignal | undefined;
}

/** A staged source, with the files that the fence must allow it to read. */
export interface StagedSource {
  readonly relation: StagedRelation;
  readonly files: readonly string[];
  /**
   * Whether rows are known to be the same on every scan; otherwise they come from files that could change
   * meanwhile.
   */
  readonly kind: EngineSource["kind"];
}

/**
 * Stages any source in a session that is not fenced yet.
 *
 * @throws `SOURCE_UNREADABLE` naming file and line or row, `INVALID_ARGUMENT` for anything except a source,
 * errors of the tables that are read
 */
export async function stageWriteSource(
  session: OpenSession,
  source: WriteSource,
  options: StageSourceOptions,
): Promise<StagedSource> {
  if (typeof source === "object" && source !== null && "assigned" in source)
    return stageAssigned(session, source, options);
  const { engineSource, files } = await engineSourceOf(session, source, options);
  // A query may name a file often: its rows are those of its result.
  if (options.positions === true && engineSource.kind !== "sql") refuseTwice(files);
  const relation = await session.stage(engineSource, {
    columns: options.columns,
    badCells: options.badCells,
    positions: options.positions,
    onProgress: options.onProgress,
    signal: options.signal,
  });
  return { relation: withFileNames(relation, options.fileNames), files, kind: engineSource.kind };
}

/** Stages rows with their own types, and assigns them. */
async function stageAssigned(
  session: OpenSession,
  { assigned, assign, needsRows }: AssignedSource,
  { signal, onProgress }: StageSourceOptions,
): Promise<StagedSource> {
  const { engineSource, files }: Prepared =
    "columns" in assigned
      ? { engineSource: { kind: "relation", relation: assigned }, files: [] }
      : await sqlSource(session, assigned, { signal });
  const relation = await session.stage(engineSource, { positions: true, onProgress, signal });
  if (needsRows && !(await hasRows(session, relation.sql))) throw new NoRows();
  return { relation: await assignRows(session, relation, assign), files, kind: engineSource.kind };
}

/** The relation with each row's file by the name that it was fetched from. */
function withFileNames(
  relation: StagedRelation,
  names: ReadonlyMap<string, string> | undefined,
): StagedRelation {
  if (names === undefined) return relation;
  const file = quoteName(relation.positionColumns.file);
  const cases = [...names].map(([local, name]) => sql`WHEN ${quoteText(local)} THEN ${quoteText(name)}`);
  const named = sql`CASE ${file} ${joinSql(cases, sql` `)} ELSE ${file} END`;
  return {
    ...relation,
    positionedSql: sql`SELECT * REPLACE (${named} AS ${file}) FROM (${relation.positionedSql})`,
  };
}

interface Prepared {
  readonly engineSource: EngineSource;
  readonly files: readonly string[];
}

async function engineSourceOf(
  session: OpenSession,
  source: Exclude<WriteSource, AssignedSource>,
  options: StageSourceOptions,
): Promise<Prepared> {
  if (typeof source !== "object" || source === null) throw notASource(source);
  if ("csv" in source) {
    const files = await findFiles(session, source.csv);
    return { engineSource: { kind: "csv", files, options: source.options }, files };
  }
  if ("ndjson" in source) return ofFiles("ndjson", await findFiles(session, source.ndjson));
  if ("parquet" in source) return ofFiles("parquet", await findFiles(session, source.parquet));
  if ("arrow" in source) return arrowSource(source.arrow);
  if ("sql" in source) return sqlSource(session, source, options);
  if (isSnapshot(source)) {
    const scan = await planScan(session, source, {
      typedVariants: true,
      place: options.place,
      signal: options.signal,
    });
    const columns = await withoutTypes(session, source, scan.columns);
    return { engineSource: { kind: "relation", relation: { ...scan, columns } }, files: scan.files };
  }
  if (isArrowTable(source)) return { engineSource: { kind: "arrow", data: source }, files: [] };
  if (Symbol.iterator in source || Symbol.asyncIterator in source)
    return { engineSource: { kind: "rows", rows: source }, files: [] };
  throw notASource(source);
}

/** A version's columns, in which the untyped ones have the type of nulls, unless a file holds them. */
async function withoutTypes(
  session: OpenSession,
  snapshot: LogSnapshot,
  columns: readonly EngineColumn[],
): Promise<readonly EngineColumn[]> {
  const paths = untypedPaths(snapshot.schema);
  if (paths.length === 0) return columns;
  const known = untypedAsVoid(snapshot.schema, await columnsInFiles(session, snapshot, paths));
  return columns.map((column) => {
    const field = findField(known, column.name);
    if (field === undefined) return column;
    const type = withNullTypes(parseEngineType(column.type), nullsOf(field.type));
    return { ...column, type: engineTypeName(type) };
  });
}

function refuseTwice(files: readonly string[]): void {
  const file = files.find((name, index) => files.indexOf(name) !== index);
  if (file === undefined) return;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `The source has the file ${file} twice, so its rows could not be distinguished when the gate sets some aside. Pass it once.`,
    { file },
  );
}

function ofFiles(kind: "ndjson" | "parquet", files: readonly string[]): Prepared {
  return { engineSource: { kind, files }, files };
}

async function arrowSource(data: Extract<WriteSource, { arrow: unknown }>["arrow"]): Promise<Prepared> {
  if (typeof data === "string")
    return { engineSource: { kind: "arrow-file", file: localName(data) }, files: [] };
  if (data instanceof Uint8Array) return { engineSource: { kind: "arrow-ipc", stream: data }, files: [] };
  if (Symbol.iterator in data) return { engineSource: { kind: "arrow", data }, files: [] };
  const [first, whole] = await peek<Uint8Array | RecordBatch>(data);
  return first instanceof Uint8Array
    ? { engineSource: { kind: "arrow-ipc", stream: whole as AsyncIterable<Uint8Array> }, files: [] }
    : { engineSource: { kind: "arrow", data: whole as AsyncIterable<RecordBatch> }, files: [] };
}

/** The first item of a stream, and the whole stream including it. */
async function peek<T>(stream: AsyncIterable<T>): Promise<[T | undefined, AsyncIterable<T>]> {
  const iterator = stream[Symbol.asyncIterator]();
  const first = await iterator.next();
  async function* whole(): AsyncGenerator<T> {
    try {
      for (let item = first; item.done !== true; item = await iterator.next()) yield item.value;
    } finally {
      await iterator.return?.();
    }
  }
  return [first.done === true ? undefined : first.value, whole()];
}

async function sqlSource(
  session: OpenSession,
  source: SqlWriteSource,
  options: StageSourceOptions,
): Promise<Prepared> {
  const tables: Record<string, Relation> = {};
  const files: string[] = [];
  for (const [name, table] of Object.entries(source.tables ?? {})) {
    const { signal } = options;
    const scan = isSnapshot(table)
      ? await planScan(session, table, { signal })
      : await planFiles(session, table.snapshot, table.files, { signal });
    tables[name] = scan;
    appendAll(files, scan.files);
  }
  for (const [name, paths] of Object.entries(source.files ?? {})) {
    const matches = await findFiles(session, paths);
    tables[name] = await session.stage(sourceByExtension(matches));
    appendAll(files, matches);
  }
  return { engineSource: { kind: "sql", callerSql: source.sql, tables }, files };
}

/** The source for files by their extension. @throws `INVALID_ARGUMENT` for an unknown extension */
function sourceByExtension(files: readonly string[]): EngineSource {
  const extension = /\.([a-z]+)(?:\.gz|\.zst)?$/i.exec(files[0] ?? "")?.[1]?.toLowerCase();
  if (extension === "parquet") return { kind: "parquet", files };
  if (extension === "csv") return { kind: "csv", files };
  if (extension === "tsv") return { kind: "csv", files, options: { delimiter: "\t" } };
  if (extension === "json" || extension === "ndjson" || extension === "jsonl")
    return { kind: "ndjson", files };
  throw new VarveError(
    "INVALID_ARGUMENT",
    `Cannot tell the format of ${files[0] ?? "the file"} from its name. Pass { csv }, { ndjson } or { parquet }, or files that end in .csv, .tsv, .ndjson, .jsonl, .json or .parquet.`,
    { files: [...files] },
  );
}

/** Whether a source is a version of a table. */
export function isSnapshot(source: object): source is LogSnapshot {
  return "context" in source && "version" in source && "metadata" in source;
}

/** The shape of Arrow tables, whatever the version of the library. */
function isArrowTable(source: object): source is ArrowTable {
  return "schema" in source && "batches" in source && Array.isArray(source.batches);
}

function notASource(source: unknown): VarveError {
  const kind = source === null ? "null" : typeof source;
  return new VarveError(
    "INVALID_ARGUMENT",
    `Unsupported source (${kind}). Pass an array or iterable of objects, Arrow data, a table's version, or { csv }, { ndjson }, { parquet }, { arrow } or { sql }.`,
    { found: kind },
  );
}
