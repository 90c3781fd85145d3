import { statSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { isVarveError, VarveError } from "../errors.ts";
import type { TableContext } from "../log/contract.ts";
import { decodeLogPath, logPathKey } from "../schema/paths.ts";
import { localFiles } from "../storage/file-cache.ts";
import { mapBounded } from "../util/concurrency.ts";

const fetchesUnderWay = 16;

/**
 * Local names of files that the log names, in the same order: the files themselves on local disk, else cached copies.
 *
 * @throws `DATA_FILE_MISSING` naming the path in the log; `PATH_OUTSIDE_TABLE` for a path that leaves the table and was not allowed
 */
export async function locateFiles(context: TableContext, paths: readonly string[], signal?: AbortSignal): Promise<string[]> {
  const root = `${logPathKey(context.store.uri).replace(/\/+$/, "")}/`;
  const foreign = new Map<string, Promise<(path: string) => Promise<string>>>();
  return mapBounded(paths, fetchesUnderWay, async (path) => {
    signal?.throwIfAborted();
    const decoded = decodeLogPath(path);
    const relative = decoded.kind === "relative" ? decoded.path : decoded.uri.startsWith(root) ? decoded.uri.slice(root.length) : undefined;
    try {
      const file = relative === undefined ? await locateForeign(context, path, foreign) : await context.localFile(relative);
      if (statSync(file, { throwIfNoEntry: false }) === undefined) throw missing(path, context);
      return file;
    } catch (error) {
      throw isVarveError(error, "OBJECT_NOT_FOUND") ? missing(path, context, error) : error;
    }
  });
}

async function locateForeign(
  context: TableContext,
  path: string,
  stores: Map<string, Promise<(path: string) => Promise<string>>>,
): Promise<string> {
  const uri = logPathKey(path);
  const cut = uri.lastIndexOf("/");
  const folder = uri.slice(0, cut);
  if (context.foreignStore === undefined) {
    throw new VarveError(
      "PATH_OUTSIDE_TABLE",
      `The log of ${context.store.uri} names the file ${uri}, which lies outside the table. Allow its folder when opening the table if you trust the table's writer.`,
      { path: uri, store: context.store.uri },
    );
  }
  const opened = stores.get(folder) ?? context.foreignStore(storeUri(folder)).then((store) => localFiles(store));
  stores.set(folder, opened);
  return (await opened)(uri.slice(cut + 1));
}

/** Decoded URIs of the log as stores take them: `file:` URIs encoded, others raw. */
function storeUri(folder: string): string {
  return folder.startsWith("file:") ? pathToFileURL(dirname(`${folder.slice("file://".length)}/x`)).href : folder;
}

function missing(path: string, context: TableContext, cause?: unknown): VarveError {
  return new VarveError(
    "DATA_FILE_MISSING",
    `The data file ${path} of ${context.store.uri} does not exist, though the log lists it. It may have been removed by a vacuum, or by hand; ` +
      "`varve fsck` lists all such files.",
    { path, store: context.store.uri },
    cause,
  );
}
