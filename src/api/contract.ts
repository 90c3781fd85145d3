import type { Table as ArrowTable, RecordBatch } from "apache-arrow";
import type { CsvOptions, SourceRow } from "../engine/contract.ts";
import type { StructType } from "../schema/types.ts";
import type { JsonObject } from "../util/json.ts";

/** Where rows come from. A plain array or iterable of objects, Arrow data and a table at a version may be given without a wrapper. */
export type Source =
  | Iterable<SourceRow>
  | AsyncIterable<SourceRow>
  | ArrowTable
  | TableVersion
  | { readonly csv: string | readonly string[]; readonly options?: CsvOptions }
  | { readonly ndjson: string | readonly string[] }
  | { readonly parquet: string | readonly string[] }
  | { readonly arrow: string | Uint8Array | AsyncIterable<Uint8Array> | Iterable<RecordBatch> | AsyncIterable<RecordBatch> }
  | SqlSource;

/** One SELECT over named versions of tables and named files. */
export interface SqlSource {
  readonly sql: string;
  readonly tables?: Readonly<Record<string, TableVersion>>;
  readonly files?: Readonly<Record<string, string | readonly string[]>>;
}

/** Options of everything that reads rows. */
export interface ReadRowsOptions {
  /** Names of columns, in the wanted order; default all. */
  readonly columns?: readonly string[];
  /** A SQL condition over the table's columns; also used to skip files. */
  readonly where?: string;
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/** An immutable version of a table. */
export interface TableVersion {
  readonly uri: string;
  readonly version: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestamp: number;
  readonly schema: StructType;
  readonly partitionColumns: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  /** Rows as plain objects: int64 as `bigint`, decimals and temporal values as text (spec/formats.md). */
  rows(options?: ReadRowsOptions): AsyncIterable<Readonly<Record<string, unknown>>>;
  batches(options?: ReadRowsOptions & { readonly batchRows?: number }): AsyncIterable<RecordBatch>;
  arrow(options?: ReadRowsOptions): Promise<ArrowTable>;
  count(where?: string): Promise<number>;
  /** One SELECT over this version, which it names `t`. */
  sql(text: string): Promise<QueryResult>;
}

/** The result of a query; it is computed as it is consumed, and can be consumed once. */
export interface QueryResult extends AsyncDisposable {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  rows(): AsyncIterable<Readonly<Record<string, unknown>>>;
  batches(options?: { readonly batchRows?: number }): AsyncIterable<RecordBatch>;
  arrow(): Promise<ArrowTable>;
  /** Lossless JSON, a line a row (spec/formats.md). */
  jsonLines(): AsyncIterable<string>;
  /** Frees the engine without consuming. */
  close(): Promise<void>;
}

/** What one version did, from its commit. */
export interface HistoryEntry {
  readonly version: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestamp: number;
  readonly operation?: string;
  readonly operationParameters: JsonObject;
  readonly operationMetrics: JsonObject;
  readonly rowsAdded?: number;
  readonly filesAdded?: number;
  readonly filesRemoved?: number;
  readonly engineInfo?: string;
  readonly userMetadata?: string;
  /** The verdict of the gate that this commit passed, as spec/formats.md defines it. */
  readonly gate?: JsonObject;
  /** Whether the version can still be opened, and if not, why. */
  readonly readable: { readonly ok: true } | { readonly ok: false; readonly reason: string };
}

/** One difference between two schemas, by the column's full name. */
export interface SchemaDifference {
  readonly kind: "added" | "removed" | "changed";
  readonly column: string;
  readonly before?: string;
  readonly after?: string;
}

/** What changed between two versions. */
export interface VersionDiff {
  readonly from: number;
  readonly to: number;
  readonly schema: readonly SchemaDifference[];
  readonly properties: readonly { readonly key: string; readonly before?: string; readonly after?: string }[];
  readonly files: { readonly added: number; readonly removed: number; readonly bytesAdded: number; readonly bytesRemoved: number };
  /** Rows of a multiset difference; absent unless asked for. */
  readonly rows?: { readonly added: number; readonly removed: number };
}
