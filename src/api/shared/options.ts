import type { Suite, SuiteJson } from "../../quality/model/suite.ts";
import type { ObjectStore } from "../../storage/contract/object-store.ts";
import type { S3Options } from "../../storage/s3/s3-options.ts";
import type { World } from "../../util/world.ts";
import type { WriteProgress } from "../../write/plan/write-options.ts";
import type { Timestamp, VersionArgument, VersionPoint } from "./table-uri.ts";

/** How a table's store and engine are opened. */
export interface ContextOptions {
  /** Used for `s3:` URIs; pass one and the same object to share connections between tables. */
  readonly s3?: S3Options | undefined;
  /**
   * Opens the store of a URI that varve does not know, such as another cloud's (`varve/store`); where it gives
   * `undefined`, varve opens the store.
   */
  readonly openStore?: ((uri: string) => ObjectStore | Promise<ObjectStore> | undefined) | undefined;
  /**
   * Bytes of memory an engine instance may use before it spills (spec/engine-limits.md); default: a quarter
   * of the machine's, at most 4 GiB.
   */
  readonly memoryLimit?: number | undefined;
  /** Default: the machine's cores, or one for each 128 MiB of a smaller memory limit. */
  readonly threads?: number | undefined;
  /**
   * Folder below which the engine makes, and later removes, its spill folders; default: the system's
   * temporary folder.
   */
  readonly temporaryFolder?: string | undefined;
  /** Clock, ids and randomness; default: the real ones. */
  readonly world?: World | undefined;
  /** Local copies of a remote store's immutable files. */
  readonly cache?: CacheOptions | undefined;
  /**
   * URIs below which absolute paths of a table's log may be read (shallow clones, converted tables); default:
   * none.
   */
  readonly allowedPrefixes?: readonly string[] | undefined;
}

/** Local copies of a remote store's files: where, and how much to keep. */
export interface CacheOptions {
  /** Default: a folder of this user's below the system's temporary folder. Several processes may share it. */
  readonly folder?: string | undefined;
  /** Bytes to keep; files used within `graceMilliseconds` are kept beyond it. Default 8 GiB. */
  readonly maxBytes?: number | undefined;
  /** How long a file stays safe from eviction after its last use. Default ten minutes. */
  readonly graceMilliseconds?: number | undefined;
  /** Bytes a request when a file is fetched; default 8 MiB. */
  readonly partBytes?: number | undefined;
  /** Requests under way for one file; default 4. */
  readonly concurrency?: number | undefined;
}

/** How a table is opened. */
export interface OpenOptions extends ContextOptions {
  /** The version or time to open at; default the newest, or what the URI's suffix says. */
  readonly at?: VersionArgument | undefined;
}

/** How a table is opened, and what is checked. */
export interface FsckOptions extends ContextOptions {
  /** Default: the newest version, or what the URI's suffix says. */
  readonly version?: number | undefined;
  /**
   * Read every data file and compare its rows with the log; default true. Without, files are only looked up.
   */
  readonly data?: boolean | undefined;
  /** Look for files that no version names; default true. */
  readonly orphans?: boolean | undefined;
  /**
   * Check the past, too: every checkpoint and compaction against the log, the files of every version, change
   * files; default false.
   */
  readonly deep?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the files checked so far, and how many there are. */
  readonly onProgress?: ((files: number, of: number) => void) | undefined;
}

/** Which rows and columns to read. */
export interface SelectOptions {
  /** Names of columns, in the wanted order; default all. */
  readonly columns?: readonly string[] | undefined;
  /**
   * A SQL condition over the columns of the row at hand, also used to skip files. It holds no sub-query,
   * aggregate or window: write those with {@link Snapshot.sql}.
   */
  readonly where?: string | undefined;
  readonly limit?: number | undefined;
  /**
   * Adds a column `_metadata`, a struct of the stable `row_id` and `row_commit_version`; the table must track
   * rows.
   */
  readonly rowTracking?: boolean | undefined;
  /** Existing empty folder for {@link QueryResult.writeFile}. */
  readonly exportFolder?: string | undefined;
  /** Cancels the reading, including while it waits for the engine. */
  readonly signal?: AbortSignal | undefined;
}

/** Which rows and columns to read, and in batches of how many rows. */
export interface BatchOptions extends SelectOptions {
  readonly batchRows?: number | undefined;
}

/** Which changes to read. */
export interface ChangesOptions {
  /** A version; or a time: the first version committed at or after it. */
  readonly from: VersionArgument | VersionPoint;
  /** A version; or a time: the last version committed at or before it. */
  readonly to?: VersionArgument | VersionPoint | undefined;
  /** Existing empty folder for {@link QueryResult.writeFile}. */
  readonly exportFolder?: string | undefined;
  /** Cancels the reading, including while it waits for the engine. */
  readonly signal?: AbortSignal | undefined;
}

/** What of a table's history to list. */
export interface HistoryOptions {
  /** The newest so many versions. */
  readonly limit?: number | undefined;
  /** Look whether files that later commits removed are still in the store; default true. */
  readonly checkFiles?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What to compare of two versions. */
export interface DiffOptions {
  /** Compare rows too: reads the files that only one side has. */
  readonly rows?: boolean | undefined;
}

/** What to look at in a profile. */
export interface ProfileOptions {
  /** Names of columns; default: all. */
  readonly columns?: readonly string[] | undefined;
}

/** How a suite is suggested. */
export interface SuggestOptions extends ProfileOptions {
  /** Name of the suite; default "suggested". */
  readonly name?: string | undefined;
  /** Suggest limits of values, lengths, mean and deviation too, which are drawn around exactly these rows. */
  readonly extended?: boolean | undefined;
}

/** The application transaction of a batch (PROTOCOL.md "Transaction Identifiers"). */
export interface ApplicationTransaction {
  readonly appId: string;
  readonly version: number | bigint;
}

/** How the rows of a batch are tested and written. */
export interface BatchWriteOptions {
  /** Tests that the batch must pass before it is committed, beside those that the table carries. */
  readonly gate?: SuiteJson | Suite | undefined;
  /** Kept in the version's history. */
  readonly userMetadata?: string | undefined;
  /** Split data files near this many bytes; default: the table's `delta.targetFileSize`, else 256 MiB. */
  readonly targetFileBytes?: number | undefined;
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
  /** Stops the write; what was not committed leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/** How a write may change the table's schema. */
export interface SchemaChangeOptions {
  /**
   * Add columns that the table lacks, nested ones too, in the same commit; widen types where the table has
   * type widening enabled.
   */
  readonly mergeSchema?: boolean | undefined;
  /**
   * List the table features that new columns need; default: refuse such columns, because older readers lose
   * the table.
   */
  readonly upgradeProtocol?: boolean | undefined;
}

/** How rows are staged. */
export interface StageOptions extends BatchWriteOptions, SchemaChangeOptions {
  /** Name of the batch, under which it is published at most once; default: a fresh one. */
  readonly id?: string | undefined;
}

/** How the result of a query over staged rows may be consumed. */
export interface StagedSqlOptions {
  /** Existing empty folder for {@link QueryResult.writeFile}. */
  readonly exportFolder?: string | undefined;
}

/** What to change of a table's definition; nothing of its rows. */
export interface AlterOptions {
  /** Properties to set, such as `delta.appendOnly`; `delta.feature.NAME` = `supported` lists a feature. */
  readonly set?: Readonly<Record<string, string>> | undefined;
  /** Properties to remove; removing what is not there does nothing. */
  readonly unset?: readonly string[] | undefined;
  /** CHECK constraints by name, in Spark's SQL; the rows that the table has are held to them first. */
  readonly addConstraints?: Readonly<Record<string, string>> | undefined;
  /** Names of CHECK constraints that bind no longer. */
  readonly dropConstraints?: readonly string[] | undefined;
  /** Features to take off the protocol: those of writers that nothing uses any more. */
  readonly dropFeatures?: readonly string[] | undefined;
  readonly description?: string | undefined;
  /**
   * Allow features to be added to the protocol: older readers or writers may lose access. Default: refused,
   * saying which.
   */
  readonly upgradeProtocol?: boolean | undefined;
  readonly userMetadata?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a table's suite is set. */
export interface SetSuiteOptions {
  /**
   * Register row checks as Delta CHECK constraints too, so that other engines refuse bad rows; needs the
   * table feature `checkConstraints`.
   */
  readonly registerConstraints?: boolean | undefined;
  /** List the table feature that constraints need; default: refuse, because older writers lose the table. */
  readonly upgradeProtocol?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a table's suite is taken off. */
export interface UnsetSuiteOptions {
  readonly signal?: AbortSignal | undefined;
}

/** How a checkpoint is written. */
export interface CheckpointOptions {
  /**
   * Default: by the property `delta.checkpointPolicy`, `v2` only where the feature v2Checkpoint is supported.
   */
  readonly kind?: "classic" | "v2" | undefined;
  /**
   * V2: up to this many file actions stand in the checkpoint itself, as JSON; more go to Parquet sidecars.
   * Default 200.
   */
  readonly inlineLimit?: number | undefined;
}

/** How the log is cleaned. */
export interface CleanLogOptions {
  /** Only say what would be deleted. */
  readonly dryRun?: boolean | undefined;
}

/** Which recorded metrics to read. */
export interface MetricsOptions {
  /** Of all the table's rows, or of the rows that each version added; default: both. */
  readonly scope?: "table" | "batch" | undefined;
  /** Names of columns; default: all. */
  readonly columns?: readonly string[] | undefined;
}

/** Which rows of a quarantine; without any of these all that are open. */
export interface QuarantineSelection {
  readonly ids?: readonly string[] | undefined;
  readonly batchId?: string | undefined;
  /** Rows that failed this check, among others. */
  readonly checkId?: string | undefined;
  readonly status?: QuarantineStatus | undefined;
}

/** Which rows of a quarantine to read, and how many. */
export interface QuarantineReadOptions extends QuarantineSelection {
  readonly limit?: number | undefined;
}

/** What became of a quarantined row so far. */
export type QuarantineStatus = "open" | "claimed" | "resubmitted" | "discarded";

/** What to remove of a quarantine for good. */
export interface PurgeOptions {
  /** Rows that were resolved before this; default: 90 days ago. */
  readonly before?: Timestamp | undefined;
  /** Only count them. */
  readonly dryRun?: boolean | undefined;
}
