import { createHash } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, unlink, utimes } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { extname, join } from "node:path";
import { VarveError } from "../errors.ts";
import { mapBounded } from "../util/concurrency.ts";
import { refusalCode } from "../util/system-refusals.ts";
import { realWorld, type World } from "../util/world.ts";
import { writeFully } from "../util/write-fully.ts";
import type { ObjectInfo, ObjectStore } from "./contract/object-store.ts";
import { objectNotFound } from "./contract/paths.ts";
import { copyObject } from "./copy-object.ts";
import { isSystemError } from "./local/local-root.ts";

/** Options of the file cache; see {@link localFiles}. */
export interface FileCacheOptions {
  /** Default: a folder of this user below the system's temporary folder. Several processes may share it. */
  readonly folder?: string | undefined;
  /** Bytes to keep; default 8 GiB. Files used within `graceMilliseconds` are kept even above this limit. */
  readonly maxBytes?: number | undefined;
  /**
   * Milliseconds for which a file is not evicted after its last use, because its name was returned to a
   * caller; default ten minutes.
   */
  readonly graceMilliseconds?: number | undefined;
  /** Bytes per request when a file is fetched; default 8 MiB. */
  readonly partBytes?: number | undefined;
  /** Concurrent requests for one file; default 4. */
  readonly concurrency?: number | undefined;
  readonly world?: World | undefined;
}

/**
 * Local file names for immutable objects: the object itself if the store is local disk, else a copy in a
 * bounded cache on local disk.
 *
 * A copy is keyed by store, path, size and etag (or time, if there is none), appears under its name only when
 * complete, and is evicted least recently used first. The returned function throws `OBJECT_NOT_FOUND` and the
 * store's errors.
 */
export function localFiles(
  store: ObjectStore,
  options: FileCacheOptions = {},
): (path: string) => Promise<string> {
  const { localPath } = store;
  if (localPath !== undefined) return async (path) => localPath(path);
  const cache = new FileCache(store, options);
  return (path) => cache.localFile(path);
}

const extensionOfUnfinished = ".part";
const mostKnown = 100_000;
const abandonedAfterMilliseconds = 3_600_000;

class FileCache {
  readonly #store: ObjectStore;
  readonly #world: World;
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #grace: number;
  readonly #partBytes: number;
  readonly #concurrency: number;
  readonly #underway = new Map<string, Promise<string>>();
  /**
   * Copies of data files that this process has checked with the store; their names are never reused for other
   * contents.
   */
  readonly #known = new Map<string, { readonly file: string; readonly size: number }>();
  #bytesSinceEviction = Number.POSITIVE_INFINITY;

  constructor(store: ObjectStore, options: FileCacheOptions) {
    this.#store = store;
    this.#world = options.world ?? realWorld;
    this.#folder = options.folder ?? join(tmpdir(), `varve-cache-${userInfo().uid}`);
    this.#maxBytes = options.maxBytes ?? 8 * 2 ** 30;
    this.#grace = options.graceMilliseconds ?? 600_000;
    this.#partBytes = options.partBytes ?? 8 * 2 ** 20;
    this.#concurrency = options.concurrency ?? 4;
  }

  async localFile(path: string): Promise<string> {
    const known = this.#known.get(path);
    if (known !== undefined && (await this.#markUsed(known.file, known.size))) return known.file;
    const info = await this.#store.head(path);
    if (info === undefined) throw objectNotFound(this.#store.uri, path);
    const file = join(this.#folder, nameOf(this.#store, info));
    const underway = this.#underway.get(file);
    if (underway !== undefined) return await underway;
    const finding = this.#findOrFetch(file, info).finally(() => this.#underway.delete(file));
    this.#underway.set(file, finding);
    await finding;
    this.#know(path, file, info.size);
    return file;
  }

  /** Files of the log may be replaced (a checkpoint that is written again); data files are not. */
  #know(path: string, file: string, size: number): void {
    if (path.includes("_delta_log/") || this.#known.size >= mostKnown) return;
    this.#known.set(path, { file, size });
  }

  async #findOrFetch(file: string, info: ObjectInfo): Promise<string> {
    if (await this.#markUsed(file, info.size)) return file;
    await this.#makeFolder();
    await this.#fetch(file, info);
    this.#bytesSinceEviction += info.size;
    if (this.#bytesSinceEviction > this.#maxBytes / 16) {
      this.#bytesSinceEviction = 0;
      await this.#evict();
    }
    return file;
  }

  /**
   * Renews the file's time, which protects it from eviction by any process; false if there is no such file.
   */
  async #markUsed(file: string, size: number): Promise<boolean> {
    const now = this.#world.now() / 1000;
    try {
      await utimes(file, now, now);
      return (await stat(file)).size === size;
    } catch (error) {
      if (isSystemError(error, "ENOENT")) return false;
      throw this.#failure("use", file, error);
    }
  }

  async #fetch(file: string, info: ObjectInfo): Promise<void> {
    const unfinished = `${file}.${this.#world.uuid()}${extensionOfUnfinished}`;
    try {
      const handle = await open(unfinished, "wx", 0o600);
      try {
        await copyObject(this.#store, info, {
          partBytes: this.#partBytes,
          concurrency: this.#concurrency,
          write: (bytes, position) => writeFully(handle, bytes, position),
        });
      } finally {
        await handle.close();
      }
      await rename(unfinished, file);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error instanceof VarveError ? error : this.#failure("fill", file, error);
    }
  }

  /** The folder holds copies of table data, so it must belong to this user. */
  async #makeFolder(): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const status = await stat(this.#folder);
      const { uid } = userInfo();
      if (uid < 0 || status.uid === uid || uid === 0) return;
    } catch (error) {
      throw this.#failure("make", this.#folder, error);
    }
    const message = `The cache folder ${this.#folder} belongs to another user. Choose another cache folder.`;
    throw new VarveError("STORE_FORBIDDEN", message, { folder: this.#folder });
  }

  /**
   * Best effort: another process may be removing the same files, and removal of a file that fails is tried
   * again next time.
   */
  async #evict(): Promise<void> {
    const now = this.#world.now();
    const files = (await mapBounded(await readdir(this.#folder), 8, (name) => this.#describe(name))).filter(
      (file) => file !== undefined,
    );
    let total = files.reduce((sum, { size }) => sum + size, 0);
    for (const { file, size, used, unfinished } of files.sort((a, b) => a.used - b.used)) {
      const age = now - used;
      if (unfinished ? age < abandonedAfterMilliseconds : total <= this.#maxBytes || age < this.#grace)
        continue;
      await unlink(file).catch(() => undefined);
      total -= size;
    }
  }

  async #describe(name: string) {
    const file = join(this.#folder, name);
    try {
      const status = await stat(file);
      return {
        file,
        size: status.size,
        used: status.mtimeMs,
        unfinished: name.endsWith(extensionOfUnfinished),
      };
    } catch (error) {
      if (isSystemError(error, "ENOENT")) return undefined;
      throw this.#failure("look into", file, error);
    }
  }

  #failure(action: string, file: string, error: unknown): VarveError {
    const message = `Could not ${action} the cache of remote files at ${file}: ${String(error)}. Choose a cache folder that this user may write to, with enough space.`;
    return new VarveError(refusalCode(error), message, { file }, error);
  }
}

function nameOf(store: ObjectStore, info: ObjectInfo): string {
  const identity = [store.uri, info.path, info.size, info.etag ?? info.modified].join("\0");
  return createHash("sha256").update(identity).digest("hex").slice(0, 40) + extname(info.path);
}
