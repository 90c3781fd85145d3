/**
 * The contract between varve and the storage of a table's files.
 *
 * A store is rooted at one folder, bucket prefix or namespace. Every `path` is relative to that root,
 * `/`-separated, in raw characters (never percent-encoded), without a leading slash, `.` or `..` segments;
 * anything else is refused with `INVALID_ARGUMENT` or `PATH_OUTSIDE_TABLE`. All methods except
 * {@link ObjectStore.putIfAbsent} throw `STORE_UNAVAILABLE` if the outcome is not definite after the store's
 * own retries, and all throw `STORE_REFUSED` for problems of permission or configuration.
 */
export interface ObjectStore {
  /**
   * The store's root as a URI without credentials; stable, so that it can be used in messages and as a cache
   * key.
   */
  readonly uri: string;

  /**
   * Two stores of one process with the same identity hold the same objects; absent if a store cannot tell.
   * Contains no credentials.
   */
  readonly identity?: string | undefined;

  /** Reads a whole object. @throws `OBJECT_NOT_FOUND` */
  get(path: string, options?: ReadOptions): Promise<Uint8Array>;

  /**
   * Reads `length` bytes from offset `start`, or fewer at the object's end; a negative `start` counts from
   * the end. @throws `OBJECT_NOT_FOUND`
   */
  getRange(path: string, start: number, length: number, options?: ReadOptions): Promise<Uint8Array>;

  /** Size and time of one object, or `undefined` if there is none. */
  head(path: string, options?: ReadOptions): Promise<ObjectInfo | undefined>;

  /**
   * Lists all objects whose path starts with `prefix` (a plain string prefix, recursive), in UTF-8 byte order
   * of their paths, after `startAfter` (exclusive) if given. A missing folder lists nothing. Pages are
   * fetched as they are consumed.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;

  /** Writes or replaces an object; readers see either the old or the new bytes, never a part. */
  put(path: string, bytes: Uint8Array, options?: ReadOptions): Promise<void>;

  /**
   * Moves a finished local file into the store as `path`, which must not exist yet (data files have unique
   * names). Local disk renames the file; remote stores upload it in parts and abort the upload on failure.
   * The local file is gone afterwards.
   */
  putFile(path: string, localFile: string, options?: ReadOptions): Promise<void>;

  /**
   * Copies an object of another store (or of this one) without its bytes passing through this process; readers see
   * the whole copy or none. Returns false where that is not possible, having written nothing; absent in stores that
   * never can.
   *
   * @throws `OBJECT_NOT_FOUND`
   */
  readonly copyFrom?:
    | ((source: ObjectStore, from: ObjectInfo, to: string, options?: ReadOptions) => Promise<boolean>)
    | undefined;

  /**
   * Gives an object of another store (or of this one) a second name here, without copying bytes: it lives until the
   * last of its names is deleted. Replaces what has the name. Returns false where that is not possible, having written
   * nothing; absent in stores that never can.
   *
   * @throws `OBJECT_NOT_FOUND`
   */
  readonly linkFrom?:
    | ((source: ObjectStore, from: ObjectInfo, to: string, options?: ReadOptions) => Promise<boolean>)
    | undefined;

  /**
   * Creates an object only if there is none: the only commit primitive. Never throws for an indefinite
   * outcome.
   *
   * `created`: these bytes are now the object. `exists`: another object was definitely there first.
   * `unknown`: the request may or may not have landed, and the caller must read back. Definite failures
   * (permission, no such bucket, a store that ignores the condition) throw.
   */
  putIfAbsent(path: string, bytes: Uint8Array, options?: ReadOptions): Promise<PutIfAbsentOutcome>;

  /** Deletes an object; deleting an absent one succeeds. */
  delete(path: string, options?: ReadOptions): Promise<void>;

  /**
   * Deletes objects as {@link ObjectStore.delete} does, in few requests; after a failure, some may be gone. Absent in
   * stores that delete one object at a time.
   */
  readonly deleteMany?: ((paths: readonly string[], options?: ReadOptions) => Promise<void>) | undefined;

  /**
   * Removes folders below the root that have been empty since before `before` (milliseconds since 1970-01-01 UTC) and
   * for which `isRemovable` is true; returns how many. Absent in stores without folders.
   */
  readonly removeEmptyFolders?:
    | ((before: number, isRemovable: (folder: string) => boolean, options?: ReadOptions) => Promise<number>)
    | undefined;

  /**
   * Paths below the root, of files and folders, that symbolic links below the root lead to, step by step, and those of
   * `files` (absolute local names) whose folders turn out to be below it. Absent in stores where a file has one name.
   */
  readonly otherNames?:
    | ((files: Iterable<string>, options?: ReadOptions) => Promise<ReadonlySet<string>>)
    | undefined;

  /**
   * Removes what killed writers left unfinished before `before` (milliseconds since 1970-01-01 UTC):
   * temporary files, staging folders, uploads. Never touches a listed object. Choose a time that no live
   * writer's work can be older than. Returns how many were removed.
   */
  readonly removeAbandoned?: ((before: number, options?: AbandonedOptions) => Promise<number>) | undefined;

  /** Lists what {@link ObjectStore.removeAbandoned} would remove, relative to the root. */
  readonly listAbandoned?:
    | ((before: number, options?: ReadOptions) => Promise<readonly string[]>)
    | undefined;

  /**
   * Flushes a finished local file to disk ahead of {@link ObjectStore.putFile}; absent in stores that do not
   * flush there. A failure must not be ignored, because the system reports it only once.
   *
   * @throws `STORE_REFUSED`, `STORE_UNAVAILABLE`
   */
  readonly flushFile?: ((localFile: string) => Promise<void>) | undefined;

  /**
   * The absolute file name under which the engine can open the object directly; absent in stores that are not
   * local disk.
   */
  readonly localPath?: ((path: string) => string) | undefined;

  /**
   * Creates an empty folder on the file system of the table's files, where staged files can be written and
   * then passed to {@link ObjectStore.putFile} without a copy; remote stores create it below the system's
   * temporary folder. It is never listed. The caller removes it with its remaining content.
   */
  stagingFolder(): Promise<string>;
}

/** Options of {@link ObjectStore.removeAbandoned}. */
export interface AbandonedOptions extends ReadOptions {
  /**
   * Look only where at most two listings suffice: the root and the log on local disk, nowhere in remote
   * stores.
   */
  readonly nearby?: boolean | undefined;
}

/** See {@link ObjectStore.putIfAbsent}. */
export type PutIfAbsentOutcome = "created" | "exists" | "unknown";

/** One listed object. */
export interface ObjectInfo {
  /** Path relative to the store's root. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Last modification, milliseconds since 1970-01-01 UTC. */
  readonly modified: number;
  /** Differs whenever the content differs; absent in stores without one. */
  readonly etag?: string | undefined;
}

/** Options of every asynchronous call. */
export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link ObjectStore.list}. */
export interface ListOptions extends ReadOptions {
  readonly startAfter?: string | undefined;
  /**
   * Objects for which this is true may be left out, because the caller does not look at them; local disk then need not
   * ask for their size and time.
   */
  readonly ignores?: ((path: string) => boolean) | undefined;
}
