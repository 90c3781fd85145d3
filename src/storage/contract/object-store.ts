/**
 * The contract between varve and whatever holds a table's files.
 *
 * A store is rooted at one folder, bucket prefix or name space. Every `path` is relative to that root,
 * `/`-separated, in raw characters (never percent-encoded), without a leading slash, `.` or `..` segments;
 * anything else is refused with `INVALID_ARGUMENT` or `PATH_OUTSIDE_TABLE`. All methods but
 * {@link ObjectStore.putIfAbsent} throw `STORE_UNAVAILABLE` when the outcome is not definite after the
 * store's own retries, `STORE_REFUSED` for permissions and configuration.
 */
export interface ObjectStore {
  /**
   * Where the store is rooted, as a URI without credentials; stable, usable in messages and as a cache key.
   */
  readonly uri: string;

  /**
   * Two stores of one process with the same identity hold the same objects; absent where a store cannot tell.
   * Holds no credentials.
   */
  readonly identity?: string | undefined;

  /** The whole object. @throws `OBJECT_NOT_FOUND` */
  get(path: string, options?: ReadOptions): Promise<Uint8Array>;

  /**
   * Bytes `start` to `start + length` (fewer at the object's end; `start` negative counts from the
   * end). @throws `OBJECT_NOT_FOUND`
   */
  getRange(path: string, start: number, length: number, options?: ReadOptions): Promise<Uint8Array>;

  /** Size and time of one object, or `undefined` where there is none. */
  head(path: string, options?: ReadOptions): Promise<ObjectInfo | undefined>;

  /**
   * All objects whose path starts with `prefix` (a plain string prefix, recursive), in UTF-8 byte order of
   * their paths, after `startAfter` (exclusive) where given. A missing folder lists nothing. Pages are
   * fetched as they are consumed.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;

  /** Writes or replaces an object; readers see the old or the new bytes, never a part. */
  put(path: string, bytes: Uint8Array, options?: ReadOptions): Promise<void>;

  /**
   * Moves a finished local file into the store as `path` (which must not exist before: data files carry
   * unique names). Local disk renames, remote stores upload in parts and abort the upload on failure; the
   * local file is gone afterwards.
   */
  putFile(path: string, localFile: string, options?: ReadOptions): Promise<void>;

  /**
   * Creates the object only if there is none: the one commit primitive. Never throws for an indefinite
   * outcome.
   *
   * `created`: these bytes are now the object. `exists`: another object definitely was there first.
   * `unknown`: the request may or may not have landed; the caller must read back. Definite failures
   * (permission, no such bucket, a store that ignores the condition) throw.
   */
  putIfAbsent(path: string, bytes: Uint8Array, options?: ReadOptions): Promise<PutIfAbsentOutcome>;

  /** Deletes an object; deleting what does not exist succeeds. */
  delete(path: string, options?: ReadOptions): Promise<void>;

  /**
   * Removes what writers that died left unfinished before `before` (milliseconds since 1970-01-01 UTC):
   * temporary files, staging folders, uploads. Never touches a listed object. Choose a time that no live
   * writer's work can be older than. Returns how many were removed.
   */
  readonly removeAbandoned?: ((before: number, options?: AbandonedOptions) => Promise<number>) | undefined;

  /** Names what {@link ObjectStore.removeAbandoned} would remove, relative to the root. */
  readonly listAbandoned?:
    | ((before: number, options?: ReadOptions) => Promise<readonly string[]>)
    | undefined;

  /**
   * Brings a finished local file to the disk ahead of {@link ObjectStore.putFile}, for stores that wait for
   * the disk there; else absent. A failure must not be passed over: the system tells it once.
   *
   * @throws `STORE_REFUSED`, `STORE_UNAVAILABLE`
   */
  readonly flushFile?: ((localFile: string) => Promise<void>) | undefined;

  /**
   * The absolute file name under which the engine can open the object directly, for stores that are local
   * disk; else absent.
   */
  readonly localPath?: ((path: string) => string) | undefined;

  /**
   * A fresh, empty folder on the file system of the table's files, where staged files can be written and then
   * handed to {@link ObjectStore.putFile} without a copy; remote stores give one below the system's temporary
   * folder. Never listed. The caller removes it with whatever is left in it.
   */
  stagingFolder(): Promise<string>;
}

/** Where {@link ObjectStore.removeAbandoned} looks. */
export interface AbandonedOptions extends ReadOptions {
  /**
   * Only where it takes no more than two listings: the root and the log on local disk, nothing in remote
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
  /** Differs whenever the content differs, for stores that know one. */
  readonly etag?: string | undefined;
}

/** Options of every call that waits. */
export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link ObjectStore.list}. */
export interface ListOptions extends ReadOptions {
  readonly startAfter?: string | undefined;
}
