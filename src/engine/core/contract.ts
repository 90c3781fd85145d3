import type { Table as ArrowTable, RecordBatch } from "apache-arrow";
import type { SqlExpression, SqlSelect, SqlStatement } from "../../sql/sql.ts";
import type { JsonValue } from "../../util/json.ts";

/**
 * The only access to DuckDB. Nothing outside `src/engine/` imports the driver.
 *
 * SQL passed to a {@link Session} is varve's own unless a parameter is named `callerSql`. An
 * {@link OpenSession} stages sources; after the fence, a {@link FencedSession} takes the SQL of callers,
 * tables and suites.
 */
export interface Engine {
  /**
   * Opens a session with UTC as time zone and insertion order kept, in an instance that nothing else uses
   * meanwhile.
   *
   * Opening an instance is expensive. One whose session is closed without having been fenced is emptied and
   * kept warm for ten seconds, for the next session with the same options; in a process that keeps fencing, a
   * spare is opened in the background.
   *
   * The number of sessions that compute at once is bounded (see `EngineLimits`); opening waits for a turn.
   *
   * @throws `CANCELLED` if the signal aborts meanwhile
   */
  open(options?: SessionRequest): Promise<OpenSession>;
}

/** Options of a session. */
export interface SessionRequest extends SessionOptions {
  /** Stops the wait for a turn, and streams of numbers that have no signal of their own; others of an open session ignore it. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the signal also stops statements and queries for rows, for work that only reads and may end anywhere; default: false. */
  readonly stopsQueries?: boolean | undefined;
}

export interface SessionOptions {
  /**
   * Bytes of memory that the instance may use before it spills to disk (spec/engine-limits.md); default: a
   * quarter of the machine's memory, at most 4 GiB.
   */
  readonly memoryLimit?: number | undefined;
  /**
   * Threads of an engine instance; default: one per core, but at most one per 128 MiB of the memory limit.
   */
  readonly threads?: number | undefined;
  /**
   * Folder below which the session makes, and on close removes, its spill folder; default: the system's
   * temporary folder.
   */
  readonly temporaryFolder?: string | undefined;
}

/**
 * A column of a relation: its name and DuckDB's type text, e.g. `DECIMAL(10,2)` or
 * `STRUCT(a BIGINT, b VARCHAR[])`.
 */
export interface EngineColumn {
  readonly name: string;
  readonly type: string;
}

/** The columns of one of several joined relations, which its name may qualify. */
export interface NamedColumns {
  readonly relation: string;
  readonly columns: readonly EngineColumn[];
}

/** A query of the session: `sql` is a complete SELECT, for use as `FROM (${sql})`. */
export interface Relation {
  readonly sql: SqlSelect;
  readonly columns: readonly EngineColumn[];
}

/**
 * A value in a small result: BIGINT and wider as `bigint`, DECIMAL and temporal values as text, BLOB as
 * bytes, nested as plain objects and arrays.
 */
export type EngineValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly EngineValue[]
  | { readonly [name: string]: EngineValue };
/** A row of a small result, by column name. */
export type EngineRow = Readonly<Record<string, EngineValue>>;

/** Values bound to `$1…` or `?`. */
export type EngineParameter = null | boolean | number | bigint | string | Uint8Array | readonly string[];

/**
 * A row object, whose type may also be an interface or a class; not an array, map or Arrow batch. Its own
 * enumerable properties are its columns: getters and methods of its class are not read. Values are checked when
 * they are staged, and functions refused.
 */
export type SourceRow = Readonly<Record<string, unknown>> | (object & { readonly [Symbol.iterator]?: never });

/** A row object by its columns. */
export type RowCells = Readonly<Record<string, unknown>>;

/** Anything the engine can stage. Files are absolute local file names. */
export type EngineSource =
  | { readonly kind: "rows"; readonly rows: Iterable<SourceRow> | AsyncIterable<SourceRow> }
  | { readonly kind: "arrow"; readonly data: ArrowTable | Iterable<RecordBatch> | AsyncIterable<RecordBatch> }
  | { readonly kind: "arrow-ipc"; readonly stream: Uint8Array | AsyncIterable<Uint8Array> }
  | { readonly kind: "arrow-file"; readonly file: string }
  | { readonly kind: "csv"; readonly files: readonly string[]; readonly options?: CsvOptions | undefined }
  | { readonly kind: "ndjson"; readonly files: readonly string[] }
  | { readonly kind: "parquet"; readonly files: readonly string[] }
  | { readonly kind: "relation"; readonly relation: Relation }
  | {
      readonly kind: "sql";
      readonly callerSql: string;
      readonly tables?: Readonly<Record<string, Relation>> | undefined;
      readonly files?: readonly string[] | undefined;
    };

/** Sources that are in memory or already in the session, so that they can be staged behind a fence. */
export type HeldSource = Extract<EngineSource, { kind: "rows" | "arrow" | "arrow-ipc" | "relation" }>;

/** Format of CSV files. */
export interface CsvOptions {
  /** Default: detected from the first line, out of comma, tab, semicolon and bar. */
  readonly delimiter?: string | undefined;
  /**
   * Whether the first line names the columns; default true. Without, they are `column0`, `column1` and so on.
   */
  readonly header?: boolean | undefined;
  /** Names of the columns of files without a header, in their order; `header` counts as false then. */
  readonly names?: readonly string[] | undefined;
  /** Default: `"`. */
  readonly quote?: string | undefined;
  /** Default: the quote. */
  readonly escape?: string | undefined;
  /** Text that means null when it is not quoted; default: empty text. */
  readonly nullText?: string | undefined;
  /** Default: `utf-8`. */
  readonly encoding?: "utf-8" | "utf-16" | "latin-1" | undefined;
}

export interface StageOptions {
  /**
   * Types with which to read the source's columns, if known; the types of other columns are inferred (rows,
   * CSV, NDJSON) or those of the source.
   */
  readonly columns?: readonly EngineColumn[] | undefined;
  /**
   * What to do with a value of CSV, JSON lines, row objects or Arrow that is not of its type, and with a line
   * of CSV or JSON that cannot be read: `refuse` the source (default), or `keep` the row with NULL in its
   * place (for a line, a row of NULLs) and report it in the column `positionColumns.badCells`.
   */
  readonly badCells?: "refuse" | "keep" | undefined;
  /**
   * Give the rows of a relation a place, for which they are copied; without it, their file and row are null.
   * Rows of other sources always have a place.
   */
  readonly positions?: boolean | undefined;
  /** Called now and then while rows are staged. */
  readonly onProgress?: ((progress: StageProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How much of a source has been staged. */
export interface StageProgress {
  readonly rows: number;
  /** Bytes read of the source's files, as they are on disk; absent for a source without files. */
  readonly bytes?: number | undefined;
  /** Size of the source's files. */
  readonly totalBytes?: number | undefined;
}

/** The rows of a query with some of its columns: the engine takes long to bind a query over thousands of them. */
export interface NarrowRows {
  /** The query with all columns. */
  readonly of: SqlSelect;
  /** The same rows in the same order, with the columns of these names in the order of the query, or with another. */
  readonly select: (names: ReadonlySet<string>) => SqlSelect;
}

/**
 * A staged source, which can be scanned any number of times with the same rows in the same order, and spills
 * to disk.
 *
 * `sql` returns the source's columns; `positionedSql` returns them and two more, named by `positionColumns`:
 * the source file (text or null) and the 0-based row ordinal in it.
 */
export interface StagedRelation extends Relation {
  /** Number of rows, if staging has counted them. */
  readonly rows?: number | undefined;
  /** A faster way to read some of the columns; only as long as `sql` is what it is made of. */
  readonly narrow?: NarrowRows | undefined;
  /** Whether varve made the binary variants in it from values of JavaScript, so that they need no test. */
  readonly ownVariants?: boolean | undefined;
  readonly positionedSql: SqlSelect;
  readonly positionColumns: {
    readonly file: string;
    readonly row: string;
    /**
     * Present if bad cells are kept; for row objects, only if there are any. The column is NULL, or
     * `STRUCT("column" VARCHAR, "text" VARCHAR, "expected" VARCHAR)[]`; an item without a column is a line
     * that could not be read, with its text and what is wrong with it.
     */
    readonly badCells?: string | undefined;
  };
}

export interface ParquetWriteOptions {
  /** Existing empty folder; files are created in it (and in one sub-folder per partition). */
  readonly folder: string;
  /** Names of partition columns: they split the rows, and are left out of the files. */
  readonly partitionBy?: readonly string[] | undefined;
  /** Split files near this many bytes. */
  readonly targetFileBytes?: number | undefined;
  /** Sort the rows over all files, by columns of the query that are left out of the files. */
  readonly sort?: RowSort | undefined;
  /**
   * The number of rows, if known, so that they need not be counted, which would evaluate every condition on
   * them once more.
   */
  readonly rows?: number | undefined;
  /** Upper bound of the number of rows, so that they need not be counted if they fit one file. */
  readonly rowsAtMost?: number | undefined;
  readonly rowGroupRows?: number | undefined;
  /**
   * The greatest number of distinct values per row for which a column still gets a dictionary, if it is known that
   * no column needs more; a fifteenth at least. The engine tries each column up to a fifth, in vain for many.
   */
  readonly dictionaryShare?: number | undefined;
  /** Rows of the same columns that include all of the query's, and are cheaper to look at. */
  readonly superset?: SqlSelect | undefined;
  readonly compression?: "zstd" | "snappy" | "uncompressed" | undefined;
  /** Parquet field ids by column, nested as DuckDB's FIELD_IDS takes them. */
  readonly fieldIds?: FieldIds | undefined;
  /** Each file's name is this prefix, a number and `.parquet`. */
  readonly namePrefix?: string | undefined;
  readonly onProgress?: ((share: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An order of rows over several files, of which each takes a range. The sort spills to disk. */
export interface RowSort {
  /** Name of the column by which the rows are sorted, nulls first. */
  readonly key: string;
  /** Name of the column that numbers the file of each row; it does not fall as the key rises. */
  readonly file: string;
}

export type FieldIds = {
  readonly [column: string]: number | { readonly id?: number | undefined; readonly children: FieldIds };
};

/** One written Parquet file. */
export interface WrittenFile {
  /** Absolute local file name. */
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
  /** Partition values as engine text (null for NULL), in the order of `partitionBy`; empty without. */
  readonly partitionValues: readonly (string | null)[];
  readonly columns: readonly WrittenColumn[];
}

/**
 * Statistics of one leaf column of one file, as the engine's text; `min` and `max` are absent if unknown, cut
 * or not comparable.
 */
export interface WrittenColumn {
  /** Path of names from the top; list and map levels as `element`, `key`, `value`. */
  readonly path: readonly string[];
  readonly min?: string | undefined;
  readonly max?: string | undefined;
  /**
   * Instead of `max` for long texts: about the first 256 bytes of the maximum, rounded up if it was cut, so
   * that it is an upper bound; `min` may be cut too, and is still a lower bound.
   */
  readonly maxPrefix?: string | undefined;
  readonly nullCount?: number | undefined;
  /** Absent for types that cannot hold NaN. */
  readonly hasNan?: boolean | undefined;
}

export interface ArrowOptions {
  /** Approximate number of rows per batch; default 65,536. */
  readonly batchRows?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface JsonLinesOptions {
  /** Columns whose text is JSON already (decoded variants) and is inserted unchanged. */
  readonly jsonColumns?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RowStreamOptions {
  /** Give types that only the engine has as spec/formats.md says; rows of varve's own tables need none of it. */
  readonly anyType?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface NumberStreamOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Some rows of a query, by columns. */
export interface NumberChunk {
  readonly rows: number;
  /** The columns of the type DOUBLE, in their order. */
  readonly numbers: readonly NumberVector[];
  /** The values of all other columns, in their order. */
  readonly others: readonly (readonly EngineValue[])[];
}

/** Numbers of a chunk. */
export interface NumberVector {
  /** One for each row; anything where the row has none. */
  readonly values: Float64Array;
  /** Bits, the lowest of the first byte first, of the rows that have a value; undefined if all have. */
  readonly valid: Uint8Array | undefined;
}

/** The one file that a query's rows are written to. */
export interface FileOptions {
  readonly file: string;
  readonly format: "csv" | "parquet";
  /** Put an apostrophe before text of CSV that a spreadsheet would take for a formula. */
  readonly safeCsv?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A variant that the engine does not give as what it is. */
export interface FaultyVariant {
  readonly column: string;
  /** From 0; absent where a column of the file hides the numbers of rows. */
  readonly row: number | undefined;
  /** A noun phrase for a message. */
  readonly fault: string;
  /** False for a value that is sound, but that the engine has no type for. */
  readonly isDamage: boolean;
}

/** What a session may read and write once it is fenced. */
export interface FenceLimits {
  readonly files: readonly string[];
  readonly writableFolders?: readonly string[] | undefined;
}

/**
 * A session in DuckDB, for varve's own SQL. Close it, or open it with `await using`; a closed session's
 * relations are gone.
 */
export interface Session extends AsyncDisposable {
  /** Runs varve's own statements without a result. @throws `CANCELLED` if the signal aborts */
  execute(
    sql: SqlStatement,
    parameters?: readonly EngineParameter[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
  /** Runs varve's own query and returns all rows; for results known to be small. */
  rows(sql: SqlSelect, parameters?: readonly EngineParameter[]): Promise<EngineRow[]>;
  /** Runs varve's own query and streams its rows; memory stays bounded while they are consumed one by one. */
  rowStream(sql: SqlSelect, options?: RowStreamOptions): AsyncIterable<EngineRow>;
  /**
   * Streams varve's own query in the order of its rows, its DOUBLE columns without an object for each value; memory
   * stays bounded while chunks are consumed one by one.
   */
  numberChunks(sql: SqlSelect, options?: NumberStreamOptions): AsyncIterable<NumberChunk>;
  /** Columns of varve's own query, without running it. */
  describe(sql: SqlSelect): Promise<EngineColumn[]>;
  /** Stages a source that the session can read. @throws `SOURCE_UNREADABLE` naming the row */
  stage(source: HeldSource, options?: StageOptions): Promise<StagedRelation>;
  /** Writes a relation to Parquet files. */
  writeParquet(sql: SqlSelect, options: ParquetWriteOptions): Promise<WrittenFile[]>;
  /**
   * Streams varve's own query as Arrow batches; memory stays bounded while batches are consumed one by one.
   */
  arrow(sql: SqlSelect, options?: ArrowOptions): AsyncIterable<RecordBatch>;
  /**
   * Streams varve's own query as lossless JSON lines; each string holds whole lines, each ended by a line
   * feed.
   *
   * Integers have all digits; decimals are strings; timestamps have six decimals and, unless without a zone,
   * `Z`; binary is base64; maps are arrays of `[key, value]`; `"NaN"`, `"Infinity"` and `"-Infinity"` are
   * strings. Types that only the engine has are as spec/formats.md says.
   */
  jsonLines(sql: SqlSelect, options?: JsonLinesOptions): AsyncIterable<string>;
  /** Varve's own query with some columns as the JSON text that {@link Session.jsonLines} has of them; NULL stays NULL. */
  withJsonText(sql: SqlSelect, columns: readonly string[]): Promise<SqlSelect>;
  /**
   * Writes the rows of varve's own query to a file that does not exist yet.
   *
   * @throws `LIMIT_EXCEEDED` for a number with more digits than Parquet's decimals may have
   */
  writeFile(sql: SqlSelect, options: FileOptions): Promise<void>;
  /**
   * The engine's syntax tree of a caller's SQL (`json_serialize_sql`), or the tree of its error if it does
   * not parse. Nothing is bound, so nothing is read. @throws `SQL_REFUSED` for SQL that takes long to parse
   */
  syntaxTree(callerSql: string): Promise<JsonValue>;
  /**
   * Checks that a caller's SQL is one expression over the columns of its own row, and returns it in
   * parentheses, for a query that is then checked as the caller's. Unlike with
   * {@link FencedSession.callerExpression}, it may depend on the time (`now()`), and nothing is bound.
   * @throws as {@link FencedSession.callerQuery}
   */
  checkRowExpression(callerSql: string): Promise<SqlExpression>;
  /**
   * Keeps the footers of the Parquet files that are read from now on, for files that are read more than once.
   * Behind a fence, which lets no setting change, what was chosen before it holds.
   */
  keepFooters(): Promise<void>;
  /** Registers the functions that decode and encode binary variants in this session. */
  enableVariants(): void;
  /**
   * The first variant in some columns of a Parquet file that annotates them which the engine would change, or
   * which would end the process. Reads these columns without the engine's decoder; not behind a fence.
   *
   * @throws `SOURCE_UNREADABLE` naming the file, `SCHEMA_MISMATCH` naming file and column for variants that
   * are shredded in a way that the engine does not read
   */
  faultyVariant(file: string, columns: readonly string[]): Promise<FaultyVariant | undefined>;
  close(): Promise<void>;
}

/** A session before its fence. It can read any file, so no SQL of a caller runs in it. */
export interface OpenSession extends Session {
  /**
   * Stages a source. An SQL source has a fence of its own: it can read only the tables and files that come
   * with it.
   *
   * @throws `SOURCE_UNREADABLE` naming file and line or row
   */
  stage(source: EngineSource, options?: StageOptions): Promise<StagedRelation>;
  /**
   * Fences this session: from now on its instance can read only `files`, write only below `writableFolders`,
   * load nothing and change no setting. This cannot be undone. The returned session is the same one, with the
   * methods that a fence allows; closing either closes both.
   */
  fence(limits: FenceLimits): Promise<FencedSession>;
}

/** A session that can read only its own files, and therefore takes a caller's SQL. */
export interface FencedSession extends Session {
  /**
   * Checks that a caller's SQL is one SELECT statement over the session's relations, and returns it as a
   * relation. @throws `SQL_REFUSED` for anything else, `SQL_FAILED` with the engine's message and position
   */
  callerQuery(callerSql: string): Promise<Relation>;
  /**
   * Checks that a caller's SQL is one scalar expression over `columns`, or over the columns of joined relations,
   * and returns it in a form that is safe to embed. @throws as {@link FencedSession.callerQuery}
   */
  callerExpression(
    callerSql: string,
    columns: readonly EngineColumn[] | readonly NamedColumns[],
  ): Promise<SqlExpression>;
  /**
   * Like {@link FencedSession.callerExpression}, and the SQL may have subqueries over the session's relations,
   * which can use the columns of the rows. Evaluate it once: a subquery may answer differently each time.
   */
  callerSubqueries(callerSql: string, rows: readonly NamedColumns[]): Promise<SqlExpression>;
}
