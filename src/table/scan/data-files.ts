import { statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { isVarveError, VarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";
import { decodeLogPath, logPathKey } from "../../schema/paths.ts";
import type { ObjectStore } from "../../storage/contract/object-store.ts";
import { checkPath } from "../../storage/contract/paths.ts";
import { localFiles } from "../../storage/file-cache.ts";
import { isSystemError } from "../../storage/local/local-root.ts";
import { throwIfCancelled } from "../../util/cancel.ts";
import { mapBounded } from "../../util/concurrency.ts";

const fetchesUnderWay = 16;

/** A file that the log names: its location, and how to get a local name for it. */
export interface ResolvedPath {
  readonly store: ObjectStore;
  /** Path relative to the store's root, in raw characters. */
  readonly path: string;
  readonly localFile: () => Promise<string>;
}

/** Finds the files that a table's log names; all spellings of a path lead to the same file. */
export class LogPaths {
  readonly #context: TableContext;
  readonly #root: string;
  readonly #foreign = new Map<
    string,
    Promise<{ readonly store: ObjectStore; readonly localFile: (path: string) => Promise<string> }>
  >();

  constructor(context: TableContext) {
    this.#context = context;
    this.#root = `${logPathKey(context.store.uri).replace(/\/+$/, "")}/`;
  }

  /**
   * @throws `PATH_OUTSIDE_TABLE` for a path that leaves the table and was not allowed; `LOG_CORRUPT` for an
   * invalid path
   */
  async resolve(logPath: string): Promise<ResolvedPath> {
    const decoded = decodeLogPath(logPath);
    if (decoded.kind === "relative") return this.#own(decoded.path, logPath);
    if (decoded.uri.startsWith(this.#root)) return this.#own(decoded.uri.slice(this.#root.length), logPath);
    const cut = decoded.uri.lastIndexOf("/");
    const path = this.#checked(decoded.uri.slice(cut + 1), logPath);
    const { store, localFile } = await this.#open(decoded.uri.slice(0, cut), decoded.uri);
    return { store, path, localFile: () => localFile(path) };
  }

  #own(path: string, logPath: string): ResolvedPath {
    const { store, localFile } = this.#context;
    this.#checked(path, logPath);
    return { store, path, localFile: () => localFile(path) };
  }

  #checked(path: string, logPath: string): string {
    return checkLogPath(path, this.#context.store.uri, logPath);
  }

  #open(folder: string, uri: string) {
    const { foreignStore, store: own } = this.#context;
    if (foreignStore === undefined) {
      throw new VarveError(
        "PATH_OUTSIDE_TABLE",
        `The log of ${own.uri} refers to the file ${uri}, which is outside the table. If you trust the table's writers, add its folder to allowedPrefixes when you open the table (--allowed-prefix on the command line).`,
        { path: uri, store: own.uri },
      );
    }
    const opened =
      this.#foreign.get(folder) ??
      foreignStore(storeUri(folder)).then((store) => ({ store, localFile: localFiles(store) }));
    this.#foreign.set(folder, opened);
    return opened;
  }
}

/**
 * The path of a log, decoded, if it is one that stores take.
 *
 * @throws `LOG_CORRUPT`
 */
export function checkLogPath(path: string, table: string, logPath: string = path): string {
  try {
    return checkPath(path);
  } catch (error) {
    if (!isVarveError(error, "INVALID_ARGUMENT")) throw error;
    const named = `The log of ${table} refers to the file ${JSON.stringify(logPath)}, which is not a valid path.`;
    const what = `${named} The log is damaged or was written by a faulty program.`;
    throw new VarveError("LOG_CORRUPT", what, { path: logPath, store: table }, error);
  }
}

/**
 * Local names of files that the log names, in the same order: those of the files themselves on local disk,
 * else of cached copies.
 *
 * @throws `DATA_FILE_MISSING` naming the path in the log; `PATH_OUTSIDE_TABLE` for a path that leaves the
 * table and was not allowed
 */
export async function locateFiles(
  context: TableContext,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<string[]> {
  const resolver = new LogPaths(context);
  return mapBounded(paths, fetchesUnderWay, async (path) => {
    throwIfCancelled(signal, "locating data files");
    try {
      const file = await (await resolver.resolve(path)).localFile();
      if (statSync(file, { throwIfNoEntry: false }) === undefined) throw missing(path, context);
      return file;
    } catch (error) {
      // No file has a name that is too long for the file system.
      const isAbsent = isVarveError(error, "OBJECT_NOT_FOUND") || isSystemError(error, "ENAMETOOLONG");
      throw isAbsent ? missing(path, context, error) : error;
    }
  });
}

/** Decoded URIs of the log as stores take them: `file:` URIs encoded, others raw. */
function storeUri(folder: string): string {
  return folder.startsWith("file:///") ? pathToFileURL(folder.slice("file://".length)).href : folder;
}

function missing(path: string, context: TableContext, cause?: unknown): VarveError {
  return new VarveError(
    "DATA_FILE_MISSING",
    `The data file ${path} of ${context.store.uri} does not exist, although the log lists it. It may have been removed by a vacuum, or by hand; ` +
      "`varve fsck` lists all such files.",
    { path, store: context.store.uri },
    cause,
  );
}
