import type {
  Action,
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
  TxnAction,
} from "../../protocol/actions.ts";
import type { Predicate } from "../../protocol/predicate.ts";
import type { BitSet } from "../../util/bit-sets.ts";
import type { JsonValue } from "../../util/json.ts";
import type { MarkedFile } from "../data-files/deletion-vector-files.ts";
import type { AppTransaction } from "../idempotence/app-transaction.ts";

/**
 * How strictly concurrent commits are ordered. The table property `delta.isolationLevel` sets the table's
 * level; default `WriteSerializable`.
 */
export type IsolationLevel = "Serializable" | "WriteSerializable";

/**
 * The level at which a single transaction is checked: one that only rearranges data needs no more than a
 * stable snapshot.
 */
export type EffectiveIsolation = IsolationLevel | "SnapshotIsolation";

/** What a transaction read to decide what it writes. What it does not declare here cannot conflict. */
export interface ReadSet {
  /** Whether every row of the table was read, or might have been. */
  readonly wholeTable?: boolean | undefined;
  /** Rows matching any of these were read; files added by others are tested against each. */
  readonly predicates?: readonly Predicate[] | undefined;
  /** Paths, as in the log, of files whose rows were read. */
  readonly files?: readonly string[] | undefined;
  /** Single rows that were read, where others may delete the other rows of their files by vectors. */
  readonly rows?: readonly FileRows[] | undefined;
  /** Application ids whose progress was read. */
  readonly appIds?: readonly string[] | undefined;
}

/** Some rows of a file. */
export interface FileRows {
  /** As in the log. */
  readonly path: string;
  /** Their positions in the file. */
  readonly rows: BitSet;
}

/** The numbers of an operation, under the names that the history gives them. */
export type Metrics = Readonly<Record<string, JsonValue>>;

/** One transaction: what it writes, what it read, and how the history shows it. */
export interface CommitRequest {
  /** All actions except `commitInfo` and `txn`, and without row ids; the commit adds these. */
  readonly actions: readonly Action[];
  /** Absent if nothing was read, as for a blind append. */
  readonly reads?: ReadSet | undefined;
  /**
   * Files that `actions` remove, and add again with a deletion vector. Stating them allows others to mark
   * further rows of them first. That is right only if what the transaction does depends on no row besides the
   * marked ones and those that `reads` declares.
   */
  readonly marked?: readonly MarkedFile[] | undefined;
  /** Name in the history, such as `WRITE`. */
  readonly operation: string;
  /** Values that are not text are written as JSON text, as by other writers. */
  readonly operationParameters?: Readonly<Record<string, JsonValue>> | undefined;
  /** A function where they depend on the file actions that are committed at last. */
  readonly operationMetrics?: Metrics | ((actions: readonly Action[]) => Metrics) | undefined;
  readonly userMetadata?: string | undefined;
  /** Default: the table's. */
  readonly isolation?: IsolationLevel | undefined;
  readonly txn?: AppTransaction | undefined;
  /** Default: `varve`. */
  readonly engineInfo?: string | undefined;
  /**
   * Whether all copied or updated rows kept their row ids (row tracking); default: true if nothing was
   * removed.
   */
  readonly rowIdsPreserved?: boolean | undefined;
  /** Further fields of `commitInfo`; they cannot replace those that the commit writes. */
  readonly commitInfo?: Readonly<Record<string, JsonValue>> | undefined;
  readonly retry?: RetryLimits | undefined;
  /**
   * Cancels the wait. A commit whose put is in progress is read back first, so that the answer is definite if
   * possible.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Limits of the optimistic loop. */
export interface RetryLimits {
  /** Versions tried before `COMMIT_RETRIES_EXHAUSTED`; default 200. */
  readonly attempts?: number | undefined;
  /**
   * Puts and reads tried at one version while its outcome is unknown, before `COMMIT_OUTCOME_UNKNOWN`;
   * default 8.
   */
  readonly probes?: number | undefined;
  /**
   * Milliseconds of the longest single wait between tries. Default: 200 after losing a version, because each
   * loss means that another writer made progress; 2,000 while an outcome is unknown.
   */
  readonly longestWait?: number | undefined;
}

/** Result of a commit. */
export type CommitResult = CommittedResult | AlreadyAppliedResult;

/** The transaction is version `version` of the table. */
export interface CommittedResult {
  readonly outcome: "committed";
  readonly version: number;
  readonly txnId: string;
  /** Milliseconds since 1970-01-01 UTC: the in-commit timestamp if enabled, else this writer's clock. */
  readonly timestamp: number;
  /** Number of versions tried; 1 without any conflict. */
  readonly attempts: number;
  /** The actions of the version as in the log, `commitInfo` first. */
  readonly actions: readonly Action[];
  /** The commits that others landed between the snapshot and this version, oldest first. */
  readonly winners: readonly WinningCommit[];
  /** The state of protocol, metadata and row ids at `version`. */
  readonly state: CommitState;
}

/** An earlier commit of the same application already recorded this or later progress: nothing was written. */
export interface AlreadyAppliedResult {
  readonly outcome: "alreadyApplied";
  readonly appId: string;
  /** The progress recorded in the table. */
  readonly appliedVersion: bigint;
  /** The version of the table at which it was found. */
  readonly version: number;
}

/** A commit that another writer landed first. */
export interface WinningCommit {
  readonly version: number;
  readonly actions: readonly Action[];
  /** Milliseconds since 1970-01-01 UTC of the file; absent if no rule needs it. */
  readonly modified?: number | undefined;
}

/** What a commit is based on: the table at one version, reduced to what committing needs. */
export interface CommitState {
  /** -1 before the first commit. */
  readonly version: number;
  /** Milliseconds since 1970-01-01 UTC of `version`. */
  readonly timestamp: number;
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  /** Highest row id assigned so far, or -1 for none; absent if the table does not track rows. */
  readonly rowIdHighWaterMark?: bigint | undefined;
}

/** The action of a kind that a transaction may contain once. */
export function singleAction(actions: readonly Action[], kind: "protocol"): ProtocolAction | undefined;
export function singleAction(actions: readonly Action[], kind: "metaData"): MetadataAction | undefined;
export function singleAction(actions: readonly Action[], kind: "protocol" | "metaData"): Action | undefined {
  return actions.find((action) => action.kind === kind);
}

/** All actions of one kind that need their own handling in commits. */
export function domainActions(actions: readonly Action[]): DomainMetadataAction[] {
  return actions.filter((action) => action.kind === "domainMetadata");
}

/** All application transactions among `actions`. */
export function txnActions(actions: readonly Action[]): TxnAction[] {
  return actions.filter((action) => action.kind === "txn");
}
