import type { Term } from "../../dialects/spark/term.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import type { AddAction } from "../../protocol/actions.ts";
import type { GateVerdict } from "../../quality/gate/verdict.ts";
import type { SqlExpression } from "../../sql/sql.ts";
import type { BatchName } from "../../table/idempotence/application-ids.ts";
import type { BatchTarget } from "../plan/batch-target.ts";
import type { Compaction } from "../plan/write-options.ts";
import type { BatchTests, Operation } from "../plan/write-plan.ts";

/** One change of rows that a table already has, as data: which rows, and what becomes of them. */
export interface RewritePlan {
  readonly target: BatchTarget;
  /** The version that is changed; the target's. */
  readonly snapshot: LogSnapshot;
  /** SQL condition over the table's columns; rows for which it is true are changed. Absent: all rows. */
  readonly where?: string | undefined;
  /** The condition in the engine's SQL, where it is a translation; `where` is then for the log alone. */
  readonly condition?: Term | undefined;
  /** Whether the condition or the values are based on other rows of the table than those that change. */
  readonly readsTable?: boolean | undefined;
  /** The new values of the rows; absent: the rows are deleted. */
  readonly set?: readonly Assignment[] | undefined;
  /** What subqueries in the condition and in values read; absent: there are none. */
  readonly subqueries?: SubqueryTables | undefined;
  readonly operation: Operation;
  readonly batch: BatchName;
  /** Tests of the changed rows; absent if rows are deleted or not tested. */
  readonly tests?: BatchTests | undefined;
  /** Kept in the version's history. */
  readonly userMetadata?: string | undefined;
  /** Split data files near this many bytes; default: by the table's property. */
  readonly targetFileBytes?: number | undefined;
}

/** The tables that subqueries read, and how they name the row that they are about. */
export interface SubqueryTables {
  /** By the names in the texts. */
  readonly tables: Readonly<Record<string, LogSnapshot>>;
  /** The name by which they may qualify the columns of the changed table's row. */
  readonly rowName: string;
}

/** The new value of a column. */
export interface Assignment {
  /** Path of names in the table's spelling: a column, or a field of structs in it. */
  readonly path: readonly string[];
  /** SQL expression over the row's columns, which have their old values. */
  readonly value: string | TranslatedValue;
}

/** A value in the engine's SQL, of exactly the type of what takes it. */
export interface TranslatedValue extends Term {
  /** The value before it is cast to that type, its type, and what it is cast to, for errors. */
  readonly shown: SqlExpression;
  readonly found: string;
  readonly expected: string;
}

/** Options of every change of a table's rows. */
export interface RewriteOptions {
  /** Makes the change idempotent: one with the same application id and version lands at most once. */
  readonly txn?: BatchName["txn"];
  /** Like `txn`, with one name for the change. */
  readonly batchId?: string | undefined;
  /** Kept in the version's history. */
  readonly userMetadata?: string | undefined;
  /** Split data files near this many bytes; default: the table's `delta.targetFileSize`, else 256 MiB. */
  readonly targetFileBytes?: number | undefined;
  /** Count what would change, and write nothing. */
  readonly dryRun?: boolean | undefined;
  readonly onProgress?: ((progress: RewriteProgress) => void) | undefined;
  /** Cancels the change; an uncommitted change leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}

/** Progress of a change: it looks for the rows, tests their new values, writes files and commits. */
export interface RewriteProgress {
  readonly phase: "reading" | "checking" | "writing" | "committing";
  /** Share of the phase that is done, 0 to 1; reported while writing. */
  readonly share?: number | undefined;
}

/** What a change found in one data file. */
export interface FileRowCount {
  /** As the log spells it. */
  readonly path: string;
  /** Number of its rows at the version that is changed. */
  readonly rows: number;
  /** Of these, rows that the change is about. */
  readonly changed: number;
}

/** Result of a change of rows. */
export interface RewriteResult {
  /**
   * `unchanged`: no row meets the condition, and nothing was committed. `alreadyApplied`: an earlier call
   * committed this change. `dryRun`: nothing was written.
   */
  readonly outcome: "committed" | "unchanged" | "alreadyApplied" | "dryRun";
  /** The version that the change became, or else the one at which it was made or found. */
  readonly version: number;
  readonly rowsDeleted: number;
  readonly rowsUpdated: number;
  /** Rows that were written again unchanged, because they share a file with changed ones. */
  readonly rowsCopied: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
  /** Files that stay, with a new deletion vector. */
  readonly filesMarked: number;
  readonly bytesAdded: number;
  readonly bytesRemoved: number;
  /** What was found in each file that holds changed rows. */
  readonly files: readonly FileRowCount[];
  /** Verdict of the tests of updated rows; absent without tests. */
  readonly gate?: GateVerdict | undefined;
  /** The automatic compaction that followed; absent if there was none. */
  readonly compaction?: Compaction | undefined;
}

/** A live file that holds rows to change. */
export interface MatchedFile {
  readonly add: AddAction;
  /** Number of its rows at the version that is changed. */
  readonly rows: number;
  readonly matched: number;
  /** Its matched rows, if they are to be marked: one bit a row, the first in the highest bit of a byte. */
  readonly bits?: Uint8Array | undefined;
}
