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
import type { SourceAccess } from "../sources/access.ts";
import type { ObjectStore } from "../storage/contract/object-store.ts";
import type { World } from "../util/world.ts";

/**
 * Numbers of checkpoint rows, and of bytes of JSON commits, up to which a table's files are held as objects.
 */
export interface FileLimits {
  readonly checkpointRows: number;
  readonly jsonBytes: number;
}

/**
 * The context of every layer above storage and engine: the table's store, a lazily started engine, and the
 * injected world.
 */
export interface TableContext {
  readonly store: ObjectStore;
  /** Starts the engine on first use; code that reads no data never calls it. */
  readonly engine: () => Promise<Engine>;
  readonly world: World;
  /**
   * Opens stores for absolute URIs in the log (shallow clones) if the caller allowed their prefix; if absent,
   * such URIs are refused.
   */
  readonly foreignStore?: ((uri: string) => Promise<ObjectStore>) | undefined;
  /** What source files over a network are fetched with; default: as for a table without options. */
  readonly sources?: SourceAccess | undefined;
  /** Local file name of an immutable object: the object itself on local disk, else a cached copy. */
  readonly localFile: (path: string) => Promise<string>;
  /**
   * Limit up to which a table's files are held as objects rather than by the engine; default: about 5,000
   * files.
   */
  readonly fileLimits?: FileLimits | undefined;
  /** Bytes that the caller lets an engine session use; absent where the caller did not say. */
  readonly memoryLimit?: number | undefined;
}

/** One immutable version of a table's log. Opening one reads protocol and metadata only. */
export interface LogSnapshot {
  readonly context: TableContext;
  readonly version: number;
  /**
   * Milliseconds since 1970-01-01 UTC: the in-commit timestamp if enabled, else the commit file's
   * modification time.
   */
  readonly timestamp: number;
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  /** @throws `UNSUPPORTED_FEATURE`, `UNSUPPORTED_PROTOCOL` if unknown reader features make it unreadable */
  readonly schema: StructType;
  /**
   * Verifies that protocol and metadata are the log's own; for a big table in a remote store, they may come
   * only from its checksum file.
   *
   * @throws `CHECKSUM_MISMATCH`, and the errors of reading the log
   */
  confirm(): Promise<void>;
  appTransactions(): Promise<ReadonlyMap<string, TxnAction>>;
  /** Without removed domains. */
  domainMetadata(): Promise<ReadonlyMap<string, DomainMetadataAction>>;
  /**
   * Why the table's rows cannot be read, as the error that {@link LogSnapshot.files} throws; absent if they
   * can.
   */
  readonly readObstacle: VarveError | undefined;
  /**
   * The live files. With `ignoreFeatures`, they are listed even if unknown reader features may give them
   * another meaning; for inspection only.
   *
   * @throws `UNSUPPORTED_FEATURE`, `UNSUPPORTED_PROTOCOL`, `LOG_CORRUPT`, `CHECKPOINT_CORRUPT`
   */
  files(options?: { readonly ignoreFeatures?: boolean | undefined }): Promise<LiveFiles>;
}

/** The live files of one version; held in arrays if few, and in an engine relation if many. */
export interface LiveFiles {
  totals(): Promise<{ readonly files: number; readonly bytes: number }>;
  /**
   * Chunks of live files, each of at most several thousand.
   *
   * @param options.statistics false: they may lack their statistics and tags, which saves most of the work
   */
  all(options?: { readonly statistics?: boolean | undefined }): AsyncIterable<readonly AddAction[]>;
  /** Chunks of the live files' paths, as spelled in the log; does not allocate an object per file. */
  paths(): AsyncIterable<readonly string[]>;
  /**
   * Chunks of the paths, as spelled in the log, of the live files (`add`), or of the tombstones (`remove`) that are of
   * `since` or later (milliseconds since 1970-01-01 UTC; those without a time are of 0), and of the deletion vectors of
   * both; does not allocate an object per file.
   */
  references(kind: "add" | "remove", since?: number): AsyncIterable<readonly string[]>;
  /** Files that may hold a matching row; a file is left out only if it is proved that no row matches. */
  prune(predicate: Predicate): Promise<PrunedFiles>;
  /** Tombstones, unexpired and expired, that the log still holds. */
  tombstones(): AsyncIterable<readonly RemoveAction[]>;
}

export interface PrunedFiles {
  readonly files: readonly AddAction[];
  readonly listed: number;
  readonly skipped: number;
}
