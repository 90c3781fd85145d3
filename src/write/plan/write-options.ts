import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import type { MetricHistory } from "../../quality/gate/gate-context.ts";
import type { GateVerdict } from "../../quality/gate/verdict.ts";
import type { RowFunction, Suite, SuiteJson } from "../../quality/model/suite.ts";
import type { MaintenanceOutcome } from "../../table/commit/log-maintenance.ts";

/** Options of every write of rows. */
export interface WriteOptions {
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
  /** Tests that the batch must pass before it is committed, in addition to those that the table carries. */
  readonly gate?: SuiteJson | Suite | undefined;
  readonly gateOptions?: GateOptions | undefined;
  /** The table that receives the rows that the gate sets aside; default: `_quarantine` below the table. */
  readonly quarantine?: TableContext | undefined;
  /** Makes the write idempotent: a batch with the same application id and version lands at most once. */
  readonly txn?: { readonly appId: string; readonly version: number | bigint } | undefined;
  /**
   * Like `txn`, with one name for the batch: repeating the batch after a crash loses and doubles nothing, in
   * the table and its quarantine.
   */
  readonly batchId?: string | undefined;
  /** Record the batch if it is tested and refused; default true. */
  readonly recordRejection?: boolean | undefined;
  /** Kept in the version's history. */
  readonly userMetadata?: string | undefined;
  /** Split data files near this many bytes; default: the table's `delta.targetFileSize`, else 256 MiB. */
  readonly targetFileBytes?: number | undefined;
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
  /** Cancels the write; an uncommitted write leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/** What a gate needs besides its suite. */
export interface GateOptions {
  /** Versions of tables that checks compare with, by the names that the suite uses. */
  readonly tables?: Readonly<Record<string, LogSnapshot>> | undefined;
  /** TypeScript predicates and repairs that the suite calls by name. */
  readonly functions?: Readonly<Record<string, RowFunction>> | undefined;
  /** Earlier values of a metric, oldest first. */
  readonly history?: MetricHistory | undefined;
}

/**
 * Progress of a write. Usually it fetches (if files are not on this machine), reads, checks (if there are
 * tests), writes and commits.
 *
 * A batch that can only be accepted or rejected as a whole, for a table without partition columns, is written
 * before it is checked. If a row fails there, all tests are run, and if they accept the batch after all, it
 * is written once more. So a phase may occur again, with its share starting from 0.
 */
export interface WriteProgress {
  readonly phase: "fetching" | "reading" | "checking" | "writing" | "committing";
  /**
   * Number of rows read so far, while reading rows, Arrow data (after each batch) and CSV files (after each
   * file).
   */
  readonly rows?: number | undefined;
  /**
   * Number of bytes so far, of all files: while fetching, those that have arrived, fewer again if a request
   * fails and is repeated; while reading CSV, NDJSON and Arrow files, those that have been read.
   */
  readonly bytes?: number | undefined;
  /** Size of the files, while reading CSV, NDJSON and Arrow files. */
  readonly totalBytes?: number | undefined;
  /**
   * Share of the phase that is done, 0 to 1; reported while reading such files and while writing, a few times a
   * second. Parquet files are read while they are checked and written.
   */
  readonly share?: number | undefined;
}

/** Result of a write. */
export interface WriteResult {
  /**
   * `alreadyApplied`: an earlier write committed this batch, and nothing was written. `unchanged`: the source has no
   * rows, and the commit would have changed nothing else (no schema, no rows to remove, no `batchId` or `txn` to
   * remember), so there was none.
   */
  readonly outcome: "committed" | "alreadyApplied" | "unchanged";
  /** The version that the batch became, at which it was found to be applied, or that it left unchanged. */
  readonly version: number;
  /** Rows added. */
  readonly rows: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
  readonly bytesAdded: number;
  /** Verdict of the gate; absent without tests. */
  readonly gate?: GateVerdict | undefined;
  /** Where the quarantined rows are; absent if there are none. */
  readonly quarantine?: QuarantinePlace | undefined;
  /** Columns that had been null in every row, and got their type by this batch; absent if there are none. */
  readonly typedColumns?: readonly TypedColumnName[] | undefined;
  /** The automatic compaction that followed; absent if there was none. */
  readonly compaction?: Compaction | undefined;
}

/** An automatic compaction that followed a write (`delta.autoOptimize.autoCompact`). */
export interface Compaction {
  /** The version that it became. */
  readonly version: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
}

/** A column that had been null in every row, and the type that a batch gave it. */
export interface TypedColumnName {
  /** The column's name, with those of the structs that it is in. */
  readonly column: string;
  /** Such as `long` or `array<string>`. */
  readonly type: string;
}

/** Location of a batch's quarantined rows. */
export interface QuarantinePlace {
  readonly uri: string;
  readonly version: number;
  readonly rows: number;
}

/** Result of a write, with the maintenance that follows. */
export interface WriteOutcome extends WriteResult {
  /**
   * Maintenance of the log after the commit: checkpoint, checksum, cleanup. Resolves to a report, and never
   * rejects.
   */
  readonly maintenance?: Promise<MaintenanceOutcome> | undefined;
}
