import type { TailPosition } from "../../operations/tail/tail-position.ts";
import type { Suite, SuiteJson } from "../../quality/model/suite.ts";
import type { ObjectStore } from "../../storage/contract/object-store.ts";
import type { S3Options } from "../../storage/s3/s3-options.ts";
import type { World } from "../../util/world.ts";
import type { WriteProgress } from "../../write/plan/write-options.ts";
import type { Timestamp, VersionArgument, VersionPoint } from "./table-uri.ts";

/** How a table's store and engine are opened. */
export interface ContextOptions {
  /** Used for `s3:` URIs; pass the same object to share connections between tables. */
  readonly s3?: S3Options | undefined;
  /**
   * Opens the store of a URI, such as one of another cloud (`varve/store`). If it returns `undefined`, varve
   * opens the store itself.
   */
  readonly openStore?: ((uri: string) => ObjectStore | Promise<ObjectStore> | undefined) | undefined;
  /**
   * Bytes of memory that an engine instance may use before it spills to disk (spec/engine-limits.md);
   * default: a quarter of the machine's memory, at most 4 GiB.
   */
  readonly memoryLimit?: number | undefined;
  /**
   * Threads of an engine instance; default: one per core, but at most one per 128 MiB of the memory limit.
   */
  readonly threads?: number | undefined;
  /**
   * Folder below which the engine makes, and later removes, its spill folders; default: the system's
   * temporary folder.
   */
  readonly temporaryFolder?: string | undefined;
  /** Clock, ids and randomness; default: the real ones. */
  readonly world?: World | undefined;
  /** Local cache of a remote store's immutable files. */
  readonly cache?: CacheOptions | undefined;
  /**
   * URIs below which a table's log may name files by absolute paths, in addition to those of a table that it is a
   * shallow clone of, made by varve; default: none.
   */
  readonly allowedPrefixes?: readonly string[] | undefined;
}

/** Local cache of a remote store's files: where, and how much to keep. */
export interface CacheOptions {
  /** Default: a folder of this user below the system's temporary folder. Several processes may share it. */
  readonly folder?: string | undefined;
  /** Bytes to keep; default 8 GiB. Files used within `graceMilliseconds` are kept even above this limit. */
  readonly maxBytes?: number | undefined;
  /** Milliseconds for which a file is not evicted after its last use; default ten minutes. */
  readonly graceMilliseconds?: number | undefined;
  /** Bytes per request when a file is fetched; default 8 MiB. */
  readonly partBytes?: number | undefined;
  /** Concurrent requests for one file; default 4. */
  readonly concurrency?: number | undefined;
}

/** How a table is opened. */
export interface OpenOptions extends ContextOptions {
  /** The version or time to open; default: the one in the URI's suffix, else the newest. */
  readonly at?: VersionArgument | undefined;
}

/** How the table is opened, and what is checked. */
export interface FsckOptions extends ContextOptions {
  /** Default: the version in the URI's suffix, else the newest. */
  readonly version?: number | undefined;
  /**
   * Read every data file and compare its rows with the log; default true. If false, only the existence of
   * files is checked.
   */
  readonly data?: boolean | undefined;
  /** Look for files that no version names; default true. */
  readonly orphans?: boolean | undefined;
  /**
   * Also check the past: every checkpoint and compaction against the log, the files of every version, and
   * change files; default false.
   */
  readonly deep?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of files checked so far, and the total. */
  readonly onProgress?: ((files: number, of: number) => void) | undefined;
}

/** Which rows and columns to read. */
export interface SelectOptions {
  /** Names of columns, in the order of the result; default: all. */
  readonly columns?: readonly string[] | undefined;
  /**
   * An SQL condition, one expression over the columns of a row, which is also used to skip files.
   * Sub-queries, aggregates and window functions are refused; use {@link Snapshot.sql} for those.
   */
  readonly where?: string | undefined;
  readonly limit?: number | undefined;
  /**
   * Add a column `_metadata`, a struct of the stable `row_id` and `row_commit_version`; the table must have
   * row tracking.
   */
  readonly rowTracking?: boolean | undefined;
  /** Existing empty folder for {@link QueryResult.writeFile}. */
  readonly exportFolder?: string | undefined;
  /** Cancels the read, including while it waits for the engine. */
  readonly signal?: AbortSignal | undefined;
}

/** Which rows and columns to read, and the number of rows per batch. */
export interface BatchOptions extends SelectOptions {
  readonly batchRows?: number | undefined;
}

/** Which changes to read. */
export interface ChangesOptions {
  /** A version, or a time, which means the first version committed at or after it. */
  readonly from: VersionArgument | VersionPoint;
  /**
   * A version, or a time, which means the last version committed at or before it. Default: the newest
   * version.
   */
  readonly to?: VersionArgument | VersionPoint | undefined;
  /** Existing empty folder for {@link QueryResult.writeFile}. */
  readonly exportFolder?: string | undefined;
  /** Cancels the read, including while it waits for the engine. */
  readonly signal?: AbortSignal | undefined;
}

/** Which versions {@link Table.tail} reads, and how. */
export interface TailOptions {
  /**
   * A version, inclusive; a time, which means the first version committed at or after it; `"latest"`: only what comes;
   * or the `position` of an earlier batch. Default: all rows of the newest version, then what comes.
   */
  readonly from?: VersionArgument | VersionPoint | TailPosition | undefined;
  /** Read the change data feed, with `_change_type`, `_commit_version` and `_commit_timestamp`. */
  readonly changes?: boolean | undefined;
  /** Wait for versions that are not there yet; default true. */
  readonly follow?: boolean | undefined;
  /** Leave out versions that remove or change rows, with the rows that they add. */
  readonly skipChangeCommits?: boolean | undefined;
  /** Pass over versions that only remove rows. */
  readonly ignoreDeletes?: boolean | undefined;
  /** Milliseconds between looks for new versions; default 1,000. */
  readonly pollMilliseconds?: number | undefined;
  /** Files of added rows in one batch, at most; default 1,000. */
  readonly maxFiles?: number | undefined;
  /** Cancels the reading, and the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** Which part of a table's history to list. */
export interface HistoryOptions {
  /** List only this many versions, the newest. */
  readonly limit?: number | undefined;
  /**
   * List only the version of this batch: its `batchId`, its `txn` written as `application:version`, or the id of a
   * staged batch.
   */
  readonly batch?: string | undefined;
  /** List only versions whose message (`userMetadata`) contains this text, in any case of its letters. */
  readonly messageContains?: string | undefined;
  /** Check whether files that later commits removed are still in the store; default true. */
  readonly checkFiles?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Which rejected batches to list. */
export interface RejectionsOptions {
  /** List only this many, the newest. */
  readonly limit?: number | undefined;
  /**
   * List only the attempts of this batch: its `batchId`, its `txn` written as `application:version`, or the id of a
   * staged batch.
   */
  readonly batch?: string | undefined;
  /** List only batches whose message (`userMetadata`) contains this text, in any case of its letters. */
  readonly messageContains?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What to compare between two versions. */
export interface DiffOptions {
  /** Also compare rows, by reading the files that only one side has. */
  readonly rows?: boolean | undefined;
  /**
   * With `rows`: columns that tell which rows are the same one, so that those that changed elsewhere are counted
   * as `changed`, and not as added and removed.
   */
  readonly key?: readonly string[] | undefined;
}

/** Which rows of a comparison to read, and how. */
export interface DiffRowsOptions {
  /** Columns that tell which rows are the same one, so that those that changed elsewhere come in pairs. */
  readonly key?: readonly string[] | undefined;
  readonly limit?: number | undefined;
  /** Existing empty folder for {@link QueryResult.writeFile}. */
  readonly exportFolder?: string | undefined;
  /** Cancels the read, including while it waits for the engine. */
  readonly signal?: AbortSignal | undefined;
}

/** Which columns to profile. */
export interface ProfileOptions {
  /** Names of columns; default: all. */
  readonly columns?: readonly string[] | undefined;
}

/** Which columns of a source to profile, and how its files are read. */
export interface ProfileSourceOptions extends ProfileOptions {
  /** Used for source files of `s3:` URIs. */
  readonly s3?: S3Options | undefined;
}

/** Options of a suggested suite. */
export interface SuggestOptions extends ProfileOptions {
  /** Name of the suite; default "suggested". */
  readonly name?: string | undefined;
  /** Also suggest limits of values, lengths, mean and standard deviation, drawn around these rows. */
  readonly extended?: boolean | undefined;
  /**
   * Test the suite on this share of the rows, the last ones, which it then does not see: checks that fail there
   * are loosened or dropped. Above 0 and below 1; `true` is a quarter.
   */
  readonly holdout?: boolean | number | undefined;
}

/** Options of a suite that is suggested for a source. */
export interface SuggestSourceOptions extends SuggestOptions, ProfileSourceOptions {}

/** The application transaction of a batch (PROTOCOL.md "Transaction Identifiers"). */
export interface ApplicationTransaction {
  readonly appId: string;
  readonly version: number | bigint;
}

/** How the rows of a batch are tested and written. */
export interface BatchWriteOptions {
  /** Tests that the batch must pass before it is committed, in addition to those that the table carries. */
  readonly gate?: SuiteJson | Suite | undefined;
  /** Kept in the version's history. */
  readonly userMetadata?: string | undefined;
  /** Split data files near this many bytes; default: the table's `delta.targetFileSize`, else 256 MiB. */
  readonly targetFileBytes?: number | undefined;
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
  /** Cancels the write; an uncommitted write leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/** How a write may change the table's schema. */
export interface SchemaChangeOptions {
  /**
   * Add columns that the table lacks, including nested ones, in the same commit; widen types if the table has
   * type widening enabled.
   */
  readonly mergeSchema?: boolean | undefined;
  /**
   * Add the table features that new columns need to the protocol; default: refuse such columns, because older
   * readers lose access to the table.
   */
  readonly upgradeProtocol?: boolean | undefined;
}

/** How rows are staged. */
export interface StageOptions extends BatchWriteOptions, SchemaChangeOptions {
  /** Id of the batch, under which it is published at most once; default: a generated one. */
  readonly id?: string | undefined;
}

/** Options of a query over staged rows. */
export interface StagedSqlOptions {
  /** Existing empty folder for {@link QueryResult.writeFile}. */
  readonly exportFolder?: string | undefined;
}

/** How a table's suite is set. */
export interface SetSuiteOptions {
  /**
   * Also register row checks as Delta CHECK constraints, so that other engines refuse bad rows; needs the
   * table feature `checkConstraints`.
   */
  readonly registerConstraints?: boolean | undefined;
  /**
   * Add the table feature that constraints need to the protocol; default: refuse, because older writers lose
   * access to the table.
   */
  readonly upgradeProtocol?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options for removing a table's suite. */
export interface UnsetSuiteOptions {
  readonly signal?: AbortSignal | undefined;
}

/** How a checkpoint is written. */
export interface CheckpointOptions {
  /**
   * Default: by the property `delta.checkpointPolicy`; `v2` only if the table supports the feature
   * v2Checkpoint.
   */
  readonly kind?: "classic" | "v2" | undefined;
  /**
   * V2: up to this many file actions are in the checkpoint itself, as JSON; more go to Parquet sidecars.
   * Default 200.
   */
  readonly inlineLimit?: number | undefined;
}

/** Options of log cleanup. */
export interface CleanLogOptions {
  /** Only report what would be deleted. */
  readonly dryRun?: boolean | undefined;
}

/** Which leftovers of killed writers to remove. */
export interface LeftoversOptions {
  /** Only what has not changed since this time; default: a day ago. */
  readonly before?: Timestamp | undefined;
  /** Only list them. */
  readonly dryRun?: boolean | undefined;
}

/** How a fingerprint is computed. */
export interface FingerprintOptions {
  /** Cancels the computation. */
  readonly signal?: AbortSignal | undefined;
}

/** Which fingerprint the digest of an MLflow dataset is made of. */
export interface MlflowOptions {
  /** The rows', which are read for it, so that equal rows have equal digests; default: the state's, from the log. */
  readonly content?: boolean | undefined;
  /** Cancels the computation. */
  readonly signal?: AbortSignal | undefined;
}

/** Which recorded metrics to read. */
export interface MetricsOptions {
  /**
   * `table`: metrics of all the table's rows; `batch`: of the rows that each version added. Default: both.
   */
  readonly scope?: "table" | "batch" | undefined;
  /** Names of columns; default: all. */
  readonly columns?: readonly string[] | undefined;
}

/** Selects quarantined rows; without any field, all open ones. */
export interface QuarantineSelection {
  /** Ids, or beginnings of ids that only one row has, as `varve quarantine show` prints them. */
  readonly ids?: readonly string[] | undefined;
  readonly batchId?: string | undefined;
  /** Rows that failed this check, among others. */
  readonly checkId?: string | undefined;
  readonly status?: QuarantineStatus | "any" | undefined;
}

/** Which quarantined rows a verb changes: those of a selection that is not empty, or all. */
export interface QuarantineChange extends QuarantineSelection {
  /** Every row that the verb can change; required where nothing else selects rows. */
  readonly all?: boolean | undefined;
}

/** Which quarantined rows to read, and how many. */
export interface QuarantineReadOptions extends QuarantineSelection {
  readonly limit?: number | undefined;
}

/** State of a quarantined row (`spec/quality-formats.md`). */
export type QuarantineStatus = "open" | "claimed" | "resubmitted" | "discarded";

/** Which quarantined rows, or records of rejected batches, to remove for good. */
export interface PurgeOptions {
  /** Remove rows that were resolved, or batches that were rejected, before this time; default: 90 days ago. */
  readonly before?: Timestamp | undefined;
  /** Only count them. */
  readonly dryRun?: boolean | undefined;
}
