import { type ErrorData, VarveError } from "../../errors.ts";
import type { SourceAccess } from "../../sources/access.ts";
import { isAddress, shownPath } from "../../sources/address.ts";
import { refusalCode } from "../../util/system-refusals.ts";
import { makeTemporaryFolder, removeTemporaryFolder } from "../../util/temporary-folder.ts";
import type { WriteProgress } from "./write-options.ts";
import type { WriteSource } from "./write-source.ts";

/** What the files of a source are fetched with. */
export interface FetchServices {
  /** Default: credentials and endpoint as the AWS SDK finds them. */
  readonly access?: SourceAccess | undefined;
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A source all of whose files are local. */
export interface FetchedSource {
  readonly source: WriteSource;
  /** Addresses without secrets, by the local files that were fetched from them; absent if none was. */
  readonly fileNames?: ReadonlyMap<string, string> | undefined;
}

/**
 * Fetches the files of a source that are not on this machine, runs work with local copies, and removes these.
 * Errors of the work name addresses instead of copies.
 *
 * The engine cannot reach a network, and reads a file more than once: so files are fetched whole, and before
 * a session of the engine is opened, because sessions are few.
 *
 * @throws `SOURCE_UNREADABLE`, `INVALID_URI`, `STORE_FULL`, `STORE_FORBIDDEN`, `STORE_REFUSED`, `CANCELLED`, and
 * what the work throws
 */
export async function withFetchedFiles<T>(
  source: WriteSource,
  services: FetchServices,
  work: (fetched: FetchedSource) => Promise<T>,
): Promise<T> {
  const addresses = addressesOf(source);
  if (addresses.length === 0) return work({ source });
  const [{ fetchFiles }, { defaultAccess }] = await Promise.all([
    import("../../sources/fetch-files.ts"),
    import("../../sources/access.ts"),
  ]);
  const { access = defaultAccess, onProgress, signal } = services;
  onProgress?.({ phase: "fetching", bytes: 0 });
  const folder = sourceFolder(access);
  const fileNames = new Map<string, string>();
  try {
    const files = await fetchFiles(addresses, {
      folder,
      access,
      onProgress: (bytes) => onProgress?.({ phase: "fetching", bytes }),
      signal,
    });
    for (const { name, file } of [...files.values()].flat()) fileNames.set(file, name);
    const local = (paths: Paths) =>
      listed(paths).flatMap((path) => files.get(path)?.map(({ file }) => file) ?? [path]);
    return await work({ source: withPaths(source, local), fileNames });
  } catch (error) {
    throw renamed(error, folder, fileNames);
  } finally {
    await removeTemporaryFolder(folder);
  }
}

type Paths = string | readonly string[];

/**
 * The files that a source names, patterns included, without what may be secret in their addresses; none for
 * rows, Arrow data and tables.
 */
export function sourceFiles(source: WriteSource): readonly string[] {
  return pathsOf(source).map(shownPath);
}

function addressesOf(source: WriteSource): readonly string[] {
  return pathsOf(source).filter(isAddress);
}

/** The paths of a source; plain JavaScript may pass anything as a source. */
function pathsOf(source: WriteSource): readonly string[] {
  const all: string[] = [];
  if (typeof source !== "object" || source === null) return all;
  withPaths(source, (paths) => {
    for (const path of listed(paths)) if (typeof path === "string") all.push(path);
    return [];
  });
  return all;
}

function listed(paths: Paths): readonly string[] {
  return Array.isArray(paths) ? paths : [paths as string];
}

/** The source with its paths replaced, in the order in which sources are told apart. */
function withPaths(source: WriteSource, replace: (paths: Paths) => readonly string[]): WriteSource {
  if ("csv" in source) return { ...source, csv: replace(source.csv) };
  if ("ndjson" in source) return { ...source, ndjson: replace(source.ndjson) };
  if ("parquet" in source) return { ...source, parquet: replace(source.parquet) };
  if ("arrow" in source)
    return typeof source.arrow === "string" ? { arrow: single(replace(source.arrow), source.arrow) } : source;
  if (!("sql" in source) || source.files === undefined) return source;
  const files = Object.entries(source.files).map(([name, paths]) => [name, replace(paths)] as const);
  return { ...source, files: Object.fromEntries(files) };
}

function single(files: readonly string[], path: string): string {
  const [file = path, more] = files;
  if (more === undefined) return file;
  throw new VarveError(
    "INVALID_ARGUMENT",
    `${path} names several Arrow files, which are read one at a time. Pass a single file.`,
    { path },
  );
}

function sourceFolder({ temporaryFolder }: SourceAccess): string {
  try {
    return makeTemporaryFolder(temporaryFolder);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `Could not create a folder for source files: ${why}. Choose a temporary folder that this user may write to.`;
    const code = refusalCode(error);
    throw new VarveError(code, message, { folder: temporaryFolder }, error);
  }
}

/** The error with addresses in the place of local files, in its message and its data. */
function renamed(error: unknown, folder: string, names: ReadonlyMap<string, string>): unknown {
  if (!(error instanceof VarveError) || error.constructor !== VarveError) return error;
  // A name may begin with another.
  const files = [...names].sort(([a], [b]) => b.length - a.length);
  let found = false;
  const inText = (text: string): string => {
    if (!text.includes(folder)) return text;
    found = true;
    return files.reduce((all, [file, name]) => all.replaceAll(file, () => name), text);
  };
  const inData = (value: unknown): unknown => {
    if (typeof value === "string") return inText(value);
    if (Array.isArray(value)) return value.map(inData);
    if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype)
      return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, inData(member)]));
  };
  const [message, data] = [inText(error.message), inData(error.data) as ErrorData];
  return found ? new VarveError(error.code, message, data, error.cause) : error;
}
