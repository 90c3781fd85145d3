import type { Table as ArrowTable, RecordBatch } from "apache-arrow";
import type { CsvOptions, SourceRow } from "../../engine/core/contract.ts";
import type { RowFunction, Suite, SuiteJson } from "../../quality/model/suite.ts";
import type { S3Options } from "../../storage/s3/s3-options.ts";
import type { WriteProgress } from "../../write/plan/write-options.ts";
import type { OptionKeys } from "./known-options.ts";
import {
  batchWriteKeys,
  contextKeys,
  quarantineChangeKeys,
  s3Keys,
  schemaChangeKeys,
} from "./option-keys.ts";
import type {
  ApplicationTransaction,
  BatchWriteOptions,
  ContextOptions,
  QuarantineChange,
  SchemaChangeOptions,
} from "./options.ts";
import type { SchemaInput } from "./schema-input.ts";
import type { Snapshot } from "./snapshot.ts";

/** An open table; the version that it saw last is read. */
export interface OpenedTable {
  snapshot(): Snapshot;
}

/**
 * A source file: a name or a pattern with `*`, a `file:` URL, `s3://bucket/key` (or a pattern of keys), or
 * `https://…`; as text or as a `URL`.
 */
export type SourceFile = string | { readonly href: string };

/**
 * Where rows come from: an array, iterable or async iterable of row objects (of instances of classes, their own
 * enumerable properties; getters and methods of the class are not read); Arrow data; a table (the version
 * that it saw last) or one of its versions; an object that names one or several files or patterns with `*`
 * (`{ csv }`, `{ ndjson }`, `{ parquet }`, `{ arrow }`); or SQL over tables and files.
 *
 * Files of `s3:` URIs are read with the table's `s3` options, or those of the function that takes the source.
 */
export type Source =
  | Iterable<SourceRow>
  | AsyncIterable<SourceRow>
  | ArrowTable
  | OpenedTable
  | Snapshot
  | CsvSource
  | { readonly ndjson: SourceFile | readonly SourceFile[] }
  | { readonly parquet: SourceFile | readonly SourceFile[] }
  | {
      readonly arrow:
        | SourceFile
        | Uint8Array
        | AsyncIterable<Uint8Array>
        | Iterable<RecordBatch>
        | AsyncIterable<RecordBatch>;
    }
  | SqlSource;

/** CSV files and their format. */
export interface CsvSource {
  readonly csv: SourceFile | readonly SourceFile[];
  readonly options?: CsvOptions | undefined;
}

/** One SELECT over tables, versions and files, by the names that the SQL uses. */
export interface SqlSource {
  readonly sql: string;
  readonly tables?: Readonly<Record<string, OpenedTable | Snapshot>> | undefined;
  /** The format follows from the extension: csv, tsv, json, ndjson, jsonl, parquet. */
  readonly files?: Readonly<Record<string, SourceFile | readonly SourceFile[]>> | undefined;
}

/** What a gate needs besides its suite. */
export interface GateOptions {
  /** Tables or versions that checks compare with, by the names that the suite uses. */
  readonly tables?: Readonly<Record<string, OpenedTable | Snapshot>> | undefined;
  /** TypeScript predicates and repairs that the suite calls by name. */
  readonly functions?: Readonly<Record<string, RowFunction>> | undefined;
  /** Returns earlier values of a metric, oldest first; default: those of the table's batches. */
  readonly history?: ((metric: string) => Promise<readonly number[]>) | undefined;
}

/** Options of a run of a suite over a source. */
export interface RunSuiteOptions {
  /** Text for the report that says what is tested; default "source". */
  readonly name?: string | undefined;
  /** Tables or versions that checks compare with, by the names that the suite uses. */
  readonly tables?: Readonly<Record<string, OpenedTable | Snapshot>> | undefined;
  /** TypeScript predicates and repairs that the suite calls by name. */
  readonly functions?: Readonly<Record<string, RowFunction>> | undefined;
  /**
   * The table with whose batches checks of history compare the rows; default: for a version of a table, the
   * versions before it.
   */
  readonly history?: OpenedTable | Snapshot | undefined;
  /**
   * The table to which the rows would be appended: they are tested exactly as its `append` would, with the
   * table's types, columns, constraints and own suite as well, and nothing is committed. Source files are then
   * fetched with the table's options.
   */
  readonly table?: OpenedTable | Snapshot | undefined;
  /** Used for source files of `s3:` URIs. */
  readonly s3?: S3Options | undefined;
  /** Called in the phases `fetching`, `reading` and `checking`. */
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of a test with the suite that a table carries. */
export interface CheckTableOptions extends Omit<RunSuiteOptions, "table"> {
  /** Rows to test as an append would, instead of the table's. */
  readonly source?: Source | undefined;
}

/** How the rows of a batch are committed. */
export interface BatchCommitOptions extends BatchWriteOptions {
  readonly gateOptions?: GateOptions | undefined;
  /** The table that receives the rows that the gate sets aside; default: `_quarantine` below the table. */
  readonly quarantine?: OpenedTable | undefined;
  /** Makes the write idempotent: a batch with the same application id and version lands at most once. */
  readonly txn?: ApplicationTransaction | undefined;
  /**
   * Like `txn`, with one name for the batch: repeating the batch after a crash loses and doubles nothing, in
   * the table and its quarantine.
   */
  readonly batchId?: string | undefined;
}

/** Options of {@link Table.append}. */
export interface AppendOptions extends BatchCommitOptions, SchemaChangeOptions {
  /**
   * Record the batch in {@link Table.rejections} if it is tested and refused; default true.
   */
  readonly recordRejection?: boolean | undefined;
}

/**
 * Options of {@link Table.overwrite}. Without `replaceWhere` and `dynamicPartitions`, all rows of the table
 * are replaced.
 */
export interface OverwriteOptions extends AppendOptions {
  /**
   * Replace the rows that meet this SQL condition, one expression over the columns of a row; every new row
   * must meet it too.
   */
  readonly replaceWhere?: string | undefined;
  /** Replace only the partitions that the new rows belong to. */
  readonly dynamicPartitions?: boolean | undefined;
  /** Let the batch's columns replace the table's schema. */
  readonly overwriteSchema?: boolean | undefined;
  /**
   * With `overwriteSchema`: the new partition columns; default: the present ones that the new schema still
   * has.
   */
  readonly partitionBy?: readonly string[] | undefined;
}

/** Options for testing staged rows. */
export interface AuditOptions {
  readonly gateOptions?: GateOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a staged batch is published. */
export interface PublishOptions extends AuditOptions {
  /**
   * Tests in addition to those that the table carries and those given to `stage`; default: those of the last
   * audit.
   */
  readonly gate?: SuiteJson | Suite | undefined;
  /**
   * Record the batch in {@link Table.rejections} if it is tested and refused; default true.
   */
  readonly recordRejection?: boolean | undefined;
}

/** Which quarantined rows are tested again, and with which tests. */
export interface ResubmitOptions extends QuarantineChange {
  /**
   * The tests that rows must pass now; default: those that the table carries, and those of the write that set
   * the row aside, which are kept in the quarantine.
   */
  readonly gate?: SuiteJson | Suite | undefined;
  /** TypeScript functions and tables that the tests name; the quarantine does not keep them. */
  readonly gateOptions?: GateOptions | undefined;
  /** Append rows without testing them: they only have to fit the table. */
  readonly untested?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Definition of a new table: its schema, or a source to derive it from; its layout and properties. */
export interface CreateTableOptions extends ContextOptions, BatchCommitOptions {
  readonly schema?: SchemaInput | undefined;
  /**
   * First rows. Without a schema, their columns become the table's, all nullable; one that is null in every row
   * becomes a string, until the first batch with values gives it their type.
   */
  readonly source?: Source | undefined;
  /** Names of partition columns. */
  readonly partitionBy?: readonly string[] | undefined;
  /**
   * Up to four columns, or fields of structs (`"address.city"`), by which {@link Table.optimize} clusters files, so
   * that a condition on any of them skips most; instead of partitions.
   */
  readonly clusterBy?: readonly string[] | undefined;
  /** Table properties such as `delta.appendOnly`; `delta.feature.NAME` = `supported` lists a feature. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  /** Open the table if it exists already, instead of failing; the source is then not written. */
  readonly ifNotExists?: boolean | undefined;
}

export const gateOptionsKeys = {
  tables: true,
  functions: true,
  history: true,
} satisfies OptionKeys<GateOptions>;
export const checkTableKeys = {
  ...gateOptionsKeys,
  name: true,
  source: true,
  s3: s3Keys,
  onProgress: true,
  signal: true,
} satisfies OptionKeys<CheckTableOptions>;
export const runSuiteKeys = {
  ...gateOptionsKeys,
  name: true,
  table: true,
  s3: s3Keys,
  onProgress: true,
  signal: true,
} satisfies OptionKeys<RunSuiteOptions>;
const batchCommitKeys = {
  ...batchWriteKeys,
  gateOptions: gateOptionsKeys,
  quarantine: true,
  txn: { appId: true, version: true },
  batchId: true,
} satisfies OptionKeys<BatchCommitOptions>;
export const appendKeys = {
  ...batchCommitKeys,
  ...schemaChangeKeys,
  recordRejection: true,
} satisfies OptionKeys<AppendOptions>;
export const overwriteKeys = {
  ...appendKeys,
  replaceWhere: true,
  dynamicPartitions: true,
  overwriteSchema: true,
  partitionBy: true,
} satisfies OptionKeys<OverwriteOptions>;
export const auditKeys = { gateOptions: gateOptionsKeys, signal: true } satisfies OptionKeys<AuditOptions>;
export const publishKeys = {
  ...auditKeys,
  gate: true,
  recordRejection: true,
} satisfies OptionKeys<PublishOptions>;
export const createTableKeys = {
  ...contextKeys,
  ...batchCommitKeys,
  schema: true,
  source: true,
  partitionBy: true,
  clusterBy: true,
  properties: true,
  name: true,
  description: true,
  ifNotExists: true,
} satisfies OptionKeys<CreateTableOptions>;
export const resubmitKeys = {
  ...quarantineChangeKeys,
  gate: true,
  gateOptions: gateOptionsKeys,
  untested: true,
  signal: true,
} satisfies OptionKeys<ResubmitOptions>;
export const sqlSourceKeys = { sql: true, tables: true, files: true } satisfies OptionKeys<SqlSource>;
export const csvSourceKeys = {
  csv: true,
  options: {
    delimiter: true,
    header: true,
    names: true,
    quote: true,
    escape: true,
    nullText: true,
    encoding: true,
  },
} satisfies OptionKeys<CsvSource>;
