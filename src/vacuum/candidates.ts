import { fileURLToPath } from "node:url";
import { VarveError } from "../errors.ts";
import type { LogSnapshot, TableContext } from "../log/contract.ts";
import { pathKeyer } from "../log/segment/file-key.ts";
import { logFolder } from "../log/segment/file-names.ts";
import type { LogListing } from "../log/segment/listing.ts";
import { readCommit } from "../log/segment/tail-read.ts";
import { pathsOf } from "../protocol/named-paths.ts";
import { sql } from "../sql/sql.ts";
import { quoteName } from "../sql/sql-text.ts";
import type { ListOptions, ObjectInfo, ObjectStore } from "../storage/contract/object-store.ts";
import { compareUtf8, sortUtf8 } from "../storage/contract/paths.ts";
import { isAbsolute } from "../table/scan/action-paths.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { mapBounded } from "../util/concurrency.ts";
import { withFetchedFiles } from "../write/plan/fetched-source.ts";
import { stageWriteSource, type WriteSource } from "../write/plan/write-source.ts";
import type { TablePaths } from "./table-paths.ts";

/** How files are looked for. */
export interface CandidateSearch {
  readonly snapshot: LogSnapshot;
  /** Keys of files that stay, whatever their age. */
  readonly kept: ReadonlySet<string>;
  readonly paths: TablePaths;
  readonly signal?: AbortSignal | undefined;
}

/** Files that exist and do not belong to what is kept, by their paths relative to the table's root. */
export type Candidates = ReadonlyMap<string, ObjectInfo>;

/** Number of objects that are looked at together. */
const atOnce = 32;
/** Listings of remote stores that run at the same time, and the files that each must have to be worth a request. */
const listingsAtOnce = 8;
const filesPerListing = 2000;

/**
 * Lists the table's folder. Files with hidden names, of other tables below this one, and those that are kept are left
 * out.
 */
export async function listedFiles({ snapshot, kept, paths, signal }: CandidateSearch): Promise<Candidates> {
  const { store } = snapshot.context;
  const nested = new Set<string>();
  const options: ListOptions = {
    signal,
    ignores: (path) => kept.has(path) || (!paths.isVisible(path) && paths.nestedTable(path) === undefined),
  };
  const bounds = store.localPath === undefined ? splitPoints(kept) : [];
  const parts = await mapBounded([undefined, ...bounds], listingsAtOnce, async (startAfter, index) => {
    const end = bounds[index];
    const files: ObjectInfo[] = [];
    for await (const file of store.list("", { ...options, startAfter })) {
      if (end !== undefined && compareUtf8(file.path, end) > 0) break;
      const table = paths.nestedTable(file.path);
      if (table !== undefined) nested.add(table);
      else if (!kept.has(file.path) && paths.isVisible(file.path)) files.push(file);
    }
    return files;
  });
  const files = parts.flat().filter(({ path }) => !isBelow(path, nested));
  return new Map(files.map((file) => [file.path, file]));
}

/** Paths that divide a remote listing into parts of about the same length, by the files that the log names. */
function splitPoints(kept: ReadonlySet<string>): string[] {
  const parts = Math.min(listingsAtOnce, Math.floor(kept.size / filesPerListing));
  if (parts < 2) return [];
  const sorted = sortUtf8([...kept].filter((path) => !isAbsolute(path)));
  return Array.from(
    { length: parts - 1 },
    (_, index) => sorted[Math.floor((sorted.length * (index + 1)) / parts)],
  ).filter((path) => path !== undefined);
}

function isBelow(path: string, folders: ReadonlySet<string>): boolean {
  for (const folder of folders) if (path.startsWith(folder)) return true;
  return false;
}

/**
 * Files that the commits of some versions (both inclusive) removed, and their change files, without a listing of the
 * table.
 */
export async function removedFiles(
  { snapshot, kept, paths, signal }: CandidateSearch,
  listing: LogListing,
  from: number,
  to: number,
): Promise<Candidates> {
  const { context } = snapshot;
  const keyOf = pathKeyer(context.store.uri);
  const keys = new Set<string>();
  const versions = [...listing.commits.keys()].filter((commit) => commit >= from && commit <= to);
  await mapBounded(versions, 4, async (commit) => {
    throwIfCancelled(signal, "reading the table's history");
    for (const action of await readCommit(context.store, commit, { signal })) {
      const named = action.kind === "remove" ? pathsOf(action) : action.kind === "cdc" ? [action.path] : [];
      for (const key of named.map(keyOf))
        if (!kept.has(key) && !isAbsolute(key) && paths.isVisible(key)) keys.add(key);
    }
  });
  return existing(context, keys, signal);
}

/**
 * Files of an inventory: rows with a `path`, of which those with `isDir` are left out. Paths are relative to the
 * table's root, or begin with its URI or folder. What an inventory says of a file is checked with the store.
 *
 * @throws `INVALID_ARGUMENT` for an inventory without a column `path`; `PATH_OUTSIDE_TABLE`; as `stageWriteSource`
 */
export async function inventoryFiles(
  { snapshot, kept, paths, signal }: CandidateSearch,
  inventory: WriteSource,
): Promise<Candidates> {
  const { context } = snapshot;
  const relative = relativePaths(context.store.uri);
  const keys = new Set<string>();
  await withFetchedFiles(inventory, { access: context.sources, signal }, async ({ source }) => {
    await using session = await (await context.engine()).open({ signal });
    const { relation } = await stageWriteSource(session, source, { signal });
    const column = (name: string) =>
      relation.columns.find((candidate) => candidate.name.toLowerCase() === name)?.name;
    const [path, isDir] = [column("path"), column("isdir")];
    if (path === undefined)
      throw new VarveError(
        "INVALID_ARGUMENT",
        `The inventory has no column "path"; it has ${relation.columns.map(({ name }) => name).join(", ")}.`,
        { columns: relation.columns.map(({ name }) => name) },
      );
    const files =
      isDir === undefined ? sql`true` : sql`CAST(${quoteName(isDir)} AS BOOLEAN) IS DISTINCT FROM true`;
    const query = sql`SELECT CAST(${quoteName(path)} AS VARCHAR) AS path FROM (${relation.sql}) WHERE ${files}`;
    for await (const row of session.rowStream(query)) {
      const key = relative(String(row["path"]));
      if (!kept.has(key) && paths.isVisible(key)) keys.add(key);
    }
  });
  return existing(context, keys, signal);
}

function relativePaths(uri: string): (path: string) => string {
  const spellings = uri.startsWith("file:") ? [uri, fileURLToPath(uri), `file:${fileURLToPath(uri)}`] : [uri];
  const roots = spellings.map((root) => `${root.replace(/\/+$/, "")}/`);
  return (path) => {
    const spelled = path.replace(/^s3[an]:/, "s3:");
    const root = roots.find((candidate) => spelled.startsWith(candidate));
    if (root !== undefined) return spelled.slice(root.length);
    if (!isAbsolute(path) && !path.startsWith("/")) return path;
    throw new VarveError(
      "PATH_OUTSIDE_TABLE",
      `The inventory names ${path}, which is not below ${uri}. Nothing was deleted.`,
      { path },
    );
  };
}

/** The files among some that exist and do not belong to another table below this one. */
async function existing(
  { store }: TableContext,
  keys: Iterable<string>,
  signal: AbortSignal | undefined,
): Promise<Candidates> {
  const found = await mapBounded(keys, atOnce, (key) => store.head(key, { signal }));
  const files = found.filter((file) => file !== undefined);
  const folders = new Set(files.flatMap(({ path }) => foldersAbove(path)));
  const tables = await mapBounded(folders, atOnce, async (folder) =>
    (await holdsTable(store, folder, signal)) ? [folder] : [],
  );
  const nested = new Set(tables.flat());
  return new Map(files.filter(({ path }) => !isBelow(path, nested)).map((file) => [file.path, file]));
}

/** The keys of files that exist. */
export async function presentFiles(
  store: ObjectStore,
  keys: Iterable<string>,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string>> {
  const files = await mapBounded(keys, atOnce, (key) => store.head(key, { signal }));
  return new Set(files.flatMap((file) => (file === undefined ? [] : [file.path])));
}

/** Without the table's own; each ends with a slash. */
function foldersAbove(path: string): string[] {
  const folders: string[] = [];
  for (let cut = path.indexOf("/"); cut >= 0; cut = path.indexOf("/", cut + 1))
    folders.push(path.slice(0, cut + 1));
  return folders;
}

async function holdsTable(
  store: ObjectStore,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for await (const _ of store.list(`${folder}${logFolder}/`, { signal })) return true;
  return false;
}
