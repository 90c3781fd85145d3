import type { LogSnapshot, TableContext } from "../../log/contract.ts";
import type { MetricHistory } from "../../quality/gate/gate-context.ts";
import type { GateVerdict } from "../../quality/gate/verdict.ts";
import type { RowFunction, Suite, SuiteJson } from "../../quality/model/suite.ts";
import type { UpkeepReport } from "../../table/commit/upkeep.ts";

/** What every write of rows can be told. */
export interface WriteOptions {
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
  /** Tests that the batch must pass before it is committed, beside those that the table carries. */
  readonly gate?: SuiteJson | Suite | undefined;
  readonly gateOptions?: GateOptions | undefined;
  /** The table that takes the rows that the gate sets aside; default: `_quarantine` below the table. */
  readonly quarantine?: TableContext | undefined;
  /** Makes the write idempotent: a batch of the same application and version lands at most once. */
  readonly txn?: { readonly appId: string; readonly version: number | bigint } | undefined;
  /**
   * As `txn`, by one name for the batch: repeating it after a crash loses and doubles nothing, in the table
   * and its quarantine.
   */
  readonly batchId?: string | undefined;
  /** Kept in the version's history. */
  readonly userMetadata?: string | undefined;
  /** Split data files near this many bytes; default: the table's `delta.targetFileSize`, else 256 MiB. */
  readonly targetFileBytes?: number | undefined;
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
  /** Stops the write; what was not committed leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/** What a gate needs beyond its suite. */
export interface GateOptions {
  /** Versions of tables that checks compare with, by the suite's names for them. */
  readonly tables?: Readonly<Record<string, LogSnapshot>> | undefined;
  /** TypeScript predicates and repairs that the suite calls by name. */
  readonly functions?: Readonly<Record<string, RowFunction>> | undefined;
  /** Earlier values of a metric, oldest first. */
  readonly history?: MetricHistory | undefined;
}

/**
 * How far a write has come. Usually it reads, checks (where there are tests), writes and commits.
 *
 * A batch that is to be taken whole or not at all, for a table without partition columns, is written before
 * it is checked. If a row fails there, all tests are made, and where they take the batch after all it is
 * written once more: a phase may come again, its share from 0.
 */
export interface WriteProgress {
  readonly phase: "reading" | "checking" | "writing" | "committing";
  /** Rows read so far, while reading rows, Arrow data (after each batch) and CSV files (after each file). */
  readonly rows?: number | undefined;
  /** Share of the phase that is done, 0 to 1: told while writing, a few times a second. */
  readonly share?: number | undefined;
}

/** What a write did. */
export interface WriteResult {
  /** `alreadyApplied`: this batch is in the table since an earlier write, and nothing was written. */
  readonly outcome: "committed" | "alreadyApplied";
  /** The version that the batch became, or at which it was found applied. */
  readonly version: number;
  /** Rows added. */
  readonly rows: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
  readonly bytesAdded: number;
  /** What the gate said. */
  readonly gate?: GateVerdict | undefined;
  /** Where quarantined rows went. */
  readonly quarantine?: QuarantinePlace | undefined;
}

/** Where quarantined rows of a batch are. */
export interface QuarantinePlace {
  readonly uri: string;
  readonly version: number;
  readonly rows: number;
}

/** What a write did, and what goes on after it. */
export interface WriteOutcome extends WriteResult {
  /**
   * Looks after the log once the commit has happened: checkpoint, checksum, cleanup. Settles with a report,
   * never rejects.
   */
  readonly upkeep?: Promise<UpkeepReport> | undefined;
}
