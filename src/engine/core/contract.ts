import type { Table as ArrowTable, RecordBatch } from "apache-arrow";
import type { SqlExpression, SqlSelect, SqlStatement } from "../../sql/sql.ts";
import type { JsonValue } from "../../util/json.ts";

/**
 * The one door to DuckDB. Nothing outside `src/engine/` imports the driver.
 *
 * SQL handed to a {@link Session} is varve's own unless a parameter is named `callerSql`. An {@link OpenSession}
 * stages sources; once it was fenced, a {@link FencedSession} takes the text of callers, tables and suites.
 */
export interface Engine {
  /**
   * Opens a session with UTC as time zone and insertion order kept, in an instance that nobody else uses
   * meanwhile.
   *
   * Opening an instance takes about 20 ms. One whose session is closed without having been fenced is emptied
   * and kept warm for ten seconds, in which the next session with the same options finds it in 1 ms; a
   * process that fences again and again has a spare opened beside its work.
   *
   * A bounded number of sessions computes at once (see `EngineLimits`); opening waits for a turn.
   *
   * @throws `CANCELLED` when the signal aborts meanwhile
   */
  open(options?: SessionRequest): Promise<OpenSession>;
}

/** What a session is opened with. */
export interface SessionRequest extends SessionOptions {
  /** Stops waiting for a turn when it aborts; an open session ignores it. */
  readonly signal?: AbortSignal | undefined;
}

export interface SessionOptions {
  /**
   * Bytes of memory the instance may use before it spills (spec/engine-limits.md); default: a quarter of the
   * machine's, at most 4 GiB.
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

/** A query of the session: `sql` is a whole SELECT, to be used as `FROM (${sql})`. */
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
 * A row object, whose type may also be an interface or a class; not an array, map or Arrow batch. Values are
 * checked when they are staged.
 */
export type SourceRow = Readonly<Record<string, unknown>> | (object & { readonly [Symbol.iterator]?: never });

/** A row object by its columns. */
export type RowCells = Readonly<Record<string, unknown>>;

/** Anything the engine can stage. Files are absolute local file names. */
export type EngineSource =
  | { readonly kind: "rows"; readonly rows: Iterable<SourceRow> | AsyncIterable<SourceRow> }
  | { readonly kind: "arrow"; readonly data: ArrowTable | Iterable<RecordBatch> | AsyncIterable<RecordBatch> }
  | { readonly kind: "arrow-ipc"; readonly stream: Uint8Array | AsyncIterable<Uint8Array> }
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

/** Sources that are in memory or in the session already: a fence does not stand in their way. */
export type HeldSource = Extract<EngineSource, { kind: "rows" | "arrow" | "arrow-ipc" | "relation" }>;

/** Format of CSV files. */
export interface CsvOptions {
  /** Default: detected from the first line, out of comma, tab, semicolon and bar. */
  readonly delimiter?: string | undefined;
  /**
   * Whether the first line names the columns; default true. Without, they are `column0`, `column1` and so on.
   */
  readonly header?: boolean | undefined;
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
   * Types to read the source's columns as, where known; other columns are inferred (rows, CSV, NDJSON) or as
   * the source says.
   */
  readonly columns?: readonly EngineColumn[] | undefined;
  /**
   * What to do with a value of CSV, JSON lines or row objects that is not of its given type, and with a line
   * of CSV or JSON that cannot be read: `refuse` the source (default), or `keep` the row with NULL in its
   * place (a line: a row of NULLs) and say so in the column `positionColumns.badCells`.
   */
  readonly badCells?: "refuse" | "keep" | undefined;
  /**
   * Give the rows of a relation a place, for which they are copied; without it their file and row are null.
   * Other sources always tell.
   */
  readonly positions?: boolean | undefined;
  /** Called with the number of rows staged so far. */
  readonly onProgress?: ((rows: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A staged source: can be scanned any number of times with the same rows in the same order, spills to disk.
 *
 * `sql` yields the source's columns; `positionedSql` yields them and two more, named by `positionColumns`:
 * the source file (text or null) and the 0-based row ordinal in it.
 */
export interface StagedRelation extends Relation {
  /** Number of rows, where staging has counted them. */
  readonly rows?: number | undefined;
  readonly positionedSql: SqlSelect;
  readonly positionColumns: {
    readonly file: string;
    readonly row: string;
    /**
     * Only where bad cells are kept, of row objects only where there are any: NULL, or
     * `STRUCT("column" VARCHAR, "text" VARCHAR, "expected" VARCHAR)[]`. One without a column is a line that
     * could not be read: its text, and what is wrong with it.
     */
    readonly badCells?: string | undefined;
  };
}

export interface ParquetWriteOptions {
  /** Existing empty folder; files are created in it (and in one sub-folder a partition). */
  readonly folder: string;
  /** Names of partition columns: they split the rows, and are left out of the files. */
  readonly partitionBy?: readonly string[] | undefined;
  /** Split files near this many bytes. */
  readonly targetFileBytes?: number | undefined;
  /**
   * The number of rows, where it is known; saves counting them, which would evaluate every condition on them
   * once more.
   */
  readonly rows?: number | undefined;
  /** There are no more rows than this; saves counting them where it tells that they fit one file. */
  readonly rowsAtMost?: number | undefined;
  readonly rowGroupRows?: number | undefined;
  readonly compression?: "zstd" | "snappy" | "uncompressed" | undefined;
  /** Parquet field ids by column, nested as DuckDB's FIELD_IDS takes them. */
  readonly fieldIds?: FieldIds | undefined;
  /** Each file's name is this prefix, a number and `.parquet`. */
  readonly namePrefix?: string | undefined;
  readonly onProgress?: ((share: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
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
 * Statistics of one leaf column of one file, as the engine's text; `min`/`max` absent where unknown, cut or
 * not comparable.
 */
export interface WrittenColumn {
  /** Path of names from the top; list and map levels as `element`, `key`, `value`. */
  readonly path: readonly string[];
  readonly min?: string | undefined;
  readonly max?: string | undefined;
  /**
   * Instead of `max` for long texts: about the first 256 bytes of the maximum, rounded up where it was cut,
   * so that it is an upper bound; `min` may be cut too, and stays a lower bound.
   */
  readonly maxPrefix?: string | undefined;
  readonly nullCount?: number | undefined;
  /** Absent for types that cannot hold NaN. */
  readonly hasNan?: boolean | undefined;
}

export interface ArrowOptions {
  /** Rows a batch, about; default 65,536. */
  readonly batchRows?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface JsonLinesOptions {
  /** Columns whose text is JSON already (decoded variants) and is put in as it is. */
  readonly jsonColumns?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a session may read and write once it is fenced. */
export interface FenceLimits {
  readonly files: readonly string[];
  readonly writableFolders?: readonly string[] | undefined;
}

/**
 * A DuckDB instance for as long as it is open, for varve's own SQL. Close it, or open it with `await using`; a
 * closed session's relations are gone.
 */
export interface Session extends AsyncDisposable {
  /** Runs varve's own statement(s) for effect. @throws `CANCELLED` when the signal aborts */
  execute(
    sql: SqlStatement,
    parameters?: readonly EngineParameter[],
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
  /** Runs varve's own query and returns all rows: for results known to be small. */
  rows(sql: SqlSelect, parameters?: readonly EngineParameter[]): Promise<EngineRow[]>;
  /** Runs varve's own query and streams its rows; memory stays bounded while they are consumed one by one. */
  rowStream(
    sql: SqlSelect,
    options?: { readonly signal?: AbortSignal | undefined },
  ): AsyncIterable<EngineRow>;
  /** Columns of varve's own query, without running it. */
  describe(sql: SqlSelect): Promise<EngineColumn[]>;
  /** Stages a source that the session holds. @throws `SOURCE_UNREADABLE`, naming the row. */
  stage(source: HeldSource, options?: StageOptions): Promise<StagedRelation>;
  /** Writes a relation to Parquet files. */
  writeParquet(sql: SqlSelect, options: ParquetWriteOptions): Promise<WrittenFile[]>;
  /**
   * Streams varve's own query as Arrow batches; memory stays bounded while batches are consumed one by one.
   */
  arrow(sql: SqlSelect, options?: ArrowOptions): AsyncIterable<RecordBatch>;
  /**
   * Streams varve's own query as lossless JSON lines; each text holds whole lines, each ended by a line feed.
   *
   * Integers have all digits; decimals are texts; timestamps have six decimals and, unless without a zone,
   * `Z`; binary is base64; maps are arrays of `[key, value]`; `"NaN"`, `"Infinity"` and `"-Infinity"` are
   * texts.
   */
  jsonLines(sql: SqlSelect, options?: JsonLinesOptions): AsyncIterable<string>;
  /**
   * The engine's syntax tree of a caller's text (`json_serialize_sql`), which is an error's where it does not
   * parse: nothing is bound, so nothing is read. @throws `SQL_REFUSED` for a text that takes long to parse
   */
  syntaxTree(callerSql: string): Promise<JsonValue>;
  /**
   * Checks that a caller's text is one expression over the columns of its own row, and returns it in parentheses,
   * for a query that is then checked as the caller's. Unlike {@link FencedSession.callerExpression} it may
   * depend on the moment (`now()`), and nothing is bound. @throws as {@link FencedSession.callerQuery}
   */
  checkRowExpression(callerSql: string): Promise<SqlExpression>;
  /**
   * Makes `varve_variant_json(metadata BLOB, value BLOB)`, which decodes a binary variant to JSON text,
   * callable in this session.
   */
  enableVariants(): void;
  close(): Promise<void>;
}

/** A session before its fence: it reads whatever files it is told to, so no text of a caller's runs in it. */
export interface OpenSession extends Session {
  /**
   * Stages a source. One of SQL is fenced by itself: its text reads the tables and files that come with it.
   *
   * @throws `SOURCE_UNREADABLE`, naming file and line or row.
   */
  stage(source: EngineSource, options?: StageOptions): Promise<StagedRelation>;
  /**
   * From now on this session's instance reads `files` only, writes below nothing but `writableFolders`, loads
   * nothing and changes no setting. Cannot be undone. The session that it gives is the same, with what a fence
   * allows; closing either closes both.
   */
  fence(limits: FenceLimits): Promise<FencedSession>;
}

/** A session that can read nothing but its own files, and so takes a caller's text. */
export interface FencedSession extends Session {
  /**
   * Checks that a caller's text is one SELECT statement over what the session holds and returns it as a
   * relation. @throws `SQL_REFUSED` for anything else, `SQL_FAILED` with the engine's message and position.
   */
  callerQuery(callerSql: string): Promise<Relation>;
  /**
   * Checks that a caller's text is one scalar expression over `columns` and returns it as safe to
   * embed. @throws as {@link FencedSession.callerQuery}
   */
  callerExpression(callerSql: string, columns: readonly EngineColumn[]): Promise<SqlExpression>;
}
