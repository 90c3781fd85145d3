import { VarveError } from "../../errors.ts";

/**
 * Prefix of the names of varve's unfinished work: temporary files next to their targets, and staging folders.
 *
 * Such names are never listed. Delta readers skip them too: in the log they match no file pattern, and
 * elsewhere the leading dot hides them.
 */
export const privateNamePrefix = ".varve-";

/** Whether the last segment of a path names a temporary file or staging folder. */
export function isPrivateName(name: string): boolean {
  return name.startsWith(privateNamePrefix);
}

/**
 * Whether a path has a name that data files and their folders do not have: those of the log, of change files, of
 * other programs. A folder `_x=1` is a partition.
 */
export function isHiddenPath(path: string): boolean {
  return path
    .split("/")
    .some(
      (name) => name.startsWith(".") || isPrivateName(name) || (name.startsWith("_") && !name.includes("=")),
    );
}

/**
 * Returns `path` if it is valid for `ObjectStore`.
 *
 * @throws `PATH_OUTSIDE_TABLE` for `..` segments and absolute paths, `INVALID_ARGUMENT` for anything else
 * that is not relative and canonical
 */
export function checkPath(path: string): string {
  if (path.startsWith("/") || hasSegment(path, "..")) throw outsideRoot(path);
  if (
    path === "" ||
    path.endsWith("/") ||
    path.includes("//") ||
    hasSegment(path, ".") ||
    isUnencodable(path)
  ) {
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Invalid object path ${JSON.stringify(path)}: it must be a relative path without empty or "." segments.`,
      {
        path,
      },
    );
  }
  return path;
}

/** Like {@link checkPath}, for the prefix of a listing, which may be empty and may end anywhere in a name. */
export function checkPrefix(prefix: string): string {
  if (prefix.startsWith("/") || hasSegment(prefix, "..")) throw outsideRoot(prefix);
  if (isUnencodable(prefix))
    throw new VarveError("INVALID_ARGUMENT", `Invalid listing prefix ${JSON.stringify(prefix)}.`, { prefix });
  return prefix;
}

/** The error for a path that leaves the store's root. */
export function outsideRoot(path: string, root?: string): VarveError {
  const where = root === undefined ? "the table's folder" : root;
  return new VarveError(
    "PATH_OUTSIDE_TABLE",
    `Refused path ${JSON.stringify(path)}: it leads out of ${where}.`,
    { path },
  );
}

/** The error for an object that does not exist. */
export function objectNotFound(uri: string, path: string, cause?: unknown): VarveError {
  return new VarveError(
    "OBJECT_NOT_FOUND",
    `Object ${JSON.stringify(path)} does not exist in ${uri}.`,
    { path, store: uri },
    cause,
  );
}

/**
 * Compares strings by their UTF-8 bytes, as S3 lists keys; differs from `<` where surrogate pairs are
 * compared with U+E000 to U+FFFF.
 */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    const x = a.charCodeAt(index);
    const y = b.charCodeAt(index);
    if (x !== y) return codePointRank(x) - codePointRank(y);
  }
  return a.length - b.length;
}

/** Sorts in place by {@link compareUtf8}, using JavaScript's faster order where the two agree. */
export function sortUtf8(names: string[]): string[] {
  return names.some((name) => /[\ud800-\uffff]/.test(name)) ? names.sort(compareUtf8) : names.sort();
}

/** Moves surrogates behind the rest of the basic plane, where their code points belong. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

function hasSegment(path: string, segment: string): boolean {
  return path.includes(segment) && path.split("/").includes(segment);
}

/** NUL ends names in the operating system; lone surrogates have no UTF-8 form. */
function isUnencodable(path: string): boolean {
  return path.includes("\0") || /\p{Surrogate}/u.test(path);
}
