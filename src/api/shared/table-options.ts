import type { Table as ArrowTable, RecordBatch } from "apache-arrow";
import type { CsvOptions, SourceRow } from "../../engine/core/contract.ts";
import type { RowFunction, Suite, SuiteJson } from "../../quality/model/suite.ts";
import type { WriteProgress } from "../../write/plan/write-options.ts";
import type { OptionKeys } from "./known-options.ts";
import { batchWriteKeys, contextKeys, schemaChangeKeys, selectionKeys } from "./option-keys.ts";
import type {
  ApplicationTransaction,
  BatchWriteOptions,
  ContextOptions,
  QuarantineSelection,
  SchemaChangeOptions,
} from "./options.ts";
import type { SchemaInput } from "./schema-input.ts";
import type { Snapshot } from "./snapshot.ts";

/** A table that is open: its newest seen version is read. */
export interface OpenedTable {
  snapshot(): Snapshot;
}

/**
 * Where rows come from: arrays, iterables and async iterables of row objects, Arrow data, a table (its newest
 * seen version is read) or one of its versions, or a wrapper that names files (`{ csv }`, `{ ndjson }`,
 * `{ parquet }`, `{ arrow }`; several, or patterns with `*`) or SQL over tables and files.
 */
export type Source =
  | Iterable<SourceRow>
  | AsyncIterable<SourceRow>
  | ArrowTable
  | OpenedTable
  | Snapshot
  | CsvSource
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
  | SqlSource;

/** CSV files, and how they are written. */
export interface CsvSource {
  readonly csv: string | readonly string[];
  readonly options?: CsvOptions | undefined;
}

/** One SELECT over named versions of tables and named files. */
export interface SqlSource {
  readonly sql: string;
  readonly tables?: Readonly<Record<string, OpenedTable | Snapshot>> | undefined;
  /** By extension: csv, tsv, json, ndjson, jsonl, parquet. */
  readonly files?: Readonly<Record<string, string | readonly string[]>> | undefined;
}

/** What a gate needs beyond its suite. */
export interface GateOptions {
  /** Tables or versions that checks compare with, by the suite's names for them. */
  readonly tables?: Readonly<Record<string, OpenedTable | Snapshot>> | undefined;
  /** TypeScript predicates and repairs that the suite calls by name. */
  readonly functions?: Readonly<Record<string, RowFunction>> | undefined;
  /** Earlier values of a metric, oldest first; default: those of the table's batches. */
  readonly history?: ((metric: string) => Promise<readonly number[]>) | undefined;
}

/** How a suite is run over a source. */
export interface RunSuiteOptions {
  /** What is tested, in words, for the report; default "source". */
  readonly name?: string | undefined;
  /** Tables that checks compare with, by the suite's names for them. */
  readonly tables?: Readonly<Record<string, OpenedTable | Snapshot>> | undefined;
  /** TypeScript predicates and repairs that the suite calls by name. */
  readonly functions?: Readonly<Record<string, RowFunction>> | undefined;
  /**
   * The table whose batches the rows are compared with by checks of history; default: for a version of a
   * table, the versions before it.
   */
  readonly history?: OpenedTable | Snapshot | undefined;
  /** Called in the phases `reading` and `checking`. */
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How the rows of a batch are committed. */
export interface BatchCommitOptions extends BatchWriteOptions {
  readonly gateOptions?: GateOptions | undefined;
  /** The table that takes the rows that the gate sets aside; default: `_quarantine` below the table. */
  readonly quarantine?: OpenedTable | undefined;
  /** Makes the write idempotent: a batch of the same application and version lands at most once. */
  readonly txn?: ApplicationTransaction | undefined;
  /**
   * As `txn`, by one name for the batch: repeating it after a crash loses and doubles nothing, in the table
   * and its quarantine.
   */
  readonly batchId?: string | undefined;
}

/** How rows are added. */
export interface AppendOptions extends BatchCommitOptions, SchemaChangeOptions {}

/**
 * How rows are replaced; without `replaceWhere`, `dynamicPartitions` and `overwriteSchema` the whole table's
 * are.
 */
export interface OverwriteOptions extends AppendOptions {
  /**
   * Replace the rows that meet this SQL condition over the columns of the row at hand; every new row must
   * meet it too.
   */
  readonly replaceWhere?: string | undefined;
  /** Replace just the partitions that the new rows fall into. */
  readonly dynamicPartitions?: boolean | undefined;
  /** Let the batch's columns replace the table's schema. */
  readonly overwriteSchema?: boolean | undefined;
  /**
   * With `overwriteSchema`: the new partition columns; default: the old ones that the new schema still has.
   */
  readonly partitionBy?: readonly string[] | undefined;
}

/** What testing staged rows needs beside suites. */
export interface AuditOptions {
  readonly gateOptions?: GateOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a staged batch is published. */
export interface PublishOptions extends AuditOptions {
  /** Tests beside those that the table carries and the stager asked for; default: those of the last audit. */
  readonly gate?: SuiteJson | Suite | undefined;
}

/** Which quarantined rows are tested again, and with what. */
export interface ResubmitOptions extends QuarantineSelection {
  /**
   * The tests that rows have to pass now; default: those that the table carries, else rows only have to fit
   * the table.
   */
  readonly gate?: SuiteJson | Suite | undefined;
  readonly gateOptions?: GateOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A new table: its schema, or a source to take it from; its layout and properties. */
export interface CreateTableOptions extends ContextOptions, BatchCommitOptions {
  readonly schema?: SchemaInput | undefined;
  /** First rows; without a schema their columns become the table's, all nullable. */
  readonly source?: Source | undefined;
  /** Names of partition columns. */
  readonly partitionBy?: readonly string[] | undefined;
  /** Table properties such as `delta.appendOnly`; `delta.feature.NAME` = `supported` lists a feature. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  /** Open the table if there is one already, instead of failing; the source is then not written. */
  readonly ifNotExists?: boolean | undefined;
}

const gateOptionsKeys = { tables: true, functions: true, history: true } satisfies OptionKeys<GateOptions>;
export const runSuiteKeys = {
  ...gateOptionsKeys,
  name: true,
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
export const appendKeys = { ...batchCommitKeys, ...schemaChangeKeys } satisfies OptionKeys<AppendOptions>;
export const overwriteKeys = {
  ...appendKeys,
  replaceWhere: true,
  dynamicPartitions: true,
  overwriteSchema: true,
  partitionBy: true,
} satisfies OptionKeys<OverwriteOptions>;
export const auditKeys = { gateOptions: gateOptionsKeys, signal: true } satisfies OptionKeys<AuditOptions>;
export const publishKeys = { ...auditKeys, gate: true } satisfies OptionKeys<PublishOptions>;
export const createTableKeys = {
  ...contextKeys,
  ...batchCommitKeys,
  schema: true,
  source: true,
  partitionBy: true,
  properties: true,
  name: true,
  description: true,
  ifNotExists: true,
} satisfies OptionKeys<CreateTableOptions>;
export const resubmitKeys = {
  ...selectionKeys,
  gate: true,
  gateOptions: gateOptionsKeys,
  signal: true,
} satisfies OptionKeys<ResubmitOptions>;
export const sqlSourceKeys = { sql: true, tables: true, files: true } satisfies OptionKeys<SqlSource>;
export const csvSourceKeys = {
  csv: true,
  options: { delimiter: true, header: true, quote: true, escape: true, nullText: true, encoding: true },
} satisfies OptionKeys<CsvSource>;
