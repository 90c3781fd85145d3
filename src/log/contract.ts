import type { Engine } from "../engine/core/contract.ts";
import type { VarveError } from "../errors.ts";
import type {
  AddAction,
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
  RemoveAction,
  TxnAction,
} from "../protocol/actions.ts";
import type { Predicate } from "../protocol/predicate.ts";
import type { StructType } from "../schema/types.ts";
import type { ObjectStore } from "../storage/contract/object-store.ts";
import type { World } from "../util/world.ts";

/** Rows of a checkpoint, and bytes of JSON commits, up to which a table's files are held as objects. */
export interface FileLimits {
  readonly checkpointRows: number;
  readonly jsonBytes: number;
}

/**
 * What every layer above storage and engine is given: the table's store, a lazily started engine, and the
 * injected world.
 */
export interface TableContext {
  readonly store: ObjectStore;
  /** Starts the engine on first use: code paths that touch no data never call it. */
  readonly engine: () => Promise<Engine>;
  readonly world: World;
  /**
   * Opens stores for absolute URIs in the log (shallow clones), where the caller allowed that prefix; absent:
   * refused.
   */
  readonly foreignStore?: ((uri: string) => Promise<ObjectStore>) | undefined;
  /** Local file name of an immutable object: the object itself on local disk, else a cached copy. */
  readonly localFile: (path: string) => Promise<string>;
  /**
   * Up to where a table's files are held as objects rather than by the engine; default: about 5,000 files.
   */
  readonly fileLimits?: FileLimits | undefined;
}

/** One immutable version of a table's log. Opening one costs protocol and metadata only. */
export interface LogSnapshot {
  readonly context: TableContext;
  readonly version: number;
  /**
   * Milliseconds since 1970-01-01 UTC: the in-commit timestamp where enabled, else the commit file's
   * modification time.
   */
  readonly timestamp: number;
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  /**
   * @throws `UNSUPPORTED_FEATURE`, `UNSUPPORTED_PROTOCOL` where unknown reader features make it unreadable
   */
  readonly schema: StructType;
  /**
   * Makes sure that protocol and metadata are the log's own: those of a big table in a remote store may be
   * its checksum file's word alone.
   *
   * @throws `CHECKSUM_MISMATCH`, and what reading the log throws
   */
  confirm(): Promise<void>;
  appTransactions(): Promise<ReadonlyMap<string, TxnAction>>;
  /** Without removed domains. */
  domainMetadata(): Promise<ReadonlyMap<string, DomainMetadataAction>>;
  /**
   * Why the table's rows cannot be read, as the error that {@link LogSnapshot.files} throws; absent for a
   * table that can be.
   */
  readonly readObstacle: VarveError | undefined;
  /**
   * The live files. `ignoreFeatures` lists them even where unknown reader features say that they may mean
   * something else: for inspection only.
   *
   * @throws `UNSUPPORTED_FEATURE`, `UNSUPPORTED_PROTOCOL`, `LOG_CORRUPT`, `CHECKPOINT_CORRUPT`
   */
  files(options?: { readonly ignoreFeatures?: boolean | undefined }): Promise<LiveFiles>;
}

/** The live files of one version; backed by arrays while small, by an engine relation when large. */
export interface LiveFiles {
  totals(): Promise<{ readonly files: number; readonly bytes: number }>;
  /** Chunks of live files, each at most some thousand. */
  all(): AsyncIterable<readonly AddAction[]>;
  /** Chunks of the live files' paths, as the log spells them: costs no object a file. */
  paths(): AsyncIterable<readonly string[]>;
  /** Files that may hold a matching row; a file is left out only if provably none matches. */
  prune(predicate: Predicate): Promise<PrunedFiles>;
  /** Unexpired and expired tombstones that the log still holds. */
  tombstones(): AsyncIterable<readonly RemoveAction[]>;
}

export interface PrunedFiles {
  readonly files: readonly AddAction[];
  readonly listed: number;
  readonly skipped: number;
}
